"""Why a call was refused: the Warning on the wire, the trace by the API, and what a rehearsal says beforehand (requirements 1.16).

Not here: the refusals themselves, one by one (refusing.py, receiving.py, encrypting.py).
"""

import subprocess

from scenarios import scenario
from server import BINARY
from sipp_agent import check_header
from waiting import Failure, equal, expect, until
from world import UNITED_STATES

WRONG = "Xyzzy42aXyzzy"
# What a PBX does wrong, in the words of a SIPp, of a simulation, and of the catalogue.
COMMON = (
    ("from_mismatch", "403", {"from_user": "101"}, {"from_user": "101"}),
    ("not_e164", "404", {"number": "00442079460123"}, {"to": "00442079460123"}),
    ("not_a_number", "404", {"number": "alice"}, {"to": "alice"}),
    ("number_incomplete", "484", {"number": "2025550123"}, {"to": "2025550123"}),
    ("emergency_not_carried", "503", {"number": "911"}, {"to": "911"}),
    ("no_route", "404", {"number": "+3725550123"}, {"to": "+3725550123"}),
    ("below_first_block", "402", {"number": "+88161234567"}, {"to": "+88161234567"}),
)


def warned(refusal):
    """A check that the Warning of the message begins with this id."""
    return check_header("Warning", f'399 [^ ]+ .{refusal}: .+', "warned")


def simulated(world, profile, **asked):
    """The answer of a simulation of a call by the profile's PBX."""
    return world.api.call("POST", "/simulate", {"profile": profile["id"], "to": UNITED_STATES, **asked})


def decided(steps):
    """The step in which it was decided."""
    failed = [step for step in steps if step["verdict"] == "failed"]
    expect(failed, f"no step failed: {steps}")
    return failed[-1]


@scenario(needs_switch=True)
def each_refusal_is_told_alike_on_the_wire_in_the_trace_and_beforehand(world):
    """For each common mistake Warning, trace and simulation name the same rule; who proved nothing is in the attempts (RFC 3261 20.43)."""
    profile = world.profile(credit="0.015")
    carrier = world.carrier()
    for refusal, status, _, asked in COMMON:
        said = simulated(world, profile, **asked)
        equal((said["verdict"], said["refusal"]["id"], str(said["refusal"]["status"])), ("refused", refusal, status), "simulated")
        expect(said["refusal"]["remedy"], f"nothing to do about {refusal}")
    agents = [world.pbx("refused", profile, name=refusal, final=status, check=warned(refusal), **values)
              for refusal, status, values, _ in COMMON]
    for agent in agents:
        agent.finish()
    wrong = world.pbx("refused", profile, name="wrong", password=WRONG, final="403", check=warned("bad_credentials"))
    unknown = world.pbx("register", profile, name="unknown", user="99059999999999", password=WRONG, final="403",
                        check=warned("bad_credentials"))
    brief = world.pbx("register", profile, name="brief", expires="10", final="423", check=warned("interval_too_brief"))
    for agent in (wrong, unknown, brief):
        agent.finish()
    world.never_invited(carrier)

    records = {record["refusal"]: record for record in world.records(len(COMMON))}
    for refusal, status, _, asked in COMMON:
        trace = world.api.get(f"/calls/{records[refusal]['id']}/trace")
        equal(trace["refusal"]["id"], refusal, "the trace's refusal")
        step = decided(trace["steps"])
        equal(step["refusal"], refusal, "the step that failed")
        foretold = simulated(world, profile, **asked)["steps"]
        equal([(one["rule"], one["verdict"]) for one in foretold], [(one["rule"], one["verdict"]) for one in trace["steps"]],
              f"what the simulation of {refusal} looked at")
    step = decided(world.api.get(f"/calls/{records['from_mismatch']['id']}/trace")["steps"])
    equal((step["rule"], step["seen"], step["wanted"]), ("from_user", "101", profile["sip_user"]), "what was seen and wanted")

    tried = world.api.get(f"/profiles/{profile['id']}/attempts")["items"]
    refusals = {attempt["refusal"]["id"] for attempt in tried if attempt["refusal"]}
    expect({"bad_credentials", "interval_too_brief", "from_mismatch", "not_e164"} <= refusals, f"attempts: {refusals}")
    (interval,) = [one for one in tried if one["refusal"] and one["refusal"]["id"] == "interval_too_brief"]
    step = decided(interval["steps"])
    equal((step["seen"], step["wanted"]), ("10 s", "30 s"), "the interval")
    (stranger,) = [one for one in world.api.get("/attempts")["items"] if one["user"] == "99059999999999"]
    equal((stranger["kind"], stranger["refusal"]["id"]), ("registration", "bad_credentials"), "the stranger's attempt")
    expect(WRONG not in str(tried) + str(stranger), "a password is in an attempt")
    world.settled(profile, given="0.015")


