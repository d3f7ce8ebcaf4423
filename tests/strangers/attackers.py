"""Who attacks a switch: a socket at an address of its own, messages that were read on somebody else's wire, and digests made by hand.

Not here: what must not come of it (scenarios/attacking.py).
"""

import re
import socket
import uuid

from handmade import Caller, Carrier, Line, header, lines_of, md5
from raw import Answer
from waiting import Failure

# Hosts of strangers: addresses of this machine that are nobody's.
STRANGER, ANOTHER, THIRD = "127.0.0.2", "127.0.0.3", "127.0.0.4"


class Attacker(Line):
    """A UDP socket at a stranger's address."""

    def __init__(self, host=STRANGER):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.address = f"{host}:{self.socket.getsockname()[1]}"

    def throw(self, peer, text):
        """Sends a message as it is."""
        self.socket.sendto(text if isinstance(text, bytes) else text.encode(), peer)

    def answers(self, wait_s):
        """Everything that comes within the time."""
        self.socket.settimeout(wait_s)
        came = []
        try:
            while True:
                came.append(self.socket.recv(65535).decode(errors="replace"))
        except TimeoutError:
            return came

    def ask(self, peer, text, tries=4, wait_s=0.5):
        """The first final answer to a message."""
        self.socket.settimeout(wait_s)
        for _ in range(tries):
            self.throw(peer, text)
            try:
                while True:
                    answer = Answer(self.socket.recv(65535).decode(errors="replace"))
                    if answer.status >= 200:
                        return answer
            except TimeoutError:
                continue
        raise Failure(f"{self.address} got no answer to: {text.splitlines()[0]}")


def request(method, uri, local, *more, user="stranger", to=None, call_id=None, cseq=1, body="", via="", tag=None):
    """A well-formed request; `more` are further header lines, `via` parameters of Via."""
    lines = [f"{method} {uri} SIP/2.0", f"Via: SIP/2.0/UDP {local};branch=z9hG4bK{uuid.uuid4().hex}{via}",
             "Max-Forwards: 70", f"From: <sip:{user}@{local}>;tag={tag or uuid.uuid4().hex[:8]}", f"To: <{to or uri}>",
             f"Call-ID: {call_id or uuid.uuid4().hex}", f"CSeq: {cseq} {method}", f"Contact: <sip:{user}@{local}>", *more]
    if body:
        lines.append("Content-Type: application/sdp")
    return "\r\n".join([*lines, f"Content-Length: {len(body)}"]) + "\r\n\r\n" + body


def credentials(challenged, user, password, method, uri, count=1):
    """The header line that answers a challenge (RFC 7616, MD5, qop=auth)."""
    name = "Authorization" if challenged.status == 401 else "Proxy-Authorization"
    challenge = challenged.header("WWW-Authenticate" if challenged.status == 401 else "Proxy-Authenticate")
    value = dict(re.findall(r'(\w+)="?([^",]*)"?', challenge))
    ha1, ha2, nc = md5(f"{user}:{value['realm']}:{password}"), md5(f"{method}:{uri}"), f"{count:08x}"
    response = md5(f"{ha1}:{value['nonce']}:{nc}:0a4f113b:auth:{ha2}")
    return (f'{name}: Digest username="{user}", realm="{value["realm"]}", nonce="{value["nonce"]}", uri="{uri}", '
            f'response="{response}", algorithm=MD5, cnonce="0a4f113b", nc={nc}, qop=auth')


def guess(line, peer, user, password="wrong", method="REGISTER", uri=None):
    """One try at a password, with a challenge that was asked for; its answer, or nothing where none comes."""
    uri = uri or f"sip:{peer[0]}:{peer[1]}"
    to, call_id = f"sip:{user}@{peer[0]}", uuid.uuid4().hex
    try:
        challenged = line.ask(peer, request(method, uri, line.address, user=user, to=to, call_id=call_id, via=";rport"), tries=1)
        proof = credentials(challenged, user, password, method, uri)
        again = request(method, uri, line.address, proof, user=user, to=to, call_id=call_id, cseq=2, via=";rport")
        return line.ask(peer, again, tries=1)
    except Failure:
        return None


def overheard(dialog, attacker, method, body="", cseq=None):
    """A request in somebody else's dialog, right in every header but sent from elsewhere."""
    start, headers = dialog.request(method, cseq or dialog.cseq + 1)
    contact = f"Contact: <sip:attacker@{attacker.address}>"
    headers = [line.replace(dialog.line.address, attacker.address) if line.startswith("Via:") else line for line in headers]
    kind = ["Content-Type: application/sdp"] if body else []
    return "\r\n".join([start, *headers, contact, *kind, f"Content-Length: {len(body)}"]) + "\r\n\r\n" + body


class OverheardCaller(Caller):
    """A PBX on whose wire somebody reads: what it sent last, by method, stands open."""

    def __init__(self, server, profile):
        super().__init__(server, profile)
        self.sent = {}

    def send(self, peer, start, headers, body=""):
        super().send(peer, start, headers, body)
        self.sent[start.split(" ")[0]] = (start, headers, body)

    def last(self, method):
        """The last request of this method, as it went over the wire."""
        start, headers, body = self.sent[method]
        kind = ["Content-Type: application/sdp"] if body else []
        return "\r\n".join([start, *headers, *kind, f"Content-Length: {len(body)}"]) + "\r\n\r\n" + body

    def register(self, contact):
        """Registers, challenged as everybody is; the 200."""
        uri, to, call_id = f"sip:{self.server}", f"sip:{self.user}@{self.server}", uuid.uuid4().hex
        answer = None
        for cseq in (1, 2):
            proof = [credentials(answer, self.user, self.password, "REGISTER", uri)] if answer else []
            text = request("REGISTER", uri, self.address, *proof, user=self.user, to=to, call_id=call_id, cseq=cseq)
            text = text.replace(f"<sip:{self.user}@{self.address}>\r\n", f"<{contact}>\r\n") if contact else text
            start, *headers = text.split("\r\n\r\n")[0].split("\r\n")
            self.send(self.peer, start, headers[:-1])
            said, _ = self.receive("the answer to REGISTER", lambda came: came.startswith("SIP/2.0") and call_id in came)
            answer = Answer(said)
        return answer


class RingingCarrier(Carrier):
    """A carrier during whose ringing something happens."""

    def __init__(self, meanwhile):
        super().__init__()
        self.meanwhile = meanwhile

    def answer(self, media_port=9, between=lambda: None, keys=None):
        def both():
            between()
            self.meanwhile()

        return super().answer(media_port, both, keys)


def shape(answer):
    """An answer without what differs from one request to the next: for who compares two."""
    text = re.sub(r"(?im)^(via|from|to|call-id|cseq|date):.*$", r"\1", answer.text)
    return re.sub(r'nonce="[^"]*"', "nonce", text)


__all__ = ["ANOTHER", "Attacker", "OverheardCaller", "RingingCarrier", "STRANGER", "THIRD", "credentials", "guess", "header", "lines_of",
           "overheard", "request", "shape"]
