"""Two ends of a call that is up, made by hand, which change it: requests inside the dialog, their answers, and sound that never stops.

Not here: the call itself (handmade.py), and what a story proves (scenarios/changing.py).
"""

import re
import socket
import threading
import time

import handmade
from sound import FRAME, HEADER, RATE_HZ
from waiting import Failure, expect


class Stream(threading.Thread):
    """Sound that never stops: sends a numbered packet every 20 ms to wherever `to` says, and notes when what comes came."""

    def __init__(self, ssrc, ip="127.0.0.1"):
        super().__init__(daemon=True)
        self.ssrc, self.ip, self.to, self.number = ssrc, ip, None, 0
        self.heard = {}
        self.sockets = []
        self.move()
        self.is_open = True
        self.start()

    def move(self):
        """From now on it sends from another port, and listens at both."""
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        own.bind((self.ip, 0))
        own.setblocking(False)
        self.sockets.append(own)
        return self.port

    @property
    def port(self):
        """Where it is to be sent."""
        return self.sockets[-1].getsockname()[1]

    def run(self):
        due = time.monotonic()
        while self.is_open:
            if self.to:
                packet = HEADER.pack(0x80, 0, self.number & 0xFFFF, self.number * FRAME & 0xFFFFFFFF, self.ssrc) + bytes(FRAME)
                self.sockets[-1].sendto(packet, self.to)
                self.number += 1
            due += FRAME / RATE_HZ
            while (rest := due - time.monotonic()) > 0:
                self.listen()
                # The packets' own rhythm, not a wait for somebody.
                time.sleep(min(rest, 0.002))

    def listen(self):
        """Takes what came."""
        for own in list(self.sockets):
            try:
                while True:
                    packet = own.recv(2048)
                    if len(packet) > HEADER.size:
                        number, ssrc = HEADER.unpack_from(packet)[2], HEADER.unpack_from(packet)[4]
                        self.heard.setdefault((ssrc, number), time.monotonic())
            except BlockingIOError:
                continue
            except OSError:
                return

    def first_after(self, moment, ssrc):
        """When the first packet of this sender came after a moment; none if it has not."""
        return min((at for (of, _), at in list(self.heard.items()) if of == ssrc and at > moment), default=None)

    def close(self):
        """Ends it."""
        self.is_open = False
        self.join(1)
        for own in self.sockets:
            own.close()


def description(port, flow="sendrecv", formats="0", version=2, address="127.0.0.1"):
    """A session description with one stream."""
    maps = {"0": "PCMU/8000", "8": "PCMA/8000", "96": "telephone-event/8000", "101": "telephone-event/8000"}
    lines = ["v=0", f"o=- 7 {version} IN IP4 127.0.0.1", "s=-", f"c=IN IP4 {address}", "t=0 0",
             f"m=audio {port} RTP/AVP {formats}", *(f"a=rtpmap:{one} {maps[one]}" for one in formats.split()), f"a={flow}"]
    return "\r\n".join(lines) + "\r\n"


def flow_of(text):
    """Which way the sound of a message's description flows."""
    found = re.search(r"^a=(sendrecv|sendonly|recvonly|inactive)", text, re.MULTILINE)
    return found.group(1) if found else "sendrecv"


def sound_of(text):
    """Where a message's description wants sound."""
    host = re.search(r"^c=IN IP4 (\S+)", text, re.MULTILINE).group(1)
    return host, int(re.search(r"^m=audio (\d+)", text, re.MULTILINE).group(1))


def status_of(text):
    """The status of a response."""
    return int(text.split(" ")[1])


def begin(dialog, method, body="", more=()):
    """Sends a request in the dialog; its CSeq number."""
    dialog.cseq += 1
    start, headers = dialog.request(method, dialog.cseq)
    dialog.via = headers[0]
    contact = f"Contact: <sip:end@{dialog.line.address}>"
    dialog.line.send(dialog.peer, start, [*headers, contact, *more], body)
    return dialog.cseq


def finish(dialog, method, cseq, ack_body="", deadline_s=5.0):
    """The final answer to a request; an INVITE's is acknowledged."""
    mark = f"CSeq: {cseq} {method}".lower()
    is_answer = lambda text: text.startswith("SIP/2.0") and mark in text.lower() and status_of(text) >= 200
    answer, _ = dialog.line.receive(f"the answer to {method}", is_answer, deadline_s)
    if method == "INVITE" and status_of(answer) < 300:
        dialog.line.send(dialog.peer, *dialog.request("ACK", cseq), ack_body)
    elif method == "INVITE":
        # The ACK to a refusal is of the same transaction (RFC 3261 17.1.1.3).
        start, headers = dialog.request("ACK", cseq)
        dialog.line.send(dialog.peer, start, [dialog.via, *headers[1:]])
    return answer


def ask(dialog, method, body="", more=(), ack_body=""):
    """A request in the dialog, and its final answer."""
    return finish(dialog, method, begin(dialog, method, body, more), ack_body)


def reply(dialog, method, body="", status="200 OK", deadline_s=5.0):
    """Answers the next request of the switch; gives it."""
    wanted = lambda text: text.startswith(f"{method} ") and dialog.call_id in text
    request, peer = dialog.line.receive(f"a {method}", wanted, deadline_s)
    contact = f"Contact: <sip:end@{dialog.line.address}>"
    dialog.line.send(peer, *handmade.answer_to(request, status, more=[contact]), body)
    if method == "INVITE":
        dialog.line.receive("the ACK", lambda text: text.startswith("ACK ") and dialog.call_id in text)
    return request


def hang_up(caller, called):
    """The caller ends the call, and the called side answers."""
    number = begin(caller, "BYE")
    reply(called, "BYE")
    expect(status_of(finish(caller, "BYE", number)) == 200, "the BYE was not answered with 200")


__all__ = ["Failure", "Stream", "ask", "begin", "description", "finish", "flow_of", "hang_up", "reply", "sound_of", "status_of"]