@scenario(needs_switch=True)
def a_simulated_call_is_the_real_one_and_leaves_no_mark(world):
    """`tandem simulate` names carrier, price and caller ID of the call that is then made; nothing was held or counted (R13)."""
    profile = world.profile(credit="0.05")
    carrier = world.carrier()
    before = world.api.metrics()

    def counted(text):
        names = ("tandem_call", "tandem_channels", "tandem_credit", "tandem_carrier_attempts", "tandem_ledger_post")
        return {line for line in text.splitlines() if line.startswith(names)}

    said = simulated(world, profile)
    route = [one["name"] for one in said["route"]]
    equal((said["verdict"], said["callee"], route), ("placed", UNITED_STATES, ["carrier1"]), "simulated")
    equal((said["price"]["first_block"], said["price"]["credit_lasts_s"]), ("0.01", 150), "the price")
    command = [BINARY, "simulate", UNITED_STATES, "--api", f"127.0.0.1:{world.api.port}"]
    command += ["--token-file", world.server.folder / "tokens"]
    told = subprocess.run([str(word) for word in command], cwd=world.folder, capture_output=True, text=True, timeout=10)
    expect(told.returncode == 0 and "would be placed" in told.stdout and "lasts 2 min 30 s" in told.stdout, f"{told}")
    equal(counted(world.api.metrics()) ^ counted(before), set(), "what two simulations have changed in the metrics")
    equal(world.api.records(), [], "call records after two simulations")
    equal(carrier.statistics().begun, 0, "calls that the carrier heard of")

    world.pbx("call", profile, options=("-d", 300)).finish()
    carrier.finish()
    record = world.record(status=200, caller_id=said["caller_id"], rate_per_minute=said["price"]["rate_per_minute"])
    trace = world.api.get(f"/calls/{record['id']}/trace")
    steps = [(step["rule"], step["verdict"]) for step in said["steps"]]
    equal([(step["rule"], step["verdict"]) for step in trace["steps"]][:len(steps)], steps, "the trace of the call")
    expect(trace["refusal"] is None, "a call that was answered has a refusal")
    attempts = world.api.get(f"/profiles/{profile['id']}/attempts")["items"]
    expect(any(one["call"] == record["id"] and one["outcome"] == "accepted" for one in attempts), f"attempts: {attempts}")
    world.settled(profile, spent="0.01", given="0.05")


@scenario(needs_switch=True)
def a_live_call_tells_its_trace(world):
    """The trace of a call can be read while it is up, and names the carrier that has it (R12)."""
    profile = world.profile()
    carrier = world.carrier()
    pbx = world.pbx("call", profile, options=("-d", 700))
    (live,) = world.answered_calls(1)
    trace = world.api.get(f"/calls/{live['id']}/trace")
    equal(trace["state"], "live", "the state of the trace")
    expect(any(step["rule"] == "carrier" and step["seen"] == "carrier1" for step in trace["steps"]), f"no carrier: {trace}")
    pbx.finish()
    carrier.finish()
    ended = until(lambda: ended_trace(world, live["id"]), "the trace of the ended call")
    equal(ended["steps"], trace["steps"], "the trace after the end")
    world.settled(profile, spent="0.01")


def ended_trace(world, call):
    """The trace of a call that is over; for some milliseconds after its end there is none."""
    try:
        trace = world.api.get(f"/calls/{call}/trace")
    except Failure:
        return None
    return trace if trace["state"] == "ended" else None
