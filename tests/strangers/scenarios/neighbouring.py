"""A PBX is registered at one node of a house, and calls for it come to another (RFC 3327, RFC 3261 16, P2).

Not here: credit and channels of several nodes (sharing.py).
"""

import re

import sound
import tandem_api
from phones import Baresip
from redis_server import RedisServer
from scenarios import scenario
from scenarios.receiving import NUMBER, SHORT_MS, TELL_MEDIA, Outside
from scenarios.sharing import knows_of, second_node
from tandem_api import registration
from waiting import Failure, equal, expect, until

SECONDS = 2


class Two:
    """Two nodes; a carrier that calls the second, where no PBX is registered."""

    def __init__(self, world, **more):
        self.world = world
        self.second = second_node(world)
        self.profile = world.profile(**more)
        world.api.create_number(NUMBER, self.profile)
        self.outside = Outside(world)
        until(lambda: knows_of(self.second, "outside"), "the second node to know what the first was told", 10)

    def registers(self, name="registers", node=None, port=None, **values):
        """Registers the PBX at the first node (or another), and gives its port once both know it."""
        agent = self.world.pbx("register", self.profile, name=name, remote=(node or self.world.server).sip, port=port, **values)
        agent.finish()
        self.until_known(agent.port)
        return agent.port

    def until_known(self, port, deadline_s=5):
        """Waits until both nodes tell of a binding at this port (none for any)."""
        for node in (self.world.server, self.second):
            def is_there():
                state = registration(node.api.profile(self.profile["id"]))
                if state["state"] == "registered" and (port is None or f":{port}" in str(state.get("contact"))):
                    return state
                raise Failure(str(state))
            until(is_there, f"{node.folder.name} to know of a binding at {port}", deadline_s)

    def until_gone(self, deadline_s=5):
        """Waits until no node tells of a binding."""
        for node in (self.world.server, self.second):
            until(lambda: registration(node.api.profile(self.profile["id"]))["state"] != "registered", "no binding", deadline_s)

    def called(self, scenario="call", **values):
        """The carrier calls the number at the second node."""
        return self.outside.calls(NUMBER, scenario, remote=self.second.sip, **values)

    def rings(self, port, name):
        """A short call that comes to the second node is answered by the PBX at this port."""
        pbx = self.world.agent(f"{name}_pbx", "carrier", port=port).listening()
        self.called(name=name, options=("-d", SHORT_MS)).finish()
        pbx.finish()

    def passed(self, way):
        """Messages that the first node has passed on this way."""
        return self.world.api.metric("tandem_sip_passed_total", way=way)


@scenario(needs_switch=True, timeout_s=60, with_redis=RedisServer)
def a_pbx_registered_at_one_node_is_called_from_another(world):
    """A call that comes to the second node rings at the PBX that is registered at the first: sound goes there and back without the first,
    both sides hang up, cancel and refuse, and it is registered once whatever it moves to (RFC 3327 5.3, RFC 3261 16.11, P2)."""
    two = Two(world, channels=1)
    port = two.registers()
    seen = registration(two.second.api.profile(two.profile["id"]))
    equal((seen["node"], seen["source"]), ("main", f"127.0.0.1:{port}"), "node and source of the binding as the second node tells it")
    pbx = world.agent("pbx", "carrier", port=port, echo=True).listening()
    end = sound.RtpEnd()
    try:
        caller = two.called(check=TELL_MEDIA, media_port=str(end.port), media_ip="127.0.0.1",
                            options=("-d", SECONDS * 1000 + 1500))
        line = until(lambda: [one for one in caller.logged() if "media " in one], "the switch's media port")[0]
        end.send(("127.0.0.1", int(re.search(r"media ([0-9]+)", line).group(1))), sound.sweep(SECONDS))
        sent = len(end.sent)
        until(lambda: end.returned() >= sent - 10, f"{sent - 10} of {sent} packets to come back", 3)
        equal(two.passed("to_pbx") >= 2, True, "INVITE and ACK went by the first node")
        equal(world.api.metric("tandem_media_ports_in_use"), 0, "ports of the first node")
        caller.finish()
    finally:
        end.close()
    pbx.finish()
    pbx = world.agent("hangs_up", "carrier_hangs_up", port=port, hold_ms=str(SHORT_MS)).listening()
    two.called("call_until_bye", name="hung_up_on").finish()
    pbx.finish()
    expect(two.passed("to_node") >= 1, "the PBX's BYE did not go by the first node")
    pbx = world.agent("cancelled", "carrier_cancelled", port=port).listening()
    two.called("cancel", name="gives_up").finish()
    pbx.finish()
    pbx = world.agent("refuses", "carrier_refuses", port=port, final="486", phrase="Busy Here").listening()
    two.called("refused", final="486", name="hears_busy").finish()
    pbx.finish()
    equal([world.api.metric("tandem_registrations_active"), two.second.api.metric("tandem_registrations_active")], [1, 0], "bindings held")
    # It moves to the second node, and goes away there although it came back to the first meanwhile.
    two.registers("moves", node=two.second, port=port)
    until(lambda: [node.api.metric("tandem_registrations_active") for node in (world.server, two.second)] == [0, 1], "one to hold it")
    two.rings(port, "at_home")
    two.registers("comes_back", port=port)
    world.pbx("register", two.profile, name="goes_away", expires="0", port=port, remote=two.second.sip).finish()
    two.until_gone()
    world.until_idle(two.profile)
    answered = [record for record in world.records(5) if record["status"] == 200]
    equal([(record["direction"], record["amount"]) for record in answered], [("inbound", "0.00")] * 3, "calls that were answered")


