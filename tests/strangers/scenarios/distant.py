"""A PBX far away: behind a NAT that forgets, on a line that takes a quarter of a second each way and loses every twentieth packet.

Not here: NATs that are only pretended (addressing.py).
"""

import sound
from distance import ROUTER, SWITCH, Distance
from phones import Baresip
from scenarios import scenario
from scenarios.receiving import NUMBER, Outside
from scenarios.registering import state_of
from waiting import equal, expect, until
from world import UNITED_STATES

PORT = 5060
FAR = {"sip": {"listen": [f"{SWITCH}:{PORT}"]}, "media": {"address": SWITCH}, "registration": {"keep_alive_s": 10}}
# Seconds of sound that the phone plays, before it hangs up by itself, and that it has to hear before it is told to.
PLAYED_S, HEARD_S = 8, 4
LIKENESS_MIN = 0.9
DEADLINE_S = 25


def phone_at_home(world, profile, **more):
    """baresip behind the NAT, registered."""
    plays = world.folder / "plays.wav"
    played = sound.sweep(PLAYED_S)
    sound.write_wave(plays, played)
    phone = Baresip(world.folder, f"{SWITCH}:{PORT}", profile, plays, place=world.surroundings.home, **more)
    world.agents.append(phone)
    until(lambda: state_of(world, profile)["state"] == "registered", "the PBX to be registered", DEADLINE_S)
    state = state_of(world, profile)
    expect(state["behind_nat"], f"the PBX is not known to be behind NAT: {state}")
    return phone, played


def heard_right(phone, played):
    """What the phone heard is what it played, and most of it."""
    heard = phone.heard()
    # Short pieces: where a packet is lost the phone plays on at once, and what follows is early.
    likeness = sound.correlation(played, heard, window_s=0.12, windows=6)
    print(f"  {len(heard) / sound.RATE_HZ:.1f} s heard, like what was played by {likeness:.2f}")
    expect(likeness > LIKENESS_MIN, f"what was heard is like what was played by {likeness:.3f}")


def speaks_and_hangs_up(phone):
    """The call comes to be, the phone hears enough of it to judge, and ends it."""
    phone.until_event("CALL_ESTABLISHED", DEADLINE_S)
    until(lambda: phone.recorded_s() > HEARD_S, f"{HEARD_S} s of sound to be heard", DEADLINE_S)
    phone.order("hangup")
    phone.until_event("CALL_CLOSED", DEADLINE_S)


@scenario(settings=FAR, needs_switch=True, timeout_s=120, surroundings=Distance)
def a_far_pbx_behind_nat_calls_and_is_heard(world):
    """With 250 ms, 5 % loss each way and a NAT between, a PBX registers, calls, hears its echo, is billed once (S13, S14, R1)."""
    profile = world.profile()
    carrier = world.carrier("carrier", echo=True, ip=SWITCH)
    phone, played = phone_at_home(world, profile)
    phone.order("dial", f"sip:{UNITED_STATES}@{SWITCH}:{PORT}")
    speaks_and_hangs_up(phone)
    carrier.finish()
    phone.stop()
    heard_right(phone, played)
    world.until_idle(profile, DEADLINE_S)
    record = world.record(status=200, amount="0.01")
    line = world.surroundings.line
    print(f"  the line carried {line.carried} packets and lost {line.lost}; the record says {record['talked_ms']} ms")
    expect(line.lost > 10, f"the line lost {line.lost} packets, it is not what it should be")


@scenario(full=True, settings=FAR, needs_switch=True, timeout_s=150, surroundings=Distance)
def a_far_pbx_behind_nat_is_called_after_a_while(world):
    """Our OPTIONS keep its port open at a NAT that forgets after 12 s: a call reaches it, sound and all (S14, S9, I1)."""
    profile = world.profile()
    world.api.create_number(NUMBER, profile)
    phone, played = phone_at_home(world, profile, answers_as=NUMBER[1:])
    first = state_of(world, profile)
    until(lambda: world.surroundings.line.said[b"OPTIONS"] >= 2, "two OPTIONS on their way to the PBX", 60)
    state = state_of(world, profile)
    equal((state["state"], state["contact"]), ("registered", first["contact"]), "the binding after a while")
    caller = Outside(world, ip=SWITCH).calls(NUMBER, echo=True, options=("-d", (PLAYED_S + 3) * 1000), timeout_s=60)
    speaks_and_hangs_up(phone)
    caller.stop()
    phone.stop()
    heard_right(phone, played)
    world.until_idle(profile, DEADLINE_S)
    record = world.record(direction="inbound", status=200, amount="0")
    expect(record["talked_ms"] > 3_000, f"the record says {record['talked_ms']} ms")
    expect(ROUTER in str(state), f"the binding does not tell the NAT's address: {state}")
