"""The credit is kept in Redis: it goes away and comes back, and the switch dies with calls up.

Not here: what Redis loses, forgets and is made to say; those are tests of the ledger.
"""

from decimal import Decimal

import tandem_api
from redis_cluster import SecureCluster
from redis_server import RedisServer
from scenarios import scenario
from scenarios.crashing import dies_with
from scenarios.demonstrating import Demo
from waiting import equal, expect, until
from world import DEAR


@scenario(needs_switch=True, timeout_s=120, with_redis=RedisServer)
def kill_with_thirty_calls_up_on_redis(world):
    """kill -9 with 30 calls up and the credit in Redis: 30 records at what was captured, a second restart changes nothing
    (R8, K1)."""
    dies_with(world, 30)


@scenario(needs_switch=True, timeout_s=120, with_redis=RedisServer)
def redis_goes_away_in_mid_call(world):
    """Redis dies under a call: the call ends at what it has paid, a new one gets 503 at the door; Redis is back, calls pass again
    (R8)."""
    profile = world.profile(credit="5.00")
    carrier = world.carrier(calls=2)
    talking = world.pbx("call_until_bye", profile, number=DEAR, name="talking")
    world.answered_calls(1)
    equal(world.api.metric("tandem_redis_up"), 1, "tandem_redis_up")
    expect(world.api.metric("tandem_redis_command_seconds_count", op="script") > 0, "no round trip was timed")
    until(lambda: Decimal("4.95") > tandem_api.balance(world.profile_now(profile)), "the first seconds to be charged")
    world.redis.kill()
    until(lambda: not world.api.is_ready(), "the switch to say that it is not ready", 5)
    equal(world.api.metric("tandem_redis_up"), 0, "tandem_redis_up while Redis is dead")
    expect(world.api.metric("tandem_redis_errors_total", kind="connection") > 0, "the dead connection was not counted")
    world.pbx("refused", profile, name="refused", final="503").finish()
    talking.finish()
    world.redis.start()
    until(world.api.is_ready, "the switch to be ready again", 5)
    equal(world.api.metric("tandem_redis_up"), 1, "tandem_redis_up once Redis is back")
    world.pbx("call", profile, number=DEAR, name="afterwards", options=("-d", 1500)).finish()
    carrier.finish()
    now = world.until_idle(profile)
    (first, second) = sorted(world.records(2), key=lambda record: record["invited_at"])
    spent = sum(tandem_api.record_amount(record) for record in (first, second))
    equal(tandem_api.balance(now), Decimal("5.00") - spent, "the balance, less what both records say")
    equal(second["billed_s"], 2, "billed seconds of the call afterwards")
    for record in (first, second):
        equal(tandem_api.record_amount(record), Decimal("0.02") * record["billed_s"], "what the seconds of a record cost")


@scenario(needs_switch=True, with_redis=SecureCluster)
def a_call_is_charged_to_a_cluster_over_tls(world):
    """Three masters that want a certificate keep the credit: a call is billed, `ledger verify` compares all of them (design 5)."""
    profile = world.profile()
    carrier = world.carrier()
    world.pbx("call", profile, number=DEAR, options=("-d", 1500)).finish()
    carrier.finish()
    world.settled(profile, spent="0.04")
    world.record(cause="normal", status=200, amount="0.04")
    sizes = [int(world.redis.said(port, "DBSIZE")) for port in world.redis.ports]
    expect(sum(sizes) > 0, f"nothing is in the cluster: {sizes}")


@scenario(full=True, needs_switch=True, timeout_s=180, with_redis=RedisServer)
def the_demo_tells_the_same_with_redis(world):
    """`demo --redis` tells the same story as `demo`, with the same statement to the cent (K1, R1)."""
    told = {}
    for name, options in (("with_sqlite", []), ("with_redis", ["--redis", f"{world.redis.url}/1"])):
        folder = world.folder / name
        folder.mkdir()
        demo = Demo(folder, *options)
        world.agents.append(demo)
        summary = demo.told()
        equal((summary["ok"], summary["faults"]), (True, []), f"the verdict of the demo {name}")
        equal(demo.stop(), 0, "the demo's exit code")
        told[name] = summary
        for statement in summary["statements"]:
            for line in statement["lines"]:
                print(f"     {name:11} {statement['profile']:9} {line['times']:2} x {line['code']:14} {line['amount']:>7} USD, "
                      f"{line['balance']:>6} left", flush=True)
    expect(told["with_sqlite"]["statements"], "a demo without statements shows nothing")
    for what in ("statements", "books", "expected_charged"):
        equal(told["with_redis"][what] if what != "books" else without_rows(told["with_redis"]),
              told["with_sqlite"][what] if what != "books" else without_rows(told["with_sqlite"]), f"{what} with Redis")


def without_rows(summary):
    """The books without how often a lease was extended: that is a matter of time."""
    return {name: value for name, value in summary["books"].items() if name != "ledger_verify"}
