"""Several carriers for one destination: who takes the call when the first cannot, how soon, and what the record says of each.

Not here: calls that one carrier takes (calling.py), calls that the switch refuses (refusing.py).
"""

import socket
import threading
from contextlib import closing
from datetime import datetime

from handmade import Line, answer_to
from scenarios import scenario
from sipp_agent import check_header
from waiting import equal, expect, until

# How long a call is held, in milliseconds.
SHORT_MS = 300
# A call goes over to the next carrier within this time (must-show 4).
AT_ONCE_MS = 2_000


def attempts(record):
    """What became of each attempt: the carrier's name, the outcome, the SIP status."""
    return [(one["carrier_name"], one["outcome"], one["status"]) for one in record["attempts"]]


def rang_after_ms(record):
    """From the PBX's INVITE to the first ringing that it heard."""
    at = [datetime.fromisoformat(record[key].replace("Z", "+00:00")) for key in ("invited_at", "rang_at")]
    return (at[1] - at[0]).total_seconds() * 1_000


def call_goes_over(world, profile):
    """A call that the second carrier takes; its record."""
    second = world.carrier()
    world.pbx("call", profile, options=("-d", SHORT_MS)).finish()
    second.finish()
    world.settled(profile, spent="0.01")
    return world.record(status=200)


def refuse_late(mute):
    """Answers the INVITE that was left long ago, so that nobody waits for a late 200 any more (RFC 3261 9.1)."""
    mute.settimeout(5)
    invite, switch = mute.recvfrom(65_535)
    repeated = ("via:", "from:", "to:", "call-id:", "cseq:")
    lines = [line for line in invite.decode().split("\r\n") if line.lower().startswith(repeated)]
    lines = [line + ";tag=late" if line.lower().startswith("to:") else line for line in lines]
    answer = ["SIP/2.0 503 Service Unavailable", *lines, "Content-Length: 0", "", ""]
    mute.sendto("\r\n".join(answer).encode(), switch)


@scenario(needs_switch=True, measures="2 s")
def a_503_goes_over_to_the_next_carrier_within_two_seconds(world):
    """503: the next carrier rings within 2 s, and the record names both with status and delay (field lessons 18, 47)."""
    profile = world.profile()
    failing = world.carrier("carrier_refuses", final="503", phrase="Service Unavailable")
    record = call_goes_over(world, profile)
    failing.finish()
    equal(attempts(record), [("carrier1", "refused", 503), ("carrier2", "answered", 200)], "attempts")
    expect(rang_after_ms(record) < AT_ONCE_MS, f"it rang after {rang_after_ms(record):.0f} ms")
    expect(record["attempts"][0]["ended_after_ms"] < AT_ONCE_MS, f"{record['attempts'][0]}")


@scenario(needs_switch=True, measures="2 s")
def a_refused_connection_goes_over_to_the_next_carrier_within_two_seconds(world):
    """Nobody listens at the first carrier's TCP port: the next one rings within 2 s (O1, must-show 4)."""
    profile = world.profile()
    with closing(socket.create_server(("127.0.0.1", 0))) as gone:
        address = "127.0.0.1:%d" % gone.getsockname()[1]
    world.api.create_carrier("gone", address, priority=0, transport="tcp")
    record = call_goes_over(world, profile)
    equal(attempts(record), [("gone", "unreachable", 0), ("carrier1", "answered", 200)], "attempts")
    expect(rang_after_ms(record) < AT_ONCE_MS, f"it rang after {rang_after_ms(record):.0f} ms")


@scenario(needs_switch=True, measures="2 s")
def a_closed_udp_port_goes_over_to_the_next_carrier_within_two_seconds(world):
    """Nobody listens at the first carrier's UDP port, and ICMP says so: the next one rings within 2 s (RFC 3261 18.4)."""
    profile = world.profile()
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as gone:
        gone.bind(("127.0.0.1", 0))
        address = "127.0.0.1:%d" % gone.getsockname()[1]
    world.api.create_carrier("gone", address, priority=0)
    record = call_goes_over(world, profile)
    equal(attempts(record), [("gone", "unreachable", 0), ("carrier1", "answered", 200)], "attempts")
    expect(rang_after_ms(record) < AT_ONCE_MS, f"it rang after {rang_after_ms(record):.0f} ms")


