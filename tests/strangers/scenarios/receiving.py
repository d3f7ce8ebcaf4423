"""A carrier calls a number, and the PBX of its profile rings (I1, I4, I5, I7, I8, I9, N9, S7, C1).

Not here: calls that a PBX places (calling.py).
"""

import re

import sound
import tandem_api
from phones import KamailioPbx
from scenarios import scenario
from scenarios.registering import until_registered_at
from sipp_agent import check_header, sip_headers
from waiting import Failure, equal, expect, free_port, until

NUMBER = "+12025550199"
OTHER_NUMBER = "+442079460123"
CALLER = "+447824500000"
SHORT_MS = 300
# Writes where the switch wants the caller's RTP, from the SDP of the 200.
TELL_MEDIA = ('<action><ereg regexp="m=audio ([0-9]+)" search_in="body" check_it="true" assign_to="line,port"/>'
              '<log message="media [$port]"/></action>')
SECONDS = 3


class Outside:
    """A carrier that the switch knows by its address, and that calls from there."""

    def __init__(self, world, name="outside", ip="127.0.0.1"):
        self.world = world
        self.name = name
        self.ip = ip
        self.port = free_port()
        world.api.create_carrier(name, f"{ip}:{self.port}", priority=99)

    def calls(self, number, scenario="call", caller=CALLER, name="caller", port=None, remote=None, **values):
        """A call of this caller to the number; to `remote`, where that is another node."""
        rows = [(caller, "[authentication]", number)]
        return self.world.agent(name, scenario, remote=remote or self.world.server.sip, users=rows, port=port or self.port,
                                ip=self.ip, opening="{{invite_unchallenged}}", **values)


def registers(world, profile, name="registers"):
    """Registers the profile's PBX, and gives the port where it will listen."""
    agent = world.pbx("register", profile, name=name, contact_params=";rinstance=459608bf8eeb29ef")
    agent.finish()
    until_registered_at(world, profile, agent.port)
    return agent.port


def invite_at(agent):
    """The request line and the headers of the INVITE that this SIPp got."""
    text = agent.messages()
    expect("INVITE sip:" in text, f"{agent.name} got no INVITE")
    head = ("INVITE sip:" + text.split("INVITE sip:", 1)[1]).replace("\r", "").split("\n\n")[0].splitlines()
    headers = dict(line.split(": ", 1) for line in head[1:] if ": " in line)
    return head[0], headers


@scenario(needs_switch=True)
def a_number_rings_at_its_registered_pbx(world):
    """Two numbers of one profile ring at its Contact with their own digits; the PBX sees who calls; free (I1, I4, I5, N9, W9)."""
    profile = world.profile(credit="0")
    outside = Outside(world)
    for number in (NUMBER, OTHER_NUMBER):
        world.api.create_number(number, profile)
    for index, number in enumerate((NUMBER, OTHER_NUMBER)):
        port = registers(world, profile, f"registers{index}")
        pbx = world.agent(f"pbx{index}", "carrier", port=port).listening()
        # Carriers write numbers with and without +.
        outside.calls(number if index else number[1:], name=f"caller{index}", options=("-d", SHORT_MS)).finish()
        pbx.finish()
        line, headers = invite_at(pbx)
        digits, domain = number[1:], world.server.sip.split(":")[0]
        equal(line, f"INVITE sip:{digits}@127.0.0.1:{port};rinstance=459608bf8eeb29ef SIP/2.0", "the request line")
        equal(headers["To"], f"<sip:{digits}@{domain}>", "To")
        expect(headers["From"].startswith(f"<sip:{CALLER}@{domain}>;tag="), f"From says {headers['From']}")
        expect(headers["Contact"].startswith(f"<sip:{CALLER}@"), f"Contact says {headers['Contact']}")
    world.settled(profile, given="0")
    for record in world.records(2):
        shown = [record[field] for field in ("direction", "amount", "carrier", "caller_id", "status", "cause")]
        equal(shown, ["inbound", "0.00", "outside", CALLER, 200, "normal"], "the record")
        equal(record["attempts"][0]["carrier"], None, "the carrier of the attempt at the PBX")
    equal(world.api.metric("tandem_call_attempts_total", direction="inbound"), 2, "incoming calls counted")
    equal(world.api.metric("tandem_carrier_attempts_total"), 0, "a PBX is no carrier")


