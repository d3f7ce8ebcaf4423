"""What a listener on the way would have: every datagram and every byte of a stream on the loopback interface, taken by a raw socket of
our own.

Not here: what it should and should not make out of them.
"""

import collections
import math
import socket
import struct
import threading

import sound

ETH_P_IP = 0x0800
# Of each packet on loopback the kernel shows one going out and one coming in (packet(7)).
PACKET_OUTGOING = 4
# Packets that are kept at most: a minute of four streams; and messages.
PACKETS_MAX = 12_000
SAID_MAX = 20_000
# The largest packet of loopback, whose MTU is 65,536.
READ_MAX = 66_000


def entropy(content):
    """Bits that each byte of the content tells, 0 to 8: nearly 8 of what is encrypted, about 6 of a tone in mu-law."""
    counts = collections.Counter(content)
    return -sum(count / len(content) * math.log2(count / len(content)) for count in counts.values())


class Wire(threading.Thread):
    """Listens until it is closed. Needs the right to raw sockets, as root has."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.ntohs(ETH_P_IP))
        self.socket.bind(("lo", ETH_P_IP))
        self.socket.settimeout(0.2)
        # Port it came from, port it went to, the packet.
        self.packets = []
        # Likewise everything that is no RTP, over UDP and TCP.
        self.said = []
        self.is_open = True
        self.start()

    def run(self):
        """Keeps what looks like RTP of payload type 0, and apart from it whatever else goes by."""
        while self.is_open and len(self.packets) < PACKETS_MAX:
            try:
                data, (_, _, kind, _, _) = self.socket.recvfrom(READ_MAX)
            except TimeoutError:
                continue
            except OSError:
                return
            header = (data[0] & 15) * 4
            if kind == PACKET_OUTGOING or data[9] not in (socket.IPPROTO_UDP, socket.IPPROTO_TCP):
                continue
            from_port, to_port, length = struct.unpack_from("!HHH", data, header)
            if data[9] == socket.IPPROTO_TCP:
                self.note(from_port, to_port, data[header + (data[header + 12] >> 4) * 4:])
                continue
            packet = data[header + 8:header + length]
            if len(packet) >= sound.HEADER.size + sound.FRAME and packet[0] >> 6 == 2 and packet[1] & 0x7F == 0:
                self.packets.append((from_port, to_port, packet))
            else:
                self.note(from_port, to_port, packet)

    def note(self, from_port, to_port, said):
        """Keeps what was said."""
        if said and len(self.said) < SAID_MAX:
            self.said.append((from_port, to_port, said))

    def spoken(self, is_its):
        """Everything that is no RTP and for which `is_its(from_port, to_port)`, joined."""
        return b"\n".join(said for from_port, to_port, said in list(self.said) if is_its(from_port, to_port))

    def overheard(self, is_its):
        """The first 160 bytes behind the header of the packets for which `is_its(from_port, to_port)`."""
        size = sound.HEADER.size
        return b"".join(packet[size:size + sound.FRAME] for from_port, to_port, packet in list(self.packets)
                        if is_its(from_port, to_port))

    def close(self):
        """Ends it."""
        self.is_open = False
        self.socket.close()
