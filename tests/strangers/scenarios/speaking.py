"""How the switch speaks SIP where no ordinary call is placed: OPTIONS, unknown words, broken messages, re-INVITE, refresh.

Not here: the torture messages of RFC 4475 and 5118; those are tests of the sip room.
"""

import raw
from scenarios import scenario
from sipp_agent import sip_headers
from waiting import equal, expect

SHORT_MS = 300


@scenario()
def options_are_answered(world):
    """OPTIONS gets 200 and says what is allowed (RFC 3261 11)."""
    answer = raw.ask(world.server.sip, lambda local: raw.request("OPTIONS", f"sip:{world.server.sip}", local))
    equal(answer.status, 200, "the answer to OPTIONS")
    if world.server.judges_money:
        expect("INVITE" in answer.header("allow"), f"Allow says {answer.header('allow')!r}")


@scenario()
def unknown_methods_are_refused(world):
    """A method that nobody knows gets 501, one that is not offered (SUBSCRIBE) 405, both what is allowed (RFC 3261 8.2.1, 21.5.2)."""
    answer = raw.ask(world.server.sip, lambda local: raw.request("JUGGLE", f"sip:{world.server.sip}", local))
    equal(answer.status, 501, "the answer to an unknown method")
    expect("INVITE" in answer.header("allow"), f"Allow says {answer.header('allow')!r}")
    if world.server.judges_money:
        watch = lambda local: raw.request("SUBSCRIBE", f"sip:{world.server.sip}", local, "Event: message-summary")
        answer = raw.ask(world.server.sip, watch)
        equal(answer.status, 405, "the answer to SUBSCRIBE")
        expect("INVITE" in answer.header("allow"), f"Allow says {answer.header('allow')!r}")


@scenario()
def unknown_extensions_are_refused(world):
    """Require: foo gets 420 with Unsupported: foo (RFC 3261 8.2.2.3)."""
    build = lambda local: raw.request("OPTIONS", f"sip:{world.server.sip}", local, "Require: foo")
    answer = raw.ask(world.server.sip, build)
    equal(answer.status, 420, "the answer to an unknown extension")
    expect("foo" in answer.header("unsupported"), f"Unsupported says {answer.header('unsupported')!r}")


@scenario(needs_switch=True)
def a_broken_message_is_told_so(world):
    """A request whose CSeq is no number gets 400 with a reason that a person can read; rubbish is survived
    (S8, RFC 3261 21.4.1)."""
    def broken(local):
        return raw.request("OPTIONS", f"sip:{world.server.sip}", local).replace("CSeq: 1 ", "CSeq: one ")

    answer = raw.ask(world.server.sip, broken)
    equal(answer.status, 400, "the answer to a broken request")
    phrase = answer.text.split("\r\n")[0].split(" ", 2)[2]
    expect(len(phrase) > len("Bad Request") or answer.header("warning"), f"the reason is only {phrase!r}")
    for rubbish in (b"\r\n\r\n", b"\x00" * 1200, b"INVITE", b"SIP/2.0 200 OK\r\n\r\n", bytes(range(256)) * 5):
        build = lambda local, rubbish=rubbish: rubbish
        try:
            raw.ask(world.server.sip, build, tries=1, wait_s=0.05)
        except Exception as silence:
            expect("no answer" in str(silence), str(silence))
    answer = raw.ask(world.server.sip, lambda local: raw.request("OPTIONS", f"sip:{world.server.sip}", local))
    equal(answer.status, 200, "the answer to OPTIONS after rubbish")


@scenario()
def a_stranger_is_challenged(world):
    """An INVITE from nobody we know gets 407, whatever its From says, and no carrier hears of it (S2)."""
    profile = world.profile()
    carrier = world.carrier()
    build = lambda local: raw.request("INVITE", f"sip:+12025550123@{world.server.sip}", local,
                                      from_user=profile["sip_user"])
    answer = raw.ask(world.server.sip, build)
    equal(answer.status, 407, "the answer to a stranger's INVITE")
    expect("MD5" in answer.header("proxy-authenticate") or "algorithm" not in answer.header("proxy-authenticate"),
           f"Proxy-Authenticate says {answer.header('proxy-authenticate')!r}")
    world.never_invited(carrier)
    if world.server.judges_money:
        equal(world.api.records(), [], "call records of a stranger")


@scenario()
def the_same_offer_again_is_agreed(world):
    """A re-INVITE with unchanged SDP gets 200 with SDP, and the call goes on (RFC 3261 14.2, RFC 3264 8)."""
    profile = world.profile()
    carrier = world.carrier()
    body = '<action><ereg regexp="m=audio" search_in="body" check_it="true" assign_to="sound"/></action>'
    world.pbx("reinvite", profile, again_check=body, options=("-d", SHORT_MS)).finish()
    carrier.finish()
    world.settled(profile, spent="0.01")


@scenario()
def a_session_is_refreshed(world):
    """A call with Supported: timer and Session-Expires survives its refresh by UPDATE and by re-INVITE (RFC 4028)."""
    profile = world.profile()
    carrier = world.carrier(calls=2)
    timer = sip_headers("Supported: timer", "Session-Expires: 1800;refresher=uac")
    world.pbx("refresh", profile, name="by_update", headers=timer, options=("-d", SHORT_MS)).finish()
    world.pbx("reinvite", profile, name="by_reinvite", headers=timer, again_headers=timer,
              options=("-d", SHORT_MS)).finish()
    carrier.finish()
    world.settled(profile, spent="0.02")


# What a PBX adds so that the INVITE to the carrier is larger than a datagram may be: User-to-User passes (RFC 7433).
LARGE = sip_headers(*(f"User-to-User: {'5' * 400};encoding=hex;purpose=p{number}" for number in range(2)))


@scenario(needs_switch=True)
def a_request_too_large_for_a_datagram_goes_over_tcp(world):
    """An INVITE of more than 1,300 bytes to a SIPp carrier over UDP that listens over TCP as well goes over TCP, says so in Via, and the call
    ends there (RFC 3261 18.1.1)."""
    profile = world.profile()
    carrier = world.carrier(transport="t1")
    world.pbx("call", profile, headers=LARGE, options=("-d", SHORT_MS)).finish()
    carrier.finish()
    expect("Via: SIP/2.0/TCP" in carrier.messages(), "the INVITE did not come over TCP")
    world.settled(profile, spent="0.01")


@scenario(needs_switch=True)
def where_tcp_is_refused_a_large_request_goes_as_a_datagram(world):
    """The same to a SIPp carrier that listens over UDP alone: it gets the INVITE as a datagram whose Via says so, at once (RFC 3261 18.1.1)."""
    profile = world.profile()
    carrier = world.carrier()
    world.pbx("call", profile, headers=LARGE, options=("-d", SHORT_MS)).finish()
    carrier.finish()
    invite = carrier.messages().split("BYE sip:")[0]
    expect("Via: SIP/2.0/UDP" in invite and "Via: SIP/2.0/TCP" not in invite, "the INVITE did not come as a datagram")
    world.settled(profile, spent="0.01")