@scenario(needs_switch=True)
def to_names_the_sip_user_and_an_anonymous_caller_nobody(world):
    """`incoming_to: sip_username` puts the SIP user into To; an anonymous caller is named nowhere (I4, I5)."""
    profile = world.profile(incoming_to="sip_username")
    world.api.create_number(NUMBER, profile)
    outside = Outside(world)
    pbx = world.agent("pbx", "carrier", port=registers(world, profile)).listening()
    outside.calls(NUMBER, caller="anonymous", options=("-d", SHORT_MS)).finish()
    pbx.finish()
    line, headers = invite_at(pbx)
    expect(line.startswith(f"INVITE sip:{NUMBER[1:]}@"), line)
    expect(headers["To"].startswith(f"<sip:{profile['sip_user']}@"), f"To says {headers['To']}")
    expect("<sip:anonymous@anonymous.invalid>" in headers["From"], f"From says {headers['From']}")


@scenario(needs_switch=True)
def a_pbx_with_ip_authentication_is_called_at_its_address(world):
    """Without a binding the PBX is called at the address that it may call from; no other carrier may have it (I7, S3)."""
    port = free_port()
    profile = world.profile(ip=[("127.0.0.1", port)], registration=False)
    world.api.create_number(NUMBER, profile)
    outside = Outside(world)
    pbx = world.agent("pbx", "carrier", port=port).listening()
    outside.calls(NUMBER, options=("-d", SHORT_MS)).finish()
    pbx.finish()
    line, _ = invite_at(pbx)
    equal(line, f"INVITE sip:{NUMBER[1:]}@127.0.0.1:{port} SIP/2.0", "the request line")
    try:
        world.api.create_carrier("thief", f"127.0.0.1:{port}")
    except tandem_api.Refused as refused:
        equal(refused.status, 409, "a carrier at the address of a profile")
    else:
        raise Failure("a carrier was created at the address of a profile")


@scenario(needs_switch=True)
def who_cannot_be_called_is_refused_in_words(world):
    """404 for a number of nobody, 480 without a binding, 407 to a stranger; a further source is the carrier too (I8, I9)."""
    profile = world.profile()
    world.api.create_number(NUMBER, profile)
    outside = Outside(world)

    def warned(reason):
        return check_header("Warning", reason, "reason")

    outside.calls("+12025550188", "refused", final="404", check=warned("number_unassigned"), name="nobody").finish()
    outside.calls(NUMBER, "refused", final="480", check=warned("pbx_not_registered"), name="absent").finish()
    elsewhere = free_port()
    outside.calls(NUMBER, "refused", final="407", name="stranger", port=elsewhere).finish()
    (carrier,) = [one for one in world.api.all("/carriers") if one["name"] == "outside"]
    world.api.call("PATCH", f"/carriers/{carrier['id']}", {"inbound_sources": [f"127.0.0.1:{elsewhere}"]})
    outside.calls(NUMBER, "refused", final="480", name="elsewhere", port=elsewhere).finish()
    for record in world.records(2):
        equal((record["status"], record["refusal"]), (480, "pbx_not_registered"), "the record")


@scenario(needs_switch=True)
def both_directions_share_the_channels(world):
    """One channel: with an outgoing call up the number is busy, with an incoming one up the PBX gets 503 (C1, I9)."""
    profile = world.profile(channels=1)
    world.api.create_number(NUMBER, profile)
    outside = Outside(world)
    port = registers(world, profile)
    carrier = world.carrier("carrier")
    outgoing = world.pbx("call", profile, name="outgoing", options=("-d", 2000))
    world.answered_calls(1)
    outside.calls(NUMBER, "refused", final="486", name="busy").finish()
    outgoing.finish()
    carrier.finish()
    world.until_idle(profile)

    pbx = world.agent("pbx", "carrier", port=port).listening()
    incoming = outside.calls(NUMBER, name="incoming", options=("-d", 2000))
    (live,) = world.answered_calls(1)
    equal((live["direction"], live["carrier"], live["caller_id"]), ("inbound", "outside", CALLER), "the live call")
    equal(world.api.metric("tandem_calls_active", direction="inbound", state="established"), 1, "the incoming call counted")
    world.pbx("refused", profile, name="full", final="503").finish()
    incoming.finish()
    pbx.finish()
    world.settled(profile, spent="0.01")


