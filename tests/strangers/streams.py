"""Ends made by hand over connections: TCP, or TLS with a certificate, that can be cut and come again from another port.

Not here: ends over UDP (handmade.py).
"""

import re
import socket
import ssl

import handmade
from raw import Answer
from waiting import Failure


class StreamLine(handmade.Line):
    """A TCP connection that speaks SIP; `again` is another one from another port."""

    transport = "TCP"

    def __init__(self, server):
        host, port = server.split(":")
        self.peer = (host, int(port))
        self.connect()

    def connect(self):
        """Connects, from a port of the system's choice."""
        self.socket = self.secured(socket.create_connection(self.peer, 5))
        self.address = "{}:{}".format(*self.socket.getsockname())
        self.came = b""

    def secured(self, plain):
        """The connection as it is spoken over."""
        return plain

    def cut(self):
        """The connection is gone, as after a crash: without a goodbye."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def again(self):
        """Another connection in place of this one."""
        self.cut()
        self.connect()

    def send(self, _, start, headers, body=""):
        lines = [start, *headers] + (["Content-Type: application/sdp"] if body else []) + [f"Content-Length: {len(body)}"]
        text = "\r\n".join(lines) + "\r\n\r\n" + body
        self.throw(text.replace("SIP/2.0/UDP", f"SIP/2.0/{self.transport}"))

    def throw(self, text):
        """Sends a message as it is."""
        self.socket.sendall(text.encode())

    def message(self):
        """The next whole message."""
        while True:
            head, end, rest = self.came.lstrip(b"\r\n").partition(b"\r\n\r\n")
            if end:
                length = int(re.search(rb"(?mi)^Content-Length:\s*(\d+)", head).group(1))
                if len(rest) >= length:
                    self.came = rest[length:]
                    return (head + end + rest[:length]).decode(errors="replace")
            more = self.socket.recv(65535)
            if not more:
                raise ConnectionError(f"{self.address} was hung up on")
            self.came += more

    def receive(self, what, wanted, deadline_s=5.0):
        self.socket.settimeout(deadline_s)
        seen = []
        try:
            while True:
                text = self.message()
                if wanted(text):
                    return text, self.peer
                seen.append(text.split("\r\n")[0])
        except TimeoutError:
            raise Failure(f"{self.address} waited {deadline_s:g} s for {what}; saw {seen}") from None

    def ask(self, text):
        """The first final answer to a message."""
        self.throw(text)
        said, _ = self.receive("a final answer", lambda said: said.startswith("SIP/2.0 ") and said[8] != "1")
        return Answer(said)


class Listening(StreamLine):
    """An end over TCP that listens too: its Via and Contact name where. Not connected yet."""

    def __init__(self, server=None):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(5)
        self.address = "{}:{}".format(*self.listener.getsockname())
        self.socket, self.came, self.server_at = None, b"", server

    def __exit__(self, *_):
        self.listener.close()
        if self.socket:
            self.socket.close()

    def connect(self, server=None):
        """Connects, from a port of the system's choice."""
        host, port = (server or self.server_at).split(":")
        self.peer = (host, int(port))
        self.socket, self.came = socket.create_connection(self.peer, 5), b""

    def accept(self):
        """Takes the connection that the other end opens."""
        self.socket, self.peer = self.listener.accept()
        self.came = b""

    def cut(self):
        super().cut()
        self.socket = None

    def receive(self, what, wanted, deadline_s=5.0):
        if self.socket is None:
            self.accept()
        return super().receive(what, wanted, deadline_s)


class StreamCarrier(Listening, handmade.Carrier):
    """Takes calls over TCP."""


class StreamCaller(Listening, handmade.Caller):
    """Places challenged calls for a profile over TCP."""

    def __init__(self, server, profile):
        Listening.__init__(self, server)
        host, port = server.split(":")
        self.peer = (host, int(port))
        self.server, self.user, self.password = server, profile["sip_user"], profile["sip_password"]


class SecureLine(StreamLine):
    """The same in TLS, believing this authority, with the certificate and key of `bearer`, where one is given."""

    transport = "TLS"

    def __init__(self, server, authority, bearer=None):
        self.context = ssl.create_default_context(cafile=str(authority))
        if bearer:
            self.context.load_cert_chain(*bearer)
        super().__init__(server)

    def secured(self, plain):
        return self.context.wrap_socket(plain, server_hostname=self.peer[0])
