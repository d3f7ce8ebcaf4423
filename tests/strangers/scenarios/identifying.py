"""Who calls, and how a trunk is spoken to: the reference message, caller IDs, trust, headers that pass, accounts, calls inside
(I2, I3, I6, L2, L5, L6, O5, R11, C1, RFC 3325, RFC 7433).

Not here: incoming calls in general (receiving.py).
"""

import sipp_agent
from scenarios import scenario
from scenarios.receiving import CALLER, NUMBER, SHORT_MS, Outside, invite_at, registers
from sipp_agent import check_header
from waiting import equal, expect
from world import CALLER_ID

SECOND_NUMBER = "+12025550177"


def identity(world, kind, one, **document):
    """Says how a profile's PBX or a carrier is spoken to."""
    return world.api.call("PUT", f"/{kind}/{one}/identity", document)


def carrier_id(world):
    """The identity of the only carrier."""
    (carrier,) = world.api.all("/carriers")
    return carrier["id"]


@scenario(needs_switch=True)
def a_classic_pbx_gets_the_reference_message(world):
    """`compat: classic` sends the headers of requirements 1.11 and no other, in their order (I6)."""
    profile = world.profile(credit="0")
    identity(world, "profiles", profile["id"], compat="classic")
    world.api.create_number(NUMBER, profile)
    outside = Outside(world)
    pbx = world.agent("pbx", "carrier", port=registers(world, profile)).listening()
    outside.calls(NUMBER, options=("-d", SHORT_MS)).finish()
    pbx.finish()
    line, headers = invite_at(pbx)
    expect(line.startswith(f"INVITE sip:{NUMBER[1:]}@127.0.0.1:{pbx.port};rinstance="), line)
    equal(list(headers), ["From", "To", "Call-ID", "CSeq", "Via", "Max-Forwards", "User-Agent", "Allow", "Contact",
                          "Content-Type", "Content-Length"], "the headers and their order")
    equal(headers["Max-Forwards"], "30", "Max-Forwards")
    equal(headers["Allow"], "INVITE,ACK,CANCEL,OPTIONS,BYE", "Allow")
    expect(headers["Contact"].startswith(f"<sip:{CALLER}@") and headers["Contact"].endswith(";transport=udp>"),
           f"Contact says {headers['Contact']}")
    world.settled(profile, given="0")


@scenario(needs_switch=True)
def an_account_is_called_by_its_extension(world):
    """A number of a business account rings with its extension; cleared, with the PBX's own user (I2, I3, W1, W6)."""
    profile = world.profile(credit="0")
    account = world.api.call("POST", "/accounts", {"company": world.company, "name": "sales", "profile": profile["id"],
                                                   "extension": "301"})
    number = world.api.create_number(NUMBER, profile)
    world.api.call("PATCH", f"/numbers/{number['id']}", {"account": account["id"]})
    outside = Outside(world)
    for index, (extension, user) in enumerate((("301", "301"), (None, profile["sip_user"]))):
        world.api.call("PATCH", f"/accounts/{account['id']}", {"extension": extension})
        pbx = world.agent(f"pbx{index}", "carrier", port=registers(world, profile, f"registers{index}")).listening()
        outside.calls(NUMBER, name=f"caller{index}", options=("-d", SHORT_MS)).finish()
        pbx.finish()
        line, headers = invite_at(pbx)
        expect(line.startswith(f"INVITE sip:{user}@127.0.0.1:"), line)
        expect(headers["To"].startswith(f"<sip:{NUMBER[1:]}@"), f"To says {headers['To']}")
    world.settled(profile, given="0")


