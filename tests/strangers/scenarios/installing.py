"""From nothing to a PBX's own calls, by the commands of the README and nothing else.

Not here: the commands' faults one by one (`refused_commands_change_nothing` has the common ones).
"""

import json
import re

import tandem_api
from installation import BUILD_S, CARRIER_IP, SWITCH_IP, BareRoot, Installation, readme_commands
from phones import KamailioPbx
from playing import has_addresses
from scenarios import scenario
from server import ROOT
from waiting import equal, expect, free_port, until

# At most so many commands from nothing to a billed call.
COMMANDS_MAX = 12


def both_ways(world, installed, carrier, made):
    """Kamailio as the PBX registers, calls SIPp as the carrier and is charged, and is called back. `made` is what `init` printed."""
    user = re.search(r"SIP user +(\S+)", made)[1]
    password = re.search(r"SIP password +(\S+)", made)[1]
    api = tandem_api.TandemApi(installed.http_port, (installed.here / "data" / "operator.token").read_text().strip())
    (profile,) = api.get("/profiles")["items"]
    desk = world.agent("desk", "carrier").listening()
    switch = installed.sip
    pbx = KamailioPbx(world.folder, switch, {"sip_user": user, "sip_password": password}, "tandem", phone=desk.address)
    world.agents.append(pbx)
    until(lambda: api.profile(profile["id"])["credentials"]["registration"]["state"] == "registered", "Kamailio to register", 10)
    phone = world.agent("extension", "call_unchallenged", remote=pbx.address, users=[("101", "", "+12025550123")],
                        options=("-d", 300))
    phone.finish()
    carrier.served(1)
    record = until(lambda: api.records() or None, "the call's record")[0]
    equal((record["status"], record["amount"]), (200, "0.01"), "the call")
    told = installed.must("tandem profile list")
    expect("19.99" in told, f"`tandem profile list` said {told!r}, expected the 19.99 that are left of 20.00")

    # And one back: the carrier calls the number, from the address that it is called at.
    world.agent("caller", "call", remote=switch, users=[("+447824500000", "[authentication]", "+12025550199")], port=carrier.port,
                ip=carrier.ip, opening="{{invite_unchallenged}}", options=("-d", 300)).finish()
    desk.finish()
    records = until(lambda: [found for found in [api.records()] if len(found) == 2], "the second record")[0]
    (back,) = [one for one in records if one["direction"] == "inbound"]
    equal((back["status"], back["amount"]), (200, "0.00"), "the call back")
    for one in (record, back):
        installed.note(f"{one['direction']} call to {one['dialled']}: {one['status']}, {one['talked_ms']} ms, "
                       f"billed {one['billed_s']} s, {one['amount']} {one['currency']}")
    expect(installed.commands <= COMMANDS_MAX, f"{installed.commands} commands, at most {COMMANDS_MAX}")
    installed.note(installed.took())


@scenario(needs_switch=True, timeout_s=90)
def the_readme_leads_from_nothing_to_a_billed_call(world):
    """By the README's commands only, as they are written: Kamailio registers as the PBX, calls SIPp as the carrier, which answers OPTIONS
    too, and is charged, and is called back (S1, I1, R1)."""
    own = has_addresses(SWITCH_IP, CARRIER_IP)
    place = {"ip": CARRIER_IP, "port": 5060} if own else {}
    carrier = world.agent("carrier", "carrier_in_service", calls=None, **place).listening()
    installed = Installation(world.folder, carrier.address, own=own)
    world.agents.append(installed)
    _, set_up = readme_commands()
    both_ways(world, installed, carrier, "".join(installed.must(command) for command in set_up))


