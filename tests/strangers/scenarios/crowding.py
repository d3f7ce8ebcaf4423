"""Many calls at a time: all carried, or exactly those that there is room for; and the books to the cent.

Not here: what one call costs the processor; that is loadtest/compare.
"""

from decimal import Decimal

import tandem_api
from scenarios import scenario
from waiting import equal


def books_agree(world, profiles, answered, cents_each, given="10.00", calls=None):
    """The sum of the call records, what the ledger charged, and what is expected are one figure.

    `calls`: how many records there are to be, where not all calls were answered. They follow the ledger a moment later.
    """
    if not world.server.judges_money:
        return
    expected = Decimal(cents_each) * answered / 100
    left = sum(tandem_api.balance(world.until_idle(profile, 30)) for profile in profiles)
    spent = Decimal(given) * len(profiles) - left
    equal(spent, expected, "what the ledger charged")
    recorded = sum(tandem_api.record_amount(record) for record in world.records(calls or answered, 30))
    equal(recorded, expected, "the sum of the call records")


@scenario(timeout_s=120, alone="200 calls with sound")
def two_hundred_calls_with_sound(world):
    """200 calls at 50 a second, RTP in both directions: none fails, each is billed once (C1, R1)."""
    calls = 200
    profile = world.profile(channels=200)
    carrier = world.carrier(calls=calls, echo=True, trace=False)
    sound = world.folder / "sound.ulaw"
    sound.write_bytes(bytes(range(256)) * 32)
    stream = (f'<nop><action><exec rtp_stream="{sound},-1,0"/></action></nop>')
    seen = world.pbx("call", profile, calls=calls, rate=50, limit=calls, trace=False, media=stream, timeout_s=60,
                     media_port="[rtpstream_audio_port]", options=("-d", 2000)).finish()
    carrier.finish()
    equal((seen.successful, seen.failed), (calls, 0), "calls through and failed")
    books_agree(world, [profile], calls, 1)
    for record in world.records(calls):
        there, back = tandem_api.packets(record)
        # 2 s are 100 packets; the first and the last may fall outside the call.
        if not (60 <= there <= 140 and 60 <= back <= 140):
            raise AssertionError(f"call {record['id']} had {there} packets there and {back} back, expected about 100")


@scenario(timeout_s=90, alone="400 calls at once")
def four_hundred_at_once_on_three_hundred_channels(world):
    """400 calls at once on 300 channels: exactly 300 are carried, 100 get 503 channels_full (C1, C2)."""
    profile = world.profile(channels=300)
    carrier = world.carrier(calls=300, trace=False)
    seen = world.pbx("carried_or_refused", profile, calls=400, rate=400, period_ms=500, limit=400, final="503",
                     trace=False, timeout_s=60, options=("-d", 6000)).finish()
    carrier.finish()
    equal((seen.counter(1), seen.counter(2)), (300, 100), "carried and refused calls")
    if world.server.judges_money:
        refusals = [record["refusal"] for record in world.records(400) if record["status"] != 200]
        equal(refusals, ["channels_full"] * 100, "what the refused calls were refused for")
    books_agree(world, [profile], 300, 1, calls=400)


@scenario(full=True, timeout_s=300, alone="100 calls a second")
def two_thousand_calls_on_two_trunks(world):
    """2,000 challenged calls at 100 a second, 5 s each, two profiles of 300: none fails, none is sent twice, the books agree
    (C1, R1)."""
    calls = 2000
    # Each call costs a cent, and while it is up one more is held for it.
    profiles = [world.profile(name=f"Trunk {number}", channels=300, credit="40.00") for number in (1, 2)]
    carrier = world.carrier(calls=calls, trace=False)
    seen = world.pbx("call", profiles, calls=calls, rate=100, limit=calls, trace=False, timeout_s=90,
                     options=("-d", 5000)).finish()
    taken = carrier.finish()
    equal((seen.successful, seen.failed, seen.retransmissions), (calls, 0, 0), "calls through, failed, retransmissions")
    equal(taken.retransmissions, 0, "retransmissions of the carrier")
    books_agree(world, profiles, calls, 1, given="40.00")
