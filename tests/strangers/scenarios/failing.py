"""The ledger fails while people talk: the switch dies, Redis dies, fails over, is flushed or stands still, the disk is full. Each call is
held against what the PBX's own clock says that it spoke.

Not here: the same without calls, failure by failure (ledger/tests/failures.rs), and the table of them all (docs/failures.md).
"""

import sqlite3
import subprocess
import time
from decimal import Decimal

from redis_cluster import ReplicatedCluster
from redis_server import RedisServer
from scenarios import scenario
from spoken import Tariff, billed_as_spoken
from waiting import equal, expect, until
from world import DEAR

# What both destinations cost (server.DECK).
BY_THE_SECOND = Tariff(DEAR, 1, Decimal("0.02"))
BY_SIX_SECONDS = Tariff("+88181234567", 6, Decimal("0.06"))
MANY = {"sip": {"calls_per_second_max": 400, "calls_max": 2000}}
# SIPp cannot hang up in the very instant in which it is hung up on (calling.byes_that_cross can): so the PBX does not hang up where the
# switch may, at the end of an increment.
AMID_A_SECOND_MS = 500
# Who is told that a file is full instead of being ended by a signal, as by a disk.
HEEDLESS = ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"]


class Crowd:
    """Calls that are up, and what they are billed by."""

    def __init__(self, world, calls, tariff, talk_s):
        self.world, self.calls, self.tariff = world, calls, tariff
        # More than all of them can speak for.
        self.credit = "250.00"
        trunks = max(1, calls // 250)
        world.founded("1000.00")
        self.profiles = [world.profile(name=f"Trunk {number}", channels=min(calls, 250), credit=self.credit) for number in range(trunks)]
        self.carrier = world.carrier(calls=calls, trace=False, timeout_s=talk_s + 60)
        self.pbx = world.pbx("call_timed", self.profiles, number=tariff.number, calls=calls, rate=min(calls, 100), limit=calls,
                             trace=False, timeout_s=talk_s + 60, talk_ms=talk_s * 1000 + AMID_A_SECOND_MS)
        until(lambda: world.api.metric("tandem_calls_active", state="established") >= calls, f"{calls} calls to be up", 60)

    def speaks(self, increments):
        """Waits until every call has begun so many increments since."""
        of_each = lambda: world_charges(self.world)
        before = of_each()
        until(lambda: of_each() >= before + self.calls * increments, f"{increments} increments of each call",
              self.tariff.increment_s * increments + 10)

    def is_billed_as_spoken(self):
        """The calls end, and are billed."""
        self.pbx.finish()
        self.carrier.finish()
        return self.judged()

    def judged(self, died_at=None):
        """Billed as spoken, and the books are clean, of a running switch too."""
        records = billed_as_spoken(self.world, self.profiles, self.pbx, self.calls, self.tariff, self.credit, died_at)
        self.world.server.verify_ledger()
        for what in ("tandem_ledger_imbalance", "tandem_ledger_overdraft"):
            equal(self.world.api.metric(what), 0, what)
        return records


def world_charges(world):
    """How many increments have been charged."""
    return world.api.metric("tandem_charge_tick_seconds_count")


def the_switch_dies(world, calls, tariff, talk_s):
    """Kills it, and starts it again."""
    crowd = Crowd(world, calls, tariff, talk_s)
    crowd.speaks(1)
    died_at = time.time()
    world.server.kill()
    crowd.pbx.kill()
    crowd.carrier.kill()
    world.server.start()
    for record in crowd.judged(died_at):
        equal(record["cause"], "switch_restarted", "the cause in a record")


def redis_dies(world, calls, tariff, talk_s):
    """Kills it until the switch has noticed."""
    crowd = Crowd(world, calls, tariff, talk_s)
    crowd.speaks(1)
    world.redis.kill()
    until(lambda: not world.api.is_ready(), "the switch to notice", 10)
    world.redis.start()
    until(world.api.is_ready, "the switch to be ready again", 10)
    crowd.is_billed_as_spoken()
    equal(world.api.metric("tandem_ledger_disagreements_total"), 0, "answers of Redis that did not follow")


def redis_is_flushed(world, calls, tariff, talk_s):
    """Takes everything away from it under the calls, twice."""
    crowd = Crowd(world, calls, tariff, talk_s)
    for _ in range(2):
        crowd.speaks(1)
        world.redis.said("FLUSHALL")
    causes = {record["cause"] for record in crowd.is_billed_as_spoken()}
    equal(causes, {"normal"}, "why calls ended")
    expect(world.api.metric("tandem_ledger_rebuilt_total") >= 2, "nothing was made again")
    equal(world.api.metric("tandem_ledger_disagreements_total"), 0, "answers of Redis that did not follow")


def the_disk_is_full(world, calls, tariff, talk_s):
    """No file of the switch may grow until it has noticed."""
    world.server.stop()
    world.server.prefix = HEEDLESS
    world.server.start()
    crowd = Crowd(world, calls, tariff, talk_s)
    crowd.speaks(1)
    may_grow_to(world, 4096)
    until(lambda: world.api.metric("tandem_ledger_journal_stalled") == 1, "the journal to be stalled", 20)
    until(lambda: not world.api.is_ready(), "the switch not to be ready", 10)
    world.pbx("refused", crowd.profiles[0], name="refused", final="503").finish()
    may_grow_to(world, "unlimited")
    until(world.api.is_ready, "the switch to be ready again", 10)
    crowd.is_billed_as_spoken()
    expect(world.api.metric("tandem_ledger_journal_failures_total") > 0, "no failure was counted")
    equal(world.api.metric("tandem_ledger_journal_stalled"), 0, "tandem_ledger_journal_stalled at the end")


def may_grow_to(world, size):
    """Limits the files of the running switch."""
    subprocess.run(["prlimit", "--pid", str(world.server.process.pid), f"--fsize={size}:unlimited"], check=True)


@scenario(needs_switch=True, timeout_s=90)
def the_switch_dies_and_each_call_is_billed_as_it_spoke(world):
    """kill -9 with 50 calls up: each is billed what the PBX's clock says, at most one increment less, none twice (must-show 2, R8)."""
    the_switch_dies(world, 50, BY_THE_SECOND, 60)


@scenario(needs_switch=True, timeout_s=90, with_redis=RedisServer)
def redis_dies_and_each_call_is_billed_as_it_spoke(world):
    """kill -9 of Redis under 50 calls: each ends at what it has paid or goes on, and is billed what the PBX's clock says (must-show 2, R8)."""
    redis_dies(world, 50, BY_THE_SECOND, 4)


@scenario(needs_switch=True, timeout_s=90, with_redis=RedisServer)
def a_flushed_redis_costs_nothing(world):
    """FLUSHALL twice under 50 calls: nobody notices, each is billed what the PBX's clock says (must-show 2, design 5)."""
    redis_is_flushed(world, 50, BY_THE_SECOND, 4)


@scenario(needs_switch=True, timeout_s=90)
def a_full_disk_lets_no_call_in_and_is_left_behind_by_itself(world):
    """The journal's disk is full under 50 calls: 503 at the door, calls end at what they have paid, and with room everything goes on by itself (must-show 2, R8)."""
    the_disk_is_full(world, 50, BY_THE_SECOND, 4)


@scenario(full=True, settings=MANY, needs_switch=True, timeout_s=300, alone="1,000 calls")
def a_thousand_calls_and_the_switch_dies(world):
    """kill -9 with 1,000 calls that tick every 6 s: at most one increment of each is unbilled, none is billed twice (must-show 2, R8)."""
    the_switch_dies(world, 1000, BY_SIX_SECONDS, 120)


@scenario(full=True, settings=MANY, needs_switch=True, timeout_s=300, alone="1,000 calls", with_redis=RedisServer)
def a_thousand_calls_on_redis_and_the_switch_dies(world):
    """The same with the credit in Redis (must-show 2, R8)."""
    the_switch_dies(world, 1000, BY_SIX_SECONDS, 120)


@scenario(full=True, settings=MANY, needs_switch=True, timeout_s=300, alone="1,000 calls", with_redis=RedisServer)
def a_thousand_calls_and_redis_dies(world):
    """kill -9 of Redis under 1,000 calls that tick every 6 s: it costs nobody anything (must-show 2, R8)."""
    redis_dies(world, 1000, BY_SIX_SECONDS, 40)


@scenario(full=True, settings=MANY, needs_switch=True, timeout_s=300, alone="1,000 calls", with_redis=RedisServer)
def a_thousand_calls_and_redis_is_flushed(world):
    """FLUSHALL twice under 1,000 calls that tick every 6 s: it costs nobody anything (must-show 2, design 5)."""
    redis_is_flushed(world, 1000, BY_SIX_SECONDS, 40)


@scenario(full=True, settings=MANY, needs_switch=True, timeout_s=300, alone="1,000 calls")
def a_thousand_calls_and_the_disk_is_full(world):
    """The journal's disk is full under 1,000 calls that tick every 6 s: it costs nobody anything (must-show 2, R8)."""
    the_disk_is_full(world, 1000, BY_SIX_SECONDS, 40)


@scenario(full=True, settings=MANY, needs_switch=True, timeout_s=300, alone="1,000 calls", with_redis=ReplicatedCluster)
def a_thousand_calls_and_a_master_fails_over(world):
    """A master of three dies under 1,000 calls that tick every 6 s, and its replica takes over: it costs nobody anything (must-show 2, design 5)."""
    crowd = Crowd(world, 1000, BY_SIX_SECONDS, 40)
    crowd.speaks(1)
    world.redis.kill_master_of(world.company)
    until(lambda: world.redis.has_failed_over(), "the replica to take over", 30)
    until(world.api.is_ready, "the switch to be ready again", 20)
    crowd.is_billed_as_spoken()


@scenario(needs_switch=True, timeout_s=90, with_redis=RedisServer)
def calls_speak_on_while_redis_stands_still(world):
    """credit_failure = continue: Redis stands still for 3 s, the call speaks on within its risk, and all of it is charged afterwards (RFC 8506 5.7)."""
    profile = world.profile(credit="5.00", credit_failure={"handling": "continue", "for_s": 30, "risk": "1.00"})
    carrier = world.carrier()
    pbx = world.pbx("call_timed", profile, number=DEAR, trace=False, talk_ms=7000)
    until(lambda: world_charges(world) >= 2, "the first seconds to be charged", 10)
    world.redis.stand_still()
    until(lambda: world.api.metric("tandem_credit_risk_total", outcome="taken") >= Decimal("0.06"), "three increments at risk", 20)
    world.redis.go_on()
    until(world.api.is_ready, "the switch to be ready again", 10)
    pbx.finish()
    carrier.finish()
    (record,) = billed_as_spoken(world, [profile], pbx, 1, BY_THE_SECOND, "5.00")
    equal((record["cause"], record["written_off"]), ("normal", "0.00"), "how it ended, and what nobody pays")
    risk = lambda outcome: world.api.metric("tandem_credit_risk_total", outcome=outcome)
    equal((risk("covered"), risk("written_off")), (risk("taken"), 0), "the risk that was covered and written off")


@scenario(needs_switch=True)
def records_wait_for_a_store_that_somebody_locks(world):
    """Somebody holds tandem.db: the call is carried and charged, its record waits, is seen to wait, and follows by itself (design 6)."""
    profile = world.profile()
    carrier = world.carrier()
    other = sqlite3.connect(world.server.data / "tandem.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    world.pbx("call", profile, number=DEAR, options=("-d", 500)).finish()
    carrier.finish()
    world.settled(profile, spent="0.02")
    until(lambda: world.api.metric("tandem_cdr_spool_records") == 1, "the record to be seen to wait", 10)
    other.execute("COMMIT")
    other.close()
    world.record(cause="normal", amount="0.02")
    until(lambda: world.api.metric("tandem_cdr_spool_records") == 0, "nothing to wait any more", 10)