@scenario(needs_switch=True)
def a_pbx_that_dials_a_number_of_ours_is_connected_inside(world):
    """Two profiles of one company: connected without a carrier, free, two records that name each other (R11, C1)."""
    caller, called = world.profile(credit="0"), world.profile(name="Branch", credit="0")
    world.api.create_number(SECOND_NUMBER, called)
    carrier = world.carrier()
    pbx = world.agent("called", "carrier", port=registers(world, called)).listening()
    world.pbx("call", caller, number=SECOND_NUMBER, options=("-d", SHORT_MS)).finish()
    pbx.finish()
    line, headers = invite_at(pbx)
    expect(line.startswith(f"INVITE sip:{SECOND_NUMBER[1:]}@127.0.0.1:{pbx.port};rinstance="), line)
    expect(headers["From"].startswith(f"<sip:{CALLER_ID}@"), f"From says {headers['From']}")
    expect("INVITE" not in carrier.messages(), "it never leaves to a carrier")
    carrier.stop()
    outbound, inbound = sorted(world.records(2), key=lambda record: record["direction"], reverse=True)
    equal((outbound["partner"], inbound["partner"]), (inbound["id"], outbound["id"]), "the records name each other")
    equal((outbound["amount"], inbound["amount"]), ("0.00", "0.00"), "it stays in the company")
    equal((outbound["profile"], inbound["profile"]), (caller["id"], called["id"]), "whose records they are")


@scenario(needs_switch=True)
def a_pbx_that_dials_its_own_number_is_told_of_the_loop(world):
    """482 with a sentence, and no carrier hears of it (RFC 5393)."""
    profile = world.profile()
    world.api.create_number(SECOND_NUMBER, profile)
    world.pbx("refused", profile, number=SECOND_NUMBER, final="482",
              check=check_header("Warning", "loop_detected", "reason")).finish()
    equal(world.records(1)[0]["refusal"], "loop_detected", "the record")


@scenario(needs_switch=True)
def a_spoofed_caller_id_is_replaced_or_refused(world):
    """What a PBX asks for and may not show is replaced by the profile's own, or refused with 403 (L5, O5)."""
    profile = world.profile()
    carrier = world.carrier()
    spoofed = sipp_agent.sip_headers("P-Asserted-Identity: <sip:+12025550111@example.com>",
                                     "Remote-Party-ID: <sip:+12025550112@example.com>;privacy=off")
    world.pbx("call", profile, headers=spoofed, options=("-d", SHORT_MS)).finish()
    carrier.finish()
    _, headers = invite_at(carrier)
    expect(headers["From"].startswith(f"<sip:{CALLER_ID}@"), f"From says {headers['From']}")
    expect("12025550111" not in carrier.messages() and "12025550112" not in carrier.messages(), "nothing of it passes")
    expect("P-Asserted-Identity" not in headers, "a carrier that is not trusted is told no asserted identity")

    identity(world, "profiles", profile["id"], spoofed="refuse")
    world.pbx("refused", profile, name="refused", headers=spoofed, final="403",
              check=check_header("Warning", "cli_not_allowed", "reason")).finish()


@scenario(needs_switch=True)
def who_stays_unknown_is_told_to_trusted_carriers_only(world):
    """Privacy: id makes From anonymous; a trusted carrier gets P-Asserted-Identity to keep, another nothing (L6, RFC 3325)."""
    profile = world.profile()
    for index, trusted in enumerate((False, True)):
        carrier = world.carrier() if not index else world.agent("again", "carrier", port=carrier.port).listening()
        identity(world, "carriers", carrier_id(world), trusted=trusted)
        world.pbx("call", profile, name=f"pbx{index}", headers=sipp_agent.sip_headers("Privacy: id"),
                  options=("-d", SHORT_MS)).finish()
        carrier.finish()
        _, headers = invite_at(carrier)
        expect("<sip:anonymous@anonymous.invalid>" in headers["From"], f"From says {headers['From']}")
        equal(headers["Privacy"], "id", "Privacy")
        told = headers.get("P-Asserted-Identity", "")
        expect(told.startswith(f"<sip:{CALLER_ID}@") if trusted else not told, f"trusted {trusted}: told {told!r}")


@scenario(needs_switch=True)
def headers_pass_by_the_policy_of_both_trunks(world):
    """User-to-User passes; Diversion where the carrier allows it; X- headers by pattern; routes and credentials never (RFC 7433)."""
    profile = world.profile()
    carrier = world.carrier()
    identity(world, "profiles", profile["id"], headers={"strip": ["X-Secret"]})
    identity(world, "carriers", carrier_id(world),
             headers={"allow": ["Diversion", "X-*"], "add": [{"name": "X-Switch", "value": "tandem"}]})
    said = sipp_agent.sip_headers("User-to-User: 56a390f3d2b7310023a2;encoding=hex",
                                  "Diversion: <sip:+12025550111@example.com>;reason=unconditional",
                                  "X-Tenant: 7", "X-Secret: 9", "Subject: lunch")
    world.pbx("call", profile, headers=said, options=("-d", SHORT_MS)).finish()
    carrier.finish()
    _, headers = invite_at(carrier)
    passed = {name: headers.get(name) for name in
              ("User-to-User", "Diversion", "X-Tenant", "X-Switch", "X-Secret", "Subject", "Proxy-Authorization")}
    equal(passed, {"User-to-User": "56a390f3d2b7310023a2;encoding=hex",
                   "Diversion": "<sip:+12025550111@example.com>;reason=unconditional", "X-Tenant": "7",
                   "X-Switch": "tandem", "X-Secret": None, "Subject": None, "Proxy-Authorization": None}, "what passes")