@scenario(needs_switch=True, measures="2 to 2.5 s")
def silence_goes_over_to_the_next_carrier_at_the_carriers_own_limit(world):
    """A carrier that says nothing at all is left after its own limit, and no sooner (O1, must-show 4)."""
    profile = world.profile()
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as mute:
        mute.bind(("127.0.0.1", 0))
        address = "127.0.0.1:%d" % mute.getsockname()[1]
        world.api.create_carrier("mute", address, priority=0, terms={"response_timeout_s": 2})
        record = call_goes_over(world, profile)
        refuse_late(mute)
    equal(attempts(record), [("mute", "no_response", 0), ("carrier1", "answered", 200)], "attempts")
    waited = record["attempts"][0]["ended_after_ms"]
    expect(2_000 <= waited < world.stalls.allowing(2_500), f"it was left after {waited} ms, expected 2000")


@scenario(needs_switch=True)
def busy_and_declined_ring_nobody_else(world):
    """486 and 603 are the called person's own answers: the second carrier hears of neither (field lesson 18)."""
    profile = world.profile()
    first = world.carrier("carrier_refuses", final="486", phrase="Busy Here")
    second = world.carrier()
    world.pbx("refused", profile, final="486").finish()
    first.finish()
    carrier = [one for one in world.api.all("/carriers") if one["name"] == "carrier1"][0]
    declining = world.agent("declining", "carrier_refuses", calls=1, final="603", phrase="Decline").listening()
    world.api.call("PATCH", f"/carriers/{carrier['id']}", {"addresses": [declining.address]})
    world.pbx("refused", profile, final="603", name="again").finish()
    declining.finish()
    world.never_invited(second)
    world.settled(profile)
    outcomes = sorted(attempts(record)[0] for record in world.records(2))
    equal(outcomes, [("carrier1", "refused", 486), ("carrier1", "refused", 603)], "attempts")


@scenario(needs_switch=True)
def a_full_carrier_is_passed_over(world):
    """A carrier with one channel has one call: the second one goes to the next carrier, and the record says why (O1)."""
    profile = world.profile()
    first = world.carrier(settings={"terms": {"channels": 1}})
    second = world.carrier()
    lasting = world.pbx("call", profile, options=("-d", 4_000), name="lasting")
    world.answered_calls(1)
    world.pbx("call", profile, options=("-d", SHORT_MS), name="short").finish()
    lasting.finish()
    first.finish()
    second.finish()
    world.settled(profile, spent="0.02")
    outcomes = sorted(attempts(record) for record in world.records(2))
    equal(outcomes, [[("carrier1", "answered", 200)],
                     [("carrier1", "skipped_channels", 0), ("carrier2", "answered", 200)]], "attempts")


@scenario(needs_switch=True)
def a_carrier_hears_numbers_in_its_own_form(world):
    """A carrier that wants 00 and a prefix of its own gets both in To (O1)."""
    profile = world.profile()
    wanted = check_header("To", "sip:7770012025550123@", "written")
    carrier = world.carrier(check=wanted, settings={"terms": {"number_format": "00,777"}})
    world.pbx("call", profile, options=("-d", SHORT_MS)).finish()
    carrier.finish()
    world.settled(profile, spent="0.01")


def redirecting(world, to, contact="<sip:+12025550123@{address}>", **terms):
    """A carrier that sends its calls to another SIPp; the SIPp that does so."""
    agent = world.agent("redirecting", "carrier_redirects", contact=contact.format(address=to.address)).listening()
    world.api.create_carrier("redirecting", agent.address, priority=0, terms=terms)
    return agent


