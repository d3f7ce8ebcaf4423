"""A PBX calls through the switch to a carrier: answered, ended by either side, tried at the next carrier.

Not here: calls that the switch refuses (refusing.py), sound (sounding.py), many at once (crowding.py).
"""

import handmade
import tandem_api
from scenarios import scenario
from sipp_agent import check_header
from waiting import equal, expect
from world import CALLER_ID, LONDON

# How long a call of no particular length is held, in milliseconds.
SHORT_MS = 300


@scenario()
def a_challenged_call_is_billed(world):
    """A PBX is challenged, reaches the carrier, hangs up, and is billed the minimum to the cent (S2, R1, C1)."""
    profile = world.profile()
    carrier = world.carrier()
    world.pbx("call", profile, options=("-d", SHORT_MS)).finish()
    carrier.finish()
    world.settled(profile, spent="0.01")
    record = world.record(amount="0.01", billed_s=30, cause="normal", status=200, callee="+12025550123")
    if record:
        equal(len(record["attempts"]), 1, "attempts at carriers")


@scenario()
def two_prices_add_up(world):
    """Two calls to two countries: each record carries its own price, the balance lacks their sum (R2, R6)."""
    profile = world.profile()
    carrier = world.carrier(calls=2)
    world.pbx("call", profile, name="first", options=("-d", SHORT_MS)).finish()
    world.pbx("call", profile, name="second", number=LONDON, options=("-d", SHORT_MS)).finish()
    carrier.finish()
    world.settled(profile, spent="0.03")
    amounts = sorted(str(tandem_api.record_amount(record).normalize()) for record in world.records(2))
    expect(not amounts or amounts == ["0.01", "0.02"], f"the records say {amounts}")


@scenario()
def a_call_over_tcp(world):
    """A PBX calls over TCP; the carrier is reached over UDP; the bill is the same (RFC 3261 18)."""
    profile = world.profile()
    carrier = world.carrier()
    world.pbx("call", profile, transport="t1", options=("-d", SHORT_MS)).finish()
    carrier.finish()
    world.settled(profile, spent="0.01")


@scenario(needs_switch=True)
def a_known_address_is_not_challenged(world):
    """A PBX with IP authentication calls from its port without challenge; another port is challenged (S3)."""
    from waiting import free_port

    port = free_port()
    profile = world.profile(ip=[("127.0.0.1", port)])
    carrier = world.carrier()
    world.pbx("call_unchallenged", profile, port=port, options=("-d", SHORT_MS)).finish()
    carrier.finish()
    stranger = world.pbx("call_unchallenged", profile, name="other_port", timeout_s=8)
    stranger.end()
    expect("SIP/2.0 407" in stranger.messages(), "another port was not challenged")
    world.settled(profile, spent="0.01")


@scenario()
def the_carrier_hangs_up(world):
    """The called side ends the call; the PBX gets the BYE; the bill is the minimum (R1, RFC 3261 15)."""
    profile = world.profile()
    carrier = world.carrier("carrier_hangs_up", hold_ms=str(SHORT_MS))
    world.pbx("call_until_bye", profile).finish()
    carrier.finish()
    world.settled(profile, spent="0.01")
    world.record(cause="normal", status=200)


@scenario(needs_switch=True)
def an_operator_hangs_up(world):
    """A live call is listed by the API, ended through it, and both sides get BYE (R10, RFC 3261 15)."""
    profile = world.profile()
    carrier = world.carrier()
    pbx = world.pbx("call_until_bye", profile)
    (live,) = world.answered_calls(1)
    world.api.hang_up(live["id"])
    pbx.finish()
    carrier.finish()
    world.settled(profile, spent="0.01")
    world.record(cause="hung_up_by_operator")


