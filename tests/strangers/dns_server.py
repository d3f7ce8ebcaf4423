"""A DNS server of the test's own, on loopback: answers what its zone says, and changes or falls silent when it is told.

Not here: recursion, TCP, and everything else that a resolver of carriers does not ask for.
"""

import socket
import struct
import threading

from waiting import free_port

A, SOA, AAAA, SRV, NAPTR = 1, 6, 28, 33, 35


def name(text):
    """A name as labels."""
    labels = [label for label in text.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def text(value):
    """A character string."""
    return bytes([len(value)]) + value.encode()


def a(address):
    """An A record."""
    return A, socket.inet_aton(address)


def srv(priority, weight, port, target):
    """A SRV record."""
    return SRV, struct.pack("!HHH", priority, weight, port) + name(target)


def naptr(order, preference, service, replacement):
    """A NAPTR record."""
    return NAPTR, struct.pack("!HH", order, preference) + text("s") + text(service) + text("") + name(replacement)


class DnsServer(threading.Thread):
    """Answers until it is stopped. `zone`: records by lower-case name."""

    def __init__(self, zone=None, ttl=1, port=None):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.port = port or free_port(tcp=False)
        self.socket.bind(("127.0.0.1", self.port))
        self.socket.settimeout(0.1)
        self.zone = zone or {}
        self.ttl = ttl
        # Names and types that were asked for, in order.
        self.asked = []
        self.is_silent = False
        self.is_open = True
        self.start()

    def run(self):
        """One question after the other."""
        while self.is_open:
            try:
                data, peer = self.socket.recvfrom(4096)
            except TimeoutError:
                continue
            except OSError:
                return
            if not self.is_silent:
                self.socket.sendto(self.answer(data), peer)

    def answer(self, data):
        """The answer to one question."""
        at, labels = 12, []
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode())
            at += 1 + data[at]
        end = at + 5
        asked, kind = ".".join(labels).lower(), struct.unpack("!H", data[at + 1:at + 3])[0]
        self.asked.append((asked, kind))
        records = [record for record in self.zone.get(asked, []) if record[0] == kind]
        status = 0 if asked in self.zone else 3
        head = data[:2] + struct.pack("!HHHHH", 0x8580 | status, 1, len(records), 0, 0)
        body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, self.ttl, len(content)) + content
                        for kind, content in records)
        return head + data[12:end] + body

    def stop(self):
        """Ends it."""
        self.is_open = False
        self.socket.close()
        self.join(2)
