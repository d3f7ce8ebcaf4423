"""One SIP message over a plain socket, byte for byte, and the answer to it: for what SIPp cannot say.

Not here: transactions. Each message is sent again until an answer comes.
"""

import socket
import uuid

from waiting import Failure


class Answer:
    """A response: status, header lines by lower-case name, everything as text."""

    def __init__(self, text):
        self.text = text
        head = text.split("\r\n\r\n")[0].split("\r\n")
        self.status = int(head[0].split(" ")[1])
        self.headers = {}
        for line in head[1:]:
            name, _, value = line.partition(":")
            self.headers.setdefault(name.strip().lower(), []).append(value.strip())

    def header(self, name):
        """All values of the header, joined."""
        return ", ".join(self.headers.get(name.lower(), []))


def request(method, uri, local, *more, call_id=None, cseq=1, from_user="stranger", to=None):
    """A well-formed request without body; `more` are further header lines."""
    call_id = call_id or uuid.uuid4().hex
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP {local};branch=z9hG4bK{uuid.uuid4().hex};rport",
        "Max-Forwards: 70",
        f"From: <sip:{from_user}@{local}>;tag={uuid.uuid4().hex[:8]}",
        f"To: <{to or uri}>",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {method}",
        f"Contact: <sip:{from_user}@{local}>",
        *more,
        "Content-Length: 0",
    ]
    return "\r\n".join(lines) + "\r\n\r\n"


def ask(server, build, tries=6, wait_s=0.5):
    """Sends what `build(local)` gives to the server over UDP and gives back the first final answer."""
    host, port = server.split(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind(("127.0.0.1", 0))
        own.connect((host, int(port)))
        own.settimeout(wait_s)
        text = build(f"127.0.0.1:{own.getsockname()[1]}")
        data = text if isinstance(text, bytes) else text.encode()
        for _ in range(tries):
            own.send(data)
            try:
                while True:
                    answer = Answer(own.recv(65535).decode(errors="replace"))
                    if answer.status >= 200:
                        return answer
            except TimeoutError:
                continue
    raise Failure(f"no answer to: {data.splitlines()[0].decode(errors='replace')}")
