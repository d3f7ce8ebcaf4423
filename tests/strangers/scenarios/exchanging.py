"""Asterisk as the PBX of a trunk, configured as the README says: both directions, hold, keys, refreshes.

Not here: how it is had (fetching.py). Played by `tests/run interop-asterisk` alone.
"""

import os
import threading

import handmade
from asterisk_pbx import AsteriskPbx
from changing_ends import description, flow_of, reply
from scenarios import scenario
from scenarios.receiving import NUMBER, Outside
from scenarios.registering import state_of
from sound import HEADER, RtpEnd
from waiting import equal, expect, until

SHORT_MS = 500
# The session timer that Asterisk asks for; half of it later it refreshes. `--twenty-minutes` makes it 2,400 s.
SESSION_S = int(os.environ.get("ASTERISK_SESSION_S", "90"))
# What the dial plan presses.
KEYS = [1, 5, 9, 11]


def exchange(world, profile, **more):
    """An Asterisk that has registered."""
    made = AsteriskPbx(world.folder, world.server.sip, profile, **more)
    world.agents.append(made)
    made.until_registered()
    equal(state_of(world, profile)["state"], "registered", "the profile by the API")
    return made


def dials(world, asterisk, number, scenario="call", name="phone", **values):
    """The phone 101 dials."""
    return world.agent(name, scenario, remote=asterisk.address, users=[("101", "", number)], opening="{{invite_unchallenged}}",
                       **values)


@scenario(full=True, apart=True, needs_switch=True, timeout_s=120, needs=("asterisk",))
def asterisk_registers_and_calls_out(world):
    """Asterisk registers, answers our challenges, calls a carrier for its phone, and is billed (S1, S2, S4, R1)."""
    profile = world.profile()
    carrier = world.carrier()
    asterisk = exchange(world, profile)
    dials(world, asterisk, "+12025550123", options=("-d", SHORT_MS)).finish()
    carrier.finish()
    world.settled(profile, spent="0.01")
    world.record(status=200, cause="normal")


@scenario(full=True, apart=True, needs_switch=True, timeout_s=120, needs=("asterisk",))
def asterisk_is_called(world):
    """A carrier calls two numbers: Asterisk, which knows its trunk by the Contact's `line`, rings its phone (I1, N9, S7)."""
    profile = world.profile()
    for number in (NUMBER, "+442079460123"):
        world.api.create_number(number, profile)
    outside = Outside(world)
    phone = world.agent("phone", "carrier", calls=2).listening()
    exchange(world, profile, phone=phone.address)
    for index, number in enumerate((NUMBER, "+442079460123")):
        outside.calls(number, name=f"caller{index}", options=("-d", SHORT_MS)).finish()
    phone.finish()
    world.settled(profile)
    equal({(record["direction"], record["status"]) for record in world.records(2)}, {("inbound", 200)}, "the records")


class Answering(threading.Thread):
    """A carrier that answers one call while the phone is being told to dial."""

    def __init__(self, trunk, port):
        super().__init__(daemon=True)
        self.trunk, self.port, self.answered = trunk, port, None
        self.start()

    def run(self):
        """Answers."""
        invite, peer = self.trunk.receive("an INVITE", lambda text: text.startswith("INVITE "), 20)
        contact = [f"Contact: <sip:carrier@{self.trunk.address}>"]
        self.trunk.send(peer, *handmade.answer_to(invite, "180 Ringing", "carrier", contact))
        body = description(self.port, formats="0 101", version=1)
        self.trunk.send(peer, *handmade.answer_to(invite, "200 OK", "carrier", contact), body=body)
        self.answered = invite, peer, "carrier"

    def dialog(self):
        """The call, once it is up."""
        self.join(25)
        expect(self.answered, "the carrier was not called")
        return self.trunk.acknowledged(self.answered)


