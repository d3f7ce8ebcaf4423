"""The switch dies with calls up, and comes back: every call has one record, no cent is lost or taken twice.

Not here: crashes of the simulated world with thousands of seeds; those are tests of the rooms.
"""

from decimal import Decimal

import tandem_api
from scenarios import scenario
from waiting import equal, until


def dies_with(world, calls):
    """Kills the switch with this many calls up, starts it again twice, and holds the books against each other."""
    profile = world.profile(channels=300)
    carrier = world.carrier(calls=calls, trace=False)
    pbx = world.pbx("call", profile, calls=calls, rate=100, limit=calls, trace=False, options=("-d", 120000),
                    timeout_s=150)
    # Up means answered: the record of an unanswered call would cost nothing.
    world.answered_calls(calls, 40)
    # No call waits for the disk: of a call that is a few milliseconds old at the crash nothing is known, and nothing owed. A
    # statement is read from the journal, so what it tells a crash cannot take away.
    until(lambda: charges(world, profile) >= calls, f"the charges of {calls} calls in the journal", 5)
    world.server.kill()
    pbx.kill()
    carrier.kill()

    world.server.start()
    first = told(world, profile, calls)
    for record in first["records"]:
        equal(record["cause"], "switch_restarted", "the cause in a record")
        equal(Decimal(record["amount"]), Decimal("0.01"), "the amount of a call of a few seconds")
    equal(first["balance"], Decimal("10.00") - Decimal("0.01") * calls, "the balance after the restart")
    world.server.stop()
    world.server.verify_ledger()

    world.server.start()
    second = told(world, profile, calls)
    equal(second, first, "what the API tells after a second restart")


def charges(world, profile):
    """How many calls the statement has a charge of."""
    return len({line["call"] for line in world.api.profile_statement(profile["id"]) if line["call"]})


def told(world, profile, calls):
    """Records, balance and statement, once the profile is idle."""
    now = world.until_idle(profile)
    return {
        "records": sorted(world.records(calls), key=lambda record: record["id"]),
        "balance": tandem_api.balance(now),
        "statement": world.api.profile_statement(profile["id"]),
    }


@scenario(needs_switch=True, timeout_s=120)
def kill_with_thirty_calls_up(world):
    """kill -9 with 30 calls up: 30 records at what was captured, channels and holds free, a second restart changes nothing
    (R8, K1)."""
    dies_with(world, 30)


@scenario(full=True, needs_switch=True, timeout_s=240, alone="300 calls")
def kill_with_three_hundred_calls_up(world):
    """kill -9 with 300 calls up: 300 records at what was captured, channels and holds free, a second restart changes nothing
    (R8, K1)."""
    dies_with(world, 300)
