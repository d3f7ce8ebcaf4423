"""Rules against fraud: the cap of a day, a profile that was stopped and is released, and the breaker that never cuts.

Not here: each rule by itself, on a virtual clock; those are the switch's own tests.
"""

import json

from scenarios import scenario
from scenarios.trading import tandem
from waiting import equal, expect, until
from world import DEAR


@scenario(needs_switch=True)
def the_cap_of_a_day_is_kept_and_survives_a_restart(world):
    """A call that comes to the daily cap ends with its last paid second; the next gets 402, also after a restart, and the
    cap is as full as before; raised, calls pass again (D-16, field lesson 21)."""
    profile = world.profile(fraud={"daily_cap": {"amount": "0.04"}})
    carrier = world.carrier(calls=1)
    world.pbx("call_until_bye", profile, number=DEAR, name="first").finish()
    carrier.finish()
    world.until_idle(profile)
    path = f"/profiles/{profile['id']}/fraud"
    equal(world.api.get(path)["spent_today"], "0.04", "spent today")
    equal(world.profile_now(profile)["fraud"]["counted_today"], "0.04", "what counts, as the profile itself tells it")
    equal(world.pbx("refused", profile, number=DEAR, final="402", name="capped").finish().failed, 0, "calls that were not refused with 402")
    world.server.stop()
    world.server.start()
    until(world.api.is_ready, "the switch takes calls again", 10)
    equal(world.api.get(path)["spent_today"], "0.04", "spent today, after the restart")
    equal(world.pbx("refused", profile, number=DEAR, final="402", name="still").finish().failed, 0, "calls that were not refused with 402")
    records = world.records(3)
    equal(sorted(record["refusal"] or record["cause"] for record in records), ["credit_exhausted", "daily_cap", "daily_cap"], "how the calls ended")


@scenario(needs_switch=True)
def a_profile_that_was_stopped_calls_again_once_it_is_released(world):
    """A dear destination stops the profile: the next call gets 403 profile_suspended, until tandem profile release (field lesson 21)."""
    profile = world.profile(name="Head office", fraud={"high_cost": {"call": "0.02", "action": "suspend"}})
    carrier = world.carrier(calls=2)
    world.pbx("call", profile, number=DEAR, options=("-d", 2500), name="dear").finish()
    equal(world.pbx("refused", profile, number=DEAR, final="403", name="stopped").finish().failed, 0, "calls that were not refused with 403")
    shown, _ = tandem(world, "profile", "fraud", "Head office", "--json")
    equal(json.loads(shown)["suspension"]["rule"], "high_cost", "what stopped it")
    shown, _ = tandem(world, "profile", "show", "Head office")
    expect("by high_cost" in shown, shown)
    released, _ = tandem(world, "profile", "release", "Head office")
    expect('"Head office" may call' in released, released)
    world.pbx("call", profile, number=DEAR, options=("-d", 500), name="again").finish()
    carrier.finish()
    equal(int(world.api.metric("tandem_fraud_blocks_total", rule="high_cost")), 1, "calls that were refused")


@scenario(needs_switch=True, settings={"fraud": {"company_per_minute": 1}})
def a_breaker_stops_new_calls_and_the_running_one_goes_on(world):
    """More than a company may spend in a minute opens its breaker: new paid calls get 503, the one that is up goes on,
    tandem breaker list asks, and release lets calls pass again (field lesson 21)."""
    profile = world.profile(channels=40, credit="50.00")
    world.carrier(calls=20)
    running = world.pbx("call_until_bye", profile, number=DEAR, calls=20, name="running")
    world.answered_calls(20)
    until(lambda: world.api.get("/breakers")["items"], "the breaker opens", 20)
    equal(world.pbx("refused", profile, number=DEAR, final="503", name="refused").finish().failed, 0, "calls that were not refused with 503")
    up = world.api.live_calls()
    equal(len(up), 20, "calls that are up")
    tandem(world, "breaker", "release", "USD", fails=True)
    tandem(world, "breaker", "release", world.api.company(world.company)["name"])
    equal(json.loads(tandem(world, "breaker", "list", "--json")[0]), [], "open breakers")
    limits = json.loads(tandem(world, "breaker", "limits", world.api.company(world.company)["name"], "--per-minute", "500", "--json")[0])
    equal((limits["is_own"], limits["limits"]["per_minute"], limits["open"]), (True, "500.00", None), "the company's own limits")
    for call in up:
        world.api.hang_up(call["id"])
    running.finish()
    world.until_idle(profile)
