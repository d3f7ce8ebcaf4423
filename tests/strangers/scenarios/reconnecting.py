"""Connections that are lost in the middle of a call and come again, connections to PBXs that do not register, and connections that are
taken for both ways (RFC 3261 18, RFC 5923).

Not here: TLS itself (securing.py), idle and broken connections (attacking.py).
"""

import handmade
from changing_ends import begin, description, finish, hang_up, reply, status_of
from dns_server import DnsServer, a
from phones import KamailioTls
from scenarios import scenario
from scenarios.receiving import NUMBER, Outside
from streams import SecureLine, StreamCaller, StreamCarrier
from waiting import Failure, equal, expect, free_port, until
from world import UNITED_STATES

# The port is known before the switch is started: its settings name it.
DNS_PORT = free_port(tcp=False)
BY_NAME = {"dns": {"servers": [f"127.0.0.1:{DNS_PORT}"], "timeout_ms": 200, "ttl_min_s": 1, "negative_ttl_s": 1},
           "tls": {"client_certificates": "optional"}}
PBX = "pbx.example.com"


def named(world):
    """PBX is at this machine, DNS says."""
    world.agents.append(DnsServer({PBX: [a("127.0.0.1")]}, port=DNS_PORT))


def until_noticed(world):
    """Waits until the switch knows of no connection over TCP any more."""
    until(lambda: world.api.metric("tandem_sip_connections", transport="tcp") == 0, "the switch to notice the loss", 5)


@scenario(needs_switch=True)
def a_pbx_whose_connection_was_lost_goes_on_over_another_one(world):
    """A PBX's TCP connection is cut in mid-call: its re-INVITE and BYE from another port are taken, and a BYE to it opens a connection to its
    Contact (RFC 3261 12.2.1.1, 18.1.1)."""
    profile = world.profile()
    with handmade.Carrier() as trunk, StreamCaller(world.server.sip, profile) as line:
        world.api.create_carrier("handmade", trunk.address, priority=1)
        line.connect()
        pbx, carrier = line.call(UNITED_STATES, trunk)
        line.again()
        number = begin(pbx, "INVITE", description(9, "sendonly"))
        equal(status_of(finish(pbx, "INVITE", number)), 200, "the answer to a re-INVITE over another connection")
        reply(carrier, "INVITE", description(9, "recvonly"))
        line.again()
        hang_up(pbx, carrier)
        pbx, carrier = line.call(UNITED_STATES, trunk)
        line.cut()
        until_noticed(world)
        number = begin(carrier, "BYE")
        line.accept()
        reply(pbx, "BYE")
        equal(status_of(finish(carrier, "BYE", number)), 200, "the answer to the carrier's BYE")
    world.until_idle(profile)
    equal([record["cause"] for record in world.records(2)], ["normal", "normal"], "causes")


@scenario(needs_switch=True)
def a_carrier_whose_connection_was_lost_goes_on_over_another_one(world):
    """The TCP connection to a carrier is cut in mid-call: our BYE opens another one to its Contact, and a BYE that it sends from a port of
    its system's choice is taken (RFC 3261 12.2.1.1, 18.1.1)."""
    profile = world.profile()
    with StreamCarrier() as trunk, handmade.Caller(world.server.sip, profile) as line:
        world.api.create_carrier("handmade", trunk.address, transport="tcp", priority=1)
        pbx, carrier = line.call(UNITED_STATES, trunk)
        trunk.cut()
        until_noticed(world)
        number = begin(pbx, "BYE")
        trunk.accept()
        reply(carrier, "BYE")
        equal(status_of(finish(pbx, "BYE", number)), 200, "the answer to the PBX's BYE")
        trunk.cut()
        pbx, carrier = line.call(UNITED_STATES, trunk)
        trunk.cut()
        trunk.connect(world.server.sip)
        number = begin(carrier, "BYE")
        reply(pbx, "BYE")
        equal(status_of(finish(carrier, "BYE", number)), 200, "the answer to a BYE over another connection")
    world.until_idle(profile)
    equal([record["cause"] for record in world.records(2)], ["normal", "normal"], "causes")


@scenario(needs_switch=True)
def an_answer_finds_its_way_when_the_connection_of_the_invite_is_gone(world):
    """A PBX loses its TCP connection while it rings: the 200 comes over another one, to the port of its Via (RFC 3261 18.2.2)."""
    profile = world.profile()
    with handmade.Carrier() as trunk, StreamCaller(world.server.sip, profile) as line:
        world.api.create_carrier("handmade", trunk.address, priority=1)
        line.connect()

        def lose():
            line.receive("180", lambda text: text.startswith("SIP/2.0 180"))
            line.cut()
            until_noticed(world)

        line.between = lose
        pbx, carrier = line.call(UNITED_STATES, trunk)
        hang_up(pbx, carrier)
    world.until_idle(profile)
    world.record(cause="normal", status=200)


