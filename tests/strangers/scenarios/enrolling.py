"""A carrier that knows us by a password: it wants us to register, and challenges what we send (RFC 3261 10.2, 22).

Not here: carriers that know us by our address (carrying.py), PBXs that register with us (registering.py).
"""

import re

from handmade import md5
from phones import KamailioTrunk
from scenarios import scenario
from scenarios.receiving import CALLER, NUMBER
from scenarios.registering import until_registered_at
from waiting import Failure, equal, expect, until

USER, PASSWORD = "acme-trunk", "s3cret of the trunk"
SHORT_MS = 300


def trunk(world, subscriber="127.0.0.1:9", password=PASSWORD, **account):
    """Kamailio as the only carrier, with an account there; Kamailio, and the carrier's id."""
    kamailio = KamailioTrunk(world.folder, world.server.sip, USER, PASSWORD, subscriber)
    world.agents.append(kamailio)
    carrier = world.api.create_carrier("trunk", kamailio.address)["id"]
    account = {"username": USER, "password": password, **account}
    answer = world.api.call("PUT", f"/carriers/{carrier}/account", account)
    expect(password not in str(answer) + str(world.api.all("/carriers")), "the API shows the password")
    return kamailio, carrier


def behind_proxy(world, subscriber, service_route=""):
    """Kamailio as the outbound proxy of a carrier whose domain nobody can look up; Kamailio, and the carrier's id."""
    kamailio = KamailioTrunk(world.folder, world.server.sip, USER, PASSWORD, subscriber, service_route)
    world.agents.append(kamailio)
    carrier = world.api.create_carrier("trunk", "north.invalid", terms={"outbound_proxy": kamailio.address})["id"]
    return kamailio, carrier


def until_enrolled(world, carrier, wanted="registered"):
    """Waits until our registration there stands so, and gives it as the API tells it."""

    def stands():
        standing = world.api.get(f"/carriers/{carrier}")["registration"]
        if standing and standing["state"] == wanted:
            return standing
        raise Failure(str(standing))

    return until(stands, f"the registration at the carrier to be {wanted}", 5)


def the_next_carrier_answers(world, profile):
    """A call that the trunk leaves with 407 is answered by the next carrier, and billed once."""
    second = world.carrier(priority=2)
    world.pbx("call", profile, options=("-d", SHORT_MS)).finish()
    second.finish()
    world.settled(profile, spent="0.01")
    attempts = [(one["carrier_name"], one["outcome"], one["status"]) for one in world.record(status=200)["attempts"]]
    equal(attempts, [("trunk", "refused", 407), ("carrier1", "answered", 200)], "attempts")


@scenario(needs_switch=True)
def a_carrier_that_asks_is_answered_in_invite_and_bye(world):
    """A carrier challenges INVITE and BYE: each is proven, the BYE unasked with the next nonce count (RFC 3261 22.3, RFC 7616 3.4)."""
    profile = world.profile()
    subscriber = world.agent("subscriber", "carrier").listening()
    kamailio, carrier = trunk(world, subscriber.address)
    expect(world.api.get(f"/carriers/{carrier}")["registration"] is None, "it registers where nobody wants it")
    world.pbx("call", profile, options=("-d", SHORT_MS)).finish()
    subscriber.finish()
    world.settled(profile, spent="0.01")
    world.record(status=200)
    equal(kamailio.said(r"challenged (\w+)"), ["INVITE"], "what was challenged")
    equal(kamailio.said(r"believed (\w+) \d+"), ["INVITE", "BYE"], "what was believed")


@scenario(needs_switch=True)
def a_wrong_password_goes_over_to_the_next_carrier_after_one_try(world):
    """A carrier that does not believe us is asked twice and no more; the next one rings within 2 s (RFC 3261 22.2)."""
    profile = world.profile()
    kamailio, _ = trunk(world, password="not the password")
    the_next_carrier_answers(world, profile)
    equal(kamailio.said(r"challenged (\w+)"), ["INVITE", "INVITE"], "what was challenged")


