"""PBXs made by hand that register and take calls, over UDP behind a NAT, TCP, TLS or a WebSocket; and a carrier made by hand that calls them.

Not here: what they prove (scenarios/passing.py).
"""

import re
import socket
import uuid

import handmade
from handmade import answer_to, header, lines_of
from streams import SecureLine, StreamLine
from waiting import Failure, expect
from websocket import WebSocket

# Where a PBX believes to be that is behind a NAT, and where it is seen.
AT_HOME, OUTSIDE = "10.0.0.9", "127.0.0.9"


class Registered(handmade.Carrier):
    """Registers over the way that its line is, and takes calls there."""

    proof = handmade.Caller.proof
    transport = "udp"

    def registers(self, server, profile, expires=600):
        """REGISTER with digest at this switch, which must be accepted."""
        self.user, self.password = profile["sip_user"], profile["sip_password"]
        uri, me = f"sip:{server}", f"<sip:{profile['sip_user']}@{server}>"
        dialog = handmade.Dialog(self, self.peer, uri, [], f"{me};tag={uuid.uuid4().hex[:8]}", me, uuid.uuid4().hex, 0)
        more = [f"Contact: <sip:{self.user}@{self.address};transport={self.transport}>", f"Expires: {expires}"]
        proof = []
        for cseq in (1, 2):
            start, headers = dialog.request("REGISTER", cseq)
            self.send(self.peer, start, [*headers, *more, *proof])
            answer, _ = self.receive("an answer to REGISTER", lambda text: text.startswith("SIP/2.0") and dialog.call_id in text)
            if cseq == 1:
                expect(answer.startswith("SIP/2.0 401"), answer.splitlines()[0])
                refused = answer.replace("WWW-Authenticate", "Proxy-Authenticate")
                proof = [self.proof(refused, "REGISTER", uri).replace("Proxy-Authorization", "Authorization")]
        expect(answer.startswith("SIP/2.0 200"), answer.splitlines()[0])
        return self

    def rings(self):
        """Rings for the next INVITE, and gives it with where it came from."""
        invite, peer = self.receive("an INVITE", lambda text: text.startswith("INVITE "))
        self.send(peer, *answer_to(invite, "180 Ringing", "rings", [f"Contact: <sip:pbx@{self.address}>"]))
        return invite, peer


class BehindNat(Registered):
    """Over UDP; in Via and Contact it names its address at home, and in its descriptions the one outside."""

    def __init__(self, server):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((OUTSIDE, 0))
        host, port = server.split(":")
        self.peer = (host, int(port))
        self.address = f"{AT_HOME}:5060"

    def send(self, peer, start, headers, body=""):
        super().send(peer, start, headers, body.replace("c=IN IP4 127.0.0.1", f"c=IN IP4 {OUTSIDE}"))


class OverTcp(StreamLine, Registered):
    """Over a connection of its own."""

    transport = "TCP"


class OverTls(SecureLine, Registered):
    """The same, encrypted."""


class OverWebSocket(Registered):
    """Over a WebSocket, encrypted where there is an authority; its Contact is nowhere."""

    def __init__(self, port, authority=None):
        self.link = WebSocket(port, authority)
        self.socket = self.link.socket
        self.peer = None
        self.address = f"{uuid.uuid4().hex[:12]}.invalid"
        self.via = "WSS" if authority else "WS"
        self.transport = "ws"

    def send(self, _, start, headers, body=""):
        lines = [start, *headers] + (["Content-Type: application/sdp"] if body else []) + [f"Content-Length: {len(body)}"]
        ours = f"SIP/2.0/UDP {self.address}"
        self.link.frame(1, ("\r\n".join(lines) + "\r\n\r\n" + body).replace(ours, f"SIP/2.0/{self.via} {self.address}").encode())

    def receive(self, what, wanted, deadline_s=5.0):
        self.socket.settimeout(deadline_s)
        seen = []
        try:
            while True:
                opcode, payload = self.link.heard()
                text = payload.decode(errors="replace") if opcode in (1, 2) else ""
                if text.strip() and wanted(text):
                    return text, self.peer
                seen.append(text.split("\r\n")[0])
        except (TimeoutError, socket.timeout):
            raise Failure(f"{self.address} waited {deadline_s:g} s for {what}; saw {seen}") from None


class Trunk(handmade.Line):
    """A carrier that the switch knows by its address, and that calls numbers from there."""

    def __init__(self, server, port):
        super().__init__(port)
        host, of_server = server.split(":")
        self.server, self.peer = server, (host, int(of_server))

    def begin(self, number):
        """An INVITE to a number; the dialog as it will be, and what was sent."""
        uri = f"sip:{number}@{self.server}"
        mine = handmade.Dialog(self, self.peer, uri, [], f"<sip:+447824500000@{self.address}>;tag={uuid.uuid4().hex[:8]}", f"<{uri}>",
                               uuid.uuid4().hex, 1)
        start, headers = mine.request("INVITE", 1)
        return mine, start, headers

    def calls(self, number, pbx, media_port=9, pbx_port=9):
        """Both sides of a call that is up; their RTP is at these ports."""
        mine, start, headers = self.begin(number)
        sdp = handmade.SDP.replace(" 9 ", f" {media_port} ")
        self.send(self.peer, start, [*headers, f"Contact: <sip:trunk@{self.address}>"], sdp)
        answered = pbx.answer(pbx_port)
        ok, _ = self.receive("200", lambda text: text.startswith("SIP/2.0 200") and mine.call_id in text)
        mine.remote, mine.uri, mine.answer = header(ok, "To"), re.search(r"<([^>]*)>", header(ok, "Contact")).group(1), ok
        mine.routes = [line.split(":", 1)[1].strip() for line in reversed(lines_of(ok, "Record-Route"))]
        self.send(self.peer, *mine.request("ACK", 1))
        return mine, pbx.acknowledged(answered)

    def gives_up(self, number, pbx):
        """Calls, hears it ring, and cancels: the PBX hears of that, and the call is over for both (RFC 3261 9)."""
        mine, start, headers = self.begin(number)
        self.send(self.peer, start, [*headers, f"Contact: <sip:trunk@{self.address}>"], handmade.SDP)
        invite, peer = pbx.rings()
        self.receive("180", lambda text: text.startswith("SIP/2.0 180") and mine.call_id in text)
        same = lambda method: [headers[0], *mine.request(method, 1)[1][1:]]
        self.send(self.peer, f"CANCEL {mine.uri} SIP/2.0", same("CANCEL"))
        cancel, peer = pbx.receive("the CANCEL", lambda text: text.startswith("CANCEL "))
        pbx.send(peer, *answer_to(cancel, "200 OK", "rings"))
        pbx.send(peer, *answer_to(invite, "487 Request Terminated", "rings"))
        pbx.receive("the ACK to 487", lambda text: text.startswith("ACK "))
        refused, _ = self.receive("487", lambda text: text.startswith("SIP/2.0 487") and mine.call_id in text)
        acknowledgement = same("ACK")
        acknowledgement = [f"To: {header(refused, 'To')}" if line.startswith("To:") else line for line in acknowledgement]
        self.send(self.peer, f"ACK {mine.uri} SIP/2.0", acknowledgement)
