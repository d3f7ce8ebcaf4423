"""Calls as on a working day: most are answered, some people are busy, a carrier fails now and then, a PBX mistypes its password.

Not here: who the strangers are (tests/strangers) and what is looked at meanwhile (run.py).
"""

from waiting import equal, expect
from world import DEAR, LONDON, UNITED_STATES

PBXS = 12
HELD_MS = 4000
# A carrier's fault that a day forgives: one call in ten seconds is 0.4 % of the load, below the 0.5 % that CallFailureBudgetFast measures by.
A_FAULT_EVERY_MS = 10_000


class Load:
    """Calls to carriers of three tempers, for some seconds, and PBXs that register."""

    def __init__(self, world, seconds, rate=20):
        self.world = world
        self.seconds = seconds
        answered = rate * seconds
        office = world.profile(name="Head office", channels=200, credit="60.00")
        branches = [world.profile(name=f"Branch {number}", channels=5, credit="1.00") for number in range(1, PBXS)]
        broke = world.profile(name="Spent all", channels=5, credit="0")
        allowed = {"timeout_s": seconds + 60, "trace": False}

        def carrier(name, scenario, prefix, **values):
            agent = world.agent(name, scenario, calls=None, timeout_s=seconds + 90, trace=False, **values).listening()
            world.api.create_carrier(name, agent.address, prefixes=[prefix])
            return agent

        carrier("answering", "carrier", "1202", ring_ms="400")
        carrier("busy", "carrier_refuses", "4420", final="486", phrase="Busy Here")
        carrier("failing", "carrier_refuses", "8816", final="503", phrase="Service Unavailable")

        registering = world.pbx("register", [office, *branches], calls=PBXS, rate=PBXS, name="registering", **allowed)
        equal(registering.finish().successful, PBXS, "PBXs that could register")
        self.answered = world.pbx("call", office, UNITED_STATES, answered, "answered", rate=rate, limit=answered,
                                  options=("-d", HELD_MS), **allowed)
        self.others = [
            world.pbx("refused", office, LONDON, rate // 4 * seconds, "to_the_busy", final="486", rate=rate // 4, limit=50, **allowed),
            world.pbx("refused", office, DEAR, max(1, seconds * 1000 // A_FAULT_EVERY_MS), "to_the_failing", final="503", rate=1,
                      period_ms=A_FAULT_EVERY_MS, limit=50, **allowed),
            world.pbx("refused", broke, UNITED_STATES, 2 * seconds, "without_credit", final="402", rate=2, limit=50, **allowed),
            world.pbx("register", office, calls=seconds, rate=1, name="mistyping", password="wrong", final="403", **allowed),
        ]

    def finish(self):
        """Waits for the end of the calls; those that were to be answered were."""
        seen = self.answered.finish(self.seconds + 60)
        expect(seen.failed == 0 and seen.successful > 0, f"calls that were to be answered: {seen}: {self.answered.complaint()}")
        for other in self.others:
            told = other.finish(30)
            expect(told.successful > 0, f"{other.name}: {told}: {other.complaint()}")