@scenario(needs_switch=True)
def registered_at_a_carrier_its_calls_come_to_our_contact(world):
    """Registered at a carrier, its calls come by our Contact and ring at the number in To; at the end we unregister (RFC 3261 10.2)."""
    profile = world.profile()
    world.api.create_number(NUMBER, profile)
    register = world.pbx("register", profile, name="registers")
    register.finish()
    until_registered_at(world, profile, register.port)
    kamailio, carrier = trunk(world, register=True, expires_s=60)
    standing = until_enrolled(world, carrier)
    expect(standing["contact"].startswith(f"sip:{USER}@{world.server.sip}"), f"the Contact is {standing['contact']}")
    equal(world.api.metric("tandem_carrier_registered", carrier="trunk"), 1, "tandem_carrier_registered")
    pbx = world.agent("called", "carrier", port=register.port).listening()
    world.agent("caller", "call", remote=kamailio.address, users=[(CALLER, "[authentication]", NUMBER)],
                opening="{{invite_unchallenged}}", options=("-d", SHORT_MS)).finish()
    pbx.finish()
    record = world.record(status=200)
    equal((record["direction"], record["carrier"]), ("inbound", "trunk"), "the record")
    world.api.call("PATCH", f"/carriers/{carrier}", {"enabled": False})
    until(lambda: kamailio.said(r"REGISTER of \S+ for (0) "), "the carrier to be told that we leave", 5)
    world.api.call("PATCH", f"/carriers/{carrier}", {"enabled": True})
    until_enrolled(world, carrier)
    world.server.stop()
    equal(len(kamailio.said(r"REGISTER of \S+ for (0) ")), 2, "REGISTERs that take our Contact back")
    world.server.start()
    until_enrolled(world, carrier)


@scenario(needs_switch=True)
def a_wrong_password_is_told_as_a_failed_registration(world):
    """A registrar that does not believe us: the API says why, the metric says 0, and a new password is tried at once (RFC 3261 22.2)."""
    world.founded()
    kamailio, carrier = trunk(world, password="not the password", register=True)
    standing = until_enrolled(world, carrier, "failed")
    expect("401" in standing["last_error"], f"the error is {standing['last_error']}")
    equal(world.api.metric("tandem_carrier_registered", carrier="trunk"), 0, "tandem_carrier_registered")
    world.api.call("PUT", f"/carriers/{carrier}/account", {"username": USER, "password": PASSWORD, "register": True})
    until_enrolled(world, carrier)
    expect(kamailio.said("REGISTER of"), "the registrar has not seen us")


@scenario(needs_switch=True)
def a_carrier_knows_us_by_another_name_for_digest(world):
    """The user of digest is another than that of our address, and the realm is the pinned one: REGISTER, INVITE and BYE are believed
    (RFC 3261 22.4)."""
    profile = world.profile()
    subscriber = world.agent("subscriber", "carrier").listening()
    kamailio, carrier = trunk(world, subscriber.address, username="line-7", auth_username=USER, realm="carrier.example", register=True)
    standing = until_enrolled(world, carrier)
    expect(standing["contact"].startswith("sip:line-7@"), f"the Contact is {standing['contact']}")
    world.pbx("call", profile, options=("-d", SHORT_MS)).finish()
    subscriber.finish()
    world.settled(profile, spent="0.01")
    equal(kamailio.said(r"REGISTER of (\S+) for"), [USER], "who registered")
    equal(kamailio.said(r"believed (\w+) \d+"), ["INVITE", "BYE"], "what was believed")


