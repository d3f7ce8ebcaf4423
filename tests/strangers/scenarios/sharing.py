"""The credit is kept in Redis: it goes away and comes back, and the switch dies with calls up.

Not here: what Redis loses, forgets and is made to say; those are tests of the ledger.
"""

import json
import subprocess
from decimal import Decimal

import tandem_api
from redis_cluster import SecureCluster
from redis_server import RedisServer
from scenarios import scenario
from scenarios.crashing import dies_with
from scenarios.demonstrating import Demo
from server import BINARY, Server
from tandem_api import TandemApi
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


# A cent for each call, whatever the second: what is held for the next increment is nothing. And a number that is charged by six seconds.
CENT_DECK = """\
prefix,destination,rate_per_minute,connection_fee,minimum_s,increment_s
1202,United States,0.01,,,
8818,Six seconds,0.60,,6,6
"""


def second_node(world, **settings):
    """Another process with the same store, the same Redis, and a journal and ports of its own; and with these sections of settings."""
    folder = world.folder / "second"
    folder.mkdir()
    tokens = world.server.folder / "tokens"
    second = Server(folder, {"node": {"name": "second", "data_dir": world.server.data}, "http": {"tokens_file": tokens},
                             "ledger": world.redis.ledger, **settings})
    second.api = TandemApi(second.http_port, world.server.api.token)
    world.agents.append(second)
    return second.start()


