"""What calls have spoken by the PBX's own clock, held against what they were billed: call by call.

Not here: what broke meanwhile (scenarios/failing.py).
"""

import dataclasses
import math
from decimal import Decimal

import tandem_api
from waiting import equal, expect

# How far two clocks may see the same moment apart: the way of a message, and a busy machine.
SLACK_S = 1.0


@dataclasses.dataclass
class Tariff:
    """A number, its increments in seconds, and what each of them costs."""

    number: str
    increment_s: int
    increment: Decimal

    def begun(self, seconds):
        """The billed seconds of so many spoken ones."""
        return self.increment_s * max(1, math.ceil(seconds / self.increment_s))


def times(pbx):
    """When each call was answered and when it ended, by Call-ID; None where it did not end."""
    heard = {}
    for line in pbx.logged():
        what, call, *stamp = line.split()
        if what in ("answered", "ended"):
            heard.setdefault(call, [None, None])[what == "ended"] = float(stamp[-1])
    return heard


def billed_as_spoken(world, profiles, pbx, calls, tariff, given, died_at=None, others=0):
    """Each call has one record: never more than it spoke, rounded up; at most one increment less where the switch died; and the profiles
    have lost exactly what the records say. So many `others` have a record too, of other profiles."""
    heard = times(pbx)
    idle = [world.until_idle(profile, 60) for profile in profiles]
    records = [record for record in world.records(calls + others, 60) if not others or record["sip_call_id"] in heard]
    equal(len({record["sip_call_id"] for record in records}), calls, "calls with a record")
    unbilled = 0
    for record in records:
        answered, ended = heard[record["sip_call_id"]]
        spoken = (ended or died_at) - answered
        billed = record["billed_s"]
        least = tariff.begun(max(spoken - SLACK_S, 0)) - (tariff.increment_s if died_at else 0)
        expect(billed <= tariff.begun(spoken + SLACK_S), f"{record['id']} spoke for {spoken:.2f} s and is billed {billed}")
        expect(billed >= least, f"{record['id']} spoke for {spoken:.2f} s and is billed only {billed}")
        equal(tandem_api.record_amount(record), tariff.increment * billed / tariff.increment_s, f"the amount of {billed} s")
        unbilled += billed < tariff.begun(max(spoken - SLACK_S, 0))
    spent = sum(Decimal(given) - tandem_api.balance(profile) for profile in idle)
    equal(spent, sum(tandem_api.record_amount(record) for record in records), "what the profiles have lost, and what the records say")
    causes = sorted({record["cause"] for record in records})
    print(f"  {calls} calls, {sum(record['billed_s'] for record in records)} s billed, {spent} charged; ended by {', '.join(causes)}; "
          f"{unbilled} of them with an increment unbilled")
    return records
