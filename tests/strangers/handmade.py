"""A caller and a carrier made by hand on plain sockets, for the one thing SIPp cannot do: two ends acting at one instant.

Not here: anything that SIPp can play.
"""

import hashlib
import re
import select
import socket
import uuid

from raw import Answer
from waiting import Failure, expect

SDP = "v=0\r\no=- 7 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"


def with_keys(sdp, number):
    """The description with keys in the sound (RFC 4733) under this number; as it is without one."""
    if not number:
        return sdp
    return sdp.replace("RTP/AVP 0", f"RTP/AVP 0 {number}") + f"a=rtpmap:{number} telephone-event/8000\r\na=fmtp:{number} 0-15\r\n"


class Line:
    """A UDP socket that speaks SIP."""

    def __init__(self, port=0):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", port))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, peer, start, headers, body=""):
        """Sends a message; the length is added."""
        lines = [start, *headers]
        if body:
            lines.append("Content-Type: application/sdp")
        lines.append(f"Content-Length: {len(body)}")
        self.socket.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), peer)

    def receive(self, what, wanted, deadline_s=5.0):
        """The first message that `wanted` accepts, and where it came from; others are let go by."""
        self.socket.settimeout(deadline_s)
        seen = []
        try:
            while True:
                data, peer = self.socket.recvfrom(65535)
                text = data.decode(errors="replace")
                if wanted(text):
                    return text, peer
                seen.append(text.split("\r\n")[0])
        except TimeoutError:
            raise Failure(f"{self.address} waited {deadline_s:g} s for {what}; saw {seen}") from None


def header(text, name):
    """The value of the first header of this name."""
    found = re.search(rf"^{name}:\s*(.*?)\r?$", text, re.IGNORECASE | re.MULTILINE)
    expect(found, f"no {name} in: {text.splitlines()[0]}")
    return found.group(1)


def lines_of(text, name):
    """All header lines of this name, as they came."""
    return re.findall(rf"^{name}:[^\r\n]*", text, re.IGNORECASE | re.MULTILINE)


def answer_to(request, status, tag=None, more=()):
    """Start line and headers of the answer to a request."""
    to = header(request, "To")
    if tag and "tag=" not in to:
        to += f";tag={tag}"
    kept = lines_of(request, "Via") + lines_of(request, "Record-Route")
    headers = [*kept, f"From: {header(request, 'From')}", f"To: {to}", f"Call-ID: {header(request, 'Call-ID')}",
               f"CSeq: {header(request, 'CSeq')}", *more]
    return f"SIP/2.0 {status}", headers


class Dialog:
    """One side's view of a call: enough to send BYE in it."""

    def __init__(self, line, peer, uri, routes, local, remote, call_id, cseq):
        self.line, self.peer, self.uri, self.routes = line, peer, uri, routes
        self.local, self.remote, self.call_id, self.cseq = local, remote, call_id, cseq
        # What the other end said: the 180 and the 200, or the INVITE.
        self.rang = self.answer = self.offer = ""

    def request(self, method, cseq):
        """Start line and headers of a request in the dialog."""
        return f"{method} {self.uri} SIP/2.0", [
            f"Via: SIP/2.0/UDP {self.line.address};branch=z9hG4bK{uuid.uuid4().hex};rport",
            "Max-Forwards: 70", *[f"Route: {route}" for route in self.routes],
            f"From: {self.local}", f"To: {self.remote}", f"Call-ID: {self.call_id}", f"CSeq: {cseq} {method}",
        ]


class Carrier(Line):
    """Takes calls."""

    def answer(self, media_port=9, between=lambda: None, keys=None):
        """Rings and answers the next INVITE, naming this port for RTP, and this number for keys in it; what `acknowledged` needs. `between`
        ringing and answer something else may happen."""
        invite, peer = self.receive("an INVITE", lambda text: text.startswith("INVITE "))
        tag = uuid.uuid4().hex[:8]
        contact = f"Contact: <sip:carrier@{self.address}>"
        self.send(peer, *answer_to(invite, "180 Ringing", tag, [contact]))
        between()
        self.send(peer, *answer_to(invite, "200 OK", tag, [contact]), body=with_keys(SDP.replace(" 9 ", f" {media_port} "), keys))
        return invite, peer, tag

    def acknowledged(self, answered):
        """The dialog, once the ACK is there."""
        invite, peer, tag = answered
        call_id = header(invite, "Call-ID")
        self.receive("the ACK", lambda text: text.startswith("ACK ") and call_id in text)
        routes = [line.split(":", 1)[1].strip() for line in lines_of(invite, "Record-Route")]
        uri = re.search(r"<([^>]*)>", header(invite, "Contact")).group(1)
        dialog = Dialog(self, peer, uri, routes, f"{header(invite, 'To')};tag={tag}", header(invite, "From"), call_id, 1)
        dialog.offer = invite
        return dialog