def tandem(world, *words):
    """A command of the program, with the settings of the first node; what it printed, as JSON."""
    done = subprocess.run([BINARY, *words, "--json", "--config", str(world.server.config)], cwd=world.server.folder,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    equal(done.returncode, 0, f"{' '.join(words)} ({done.stderr.strip()[-300:]}) exit code")
    return json.loads(done.stdout)


def of_a_cent(world, **more):
    """A profile whose calls cost a cent each."""
    profile = world.profile(**more)
    world.api.activate_deck(CENT_DECK, name="cent deck")
    world.api.call("PATCH", f"/companies/{world.company}", {"deck": "cent deck"})
    return profile


def knows_of(node, carrier):
    """Whether a node has taken over what another was told: this carrier, and whatever was changed before."""
    return f'tandem_carrier_up{{carrier="{carrier}"}}' in node.api.metrics()


def admitted_together(world, second, profiles):
    """How many of 24 calls of each profile, of a cent each, two nodes admit that are called 12 times at once for each, by the profile's name;
    the rest gets what is named beside it."""
    pbxs = [(profile["name"], world.pbx("carried_or_refused", profile, calls=12, rate=12, period_ms=200, limit=12, final=final,
                                        remote=node.sip, name=f"{profile['name'].lower()}_{node.folder.name}", trace=False, options=("-d", 1500)))
            for profile, final in profiles for node in (world.server, second)]
    admitted = {profile["name"]: 0 for profile, _ in profiles}
    for whose, pbx in pbxs:
        seen = pbx.finish()
        equal(seen.counter(1) + seen.counter(2), 12, "calls that were carried or refused")
        admitted[whose] += seen.counter(1)
    return admitted


@scenario(needs_switch=True, timeout_s=60, with_redis=RedisServer, alone="72 calls at two nodes")
def two_nodes_admit_together_exactly_what_there_is(world):
    """36 calls at once at each of two nodes with one Redis: credit for 14 admits 14, 9 channels admit 9 and a cap of a day for 11 admits
    11, by both together; Redis is flushed, and both go on (C1, K1, D-16)."""
    second = second_node(world)
    nodes = (("first", world.server), ("second", second))
    poor = of_a_cent(world, name="Poor", channels=40, credit="0.14")
    narrow = world.profile(name="Narrow", channels=9, credit="5.00")
    capped = world.profile(name="Capped", channels=40, credit="5.00", fraud={"daily_cap": {"amount": "0.11"}})
    carrier = world.carrier(calls=36, trace=False)
    until(lambda: knows_of(second, "carrier1"), "the second node to know what the first was told", 10)
    equal(admitted_together(world, second, ((poor, "402"), (narrow, "503"), (capped, "402"))), {"Poor": 14, "Narrow": 9, "Capped": 11},
          "calls that both nodes admitted together")
    subprocess.run(["redis-cli", "-p", str(world.redis.port), "flushall"], check=True, capture_output=True, timeout=10)
    for name, node in nodes:
        # Who asks for a balance has Redis made whole again, as a call has.
        until(lambda: tandem_api.balance(node.api.profile(narrow["id"])) == Decimal("4.91"), f"{name} to tell the balance", 10)
    for number, (name, node) in enumerate(nodes, 1):
        until(lambda: tandem_api.balance(node.api.profile(poor["id"])) == 0, f"{name} to tell that nothing is left", 10)
        world.pbx("call", narrow, remote=node.sip, name=f"afterwards_{name}", options=("-d", 200)).finish()
        equal(node.api.get(f"/profiles/{capped['id']}/fraud")["spent_today"], "0.11", f"what {name} says that counts")
        until(lambda: tandem_api.balance(node.api.profile(narrow["id"])) == Decimal("4.91") - Decimal("0.01") * number,
              f"{name} to tell the balance after its call", 10)
    carrier.finish()
    equal(sum(tandem_api.record_amount(record) for record in world.records(74)), Decimal("0.36"), "what all records say")
    lines = world.api.profile_statement(narrow["id"])
    equal(len([line for line in lines if Decimal(line["amount"]) == Decimal("-0.01")]), 11, "charges in the statement, of both nodes")
    done = subprocess.run([BINARY, "export", "journal", "--config", str(world.server.config)], cwd=world.server.folder,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    moved = [line for line in map(json.loads, done.stdout.splitlines()) if (line["code"], line["kind"]) == ("call_charge", "capture")]
    equal(sum(Decimal(line["amount"]) for line in moved), Decimal("0.36"), f"charges in the exported journals ({done.stderr})")
    equal(len({line["node"] for line in moved}), 2, "nodes whose journals are exported")


@scenario(full=True, needs_switch=True, timeout_s=60, with_redis=RedisServer)
def a_dead_nodes_calls_are_closed_by_another(world):
    """One of two nodes dies with a call up: `node retire`, refused while it lives, closes the call at what it had paid, and its channel is
    free at the other (R8)."""
    second = second_node(world)
    profile = world.profile(channels=1)
    world.carrier(calls=2)
    until(lambda: knows_of(second, "carrier1"), "the second node to know what the first was told", 10)
    world.pbx("call_until_bye", profile, number=DEAR, remote=second.sip, name="talking")
    until(lambda: second.api.live_calls() and second.api.live_calls()[0].get("answered_at"), "a call at the second node")
    until(lambda: Decimal("9.95") > tandem_api.balance(world.profile_now(profile)), "the first seconds to be charged")
    world.pbx("refused", profile, number=DEAR, name="refused", final="503").finish()
    refused = subprocess.run([BINARY, "node", "retire", "second", "--config", str(world.server.config)], cwd=world.server.folder,
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    expect(refused.returncode == 1 and "node second runs" in refused.stderr, f"a living node was retired: {refused.stderr}")
    second.kill()
    equal([(node["name"], node["state"]) for node in tandem(world, "node", "list")], [("main", "running"), ("second", "dead")],
          "the nodes")
    equal(tandem(world, "node", "retire", "second"), {"node": "second", "calls_closed": 1, "records_written": 1, "bindings_withdrawn": 0}, "what was done")
    (record,) = [record for record in world.records(2) if record["status"] == 200]
    equal(tandem_api.balance(world.until_idle(profile)), Decimal("10.00") - tandem_api.record_amount(record), "the balance")
    world.pbx("call", profile, name="afterwards", options=("-d", 100)).finish()
