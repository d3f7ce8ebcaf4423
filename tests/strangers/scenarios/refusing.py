"""Calls that the switch itself refuses, before any carrier hears of them (requirements 1.16).

Not here: refusals by carriers (calling.py) and messages that are not calls (speaking.py).
"""

from scenarios import scenario
from sipp_agent import check_header
from waiting import equal, until
from world import UNITED_STATES


def refused(world, profile, carrier, final, **values):
    """Places one call that must be refused so, unheard by the carrier and free; its record, where there must be one."""
    world.pbx("refused", profile, final=final, **values).finish()
    world.never_invited(carrier)


@scenario()
def a_wrong_password_places_no_call(world):
    """An INVITE with a wrong password gets 403, and so does one of a user that does not exist (S2)."""
    profile = world.profile()
    carrier = world.carrier()
    world.pbx("refused", profile, name="unknown", user="99059999999999", password="wrong", final="403").finish()
    refused(world, profile, carrier, "403", password="wrong")
    world.settled(profile)


@scenario()
def from_must_be_the_sip_user(world):
    """The right password under another From is refused 403 (S4)."""
    profile = world.profile()
    carrier = world.carrier()
    refused(world, profile, carrier, "403", from_user="101", check=check_header("Warning", "399", "warned"))
    world.settled(profile)


@scenario()
def without_credit_no_call(world):
    """A profile without credit gets 402, and no carrier hears of it (K2)."""
    profile = world.profile(credit="0.00")
    carrier = world.carrier()
    refused(world, profile, carrier, "402", check=check_header("Warning", "399", "warned"))
    world.settled(profile, given="0.00")
    world.record(status=402, amount="0")


@scenario()
def an_emergency_number_is_left_to_the_pbx(world):
    """911 gets 503 with cause 38 so that the PBX takes its own line; it is never passed on nor charged (O3, D-20)."""
    profile = world.profile(credit="0.00")
    carrier = world.carrier()
    refused(world, profile, carrier, "503", number="911", check=check_header("Reason", "Q.850.*cause=38", "cause"))
    world.settled(profile, given="0.00")
    world.record(refusal="emergency_not_carried", amount="0")


@scenario()
def short_numbers_are_not_international(world):
    """A number with 00 in front is no E.164 number: 404 (S6)."""
    profile = world.profile()
    carrier = world.carrier()
    refused(world, profile, carrier, "404", number="00442079460123")
    world.settled(profile)


@scenario()
def the_third_call_on_two_channels_is_refused(world):
    """Two channels carry two calls; the third gets 503 with cause 34 (C1)."""
    profile = world.profile(channels=2)
    carrier = world.carrier(calls=2)
    holding = world.pbx("call", profile, calls=2, name="holding", options=("-d", 4000))
    until(lambda: holding.messages().count(" 200 OK") >= 2, "both calls to be answered")
    world.pbx("refused", profile, name="third", final="503", check=check_header("Warning", "399", "warned")).finish()
    holding.finish()
    carrier.finish()
    world.settled(profile, spent="0.02")


@scenario(timeout_s=60)
def thirty_at_once_with_credit_for_one(world):
    """30 simultaneous INVITEs, 30 channels, credit for one first block: one carried, 29 get 402 (K2, R8)."""
    calls = 30
    profile = world.profile(channels=30, credit="0.01")
    carrier = world.carrier(calls=1)
    pbx = world.pbx("carried_or_refused", profile, number=UNITED_STATES, calls=calls, rate=calls, period_ms=10,
                    final="402", options=("-d", 2000))
    seen = pbx.finish()
    carrier.finish()
    equal((seen.counter(1), seen.counter(2)), (1, 29), "carried and refused calls")
    world.settled(profile, spent="0.01", given="0.01")
    amounts = [record["amount"] for record in world.records(calls) if record["status"] == 200]
    equal(len(amounts), 1 if world.server.judges_money else 0, "answered call records")
