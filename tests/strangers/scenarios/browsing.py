"""SIP over WebSockets (RFC 7118): who opens one, registers over it, is called back over it.

Not here: sound for browsers.
"""

import re

from scenarios import scenario
from scenarios.receiving import NUMBER, Outside
from scenarios.registering import state_of
from waiting import Failure, equal, expect, until
from websocket import WebPhone, WebSocket

BOTH = {"tls": {}, "websocket": {}}
# What a browser offers: sound in SRTP with keys by DTLS.
BROWSERS_OFFER = ("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\nc=IN IP4 0.0.0.0\r\n"
                  "a=rtpmap:111 opus/48000/2\r\na=rtpmap:0 PCMU/8000\r\na=setup:actpass\r\na=ice-ufrag:abcd\r\n"
                  "a=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=fingerprint:sha-256 " + ":".join(["00"] * 32) + "\r\n")


def opened(world, transport):
    """A WebSocket of this kind."""
    if transport == "WSS":
        return WebSocket(world.server.wss_port, world.server.authority.ca)
    return WebSocket(world.server.ws_port)


@scenario(settings=BOTH, needs_switch=True)
def a_browsers_phone_registers_over_websockets(world):
    """With TLS and without: REGISTER with a Contact of nowhere is bound to the connection, and gone with it (RFC 7118, 5626)."""
    profile = world.profile(credit="0.00")
    for transport in ("WS", "WSS"):
        link = opened(world, transport)
        phone = WebPhone(link, transport, profile)
        answer = phone.request("REGISTER", f"sip:{world.server.realm}", more=["Supported: path, outbound", "Expires: 600"])
        expect(answer.startswith("SIP/2.0 200"), answer)
        expect(f"Via: SIP/2.0/{transport} {phone.host}" in answer, f"the Via is not that of the request: {answer}")
        expect("Require: outbound" in answer and phone.host in answer, f"the flow is not agreed to: {answer}")
        state = until(lambda: [state for state in [state_of(world, profile)] if state["state"] == "registered"], "the binding")[0]
        equal(state["transport"], transport.lower(), "the binding's transport")
        until(lambda: world.api.metric("tandem_sip_messages_total", transport=transport.lower(), flow="rx") >= 1,
              "the message to be counted", 3)
        answer = phone.request("OPTIONS", f"sip:{world.server.sip}")
        expect(answer.startswith("SIP/2.0 200"), answer)
        link.close()
        until(lambda: state_of(world, profile)["state"] != "registered", "the binding to be gone with its connection", 3)


@scenario(settings=BOTH, needs_switch=True)
def a_browsers_phone_is_called_over_its_websocket(world):
    """A call to its number reaches it over the connection, though its Contact is nowhere; it is busy (RFC 7118 5)."""
    profile = world.profile(credit="0.00")
    world.api.create_number(NUMBER, profile)
    phone = WebPhone(opened(world, "WSS"), "WSS", profile)
    expect(phone.request("REGISTER", f"sip:{world.server.realm}").startswith("SIP/2.0 200"), "not registered")
    caller = Outside(world).calls(NUMBER, "refused", final="486")
    invite = phone.hear()
    expect(invite.startswith(f"INVITE sip:{NUMBER[1:]}@{phone.host};transport=ws SIP/2.0"), invite)
    expect(f"Via: SIP/2.0/WSS 127.0.0.1:{world.server.wss_port};branch=" in invite, f"our Via: {invite}")
    expect(re.search(r"^Contact: <sip:[^>]*;transport=ws>", invite, re.M), f"our Contact: {invite}")
    copied = "\r\n".join(line for line in invite.splitlines() if re.match(r"(Via|From|Call-ID|CSeq):", line))
    to = re.search(r"^To: (.*)$", invite, re.M).group(1).strip()
    phone.send(f"SIP/2.0 486 Busy Here\r\n{copied}\r\nTo: {to};tag=browser\r\nContent-Length: 0\r\n\r\n")
    expect(phone.hear().startswith("ACK "), "no ACK to the 486")
    caller.finish()


@scenario(settings=BOTH, needs_switch=True)
def a_browsers_sound_is_refused_in_words(world):
    """A call with DTLS-SRTP alone is refused 488, and the sentence says which sound is carried (S8, RFC 3261 20.43)."""
    profile = world.profile()
    phone = WebPhone(opened(world, "WSS"), "WSS", profile)
    answer = phone.request("INVITE", f"sip:*43@{world.server.sip}", body=BROWSERS_OFFER)
    expect(answer.startswith("SIP/2.0 488"), answer)
    expect(re.search(r'^Warning: 399 .*"no_common_codec: .+"', answer, re.M), f"no sentence: {answer}")


@scenario(settings={"websocket": {"origins": ["https://phone.example.com"]}}, needs_switch=True)
def only_pages_of_the_right_origin_and_subprotocol_come_in(world):
    """A page of another origin gets 403, another subprotocol 400; fragments, pings and keep-alives are taken, nonsense is not
    (RFC 6455 10.2, RFC 7118 4.1)."""
    port = world.server.ws_port
    equal(WebSocket(port, origin="https://evil.example").status, 403, "a page of another origin")
    equal(WebSocket(port, subprotocol="chat").status, 400, "another subprotocol")
    link = WebSocket(port, origin="https://phone.example.com")
    equal(link.status, 101, "a page of the right origin")
    link.frame(9, b"there?")
    equal(link.heard(), (10, b"there?"), "the answer to a ping")
    link.frame(1, b"\r\n\r\n")
    equal(link.heard(), (1, b"\r\n"), "the answer to a keep-alive")
    options = ("OPTIONS sip:a@b.invalid SIP/2.0\r\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bKf\r\nMax-Forwards: 70\r\n"
               "From: <sip:a@b.invalid>;tag=1\r\nTo: <sip:b@b.invalid>\r\nCall-ID: fragments\r\nCSeq: 1 OPTIONS\r\n"
               "Content-Length: 0\r\n\r\n").encode()
    link.frame(1, options[:50], is_last=False)
    link.frame(0, options[50:])
    expect(link.heard()[1].startswith(b"SIP/2.0 200"), "a message in two fragments was not answered")
    link.frame(3, b"no such opcode")
    equal(link.heard()[0], 8, "a goodbye to who breaks the protocol")
    try:
        link.heard()
    except ConnectionError:
        return
    raise Failure("the connection stands after a broken frame")