def heard(agent, start):
    """The headers of the first message at this SIPp that begins so."""
    text = agent.messages().replace("\r", "")
    expect(f"\n{start}" in text, f"{agent.name} heard no {start}")
    head = text.split(f"\n{start}", 1)[1].split("\n\n")[0].splitlines()
    return dict(line.split(": ", 1) for line in head[1:] if ": " in line)


def passed(agent, start):
    """What of one end's own lines the other hears in such a message."""
    headers = heard(agent, start)
    return {name: headers.get(name) for name in ("User-to-User", "X-Leg", "X-Secret", "X-Switch")}


UUI = "56a390f3d2b7310023a2;encoding=hex"
# What one end says besides; X-Secret is stripped where it comes from, and Server belongs to each leg.
SAYS = sipp_agent.sip_headers(f"User-to-User: {UUI}", "X-Leg: other", "X-Secret: 9", "Server: other")


def told(added):
    """What the other end hears of it, with what its trunk adds."""
    return {"User-to-User": UUI, "X-Leg": "other", "X-Secret": None, "X-Switch": added}


def polite(world, profile, carrier):
    """Both trunks let X- headers pass but X-Secret, and get one of ours."""
    for kind, one, added in (("profiles", profile["id"], "to the PBX"), ("carriers", carrier, "to the carrier")):
        identity(world, kind, one, headers={"allow": ["X-*"], "strip": ["X-Secret"],
                                            "add": [{"name": "X-Switch", "value": added}]})


@scenario(needs_switch=True)
def headers_pass_in_a_carriers_answers_and_in_the_pbxs_bye(world):
    """What a carrier says in 180, 200 and 486, and a PBX in BYE, reaches the other by both policies; a leg's own does not (RFC 7433)."""
    profile = world.profile()
    carrier = world.carrier(says=SAYS)
    polite(world, profile, carrier_id(world))
    pbx = world.pbx("call", profile, says=SAYS, options=("-d", SHORT_MS))
    pbx.finish()
    carrier.finish()
    for start in ("SIP/2.0 180", "SIP/2.0 200"):
        equal(passed(pbx, start), told("to the PBX"), f"the PBX's {start}")
        expect(heard(pbx, start).get("Server") != "other", f"{start} names the carrier's software")
    equal(passed(carrier, "BYE "), told("to the carrier"), "the carrier's BYE")
    busy = world.agent("busy", "carrier_refuses", port=carrier.port, final="486", phrase="Busy Here", says=SAYS).listening()
    refused = world.pbx("refused", profile, name="refused", final="486")
    refused.finish()
    busy.finish()
    equal(passed(refused, "SIP/2.0 486"), told("to the PBX"), "the refusal")


@scenario(needs_switch=True)
def headers_pass_in_a_pbxs_answers_and_in_the_carriers_bye(world):
    """The same the other way: what the called PBX says in 180 and 200, and the carrier in BYE (RFC 7433)."""
    profile = world.profile(credit="0")
    world.api.create_number(NUMBER, profile)
    outside = Outside(world)
    polite(world, profile, carrier_id(world))
    pbx = world.agent("pbx", "carrier", port=registers(world, profile), says=SAYS).listening()
    caller = outside.calls(NUMBER, says=SAYS, options=("-d", SHORT_MS))
    caller.finish()
    pbx.finish()
    for start in ("SIP/2.0 180", "SIP/2.0 200"):
        equal(passed(caller, start), told("to the carrier"), f"the carrier's {start}")
    equal(passed(pbx, "BYE "), told("to the PBX"), "the PBX's BYE")