@scenario()
def busy_is_passed_on_and_free(world):
    """486 from the carrier reaches the PBX, no other carrier is tried, nothing is charged (R9)."""
    profile = world.profile()
    busy = world.carrier("carrier_refuses", final="486", phrase="Busy Here")
    second = world.carrier()
    world.pbx("refused", profile, final="486").finish()
    busy.finish()
    world.never_invited(second)
    world.settled(profile)
    world.record(cause="busy", status=486, amount="0")


@scenario()
def a_caller_gives_up_while_it_rings(world):
    """CANCEL while ringing: 487 to the PBX, CANCEL to the carrier, nothing charged (R9)."""
    profile = world.profile()
    carrier = world.carrier("carrier_cancelled")
    world.pbx("cancel", profile).finish()
    carrier.finish()
    world.settled(profile)
    world.record(cause="cancelled", amount="0")


@scenario()
def ringing_is_heard_in_order(world):
    """180, 183 with SDP, 180 again reach the PBX in the carrier's order; billing begins at the answer (R10)."""
    profile = world.profile()
    carrier = world.carrier("carrier_sequence")
    world.pbx("hears_ringing", profile, options=("-d", SHORT_MS)).finish()
    carrier.finish()
    world.settled(profile, spent="0.01")


@scenario(timeout_s=90)
def byes_that_cross(world):
    """Twenty calls in which both sides send BYE at the same instant: each side gets its answer, each call is billed once
    (R10, RFC 3261 15.1)."""
    calls = 20
    profile = world.profile()
    with handmade.Carrier() as carrier, handmade.Caller(world.server.sip, profile) as caller:
        world.api.create_carrier("handmade", carrier.address, priority=1)
        for _ in range(calls):
            call = caller.call("+12025550123", carrier)
            handmade.cross(call)
    world.settled(profile, spent="0.20")
    world.records(calls)


@scenario(settings={"sip": {"t1_ms": 100}}, needs_switch=True, measures="64*T1")
def an_ack_that_never_comes(world):
    """Without ACK to the 200 both legs end after 64*T1 (6.4 s at a T1 of 100 ms) and charging stops."""
    profile = world.profile()
    carrier = world.carrier()
    pbx = world.pbx("no_ack", profile)
    pbx.finish()
    carrier.finish()
    (waited,) = pbx.response_times_ms(2)
    expect(6_300 <= waited <= 7_500, f"the BYE came {waited:.0f} ms after the 200, expected 6400")
    world.settled(profile, spent="0.01")
    world.record(cause="session_expired")


@scenario()
def a_silent_carrier_is_left_for_the_next(world):
    """A carrier that never rings is cancelled after its limit, and the next one takes the call (O1, RFC 3261 9.1)."""
    profile = world.profile()
    silent = world.carrier("carrier_cancelled", status="100 Trying")
    second = world.carrier()
    world.pbx("call", profile, options=("-d", SHORT_MS)).finish()
    silent.finish()
    second.finish()
    world.settled(profile, spent="0.01")
    record = world.record(status=200)
    if record:
        equal(len(record["attempts"]), 2, "attempts at carriers")


@scenario()
def a_failing_carrier_is_left_for_the_next(world):
    """503 from the first carrier: the second takes the call and the PBX hears nothing of it (O1, RFC 3261 21.5.4)."""
    profile = world.profile()
    failing = world.carrier("carrier_refuses", final="503", phrase="Service Unavailable")
    second = world.carrier()
    world.pbx("call", profile, options=("-d", SHORT_MS)).finish()
    failing.finish()
    second.finish()
    world.settled(profile, spent="0.01")


@scenario(needs_switch=True)
def the_carrier_sees_the_caller_id(world):
    """The carrier is shown the profile's caller ID, and the SIP user in no header (O5)."""
    profile = world.profile()
    carrier = world.carrier(check=check_header("From", CALLER_ID.replace("+", "[+]"), "shown"))
    world.pbx("call", profile, options=("-d", SHORT_MS)).finish()
    carrier.finish()
    expect(profile["sip_user"] not in carrier.messages(), "the carrier has seen the SIP user")
    world.settled(profile, spent="0.01")