@scenario(needs_switch=True)
def busy_hang_up_and_cancel_pass_both_ways(world):
    """486 and 401 of the PBX, a BYE from the PBX, a CANCEL of the caller: each reaches the other side as it should (S7)."""
    profile = world.profile()
    world.api.create_number(NUMBER, profile)
    outside = Outside(world)
    port = registers(world, profile)

    def rings(scenario, name, **values):
        return world.agent(name, scenario, port=port, **values).listening()

    for code, phrase, final in (("486", "Busy Here", "486"), ("401", "Unauthorized", "480"), ("503", "Out of Order", "480")):
        pbx = rings("carrier_refuses", f"refuses{code}", final=code, phrase=phrase)
        outside.calls(NUMBER, "refused", final=final, name=f"hears{code}").finish()
        pbx.finish()
    pbx = rings("carrier_hangs_up", "hangs_up", hold_ms=str(SHORT_MS))
    outside.calls(NUMBER, "call_until_bye", name="hung_up_on").finish()
    pbx.finish()
    pbx = rings("carrier_cancelled", "cancelled")
    outside.calls(NUMBER, "cancel", name="gives_up").finish()
    pbx.finish()
    world.settled(profile)
    causes = sorted((record["cause"], record["refusal"] or "") for record in world.records(5))
    equal(causes, [("busy", ""), ("cancelled", ""), ("normal", ""), ("rejected", ""), ("rejected", "pbx_challenged_us")],
          "causes and refusals")


@scenario(needs_switch=True)
def sound_of_an_incoming_call_goes_there_and_back(world):
    """RTP of the carrier reaches the PBX by way of the switch, and what the PBX sends comes back, byte for byte (RFC 3550 2.3)."""
    profile = world.profile()
    world.api.create_number(NUMBER, profile)
    outside = Outside(world)
    pbx = world.agent("pbx", "carrier", port=registers(world, profile), echo=True).listening()
    end = sound.RtpEnd()
    try:
        caller = outside.calls(NUMBER, check=TELL_MEDIA, media_port=str(end.port), media_ip="127.0.0.1",
                               options=("-d", SECONDS * 1000 + 1500))
        line = until(lambda: [one for one in caller.logged() if "media " in one], "the switch's media port")[0]
        end.send(("127.0.0.1", int(re.search(r"media ([0-9]+)", line).group(1))), sound.sweep(SECONDS))
        sent = len(end.sent)
        # The first packets may come before the other leg knows where to send.
        until(lambda: end.returned() >= sent - 10, f"{sent - 10} of {sent} packets to come back", 3)
        caller.finish()
    finally:
        end.close()
    pbx.finish()
    world.until_idle(profile)
    there, back = tandem_api.packets(world.record(status=200, direction="inbound"))
    expect(there >= 140 and back >= 140, f"the record counts {there} packets there and {back} back, 150 were sent")


@scenario(needs_switch=True)
def kamailio_is_called_where_it_registered(world):
    """Kamailio registers as a PBX and passes an incoming call on to its phone, which answers (I1)."""
    profile = world.profile()
    world.api.create_number(NUMBER, profile)
    outside = Outside(world)
    phone = world.agent("phone", "carrier").listening()
    kamailio = KamailioPbx(world.folder, world.server.sip, profile, world.server.realm, phone=phone.address)
    try:
        until_registered_at(world, profile, kamailio.port)
        outside.calls(NUMBER, options=("-d", SHORT_MS)).finish()
        phone.finish()
    finally:
        kamailio.stop()
    world.settled(profile)
    world.record(direction="inbound", cause="normal", status=200)


@scenario(needs_switch=True)
def a_call_that_was_completed_elsewhere_is_not_missed(world):
    """`Reason: SIP;cause=200` in a CANCEL reaches the called side beside Q.850, both ways, so that no missed call is shown (RFC 3326)."""
    profile = world.profile()
    world.api.create_number(NUMBER, profile)
    elsewhere = {"cancel_says": sip_headers('Reason: SIP;cause=200;text="Call completed elsewhere"')}
    checked = {"cancel_check": check_header("Reason", "SIP;cause=200;text=.Call completed elsewhere.", "reason")}
    outside = Outside(world)
    pbx = world.agent("pbx", "carrier_cancelled", port=registers(world, profile), **checked).listening()
    outside.calls(NUMBER, "cancel", **elsewhere).finish()
    pbx.finish()
    carrier = world.carrier("carrier_cancelled", **checked)
    world.pbx("cancel", profile, **elsewhere).finish()
    carrier.finish()
    for agent in (pbx, carrier):
        expect('Reason: Q.850;cause=16;text="cancelled"' in agent.messages(), f"{agent.name} got no Q.850 cause")
    equal([record["cause"] for record in world.records(2)], ["cancelled", "cancelled"], "causes")
