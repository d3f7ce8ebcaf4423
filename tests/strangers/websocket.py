"""A WebSocket client made by hand: opening handshake, masked frames, and SIP with digest over them (RFC 6455, RFC 7118).

Not here: a browser (browser/), and what is said (scenarios/browsing.py).
"""

import base64
import hashlib
import os
import re
import socket
import ssl
import struct

from waiting import Failure, expect

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class WebSocket:
    """One connection; reading it gives whole messages."""

    def __init__(self, port, authority=None, subprotocol="sip", origin=None):
        plain = socket.create_connection(("127.0.0.1", port), 5)
        if authority:
            context = ssl.create_default_context(cafile=str(authority))
            plain = context.wrap_socket(plain, server_hostname="127.0.0.1")
        self.socket = plain
        self.rest = b""
        key = base64.b64encode(os.urandom(16))
        lines = ["GET / HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket", "Connection: Upgrade",
                 f"Sec-WebSocket-Key: {key.decode()}", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Protocol: {subprotocol}"]
        if origin:
            lines.append(f"Origin: {origin}")
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        while b"\r\n\r\n" not in self.rest:
            self._more()
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        self.answer = head.decode()
        self.status = int(self.answer.split(" ")[1])
        proof = base64.b64encode(hashlib.sha1(key + MAGIC).digest()).decode()
        if self.status == 101:
            expect(f"sec-websocket-accept: {proof.lower()}" in self.answer.lower(), f"no proof: {self.answer}")
            expect("sec-websocket-protocol: sip" in self.answer.lower(), f"the subprotocol is not echoed: {self.answer}")

    def _more(self):
        came = self.socket.recv(65536)
        if not came:
            raise ConnectionError("the switch hung up")
        self.rest += came

    def frame(self, opcode, payload, is_last=True):
        """Sends one masked frame."""
        mask = os.urandom(4)
        first = bytes([(0x80 if is_last else 0) | opcode])
        if len(payload) < 126:
            length = bytes([0x80 | len(payload)])
        else:
            length = bytes([0x80 | 126]) + struct.pack("!H", len(payload))
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        self.socket.sendall(first + length + mask + masked)

    def heard(self):
        """The next frame: opcode and payload."""
        while len(self.rest) < 2:
            self._more()
        opcode, length, at = self.rest[0] & 15, self.rest[1], 2
        expect(length < 128, "the switch masks its frames")
        if length == 126:
            while len(self.rest) < 4:
                self._more()
            length, at = struct.unpack("!H", self.rest[2:4])[0], 4
        while len(self.rest) < at + length:
            self._more()
        payload, self.rest = self.rest[at:at + length], self.rest[at + length:]
        return opcode, payload

    def close(self):
        """Hangs up without a word."""
        self.socket.close()


class Datagrams:
    """What a phone sees in place of a WebSocket where it speaks UDP: one message, one datagram."""

    def __init__(self, address, switch):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.socket.settimeout(5)
        self.switch = switch

    @property
    def port(self):
        """Where it is reached."""
        return self.socket.getsockname()[1]

    def frame(self, _opcode, payload):
        """Sends one message."""
        self.socket.sendto(payload, self.switch)

    def heard(self):
        """The next message."""
        return 1, self.socket.recv(65536)


class WebPhone:
    """A SIP user agent behind a WebSocket: nobody can connect to it, and its Contact says so."""

    def __init__(self, link, transport, profile, realm="tandem", host=None):
        self.link = link
        self.transport = transport
        self.user, self.password = profile["sip_user"], profile["sip_password"]
        self.realm = realm
        self.host = host or f"{os.urandom(6).hex()}.invalid"
        self.cseq = 0

    def send(self, text):
        """One message, one frame."""
        self.link.frame(1, text.encode())

    def hear(self):
        """The next SIP message; pings are passed over."""
        while True:
            opcode, payload = self.link.heard()
            if opcode in (1, 2):
                return payload.decode()

    def request(self, method, uri, body="", more=(), call_id=None):
        """Sends a request and gives its final answer; a challenge is answered once."""
        call_id = call_id or os.urandom(8).hex()
        tag = os.urandom(4).hex()
        answer = self._once(method, uri, body, more, call_id, tag)
        challenge = re.search(r"(WWW|Proxy)-Authenticate: Digest (.*)", answer)
        if not challenge:
            return answer
        if method == "INVITE":
            self._acknowledge(uri, answer, call_id, tag)
        nonce = re.search(r'nonce="([^"]+)"', challenge.group(2)).group(1)

        def md5(text):
            return hashlib.md5(text.encode()).hexdigest()

        cnonce = os.urandom(4).hex()
        ha1, ha2 = md5(f"{self.user}:{self.realm}:{self.password}"), md5(f"{method}:{uri}")
        response = md5(f"{ha1}:{nonce}:00000001:{cnonce}:auth:{ha2}")
        name = "Authorization" if challenge.group(1) == "WWW" else "Proxy-Authorization"
        proof = (f'{name}: Digest username="{self.user}", realm="{self.realm}", nonce="{nonce}", uri="{uri}", algorithm=MD5, '
                 f'qop=auth, nc=00000001, cnonce="{cnonce}", response="{response}"')
        answer = self._once(method, uri, body, [*more, proof], call_id, tag)
        if method == "INVITE":
            self._acknowledge(uri, answer, call_id, tag)
        return answer

    def _once(self, method, uri, body, more, call_id, tag):
        self.cseq += 1
        self.branch = f"z9hG4bK{os.urandom(6).hex()}"
        content = ["Content-Type: application/sdp"] if body else []
        to = f"sip:{self.user}@{self.realm}" if method == "REGISTER" else uri
        self.send("\r\n".join([
            f"{method} {uri} SIP/2.0", f"Via: SIP/2.0/{self.transport} {self.host};branch={self.branch};rport", "Max-Forwards: 70",
            f"From: <sip:{self.user}@{self.realm}>;tag={tag}", f"To: <{to}>", f"Call-ID: {call_id}",
            f"CSeq: {self.cseq} {method}",
            f"Contact: <sip:{self.user}@{self.host}{';transport=ws' if 'W' in self.transport else ''}>"
            ";+sip.instance=\"<urn:uuid:1>\";reg-id=1", *more, *content, f"Content-Length: {len(body)}", "", body]))
        while True:
            answer = self.hear()
            if not answer.startswith("SIP/2.0"):
                raise Failure(f"an answer to {method} was expected: {answer}")
            if not answer.startswith("SIP/2.0 1"):
                return answer

    def _acknowledge(self, uri, answer, call_id, tag):
        to = re.search(r"^To: (.*)$", answer, re.M).group(1).strip()
        self.send("\r\n".join([
            f"ACK {uri} SIP/2.0", f"Via: SIP/2.0/{self.transport} {self.host};branch={self.branch}", "Max-Forwards: 70",
            f"From: <sip:{self.user}@{self.realm}>;tag={tag}", f"To: {to}", f"Call-ID: {call_id}", f"CSeq: {self.cseq} ACK",
            "Content-Length: 0", "", ""]))
