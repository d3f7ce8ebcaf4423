"""The demo, once its own story is told: it stays up, and strangers may call through it.

Not here: the story itself, which the demo judges (`tests/demo.rs`).
"""

import json
import os
import signal
import subprocess
from decimal import Decimal

import tandem_api
from scenarios import scenario
from server import BINARY
from waiting import Failure, equal, expect, until
from world import UNITED_STATES


class Demo:
    """`tandem demo` as a process that has told its story."""

    def __init__(self, folder, *options):
        self.data = folder / "data"
        self.data.mkdir(parents=True)
        self.said = folder / "summary.json"
        self.log = folder / "log"
        command = [BINARY, "demo", "--json", "--data-dir", self.data, *options]
        with self.said.open("wb") as said, self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=log)

    def told(self):
        """The summary, once the story is over."""

        def summary():
            expect(self.process.poll() is None, f"the demo ended: {self.log.read_text(errors='replace')[-600:]}")
            text = self.said.read_text()
            return json.loads(text) if text.endswith("\n") else None

        return until(summary, "the end of the demo's story", 60)

    def stop(self):
        """Ctrl-C, and what it ended with."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise Failure("the demo did not end within 20 s of Ctrl-C") from None
        return self.process.returncode

    def verified(self):
        """What `tandem ledger verify` says of its books."""
        environment = dict(os.environ, TANDEM__NODE__DATA_DIR=str(self.data))
        done = subprocess.run([BINARY, "ledger", "verify"], cwd=self.data.parent, env=environment, timeout=60,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        equal(done.returncode, 0, f"tandem ledger verify ({(done.stdout + done.stderr).strip()[-500:]}) exit code")


@scenario(needs_switch=True, timeout_s=120)
def an_outside_call_into_the_demo(world):
    """A SIPp that the demo knows nothing of calls through it: records, statement and ledger hold that call and its cent more
    (R12)."""
    folder = world.folder / "demo"
    folder.mkdir()
    demo = Demo(folder)
    world.agents.append(demo)
    summary = demo.told()
    equal((summary["ok"], summary["faults"]), (True, []), "the demo's own verdict")
    reached = summary["reachable"]
    login = max(reached["accounts"], key=lambda account: Decimal(account["credit_usd"]))
    api = tandem_api.TandemApi(int(reached["api"].split(":")[2].split("/")[0]), reached["token"])
    before = api.records()
    equal(len(before), summary["expected_calls"], "call records of the story")

    outside = world.agent("outside", "call", remote=reached["sip"], options=("-d", 1000), users=[(
        login["user"], f"[authentication username={login['user']} password={login['password']}]", UNITED_STATES)])
    outside.finish()

    known = {record["id"] for record in before}
    until(lambda: len(api.records()) > len(before), "the call's record")
    (record,) = [record for record in api.records() if record["id"] not in known]
    equal((record["status"], record["cause"]), (200, "normal"), "how the call ended")
    price = Decimal(record["amount"])
    equal(price, Decimal("0.01"), "what the call cost")
    charges = [line for line in api.profile_statement(login["profile"]) if line["call"] == record["id"]]
    equal([Decimal(line["amount"]) for line in charges], [-price], "the call's lines in the statement")
    left = Decimal(login["credit_usd"]) - price
    equal(tandem_api.balance(api.profile(login["profile"])), left, "the profile's balance")
    equal(demo.stop(), 0, "the demo's exit code")
    demo.verified()