@scenario(full=True, needs_switch=True, timeout_s=1800, network=True)
def a_bare_root_comes_to_a_billed_call(world):
    """The same from a fresh clone with an empty cargo folder: clone, install, set up, call, be called (S1, I1, R1)."""
    port = free_port()
    installed = BareRoot(world.folder, f"127.0.0.1:{port}")
    world.agents.append(installed)
    install, set_up = readme_commands()
    installed.must(f"git clone --quiet {ROOT} tandem && cd tandem")
    made = "".join(installed.must(command, BUILD_S) for command in install)
    # Only now: a SIPp to which nobody speaks gives up after half a minute.
    carrier = world.agent("carrier", "carrier_in_service", calls=None, port=port).listening()
    both_ways(world, installed, carrier, made + "".join(installed.must(command) for command in set_up))


@scenario(needs_switch=True)
def refused_commands_change_nothing(world):
    """A command that cannot be done says why in a sentence, ends with 1, and changes nothing (S8, K1)."""
    installed = Installation(world.folder, "127.0.0.1:5060")
    world.agents.append(installed)

    def refused(command, sentence):
        installed.run(command)
        equal(installed.code, 1, f"`{command}` exit code")
        expect(sentence in installed.said, f"`{command}` said {installed.said!r}, expected {sentence!r}")

    refused("tandem company list", "the token cannot be read from")
    refused("tandem init --listen 203.0.113.9", "name an address of this machine")
    refused("tandem init --listen 0.0.0.0", "--advertise")
    refused("tandem init --country Atlantis", "country")
    equal(sorted(path.name for path in installed.folder.iterdir()), ["bin", "stands", "transcript"], "what failed inits left behind")
    installed.run("tandem init")
    equal(installed.code, 0, "tandem init exit code")
    refused("tandem init", "is there already")
    refused("tandem company list", "no switch answers there")
    installed.run("tandem serve &")
    refused('tandem company credit "My company" -5 --reason x', "expected")
    refused('tandem company credit "Another" 5 --reason x', 'no company is called "Another"; there is "My company"')
    (installed.folder / "bad.csv").write_text("prefix,destination,rate_per_minute\n44,London,cheap\n")
    refused("tandem deck import bad.csv --dry-run", "line 2, column rate_per_minute")
    refused("tandem deck import bad.csv", "line 2, column rate_per_minute")
    equal(json.loads(installed.run("tandem deck list --json")), [], "decks")
    (company,) = json.loads(installed.run("tandem company list --json"))
    equal(company["credit"]["balance"], "0.00", "the company's balance")
    # The same key moves money once.
    for _ in range(2):
        installed.run('tandem company credit "My company" 5.00 --reason "paid" --key transfer-1')
        equal(installed.code, 0, "the credit's exit code")
    (company,) = json.loads(installed.run("tandem company list --json"))
    equal(company["credit"]["balance"], "5.00", "the company's balance")


@scenario(needs_switch=True)
def a_profile_names_whom_its_command_says(world):
    """`tandem profile add --incoming-to` is the API's `incoming_to` (I4); another word is refused and makes no profile."""
    installed = Installation(world.folder, "127.0.0.1:5060")
    world.agents.append(installed)
    installed.run("tandem init")
    equal(installed.code, 0, "tandem init exit code")
    installed.run("tandem serve &")
    for name, flag, expected in (("Branch", "", "called_number"), ("Old PBX", "--incoming-to sip_username", "sip_username"),
                                 ("New PBX", "--incoming-to called_number", "called_number")):
        made = json.loads(installed.run(f'tandem profile add "My company" "{name}" {flag} --json'))
        equal(installed.code, 0, f"the exit code of making {name}")
        equal(made["incoming_to"], expected, f"whom the To of {name}'s calls names")
    before = installed.run("tandem profile list --json")
    installed.run('tandem profile add "My company" Another --incoming-to nobody')
    equal(installed.code, 2, "the exit code for a word that is none")
    expect("called_number, sip_username" in installed.said, f"it said {installed.said!r}")
    equal(len(json.loads(installed.run("tandem profile list --json"))), len(json.loads(before)), "profiles")
