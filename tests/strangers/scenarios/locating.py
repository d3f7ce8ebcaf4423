"""Carriers that are known by name: DNS says where they are, over what, and in which order (RFC 3263, RFC 2782).

Not here: carriers at an address (carrying.py).
"""

import socket
from contextlib import closing

from dns_server import DnsServer, a, naptr, srv
from phones import KamailioTls
from scenarios import scenario
from scenarios.carrying import attempts, rang_after_ms, refuse_late
from waiting import Failure, equal, expect, free_port, until

SHORT_MS = 300
# A dead server costs less than this before the next one rings (must-show 4).
FAILOVER_MS = 4_000
# The port is known before the switch is started: its settings name it.
DNS_PORT = free_port(tcp=False)
BY_NAME = {"dns": {"servers": [f"127.0.0.1:{DNS_PORT}"], "timeout_ms": 200, "ttl_min_s": 1, "negative_ttl_s": 1}}


class Zone(DnsServer):
    """The DNS of a scenario."""

    def __init__(self, world, zone):
        super().__init__(zone, port=DNS_PORT)
        world.agents.append(self)


def port_of(agent):
    """The port at which a SIPp listens."""
    return int(agent.address.rsplit(":", 1)[1])


def call(world, profile, number):
    """A short call; the record of the newest."""
    world.pbx("call", profile, options=("-d", SHORT_MS), name=f"pbx{number}").finish()
    return max(world.records(number), key=lambda record: record["invited_at"])


@scenario(settings=BY_NAME, needs_switch=True, measures="4 s")
def a_dead_server_of_a_service_goes_over_to_the_next_within_four_seconds(world):
    """Two SRV targets, the first one silent: the second rings under 4 s, and the next call goes there at once (RFC 3263 4.3)."""
    profile = world.profile()
    alive = world.agent("alive", "carrier", calls=2).listening()
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as dead:
        dead.bind(("127.0.0.1", 0))
        zone = Zone(world, {
            "north.example": [naptr(10, 10, "SIP+D2U", "_sip._udp.north.example")],
            "_sip._udp.north.example": [srv(10, 0, dead.getsockname()[1], "one.north.example"),
                                        srv(20, 0, port_of(alive), "two.north.example")],
            "one.north.example": [a("127.0.0.1")],
            "two.north.example": [a("127.0.0.1")],
        })
        world.api.create_carrier("north", "sip:north.example", priority=0)
        first = call(world, profile, 1)
        refuse_late(dead)
        second = call(world, profile, 2)
    alive.finish()
    for record in (first, second):
        equal(attempts(record), [("north", "answered", 200)], "attempts: within one")
    expect(1_000 <= rang_after_ms(first) < FAILOVER_MS, f"the first call rang after {rang_after_ms(first):.0f} ms")
    expect(rang_after_ms(second) < 1_000, f"the second call rang after {rang_after_ms(second):.0f} ms")
    expect(("north.example", 35) in zone.asked, f"NAPTR was not asked for: {zone.asked}")
    expect("INVITE sip:+12025550123@north.example SIP/2.0" in alive.messages(), "the Request-URI does not say the domain")
    expect(world.api.metric("tandem_dns_queries_total", kind="srv", outcome="ok") >= 1, "no question was counted")


@scenario(settings=BY_NAME, needs_switch=True)
def a_service_that_moves_is_followed_and_stays_known_while_dns_is_gone(world):
    """A name's answer runs out and another one comes: calls go there; then DNS falls silent, and they still do (RFC 3263 4.2)."""
    profile = world.profile()
    old, new = (world.agent(name, "carrier", calls=1).listening() for name in ("old", "new"))
    service = "_sip._udp.south.example"
    zone = Zone(world, {service: [srv(0, 0, port_of(old), "one.south.example")], "one.south.example": [a("127.0.0.1")]})
    world.api.create_carrier("south", "south.example", priority=0)
    call(world, profile, 1)
    old.finish()
    zone.zone[service] = [srv(0, 0, port_of(new), "one.south.example")]
    asked = len(zone.asked)
    # Asked twice for the service: the first new answer is in force by then.
    until(lambda: zone.asked[asked:].count((service, 33)) >= 2, "DNS to be asked again", 6)
    zone.is_silent = True
    until(lambda: world.api.metric("tandem_dns_queries_total", kind="srv", outcome="timeout") >= 1, "DNS to be missed", 6)
    call(world, profile, 2)
    new.finish()
    world.settled(profile, spent="0.02")


@scenario(settings=BY_NAME, needs_switch=True)
def a_carrier_whose_name_does_not_exist_is_left_at_once_and_calls_by_its_name_when_it_does(world):
    """No such name: the next carrier rings at once; once it exists, its calls are known by where its name is (RFC 3263 4)."""
    profile = world.profile()
    zone = Zone(world, {})
    world.api.create_carrier("nowhere", "nowhere.example", priority=0)
    second = world.carrier(priority=2)
    record = call(world, profile, 1)
    second.finish()
    equal(attempts(record), [("nowhere", "unresolved", 0), ("carrier1", "answered", 200)], "attempts")
    expect(rang_after_ms(record) < 2_000, f"it rang after {rang_after_ms(record):.0f} ms")
    number, port = "+12025550199", free_port()
    world.api.create_number(number, profile)
    zone.zone = {"_sip._udp.nowhere.example": [srv(0, 0, port, "here.example")], "here.example": [a("127.0.0.1")]}

    def is_known():
        caller = world.agent(f"caller{len(world.agents)}", "refused", remote=world.server.sip, port=port, final="480",
                             users=[("+447824500000", "[authentication]", number)], opening="{{invite_unchallenged}}")
        statistics = caller.end()
        if statistics.failed:
            raise Failure(f"its call is not taken for its own: {caller.complaint()}")
        return True

    until(is_known, "the carrier to be known by its name", 8)


class Naming:
    """An authority whose bearer has one name."""

    def __init__(self, authority, host):
        self.authority, self.host, self.ca = authority, host, authority.ca

    def issue(self, name):
        """As the authority, for this name."""
        return self.authority.issue(f"{name}.{self.host}", f"DNS:{self.host}")


@scenario(settings={**BY_NAME, "tls": {}}, needs_switch=True)
def a_certificate_must_bear_the_domain_and_not_the_host_that_dns_names(world):
    """TLS by SRV: who bears the carrier's domain is called, who bears the name of the server that DNS says is not (RFC 5922 4)."""
    profile = world.profile()
    subscriber = world.agent("subscriber", "carrier").listening()
    zone = Zone(world, {"edge.example": [a("127.0.0.1")]})
    for domain, bears in (("honest.example", "honest.example"), ("forged.example", "edge.example")):
        folder = world.folder / domain
        kamailio = KamailioTls(folder, world.server.tls, Naming(world.server.authority, bears), subscriber.address)
        world.agents.append(kamailio)
        zone.zone[f"_sips._tcp.{domain}"] = [srv(0, 0, kamailio.tls_port, "edge.example")]
    carrier = world.api.create_carrier("secure", "sip:honest.example;transport=tls")["id"]
    call(world, profile, 1)
    subscriber.finish()
    world.api.call("PATCH", f"/carriers/{carrier}", {"addresses": ["sip:forged.example;transport=tls"]})
    world.pbx("refused", profile, final="503", name="refused").finish()
    outcomes = sorted(attempts(record)[0][1:] for record in world.records(2))
    equal(outcomes, [("answered", 200), ("unreachable", 0)], "attempts")
