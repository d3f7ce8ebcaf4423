"""Two nodes whose Redis is several servers, one of which dies with calls up at both nodes: what they admit is exactly what there is, each call is
billed as it spoke, and the books of both are clean.

Not here: two nodes with one server (sharing.py), one node with several (failing.py).
"""

from decimal import Decimal

import tandem_api
from redis_cluster import SecureReplicatedCluster
from redis_sentinel import Watched
from scenarios import scenario
from scenarios.failing import BY_SIX_SECONDS, MANY, world_charges
from scenarios.sharing import admitted_together, knows_of, of_a_cent, second_node
from spoken import billed_as_spoken
from waiting import equal, until

# Calls that `admitted_together` places for its two profiles.
PLACED = 48


class Callers:
    """Several SIPps that are asked as one."""

    def __init__(self, pbxs):
        self.pbxs = pbxs

    def logged(self):
        """What all of them have logged."""
        return [line for pbx in self.pbxs for line in pbx.logged()]

    def finish(self):
        """Waits until every call of all is through."""
        for pbx in self.pbxs:
            pbx.finish()


def a_master_dies_under_two(world, calls, talk_s):
    """Half of the calls at each of two nodes when the master that has their credit dies; then both admit what there is, and not a call more."""
    world.founded("2000.00")
    second = second_node(world, **MANY)
    nodes = (world.server, second)
    poor = of_a_cent(world, name="Poor", channels=40, credit="0.14")
    narrow = world.profile(name="Narrow", channels=9, credit="5.00")
    trunks = [world.profile(name=f"Trunk {number}", channels=min(calls, 250), credit="250.00") for number in range(-(-calls // 250))]
    carrier = world.carrier(calls=calls + 23, trace=False, timeout_s=talk_s + 90)
    until(lambda: knows_of(second, "carrier1"), "the second node to know what the first was told", 10)
    half = calls // 2
    crowd = Callers([world.pbx("call_timed", trunks, number=BY_SIX_SECONDS.number, calls=half, rate=min(half, 50), limit=half, trace=False,
                               timeout_s=talk_s + 90, talk_ms=talk_s * 1000, remote=node.sip, name=f"crowd_{node.folder.name}")
                     for node in nodes])
    for node in nodes:
        up = lambda: node.api.metric("tandem_calls_active", state="established") >= half
        until(up, f"{half} calls to be up at {node.folder.name}", 60)
    charged = [world_charges(node) for node in nodes]
    for node, before in zip(nodes, charged):
        until(lambda: world_charges(node) >= before + half, "an increment of each call", 20)
    world.redis.kill_master_of(world.company)
    until(world.redis.has_failed_over, "the replica to take over", 30)
    for node in nodes:
        until(node.api.is_ready, f"{node.folder.name} to be ready again", 30)
    equal(admitted_together(world, second, ((poor, "402"), (narrow, "503"))), {"Poor": 14, "Narrow": 9}, "calls that both nodes admitted together")
    crowd.finish()
    carrier.finish()
    billed_as_spoken(world, trunks, crowd, calls, BY_SIX_SECONDS, "250.00", others=PLACED)
    equal([tandem_api.balance(world.until_idle(profile)) for profile in (poor, narrow)], [Decimal(0), Decimal("4.91")],
          "balances of who was admitted for a cent each")
    for node in nodes:
        node.verify_ledger()
        for what in ("tandem_ledger_imbalance", "tandem_ledger_overdraft", "tandem_ledger_disagreements_total", "tandem_calls_active"):
            equal(node.api.metric(what), 0, f"{what} of {node.folder.name}")
    print(f"  {half} calls at each of two nodes, and {PLACED} at once after a replica had taken over: 14 by credit, 9 by channels")


@scenario(full=True, settings=MANY, needs_switch=True, timeout_s=300, alone="1,000 calls", with_redis=SecureReplicatedCluster)
def a_master_of_a_cluster_dies_under_a_thousand_calls_of_two_nodes(world):
    """A master of three dies under 500 calls at each of two nodes, over TLS: they cost what they spoke, 14 credits and 9 channels admit 14 and 9
    by both together, both verify clean (must-show 2, must-show 3, design 5)."""
    a_master_dies_under_two(world, 1000, 40)


@scenario(full=True, settings=MANY, needs_switch=True, timeout_s=300, alone="200 calls", with_redis=Watched)
def a_master_that_sentinels_watch_dies_under_calls_of_two_nodes(world):
    """Sentinels make a replica the master under 100 calls at each of two nodes, which come as a user of few rights: the same (must-show 2,
    must-show 3, design 5)."""
    a_master_dies_under_two(world, 200, 40)