@scenario(full=True, apart=True, needs_switch=True, timeout_s=120, needs=("asterisk",))
def asterisk_holds(world):
    """Its phone holds; Asterisk passes that on to us and we to the carrier; as the phone hangs up it takes it back (RFC 3264 8.4)."""
    profile = world.profile()
    with handmade.Carrier() as trunk:
        world.api.create_carrier("handmade", trunk.address, priority=1)
        asterisk = exchange(world, profile)
        answering = Answering(trunk, 9)
        held = '{{sdp_flowing flow="sendonly" formats="0 8 101"}}'
        phone = dials(world, asterisk, "+12025550123", "reinvite", again_sdp=held, options=("-d", 1_500))
        called = answering.dialog()
        equal(flow_of(reply(called, "INVITE", description(9, "recvonly"), deadline_s=10)), "sendonly", "what the carrier is told")
        answer_until_bye(trunk, 10)
        phone.finish()
    world.settled(profile, spent="0.01")


@scenario(full=True, apart=True, needs_switch=True, timeout_s=120, needs=("asterisk",))
def asterisk_presses_keys(world):
    """Keys that Asterisk presses as telephone-events reach the carrier, each once, in their order (RFC 4733 2.5)."""
    profile = world.profile()
    end = RtpEnd()
    with handmade.Carrier() as trunk:
        world.api.create_carrier("handmade", trunk.address, priority=1)
        asterisk = exchange(world, profile)
        answering = Answering(trunk, end.port)
        phone = dials(world, asterisk, "7000", options=("-d", 4_000))
        called = answering.dialog()
        until(lambda: pressed(end) == KEYS or expect(False, str(pressed(end))), "the keys to arrive", 15)
        reply(called, "BYE", deadline_s=15)
        phone.finish()
    end.close()
    world.settled(profile, spent="0.01")


def pressed(end):
    """The keys that came as events, in their order: packets of one timestamp are one press."""
    with end.lock:
        packets = [end.received[number] for number in sorted(end.received)]
    events = {}
    for packet in packets:
        _, kind, _, timestamp, _ = HEADER.unpack_from(packet)
        if kind & 0x7F == 101:
            events.setdefault(timestamp, packet[HEADER.size])
    return list(events.values())


# Its ends are silent, and nothing else is to be the sign that they live.
@scenario(full=True, apart=True, needs_switch=True, timeout_s=SESSION_S // 2 + 120, needs=("asterisk",),
          settings={"media": {"silence_timeout_s": 0}})
def asterisk_refreshes_a_long_call(world):
    """A call outlives the first refreshes of its session timers, Asterisk's and ours, and is billed to its end (RFC 4028 7)."""
    profile = world.profile(credit="50.00")
    lasts_s = SESSION_S // 2 + 12
    with handmade.Carrier() as trunk:
        world.api.create_carrier("handmade", trunk.address, priority=1)
        asterisk = exchange(world, profile, session_s=SESSION_S)
        answering = Answering(trunk, 9)
        phone = dials(world, asterisk, "+12025550123", options=("-d", lasts_s * 1_000), timeout_s=lasts_s + 60)
        answering.dialog()
        asked = answer_until_bye(trunk, lasts_s + 30)
        phone.finish()
    world.until_idle(profile)
    record = world.record(status=200, cause="normal")
    expect(record["talked_ms"] >= lasts_s * 1_000 - 500, f"the record says {record['talked_ms']} ms")
    # Of Asterisk two INVITEs, the second with credentials.
    heard = sum(world.api.metric("tandem_sip_requests_total", flow="rx", method=method) for method in ("UPDATE", "INVITE")) - 2
    expect(heard > 0, f"Asterisk did not refresh its session of {SESSION_S} s")
    print(f"  {record['talked_ms']} ms talked, {heard} refreshes of Asterisk's, {asked} of ours to the carrier")
    expect("Registered" in asterisk.ask("pjsip show registrations"), "Asterisk is no longer registered")


def answer_until_bye(trunk, deadline_s):
    """Answers whatever the switch asks of a carrier in a call, until it is over; how often it was asked something."""
    asked = 0
    while True:
        told, peer = trunk.receive("what comes next", lambda text: text.startswith(("INVITE ", "UPDATE ", "BYE ")), deadline_s)
        is_over = told.startswith("BYE ")
        contact = [f"Contact: <sip:end@{trunk.address}>"]
        trunk.send(peer, *handmade.answer_to(told, "200 OK", more=contact), body="" if is_over else description(9, version=2))
        if is_over:
            return asked
        asked += 1
