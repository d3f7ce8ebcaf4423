"""From nothing to a PBX's own calls, by the commands of the README and nothing else.

Not here: the commands' faults one by one (`refused_commands_change_nothing` has the common ones).
"""

import json
import os
import pathlib
import re
import shlex
import subprocess
import time

import tandem_api
from phones import KamailioPbx
from scenarios import scenario
from server import BINARY, ROOT
from waiting import equal, expect, free_port, until

# At most so many commands from nothing to a billed call.
COMMANDS_MAX = 12


class Installation:
    """A folder in which the README's commands are run, with addresses of this machine."""

    def __init__(self, folder, carrier):
        self.folder = pathlib.Path(folder) / "installed"
        self.folder.mkdir()
        programs = self.folder / "bin"
        programs.mkdir()
        (programs / "tandem").symlink_to(BINARY)
        self.environment = dict(os.environ, PATH=f"{programs}:{os.environ['PATH']}")
        self.sip_port, self.http_port = free_port(), free_port(udp=False)
        self.places = {"192.0.2.10": "127.0.0.1", "198.51.100.7:5060": carrier}
        self.process = None
        self.commands = 0

    def run(self, command):
        """One command line as a person types it; what it prints."""
        self.commands += 1
        for written, here in self.places.items():
            command = command.replace(written, here)
        if command.startswith("tandem init"):
            command += f" --sip-port {self.sip_port} --http 127.0.0.1:{self.http_port}"
        if command.endswith("&"):
            with (self.folder / "serve.log").open("wb") as log:
                self.process = subprocess.Popen(shlex.split(command.rstrip("& ")), cwd=self.folder, env=self.environment,
                                                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
            api = tandem_api.TandemApi(self.http_port, "")
            until(api.is_ready, "tandem serve to be ready", 20)
            return ""
        done = subprocess.run(["sh", "-c", command], cwd=self.folder, env=self.environment, timeout=60,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        with (self.folder / "transcript").open("a") as transcript:
            transcript.write(f"$ {command}\n{done.stdout}{done.stderr}")
        self.said = done.stderr
        self.code = done.returncode
        return done.stdout

    def stop(self):
        """Ends the switch."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def readme_commands():
    """The lines of the README's section, in order."""
    section = (ROOT / "README.md").read_text().split("## Your own PBX and carrier in ten minutes", 1)[1].split("\n## ", 1)[0]
    return re.search(r"```sh\n(.*?)```", section, re.DOTALL)[1].strip().splitlines()


@scenario(needs_switch=True, timeout_s=90)
def the_readme_leads_from_nothing_to_a_billed_call(world):
    """By the README's commands only: Kamailio registers as the PBX, calls SIPp as the carrier and is charged, and is called back."""
    began = time.monotonic()
    carrier = world.agent("carrier", "carrier", calls=1).listening()
    installed = Installation(world.folder, carrier.address)
    world.agents.append(installed)
    made = ""
    for command in readme_commands():
        said = installed.run(command)
        expect(command.endswith("&") or installed.code == 0, f"`{command}` failed: {installed.said}")
        made = made or said
    user = re.search(r"SIP user +(\S+)", made)[1]
    password = re.search(r"SIP password +(\S+)", made)[1]
    token = (installed.folder / "data" / "operator.token").read_text().strip()
    api = tandem_api.TandemApi(installed.http_port, token)
    (profile,) = json.loads(installed.run("tandem profile list --json"))

    desk = world.agent("desk", "carrier").listening()
    switch = f"127.0.0.1:{installed.sip_port}"
    pbx = KamailioPbx(world.folder, switch, {"sip_user": user, "sip_password": password}, "tandem", phone=desk.address)
    world.agents.append(pbx)
    until(lambda: api.profile(profile["id"])["credentials"]["registration"]["state"] == "registered", "Kamailio to register", 10)
    phone = world.agent("extension", "call_unchallenged", remote=pbx.address, users=[("101", "", "+12025550123")],
                        options=("-d", 300))
    phone.finish()
    carrier.finish()
    record = until(lambda: api.records() or None, "the call's record")[0]
    equal((record["status"], record["amount"]), (200, "0.01"), "the call")
    (row,) = json.loads(installed.run("tandem profile list --json"))
    equal(row["credit"]["available"], "19.99", "what is left of 20.00")

    # And one back: the carrier calls the number, from the address that it is called at.
    port = int(carrier.address.rsplit(":", 1)[1])
    world.agent("caller", "call", remote=switch, users=[("+447824500000", "[authentication]", "+12025550199")], port=port,
                opening="{{invite_unchallenged}}", options=("-d", 300)).finish()
    desk.finish()
    records = until(lambda: [found for found in [api.records()] if len(found) == 2], "the second record")[0]
    (back,) = [one for one in records if one["direction"] == "inbound"]
    equal((back["status"], back["amount"]), (200, "0.00"), "the call back")
    expect(installed.commands <= COMMANDS_MAX, f"{installed.commands} commands, at most {COMMANDS_MAX}")
    (installed.folder / "took").write_text(f"{installed.commands} commands, {time.monotonic() - began:.1f} s\n")


@scenario(needs_switch=True)
def refused_commands_change_nothing(world):
    """A command that cannot be done says why in a sentence, ends with 1, and changes nothing."""
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
    equal(sorted(path.name for path in installed.folder.iterdir()), ["bin", "transcript"], "what failed inits left behind")
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