@scenario(settings=BY_NAME, needs_switch=True)
def a_pbx_that_does_not_register_is_called_over_tls_by_its_name(world):
    """Kamailio over TLS as a PBX at a fixed contact: called by the name that its certificate bears; by its address, which it does not bear,
    nothing reaches it (RFC 5922 4)."""
    named(world)
    subscriber = world.agent("subscriber", "carrier").listening()
    kamailio = KamailioTls(world.folder, world.server.tls, world.server.authority, subscriber.address, names=f"DNS:{PBX}")
    world.agents.append(kamailio)
    contact = f"sip:{PBX}:{kamailio.tls_port};transport=tls"
    profile = world.profile(registration=False, certificates=[PBX], static_contact=contact)
    equal(world.profile_now(profile)["credentials"]["static_contact"], contact, "the contact that the API shows")
    world.api.create_number(NUMBER, profile)
    outside = Outside(world)
    until(lambda: world.api.metric("tandem_dns_queries_total", outcome="ok") >= 1, "the name to be looked up", 5)
    outside.calls(NUMBER, options=("-d", 200)).finish()
    subscriber.finish()
    record = world.record(status=200, cause="normal", direction="inbound")
    steps = world.api.get(f"/calls/{record['id']}/trace")["steps"]
    expect(any(step["rule"] == "registered" and step["seen"] == contact for step in steps), f"the trace says {steps}")
    by_address = f"sip:127.0.0.1:{kamailio.tls_port};transport=tls"
    world.api.call("PATCH", f"/profiles/{profile['id']}", {"static_contact": by_address})
    outside.calls(NUMBER, "refused", name="refused", final="480").finish()
    expect(world.api.metric("tandem_sip_tls_handshakes_total", role="client", outcome="error") >= 1, "no failed handshake was counted")


@scenario(settings=BY_NAME, needs_switch=True)
def a_connection_is_taken_for_both_ways_where_its_certificate_covers_the_alias(world):
    """A PBX says `alias` in its Via over TLS: calls to its contact come over that connection; another bearer's alias for the same place takes
    nothing (RFC 5923 6, 9.1)."""
    named(world)
    authority, listens = world.server.authority, free_port(udp=False)
    profile = world.profile(registration=False, certificates=[PBX], static_contact=f"sip:{PBX}:{listens};transport=tls")
    world.api.create_number(NUMBER, profile)
    outside = Outside(world)
    bearers = {PBX: authority.issue("pbx", f"DNS:{PBX}"), "other.example.com": authority.issue("other", "DNS:other.example.com")}
    until(lambda: world.api.metric("tandem_dns_queries_total", outcome="ok") >= 1, "the name to be looked up", 5)

    def aliased(name, sent_by):
        line = SecureLine(world.server.tls, authority.ca, bearers[name])
        line.address = f"{sent_by}:{listens}"
        start, headers = handmade.Dialog(line, line.peer, f"sip:{world.server.tls}", [], f"<sip:{name}>;tag=1",
                                         f"<sip:{world.server.tls}>", f"alias-{name}-{sent_by}", 1).request("OPTIONS", 1)
        headers[0] += ";alias"
        equal(line.ask("\r\n".join([start, *headers, "Content-Length: 0", "", ""]).replace("/UDP", "/TLS")).status, 200, "OPTIONS")
        return line

    with aliased(PBX, PBX) as own, aliased("other.example.com", "127.0.0.1") as foreign, aliased("other.example.com", PBX) as forged:
        caller = outside.calls(NUMBER, options=("-d", 200))
        invite, peer = own.receive("the INVITE", lambda text: text.startswith("INVITE "))
        expect(invite.startswith(f"INVITE sip:{NUMBER[1:]}@{PBX}:{listens};transport=tls "), invite.splitlines()[0])
        contact = f"Contact: <sip:pbx@{PBX}:{listens};transport=tls>"
        own.send(peer, *handmade.answer_to(invite, "200 OK", "pbx", [contact]), body=handmade.SDP)
        own.receive("the ACK", lambda text: text.startswith("ACK "))
        bye, peer = own.receive("the BYE", lambda text: text.startswith("BYE "))
        own.send(peer, *handmade.answer_to(bye, "200 OK"))
        caller.finish()
        for line in (foreign, forged):
            line.socket.settimeout(0.05)
            try:
                raise Failure(f"a bearer of another name was told {line.message().splitlines()[0]}")
            except TimeoutError:
                pass
    world.record(status=200, cause="normal")