@scenario(needs_switch=True)
def a_redirection_is_followed_where_the_carrier_may_send_us(world):
    """302 with `redirects: follow`: the same number is called there, within one attempt, at the route's price (RFC 3261 8.1.3.4)."""
    profile = world.profile()
    gateway = world.agent("gateway", "carrier").listening()
    first = redirecting(world, gateway, contact="<sip:+12025550123@192.0.2.99>;q=0.1, <sip:+12025550123@{address}>;q=0.9",
                        redirects="follow", redirect_networks=["127.0.0.0/8"])
    world.pbx("call", profile, options=("-d", SHORT_MS)).finish()
    first.finish()
    gateway.finish()
    world.settled(profile, spent="0.01")
    equal(attempts(world.record(status=200)), [("redirecting", "answered", 200)], "attempts")


@scenario(needs_switch=True)
def a_redirection_is_refused_unless_it_is_allowed_and_means_the_same_number(world):
    """302 without leave, and 302 to a number that was not called: the next carrier is tried, nobody else is called (RFC 3261 8.1.3.4)."""
    profile = world.profile()
    elsewhere = world.agent("elsewhere", "carrier").listening()
    second = world.carrier(priority=2, calls=2)
    first = redirecting(world, elsewhere)
    world.pbx("call", profile, options=("-d", SHORT_MS)).finish()
    first.finish()
    dear = world.agent("dear", "carrier_redirects", contact=f"<sip:+88161234567@{elsewhere.address}>").listening()
    carrier = [one for one in world.api.all("/carriers") if one["name"] == "redirecting"][0]
    world.api.call("PATCH", f"/carriers/{carrier['id']}", {
        "addresses": [dear.address], "terms": {"redirects": "follow", "redirect_networks": ["127.0.0.0/8"]}})
    world.pbx("call", profile, options=("-d", SHORT_MS), name="again").finish()
    dear.finish()
    second.finish()
    world.never_invited(elsewhere)
    world.settled(profile, spent="0.02")
    for record in world.records(2):
        equal(attempts(record), [("redirecting", "refused", 302), ("carrier1", "answered", 200)], "attempts")


class Pulse(threading.Thread):
    """A carrier that does nothing but answer OPTIONS, at a port that can fall dead."""

    def __init__(self, port=0):
        super().__init__(daemon=True)
        self.line = Line(port)
        self.is_open = True
        self.start()

    def run(self):
        """One OPTIONS after the other."""
        self.line.socket.settimeout(0.1)
        while self.is_open:
            try:
                data, peer = self.line.socket.recvfrom(65_535)
            except TimeoutError:
                continue
            text = data.decode()
            if text.startswith("OPTIONS "):
                self.line.send(peer, *answer_to(text, "200 OK", "pulse"))

    def stop(self):
        """Nobody is there any more."""
        self.is_open = False
        self.join(2)
        self.line.socket.close()


@scenario(settings={"carriers": {"failures_max": 1, "rest_s": 1}}, needs_switch=True)
def a_carrier_that_goes_dark_is_skipped_and_is_up_again_with_its_first_answer(world):
    """OPTIONS tell that a carrier is gone and that it is back: meanwhile it is skipped, API and metric say so (O1, RFC 3261 11)."""
    profile = world.profile()
    pulse = Pulse()
    world.agents.append(pulse)
    port = int(pulse.line.address.rsplit(":", 1)[1])
    carrier = world.api.create_carrier("pulse", pulse.line.address, priority=0, terms={"options_interval_s": 5})["id"]
    second = world.carrier(priority=2)

    def stands(state, is_up):
        health = world.api.get(f"/carriers/{carrier}")["health"]
        known = health["round_trip_ms"] is not None and health["state"] == state
        return known and world.api.metric("tandem_carrier_up", carrier="pulse") == is_up

    until(lambda: stands("up", 1), "OPTIONS to be answered", 3)
    pulse.stop()
    until(lambda: stands("down", 0), "the carrier to be missed", 8)
    record = call_goes_over_to(world, profile, second)
    equal(attempts(record), [("pulse", "skipped_down", 0), ("carrier1", "answered", 200)], "attempts")
    world.agents.append(Pulse(port))
    until(lambda: stands("up", 1), "the carrier to be back", 8)


def call_goes_over_to(world, profile, carrier):
    """A call that this carrier takes; its record."""
    world.pbx("call", profile, options=("-d", SHORT_MS)).finish()
    carrier.finish()
    world.settled(profile, spent="0.01")
    return world.record(status=200)