@scenario(needs_switch=True, timeout_s=60, with_redis=RedisServer)
def a_phone_on_a_connection_of_one_node_is_called_from_another(world):
    """baresip registers over TCP at the first node; a call that comes to the second reaches it by that connection, is charged once, and
    ends for all when it hangs up; gone with its connection, it is unregistered everywhere (RFC 5626 5.3)."""
    # Another profile of the house, which calls the number from the second node: two legs, one charge.
    caller = world.profile(name="Branch office")
    two = Two(world)
    plays = world.folder / "plays.wav"
    sound.write_wave(plays, sound.sweep(3))
    phone = Baresip(world.folder, world.server.sip, two.profile, plays, transport="tcp", answers_as=NUMBER.strip("+"))
    world.agents.append(phone)
    phone.until_registered()
    two.until_known(None)
    world.pbx("call", caller, number=NUMBER, name="caller", remote=two.second.sip, options=("-d", 1500)).finish()
    expect(two.passed("to_pbx") >= 3, "INVITE, ACK and BYE did not go by the first node")
    two.called("call_until_bye", name="hung_up_on")
    until(lambda: [call for call in two.second.api.live_calls() if call.get("answered_at")], "the call to be answered")
    # Which the phone does by itself when it has played all that it has.
    until(lambda: two.passed("to_node") >= 1, "the phone's BYE")
    until(lambda: not two.second.api.live_calls(), "the call to be over")
    phone.stop()
    two.until_gone()
    records = world.records(3)
    outgoing = [record for record in records if record["direction"] == "outbound"]
    equal([record["status"] for record in records], [200] * 3, "records")
    equal(tandem_api.balance(world.until_idle(caller)), 10 - sum(tandem_api.record_amount(record) for record in outgoing), "the balance")


@scenario(needs_switch=True, timeout_s=90, with_redis=RedisServer)
def bindings_outlive_redis_and_the_node_that_holds_them(world):
    """Redis is flushed, killed and started again, and the node that holds a binding dies and comes back: each time the PBX is reachable
    from the other node again, without having registered anew (design 6)."""
    two = Two(world)
    port = two.registers()
    equal(world.redis.said("flushall"), "OK", "FLUSHALL")
    for node in (world.server, two.second):
        # Who asks for a balance has Redis made whole again, as a call has.
        until(lambda: tandem_api.balance(node.api.profile(two.profile["id"])) == 10, f"{node.folder.name} to tell the balance", 10)
    until(lambda: world.redis.said("hlen", "tandem:{board}:rows") == "3", "both nodes to say again where they are, and the binding")
    two.rings(port, "after_flush")
    world.redis.kill()
    until(lambda: not two.second.api.is_ready(), "the second node to notice", 5)
    # What comes meanwhile is answered from memory, and told to the others when Redis is back.
    world.pbx("register", two.profile, name="meanwhile", port=port, contact_params=";meanwhile").finish()
    world.redis.start()
    until(lambda: two.second.api.is_ready(), "the second node to be ready", 10)
    until(lambda: "meanwhile" in registration(two.second.api.profile(two.profile["id"]))["contact"], "the second node to hear of it", 10)
    until(lambda: world.api.is_ready(), "the first node to be ready", 10)
    two.rings(port, "after_restart_of_redis")
    world.server.kill()
    world.server.start()
    two.until_known(port)
    equal(world.api.metric("tandem_registrations_active"), 1, "bindings that the first node has found again")
    two.rings(port, "after_restart_of_the_node")
    world.until_idle(two.profile)
    equal([record["status"] for record in world.records(3)], [200] * 3, "calls")
