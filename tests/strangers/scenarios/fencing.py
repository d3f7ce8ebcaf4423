"""Nodes that stand still, die and are retired: what becomes of their registrations and of their calls, and that nobody is charged twice.

Not here: nodes that live (sharing.py, neighbouring.py, pairing.py).
"""

import signal
import subprocess
from decimal import Decimal

import tandem_api
from redis_server import RedisServer
from scenarios import scenario
from scenarios.neighbouring import Two
from scenarios.receiving import NUMBER, SHORT_MS
from scenarios.sharing import knows_of, second_node, tandem
from server import BINARY
from sipp_agent import check_header
from tandem_api import registration
from waiting import equal, expect, until
from world import DEAR

# How long a node may be silent before the others take it for lost, and a little more.
LOST_S = 20
# How long a channel is leased, how long another node waits after that, how often it looks; and a little more.
REAPED_S = 60 + 5 + 5 + 15
# What such a node says when it goes on: whether it asks the disk or Redis first is chance.
REPLACED = ("another process has written into this one's journal", "another process was started with this node's journal")


def listed(world):
    """Node and state of each registration, as the command tells them."""
    return [(one["registration"]["node"], one["registration"]["state"]) for one in tandem(world, "registration", "list")]


def nodes_of(world, state):
    """How many other nodes the first one takes for such."""
    return world.api.metric("tandem_nodes", state=state)


@scenario(needs_switch=True, timeout_s=90, with_redis=RedisServer)
def a_pbx_at_a_node_that_is_lost_is_not_waited_for(world):
    """The node of a PBX stands still: calls get 480 that says so, or ring at the profile's fixed address; it goes on, and the PBX is called there; it is
    retired, and nothing is registered any more (RFC 3327 5.3, decision 123)."""
    two = Two(world)
    port = two.registers(node=two.second)
    equal((listed(world), nodes_of(world, "living")), ([("second", "registered")], 1), "what is listed")
    two.second.process.send_signal(signal.SIGSTOP)
    until(lambda: nodes_of(world, "lost") == 1, "the second node to be lost", LOST_S)
    equal((listed(world), world.api.metric("tandem_registrations_unreachable")), ([("second", "unreachable")], 1), "what is listed")
    lost = check_header("Warning", "pbx_not_registered: .*node second", "reason")
    two.outside.calls(NUMBER, "refused", final="480", check=lost, name="not_waited_for").finish()
    fixed = world.agent("fixed", "carrier").listening()
    authentication = {"registration": True, "ip": [{"address": "127.0.0.1", "port": fixed.port}], "certificates": []}
    world.api.call("PATCH", f"/profiles/{two.profile['id']}", {"authentication": authentication})
    two.outside.calls(NUMBER, name="at_its_address", options=("-d", SHORT_MS)).finish()
    fixed.finish()
    two.second.process.send_signal(signal.SIGCONT)
    until(lambda: listed(world) == [("second", "registered")], "the second node to be heard again", LOST_S)
    pbx = world.agent("back", "carrier", port=port).listening()
    two.outside.calls(NUMBER, name="there_again", options=("-d", SHORT_MS)).finish()
    pbx.finish()
    two.second.kill()
    equal(tandem(world, "node", "retire", "second")["bindings_withdrawn"], 1, "registrations that were withdrawn")
    until(lambda: (listed(world), nodes_of(world, "living"), nodes_of(world, "lost")) == ([], 0, 0), "the node and its registration to be gone", 3)
    equal(registration(world.profile_now(two.profile))["state"], "not_registered", "the registration")


@scenario(full=True, needs_switch=True, timeout_s=240, with_redis=RedisServer)
def a_node_that_stood_still_longer_than_its_lease_charges_nothing_any_more(world):
    """SIGSTOP with a call up: with its journal's lock it cannot be retired; the lock is taken away, the other node closes the call after its lease;
    SIGCONT: it charges nothing more, the call ends, the books of both are clean (design 5, must-show 2)."""
    second = second_node(world)
    profile = world.profile(channels=1)
    carrier = world.carrier(calls=2, timeout_s=200)
    until(lambda: knows_of(second, "carrier1"), "the second node to know what the first was told", 10)
    talking = world.pbx("call_until_bye", profile, number=DEAR, remote=second.sip, name="talking", timeout_s=200)
    until(lambda: Decimal("9.95") > tandem_api.balance(world.profile_now(profile)), "the first seconds to be charged")
    second.process.send_signal(signal.SIGSTOP)
    # Whoever stands still has its calls: nobody may close them by hand.
    refused = subprocess.run([BINARY, "node", "retire", "second", "--config", str(world.server.config)], cwd=world.server.folder,
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    expect(refused.returncode == 1 and "node second runs" in refused.stderr, f"a node that stands still was retired: {refused.stderr}")
    world.pbx("refused", profile, number=DEAR, name="no_channel", final="503").finish()
    # The lock is lost, as on a file system that forgets it: now two nodes may take the call for theirs.
    (world.server.data / "ledger-second.db.lock").unlink()
    until(lambda: tandem_api.channels_in_use(world.profile_now(profile)) == 0, "the first node to close the call", REAPED_S)
    (closed,) = [record for record in world.records(2) if record["status"] == 200]
    equal(closed["cause"], "switch_restarted", "why the call was closed")
    left = Decimal("10.00") - tandem_api.record_amount(closed)
    equal(tandem_api.balance(world.profile_now(profile)), left, "the balance once it is closed")
    second.process.send_signal(signal.SIGCONT)
    talking.finish()
    until(lambda: not second.api.is_ready(), "the second node to take no calls any more", 20)
    said = lambda: any(why in second.log.read_text(errors="replace") for why in REPLACED)
    until(said, "the second node to say why", 5)
    equal(tandem_api.balance(world.until_idle(profile)), left, "the balance after it has gone on")
    equal(len(world.records(2)), 2, "records")
    world.server.verify_ledger()
    second.kill()
    second.verify_ledger()
    second.start()
    world.pbx("call", profile, remote=second.sip, name="afterwards", options=("-d", 100)).finish()
    carrier.finish()
    world.until_idle(profile)
    for node in (world.server, second):
        node.verify_ledger()
        for what in ("tandem_ledger_imbalance", "tandem_ledger_overdraft"):
            equal(node.api.metric(what), 0, f"{what} of {node.folder.name}")
