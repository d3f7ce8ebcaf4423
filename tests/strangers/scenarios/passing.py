"""What follows the beginning of a call that another node passes on to its PBX: changes, hold, refreshes, hang-ups and CANCEL of both sides, over
every way that a PBX registers by (RFC 3261 16.11, RFC 3327).

Not here: that such a call comes to be at all, and what becomes of the binding (neighbouring.py).
"""

import sound
from changing_ends import Stream, ask, begin, description, finish, flow_of, hang_up, reply, sound_of, status_of
from phones import Baresip
from redis_server import RedisServer
from registered import OUTSIDE, BehindNat, OverTcp, OverTls, OverWebSocket, Trunk
from scenarios import scenario
from scenarios.changing import hold
from scenarios.encrypting import MANDATORY
from scenarios.neighbouring import Two
from scenarios.receiving import NUMBER
from tandem_api import registration
from waiting import equal, expect, until

BOTH = {"tls": {}, "websocket": {}}
# A session that is refreshed (RFC 4028 4); the least that the switch takes.
REFRESHED = ("Supported: timer", "Session-Expires: 1800;refresher=uac")


def lives_its_life(world, two, pbx, transport):
    """The PBX registers at the first node; calls that come to the second change in every way, and end in every way."""
    pbx.registers(world.server.sip if transport != "tls" else world.server.tls, two.profile)
    told = lambda: registration(two.second.api.profile(two.profile["id"]))["transport"] == transport
    until(told, f"the second node to tell of a binding over {transport}", 5)
    records = len(world.api.records())
    with Trunk(two.second.sip, two.outside.port) as trunk:
        there, here = trunk.calls(NUMBER, pbx)
        for asking, asked in ((here, there), (there, here)):
            for flow, answered in (("sendonly", "recvonly"), ("sendrecv", "sendrecv")):
                answer, told, _ = hold(asking, asked, 9, 9, flow)
                equal((flow_of(answer), flow_of(told)), (answered, flow), f"{flow} over {transport}: the answer, and what the other side is told")
        for side in (here, there):
            refreshed = ask(side, "UPDATE", more=REFRESHED)
            expect(status_of(refreshed) == 200 and "Session-Expires: 1800" in refreshed, f"a refresh over {transport}: {refreshed}")
        number = begin(here, "BYE")
        reply(there, "BYE")
        equal(status_of(finish(here, "BYE", number)), 200, "the answer to the PBX's BYE")
        there, here = trunk.calls(NUMBER, pbx)
        hang_up(there, here)
        trunk.gives_up(NUMBER, pbx)
    until(lambda: len(world.api.records()) == records + 3, "three records")
    ended = [(record["status"], record["cause"]) for record in world.api.records()[:3]]
    equal(sorted(ended), [(200, "normal"), (200, "normal"), (487, "cancelled")], f"how calls ended over {transport}")


@scenario(needs_switch=True, with_redis=RedisServer, settings=BOTH, timeout_s=90)
def a_call_that_another_node_passes_on_is_changed_and_ended_over_every_way(world):
    """Over UDP behind NAT, TCP, TLS, WS and WSS: hold and resume, refreshes, hang-ups of both sides and CANCEL go by the node that the PBX is
    registered at (RFC 3261 16.11, RFC 3327 5.3, RFC 7118, RFC 4028)."""
    two = Two(world)
    server = world.server
    for transport, pbx in (("udp", BehindNat(server.sip)), ("tcp", OverTcp(server.sip)), ("tls", OverTls(server.tls, server.authority.ca)),
                           ("ws", OverWebSocket(server.ws_port)), ("wss", OverWebSocket(server.wss_port, server.authority.ca))):
        with pbx:
            lives_its_life(world, two, pbx, transport)
        equal(two.passed("refused"), 0, f"messages that did not pass over {transport}")


@scenario(needs_switch=True, with_redis=RedisServer)
def a_pbx_behind_nat_of_one_node_is_heard_at_another(world):
    """The PBX names another port for its sound than it comes from: the second node sends there where it comes from, if that is the address that it
    registered from, which is not the one that its messages come from (RFC 3581, S14)."""
    two = Two(world)
    ends = Stream(0xA), Stream(0xB, OUTSIDE)
    try:
        with BehindNat(world.server.sip) as pbx, Trunk(two.second.sip, two.outside.port) as trunk:
            pbx.registers(world.server.sip, two.profile)
            two.until_known(None)
            there, here = trunk.calls(NUMBER, pbx, ends[0].port)
            ends[0].to, ends[1].to = sound_of(there.answer), sound_of(here.offer)
            until(lambda: all(len(end.heard) > 50 for end in ends), "a second of sound both ways", 10)
            # It moves to another port, and says so by a re-INVITE, which is passed on too.
            heard = len(ends[0].heard)
            ends[1].move()
            equal(status_of(ask(here, "INVITE", description(8))), 200, "the answer to another port")
            until(lambda: len(ends[0].heard) > heard + 50, "sound from there", 10)
            hang_up(there, here)
    finally:
        for end in ends:
            end.close()
    world.until_idle(two.profile)
    world.record(status=200, cause="normal", direction="inbound")


@scenario(needs_switch=True, with_redis=RedisServer, settings={"tls": {}}, timeout_s=90)
def a_secure_phone_of_one_node_is_called_from_another(world):
    """baresip over TLS insists on SRTP and is registered at the first node: the second, which has no TLS at all, gives it its keys, and what it
    plays is heard by a plain carrier (RFC 4568, RFC 3327 5.3, T7)."""
    two = Two(world, srtp="required")
    played = sound.sweep(5)
    plays = world.folder / "plays.wav"
    sound.write_wave(plays, played)
    phone = Baresip(world.folder, world.server.tls, two.profile, plays, account=MANDATORY, transport="tls",
                    authority=world.server.authority.ca, answers_as=NUMBER.strip("+"))
    world.agents.append(phone)
    phone.until_registered()
    two.until_known(None)
    equal(registration(two.second.api.profile(two.profile["id"]))["transport"], "tls", "the transport as the second node tells it")
    caller = two.called("call_until_bye", name="hears")
    until(lambda: [call for call in two.second.api.live_calls() if call.get("answered_at")], "the call to be answered")
    phone.until_event("CALL_ESTABLISHED")
    caller.finish()
    world.until_idle(two.profile)
    there, back = (int(count) for count in world.record(status=200, direction="inbound", cause="normal")["packets"])
    expect(back >= 200, f"{back} packets of the phone were decrypted, and {there} came from the carrier")
    expect(two.passed("to_pbx") >= 2 and two.passed("to_node") >= 1, "the call did not go by the first node")