@scenario(needs_switch=True)
def a_challenge_of_another_realm_is_not_answered(world):
    """A challenge of another realm than the pinned one: no digest is given away, the next carrier rings, the registration fails
    (RFC 7616 5.3)."""
    profile = world.profile()
    kamailio, carrier = trunk(world, realm="north.example", register=True)
    standing = until_enrolled(world, carrier, "failed")
    expect("401" in standing["last_error"], f"the error is {standing['last_error']}")
    the_next_carrier_answers(world, profile)
    equal(kamailio.said(r"challenged (\w+)"), ["INVITE"], "what was challenged")
    equal(kamailio.said("believed|REGISTER of"), [], "what was proven")


@scenario(needs_switch=True)
def requests_go_by_the_outbound_proxy_and_calls_by_the_service_route(world):
    """REGISTER and INVITE go to the outbound proxy with its Route, to a domain that DNS does not know; the registrar's Service-Route
    follows it in calls, and ends with the registration (RFC 3261 8.1.2, RFC 3608 6.1, RFC 3327 5.1)."""
    profile = world.profile()
    subscriber = world.agent("subscriber", "carrier", calls=2).listening()
    core = "sip:core.north.invalid;lr"
    kamailio, carrier = behind_proxy(world, subscriber.address, f"<{core}>")
    world.api.call("PUT", f"/carriers/{carrier}/account", {"username": USER, "password": PASSWORD, "register": True})
    standing = until_enrolled(world, carrier)
    equal(standing["service_route"], [f"<{core}>"], "the Service-Route")
    proxy = f"<sip:{kamailio.address};lr>"
    equal(kamailio.said(r"REGISTER at (\S+) by (\S+), supports (\S+)"), [("north.invalid", proxy, "path")], "the REGISTER")
    world.pbx("call", profile, options=("-d", SHORT_MS)).finish()
    world.settled(profile, spent="0.01")
    account = {"username": USER, "register": False}
    world.api.call("PUT", f"/carriers/{carrier}/account", account)
    until(lambda: world.api.get(f"/carriers/{carrier}")["registration"] is None, "the registration to be over", 5)
    world.pbx("call", profile, options=("-d", SHORT_MS), name="again").finish()
    subscriber.finish()
    world.settled(profile, spent="0.02")
    routes = [line.replace(" ", "") for line in kamailio.said(r"INVITE at north.invalid by (.+)")]
    equal(routes, [f"{proxy},<{core}>"] + [proxy], "the Routes of INVITEs")


@scenario(needs_switch=True)
def a_prack_that_is_challenged_is_proven(world):
    """A carrier challenges the PRACK to its 183: it comes once more, with the next CSeq, the same RAck and a right digest (RFC 3262 4)."""
    profile = world.profile()
    carrier = world.carrier("carrier_reliable", asks="{{asks_who}}")
    (known,) = world.api.all("/carriers")
    world.api.call("PUT", f"/carriers/{known['id']}/account", {"username": USER, "password": PASSWORD})
    world.pbx("call", profile, options=("-d", SHORT_MS)).finish()
    carrier.finish()
    pracks = re.findall(r"PRACK (\S+) SIP/2.0\r?\n(.*?)\r?\n\r?\n", carrier.messages(), re.DOTALL)
    equal(len(pracks), 2, "PRACKs")
    numbers = [int(re.search(r"CSeq: (\d+) PRACK", head).group(1)) for _, head in pracks]
    equal(numbers[1], numbers[0] + 1, "the CSeq of the second")
    uri, head = pracks[1]
    shown = dict(re.findall(r'(\w+)="?([^",\r\n]*)"?', re.search(r"Proxy-Authorization: Digest (.*)", head).group(1)))
    secret, asked = md5(f"{USER}:carrier.example:{PASSWORD}"), md5(f"PRACK:{uri}")
    right = md5(f"{secret}:{shown['nonce']}:{shown['nc']}:{shown['cnonce']}:auth:{asked}")
    equal((shown["username"], shown["uri"], shown["response"]), (USER, uri, right), "the proof")
    world.settled(profile, spent="0.01")
