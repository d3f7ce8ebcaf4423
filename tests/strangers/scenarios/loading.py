"""The load test as a stranger: small runs against the switch, and against a server that is not ours.

Not here: what it measures at size; that is loadtest/on_two_cores. That its loop is open is proven in loadtest/tests.
"""

import json
import subprocess
from decimal import Decimal

from scenarios import scenario
from server import BINARY
from stand_in import StandIn
from waiting import equal, expect, free_port

LOADTEST = BINARY.parent / "tandem-loadtest"


def load_test(folder, target, *flags, timeout_s=60):
    """What the load test says as JSON, and its exit code; what people read is in the log."""
    command = [LOADTEST, "--target", target, "--json", *(str(flag) for flag in flags)]
    with (folder / "loadtest.log").open("wb") as log:
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                              timeout=timeout_s)
    expect(done.returncode in (0, 1) and done.stdout,
           f"the load test ended with {done.returncode}: {(folder / 'loadtest.log').read_text()[-500:]}")
    return json.loads(done.stdout), done.returncode


def tandem_flags(world, pbxs):
    """The flags that let it make its own company and profiles."""
    token = world.folder / "token"
    token.write_text(f"{world.api.token}\n")
    token.chmod(0o600)
    return ["--tandem-api", f"http://127.0.0.1:{world.server.http_port}", "--token-file", token, "--pbxs", pbxs]


@scenario(needs_switch=True, timeout_s=90, alone="200 calls and their sound")
def a_small_load_test_and_its_books(world):
    """20 challenged calls a second with sound for 5 s: none fails, nothing heard is missing, records = ledger = expected
    (R1, K1)."""
    log = world.folder / "histograms.hlog"
    summary, code = load_test(world.folder, world.server.sip, *tandem_flags(world, 4), "--rate", 20, "--duration", "5s",
                              "--hold", "2.5s", "--seed", 7, "--hdr-log", log)
    equal((code, summary["ok"], summary["faults"], summary["failed"]), (0, True, [], 0), "exit code and verdict")
    calls = summary["scheduled"]
    expect(70 <= calls <= 130, f"{calls} calls of a schedule of 100 on average")
    equal((summary["registered"], summary["completed"], summary["taken_by_carrier"]), (4, calls, calls), "PBXs and calls")
    books = summary["books"]
    equal(books["records"], calls, "call records")
    charged = {Decimal(books[key]) for key in ("charged_by_records", "charged_by_totals", "charged_by_ledger")}
    equal(len(charged), 1, f"different sums {charged}")
    expect(Decimal(books["expected_min"]) <= charged.pop() <= Decimal(books["expected_max"]), f"not as expected: {books}")
    rtp = summary["rtp"]
    # 2.3 s of 50 packets a second.
    expect(rtp["sent"] >= calls * 100, f"{rtp['sent']} packets of {calls} calls")
    expect(rtp["lost_round_trip_percent"] < 1, f"sound was lost: {rtp}")
    expect(summary["ticks"]["charged"] >= 3 * calls, f"{summary['ticks']['charged']} charges of {calls} calls of 3 s")
    tick = summary["ticks"]["latency"]
    expect(tick["count"] >= 3 * calls and tick["p50_ms_at_most"] is not None, f"the latency of their ticks: {tick}")
    equal(summary["latencies"]["setup"]["count"], calls, "set-up delays")
    tags = {line.split(",")[0] for line in log.read_text().splitlines() if line.startswith("Tag=")}
    expect({"Tag=setup", "Tag=rtp_round_trip"} <= tags, f"the histogram log has {tags}")


@scenario(needs_switch=True, timeout_s=60)
def a_load_test_that_finds_faults_says_so(world):
    """Calls to a number that nobody carries fail, are counted by reason, and the exit code is 1 (S6)."""
    profile = world.profile()
    users = world.folder / "users"
    users.write_text(f"{profile['sip_user']} {profile['sip_password']}\n")
    flags = ["--users", users, "--dial", "+999123456789", "--rate", 5, "--duration", "1s", "--no-media"]
    summary, code = load_test(world.folder, world.server.sip, *flags)
    equal((code, summary["ok"], summary["completed"]), (1, False, 0), "exit code and verdict")
    equal(summary["failed"], summary["scheduled"], "failed calls")
    summary, code = load_test(world.folder, world.server.sip, *flags, "--max-failed", 1000)
    equal((code, summary["ok"]), (0, True), "exit code and verdict where failures are allowed")


@scenario(timeout_s=60, alone="40 calls and their sound")
def a_load_test_of_a_server_that_is_not_ours(world):
    """The same generator, PBXs and carrier against Kamailio: challenged calls, sound from end to end, no failure (S2)."""
    kamailio = StandIn(world.folder / "other").start()
    try:
        profiles = [kamailio.api.create_profile("company", f"Trunk {number}", 100) for number in (1, 2)]
        users = world.folder / "users"
        users.write_text("".join(f"{one['sip_user']} {one['sip_password']}\n" for one in profiles))
        carrier = f"127.0.0.1:{free_port()}"
        kamailio.api.create_carrier("load test", carrier, priority=1)
        for profile in profiles:
            kamailio.api.allocate(profile["id"], "100.00")
        summary, code = load_test(world.folder, kamailio.sip, "--users", users, "--carrier-listen", carrier, "--rate", 20,
                                  "--duration", "2s", "--hold", "1s", "--carrier-sound", "send")
    finally:
        kamailio.stop()
    equal((code, summary["faults"], summary["failed"]), (0, [], 0), "exit code, faults and failed calls")
    equal((summary["registered"], summary["completed"]), (2, summary["scheduled"]), "PBXs and calls")
    expect(summary["rtp"]["heard"] >= 30 * summary["scheduled"], f"little was heard: {summary['rtp']}")
