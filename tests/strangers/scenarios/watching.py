"""What an operator sees from outside: metrics that move with a call, health, errors that say what is wrong.

Not here: every metric and every path of the API; those are tests of telemetry and web.
"""

import json
import subprocess

import tandem_api
from scenarios import scenario
from server import BINARY
from waiting import equal, expect, until


@scenario(needs_switch=True)
def metrics_tell_of_the_call(world):
    """One answered call moves each of its counters by one and gives back what its gauges showed (R12)."""
    counters = {
        ("tandem_call_attempts_total", (("direction", "outbound"),)): 1,
        ("tandem_calls_answered_total", (("direction", "outbound"),)): 1,
        ("tandem_calls_completed_total", (("direction", "outbound"),)): 1,
        ("tandem_calls_ended_total", (("direction", "outbound"), ("cause", "normal"))): 1,
        ("tandem_carrier_attempts_total", (("result", "answered"),)): 1,
        ("tandem_sip_auth_attempts_total", (("outcome", "challenged"),)): 1,
        ("tandem_sip_auth_attempts_total", (("outcome", "ok"),)): 1,
        ("tandem_cdrs_total", (("outcome", "written"),)): 1,
        ("tandem_session_disconnect_delay_seconds_count", (("direction", "outbound"),)): 1,
        ("tandem_charge_tick_seconds_count", ()): 1,
        ("tandem_actor_lost_total", ()): 0,
        ("tandem_redis_errors_total", ()): 0,
    }
    # These move by more than one with a call: by how many is nobody's business.
    moving = (("tandem_actor_messages_total", (("actor", "call"), ("outcome", "ok"))),
              ("tandem_actor_messages_total", (("actor", "profile"), ("outcome", "ok"))),
              ("tandem_actor_messages_total", (("actor", "shard"), ("outcome", "ok"))),
              ("tandem_actor_mailbox_wait_seconds_count", ()),
              ("tandem_actor_handle_seconds_count", ()),
              ("tandem_runtime_busy_seconds_total", ()),
              ("tandem_ledger_commit_seconds_count", ()))
    profile = world.profile()
    carrier = world.carrier()
    for kind in ("topup", "allocate"):
        told = world.api.metric("tandem_ledger_entries_total", kind=kind, outcome="committed")
        expect(told > 0, f"what was posted over the API is not told as {kind}")
    before = {key: world.api.metric(key[0], **dict(key[1])) for key in (*counters, *moving)}
    pbx = world.pbx("call", profile, options=("-d", 2000))
    world.answered_calls(1)
    equal(world.api.metric("tandem_channels_in_use"), 1, "channels in use during the call")
    equal(world.api.metric("tandem_credit_holds"), 1, "credit holds during the call")
    equal(world.api.metric("tandem_calls_active", direction="outbound", state="established"), 1, "established calls")
    equal(world.api.metric("tandem_calls_active"), 1, "calls in any state during the call")
    equal(world.api.metric("tandem_carrier_channels_in_use"), 1, "calls at the carrier during the call")
    expect(world.api.metric("tandem_media_ports_in_use") > 0, "no media port is in use during the call")
    pbx.finish()
    carrier.finish()
    world.settled(profile, spent="0.01")

    def have_moved():
        found = {key: world.api.metric(key[0], **dict(key[1])) - before[key] for key in counters}
        wrong = {f"{name}{dict(labels)}": str(found[name, labels]) for (name, labels) in counters
                 if found[name, labels] != counters[name, labels]}
        expect(not wrong, f"moved by other than one: {wrong}")
        still = [f"{name}{dict(labels)}" for name, labels in moving
                 if world.api.metric(name, **dict(labels)) <= before[name, labels]]
        expect(not still, f"have not moved: {still}")
        return True

    until(have_moved, "the counters to tell of one call", 6)
    equal(world.api.metric("tandem_calls_active"), 0, "calls in any state after the call")
    equal(world.api.metric("tandem_carrier_channels_in_use"), 0, "calls at the carrier after the call")
    equal(world.api.metric("tandem_ledger_imbalance"), 0, "the ledger's imbalance")


@scenario(needs_switch=True)
def the_api_says_what_is_wrong(world):
    """Without a token 401, nonsense 4xx as RFC 9457 problem, OpenAPI and health for everybody (RFC 9457 3)."""
    api = world.api
    equal(api.raw("GET", "/livez")[0], 200, "/livez")
    equal(api.raw("GET", "/readyz")[0], 200, "/readyz")
    status, _, body = api.raw("GET", f"{tandem_api.BASE}/openapi.json",
                              headers={"Authorization": f"Bearer {api.token}"})
    equal(status, 200, "openapi.json")
    paths = json.loads(body)["paths"]
    for path in ("companies", "profiles", "carriers", "decks", "calls"):
        expect(any(one.rstrip("/").endswith(f"/{path}") for one in paths), f"openapi.json does not name /{path}")
    equal(api.raw("GET", f"{tandem_api.BASE}/calls")[0], 401, "the answer without a token")
    equal(api.raw("GET", f"{tandem_api.BASE}/calls", headers={"Authorization": "Bearer wrong"})[0], 401,
          "the answer to a wrong token")
    status, headers, body = api.raw("POST", f"{tandem_api.BASE}/companies", '{"name": 7}',
                                    {"Authorization": f"Bearer {api.token}", "Content-Type": "application/json"})
    expect(400 <= status < 500, f"a company without a name was answered {status}")
    kind = {name.lower(): value for name, value in headers.items()}.get("content-type", "")
    expect(kind.startswith("application/problem+json"), f"an error came as {kind!r}")
    expect(json.loads(body).get("title"), "the problem has no title")


@scenario(needs_switch=True)
def a_healthcheck_without_a_shell(world):
    """`tandem healthcheck` ends with 0 beside a switch that takes calls, and with 1 and a sentence once it is dead (S13)."""
    def ask():
        return subprocess.run([BINARY, "healthcheck", "--config", str(world.server.config)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=20)

    healthy = ask()
    equal((healthy.returncode, json.loads(healthy.stdout)["ready"]), (0, True), "the healthcheck of a switch that runs")
    world.server.kill()
    dead = ask()
    equal(dead.returncode, 1, "the healthcheck's exit code once the switch is dead")
    expect("does not answer" in dead.stderr, f"the healthcheck says {dead.stderr!r}")
    world.server.start()