class Caller(Line):
    """Places challenged calls for a profile."""

    # What else happens between ringing and answer.
    between = staticmethod(lambda: None)

    def __init__(self, server, profile):
        super().__init__()
        host, port = server.split(":")
        self.peer = (host, int(port))
        self.server, self.user, self.password = server, profile["sip_user"], profile["sip_password"]

    def call(self, number, carrier, media_port=9, carrier_port=9, is_late=False, is_reliable=False, more=(),
             keys=(None, None)):
        """Both sides of a call that is up; their RTP is at these ports. `is_late`: the ACK brings the description. `is_reliable`: what
        rings is acknowledged by PRACK. `keys`: the numbers of each side for keys in its sound."""
        sdp = with_keys(SDP.replace(" 9 ", f" {media_port} "), keys[0])
        offer, answer = ("", sdp) if is_late else (sdp, "")
        uri, call_id = f"sip:{number}@{self.server}", uuid.uuid4().hex
        local = f"<sip:{self.user}@{self.server}>;tag={uuid.uuid4().hex[:8]}"
        mine = Dialog(self, self.peer, uri, [], local, f"<{uri}>", call_id, 2)
        contact = f"Contact: <sip:{self.user}@{self.address}>"
        start, headers = mine.request("INVITE", 1)
        self.send(self.peer, start, [*headers, contact, *more], offer)
        refused, _ = self.receive("407", lambda text: text.startswith("SIP/2.0 407") and call_id in text)
        acknowledgement = [headers[0], *mine.request("ACK", 1)[1][1:]]
        acknowledgement[3] = f"To: {header(refused, 'To')}"
        self.send(self.peer, f"ACK {uri} SIP/2.0", acknowledgement)
        start, headers = mine.request("INVITE", 2)
        self.send(self.peer, start, [*headers, contact, *more, self.proof(refused, "INVITE", uri)], offer)
        answered = carrier.answer(carrier_port, lambda: self.prack(mine) if is_reliable else self.between(), keys[1])
        ok, _ = self.receive("200", lambda text: text.startswith("SIP/2.0 200") and call_id in text)
        mine.remote, mine.uri = header(ok, "To"), re.search(r"<([^>]*)>", header(ok, "Contact")).group(1)
        mine.routes = [line.split(":", 1)[1].strip() for line in reversed(lines_of(ok, "Record-Route"))]
        self.send(self.peer, *mine.request("ACK", 2), answer)
        mine.answer = ok
        return mine, carrier.acknowledged(answered)

    def prack(self, dialog):
        """Hears the 180 twice, as nobody acknowledges the first, and acknowledges it."""
        for _ in range(2):
            dialog.rang, _ = self.receive("180", lambda text: text.startswith("SIP/2.0 180") and dialog.call_id in text)
        dialog.remote = header(dialog.rang, "To")
        dialog.cseq += 1
        start, headers = dialog.request("PRACK", dialog.cseq)
        self.send(self.peer, start, [*headers, f"RAck: {header(dialog.rang, 'RSeq')} 2 INVITE"])
        self.receive("the answer to PRACK", lambda text: text.startswith("SIP/2.0 200") and " PRACK" in header(text, "CSeq"))

    def proof(self, refused, method, uri, count=1):
        """The digest that answers a challenge (RFC 2617, MD5, qop=auth), for the so-many-th time."""
        challenge = header(refused, "Proxy-Authenticate")
        value = dict(re.findall(r'(\w+)="?([^",]*)"?', challenge))
        ha1 = md5(f"{self.user}:{value['realm']}:{self.password}")
        ha2 = md5(f"{method}:{uri}")
        response = md5(f"{ha1}:{value['nonce']}:{count:08x}:0a4f113b:auth:{ha2}")
        opaque = f', opaque="{value["opaque"]}"' if "opaque" in value else ""
        return (f'Proxy-Authorization: Digest username="{self.user}", realm="{value["realm"]}", nonce="{value["nonce"]}", '
                f'uri="{uri}", response="{response}", algorithm=MD5, cnonce="0a4f113b", nc={count:08x}, qop=auth{opaque}')


def md5(text):
    """Hexadecimal MD5, for digest only."""
    return hashlib.md5(text.encode()).hexdigest()


def cross(sides):
    """Both sides send BYE at one instant, answer the other's, and want an answer to their own."""
    byes = [(side, *side.request("BYE", side.cseq + 1)) for side in sides]
    for side, start, headers in byes:
        side.line.send(side.peer, start, headers)
    waiting = {side.line.socket: side for side in sides}
    unanswered = set(waiting)
    while True:
        # Once both are answered, a BYE that is still under way is given a moment to arrive.
        ready, _, _ = select.select(list(waiting), [], [], 5.0 if unanswered else 0.02)
        if not ready and unanswered:
            raise Failure(f"a BYE that crossed another was not answered within 5 s, on {len(unanswered)} sides")
        if not ready:
            return
        for one in ready:
            data, peer = one.recvfrom(65535)
            text = data.decode(errors="replace")
            if text.startswith("BYE "):
                waiting[one].line.send(peer, *answer_to(text, "200 OK"))
            elif text.startswith("SIP/2.0") and " BYE" in header(text, "CSeq") and waiting[one].call_id in text:
                status = Answer(text).status
                expect(status in (200, 481), f"a BYE that crossed another was answered {status}")
                unanswered.discard(one)
