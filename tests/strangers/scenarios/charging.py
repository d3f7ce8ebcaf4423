"""Credit that runs out while people talk, in real time (R8), and credit that comes back (K4, K5, K6).

Not here: what a call costs to the cent in every case; that is the rating room's own tests.
"""

import array
import json
import subprocess
import sys
import threading
from decimal import Decimal

import sound
import tandem_api
from scenarios import scenario
from scenarios.sounding import TELL_MEDIA, offered_to
from scenarios.trading import tandem
from server import DECK, ROOT
from waiting import equal, expect, until
from world import DEAR, LONDON, SHIP

# What the dear destination costs a second (server.DECK).
DEAR_PER_SECOND = Decimal("0.02")
# How much later than the last paid second a call may end (R8).
LATE_MS = 200


@scenario(needs_switch=True, measures="the last paid second, to 0.2 s")
def credit_runs_out_in_mid_call(world):
    """At $0.02 a second $0.10 lasts 5 s: both sides get BYE within 0.2 s of it, and the balance is 0.00 (R8)."""
    credit = Decimal("0.10")
    profile = world.profile(credit=str(credit))
    carrier = world.carrier()
    pbx = world.pbx("call_until_bye", profile, number=DEAR)
    pbx.finish()
    carrier.finish()
    (lasted,) = pbx.response_times_ms(2)
    paid = int(credit / DEAR_PER_SECOND * 1000)
    expect(abs(lasted - paid) <= world.stalls.allowing(LATE_MS), f"the BYE came {lasted:.0f} ms after the answer, paid were {paid} ms")
    world.settled(profile, spent=credit, given=credit)
    world.record(cause="credit_exhausted", amount=credit, billed_s=5)


@scenario(needs_switch=True, measures="the last paid second, to 0.2 s")
def credit_added_in_mid_call_is_spent_in_it(world):
    """A top-up while the call is up extends it (K4)."""
    profile = world.profile(credit="0.10")
    carrier = world.carrier()
    pbx = world.pbx("call_until_bye", profile, number=DEAR)
    world.answered_calls(1)
    world.api.allocate(profile["id"], "0.06")
    pbx.finish()
    carrier.finish()
    (lasted,) = pbx.response_times_ms(2)
    expect(abs(lasted - 8000) <= world.stalls.allowing(LATE_MS), f"the BYE came {lasted:.0f} ms after the answer, paid were 8000 ms")
    world.settled(profile, spent="0.16", given="0.16")


@scenario(needs_switch=True)
def credit_added_on_the_final_unit_leaves_no_gap(world):
    """A call that is told it speaks its last paid seconds goes on when credit comes: no packet of sound is missing, no second is
    charged twice or for nothing (K4, R8, must-show 4)."""
    profile = world.profile(credit="0.03")
    carrier = world.carrier(echo=True)
    end = sound.RtpEnd()
    try:
        # Its first 3 s cost all there is; at the answer nothing is held after them.
        pbx = world.pbx("call", profile, number=SHIP, check=TELL_MEDIA, media_port=str(end.port), media_ip="127.0.0.1",
                        options=("-d", 4800))
        address = offered_to(pbx)
        speaking = threading.Thread(target=end.send, args=(address, sound.sweep(4.5)))
        speaking.start()
        world.answered_calls(1)
        until(lambda: tandem_api.held(world.profile_now(profile)) == 0, "nothing to be held any more", 2)
        world.api.allocate(profile["id"], "0.03")
        speaking.join()
        pbx.finish()
        carrier.finish()
        came = sorted(end.received)
    finally:
        end.close()
    expect(len(came) >= 215 and came[-1] - came[0] + 1 == len(came), f"{len(came)} packets came back, from {came[0]} to {came[-1]}, of 225")
    world.settled(profile, spent="0.06", given="0.06")
    world.record(cause="normal", amount="0.06", billed_s=6)


@scenario(needs_switch=True)
def a_tone_warns_the_caller_before_the_credit_ends(world):
    """Two seconds and one second before its credit ends the caller hears a tone of 1,000 Hz, 0.2 s each, in place of
    its sound, and none before or between (R8, K3)."""
    profile = world.profile(credit="0.08", warn_before_s=[1, 2])
    equal(profile["warn_before_s"], [2, 1], "when callers are warned")
    carrier = world.carrier(echo=True)
    end = sound.RtpEnd()
    try:
        pbx = world.pbx("call_until_bye", profile, number=DEAR, check=TELL_MEDIA, media_port=str(end.port), media_ip="127.0.0.1")
        end.send(offered_to(pbx), array.array("h", bytes(2 * sound.RATE_HZ * 4)))
        pbx.finish()
        carrier.finish()
        heard = end.heard()
    finally:
        end.close()
    tones = sound.tones(heard, 1000)
    print("  tones, from and to in seconds: " + ", ".join(f"{begin:.2f} to {over:.2f}" for begin, over in tones))
    equal(len(tones), 2, "tones heard")
    for (begin, over), expected in zip(tones, (2, 3)):
        expect(0.16 <= over - begin <= 0.24, f"a tone of {over - begin:.2f} s, 0.2 s were expected")
        # What came is in its order; it began with the answer, or a little later.
        expect(abs(begin - expected) <= 0.9, f"a tone {begin:.2f} s after the first sound, {expected} s were expected")
    world.settled(profile, spent="0.08", given="0.08")
    world.record(cause="credit_exhausted", billed_s=4)


@scenario(needs_switch=True)
def a_call_costs_no_more_than_its_profile_permits(world):
    """A destination dearer than max_rate gets 402; a call ends when it has cost max_call_cost, whatever credit there is
    (field lesson 21, R8)."""
    profile = world.profile(max_call_cost="0.04", max_rate="1.00")
    carrier = world.carrier(calls=1)
    seen = world.pbx("refused", profile, number=DEAR, final="402", name="dear").finish()
    equal(seen.failed, 0, "calls that were not refused with 402")
    world.api.call("PATCH", f"/profiles/{profile['id']}", {"max_rate": None})
    pbx = world.pbx("call_until_bye", profile, number=DEAR)
    pbx.finish()
    carrier.finish()
    world.settled(profile, spent="0.04")
    records = world.records(2)
    equal(sorted(record["refusal"] or record["cause"] for record in records), ["credit_exhausted", "max_rate"], "how the calls ended")


@scenario(needs_switch=True)
def the_company_recharges_the_profile(world):
    """Credit at the threshold is refilled from the company once, in the middle of a call (K6, D-08)."""
    profile = world.profile(credit="0.08", auto_recharge={"amount": "1.00", "threshold": "0.04"})
    carrier = world.carrier()
    world.pbx("call", profile, number=DEAR, options=("-d", 5500)).finish()
    carrier.finish()
    now = world.until_idle(profile)
    (record,) = world.records(1)
    spent = tandem_api.record_amount(record)
    equal(record["billed_s"], 6, "billed seconds of a call of 5.5 s")
    equal(tandem_api.balance(now), Decimal("1.08") - spent, "the profile's balance after one recharge of 1.00")
    equal(Decimal(world.api.company(world.company)["credit"]["balance"]), Decimal("98.92"), "the company's balance")


@scenario(needs_switch=True)
def sixty_calls_at_once_cross_the_threshold_and_recharge_once(world):
    """60 calls at once take a profile across its threshold: its company recharges it once (K6)."""
    calls = 60
    profile = world.profile(channels=calls, credit="5.60", auto_recharge={"amount": "10.00", "threshold": "5.00"})
    carrier = world.carrier(calls=calls, trace=False)
    pbx = world.pbx("call", profile, calls=calls, rate=calls, limit=calls, trace=False, options=("-d", 1000))
    equal(pbx.finish().successful, calls, "calls through")
    carrier.finish()
    now = world.until_idle(profile)
    spent = sum(tandem_api.record_amount(record) for record in world.records(calls))
    equal(tandem_api.balance(now), Decimal("15.60") - spent, "the balance after one recharge of 10.00")
    moved = [line for line in world.api.profile_statement(profile["id"]) if line["code"] == "auto_recharge"]
    equal(len(moved), 1, "recharges in the statement")
    equal(int(world.api.metric("tandem_auto_recharges_total", outcome="ok")), 1, "recharges that were told")


@scenario(needs_switch=True)
def a_company_that_was_empty_recharges_at_its_next_top_up(world):
    """A profile that its company could not recharge is told of, and recharged by the company's next top-up (K6, K10)."""
    profile = world.profile(credit="0.50", auto_recharge={"amount": "200.00", "threshold": "5.00"})
    carrier = world.carrier()
    world.pbx("call", profile).finish()
    carrier.finish()
    short = lambda: int(world.api.metric("tandem_auto_recharges_total", outcome="company_empty")) > 0
    until(short, "the recharge that failed")
    liabilities = world.api.get(f"/companies/{world.company}/recharge-liabilities")
    equal((liabilities["liabilities"], liabilities["covered"]), ("200.00", False), "what the company may have to pay")
    world.api.add_credit(world.company, "150.00")
    recharged = lambda: tandem_api.balance(world.profile_now(profile)) > Decimal("200")
    until(recharged, "the recharge after the top-up")
    expect(world.api.get(f"/profiles/{profile['id']}/auto-recharge")["enabled"], "auto-recharge is on")


@scenario(needs_switch=True)
def taking_back_leaves_what_is_held(world):
    """Credit is taken back while a call is up: what is held for it stays, and the call is paid (K5)."""
    profile = world.profile(credit="10.00")
    carrier = world.carrier()
    pbx = world.pbx("call", profile, number=LONDON, options=("-d", 3000))
    world.answered_calls(1)
    world.api.take_back(profile["id"])
    now = world.profile_now(profile)
    equal(tandem_api.available(now), Decimal("0.00"), "what is left to spend")
    pbx.finish()
    carrier.finish()
    idle = world.until_idle(profile)
    company = Decimal(world.api.company(world.company)["credit"]["balance"])
    equal(tandem_api.balance(idle) + company, Decimal("99.98"), "profile and company together, less a call of 0.02")


@scenario(needs_switch=True)
def money_moves_once_for_each_key(world):
    """The same Idempotency-Key twice moves credit once, and with another body is refused (K1)."""
    profile = world.profile(credit="1.00")
    for _ in range(2):
        world.api.allocate(profile["id"], "2.00", key="the-same-order")
    equal(tandem_api.balance(world.profile_now(profile)), Decimal("3.00"), "the balance after one order sent twice")
    try:
        world.api.allocate(profile["id"], "5.00", key="the-same-order")
    except tandem_api.Refused as refused:
        expect(refused.status in (409, 422), f"another body under the same key got {refused.status}")
    else:
        expect(False, "another body under the same key was accepted")
    equal(tandem_api.balance(world.profile_now(profile)), Decimal("3.00"), "the balance afterwards")


@scenario(needs_switch=True)
def a_charge_is_explained_and_proven_while_the_deck_changes(world):
    """A call keeps the deck that it began with, the next one takes the new; both are explained, proven and rated anew elsewhere (R13)."""
    profile = world.profile()
    carrier = world.carrier(calls=2)
    first = world.pbx("call", profile, number=LONDON, options=("-d", 1500))
    world.answered_calls(1)
    world.api.activate_deck(DECK.replace("0.03", "0.90"))
    first.finish()
    world.pbx("call", profile, number=LONDON, options=("-d", 300), name="second").finish()
    carrier.finish()
    world.settled(profile, spent="0.47")
    records = {record["deck"]: record for record in world.records(2)}
    equal(sorted(records), ["test deck 1", "test deck 2"], "the decks that the records name")
    told = [world.api.explain(record["id"]) for record in records.values()]
    equal([one["agrees"] for one in told], [True, True], f"whether all agree ({told})")
    dear = records["test deck 2"]
    said, _ = tandem(world, "call", "explain", dear["id"])
    expect("30 s at 0.90 a minute = 0.45, rounded up to the cent: 0.45" in said, said)
    equal(json.loads(tandem(world, "call", "explain", dear["id"], "--json")[0])["amount"], "0.45", "the amount as data")
    month = dear["invited_at"][:7]
    said, _ = tandem(world, "ledger", "verify", "--month", month)
    expect("2 calls, 2 charged, 0.47 USD" in said and "agree about every one" in said, said)
    folder = world.folder / "proof"
    folder.mkdir()
    (folder / "journal.jsonl").write_text(tandem(world, "export", "journal")[0])
    (folder / "decks.jsonl").write_text(tandem(world, "export", "decks")[0])
    (folder / "explain.jsonl").write_text("".join(json.dumps(one) + "\n" for one in told))
    rated = subprocess.run([sys.executable, ROOT / "tests/proof/rerate.py", folder], stdin=subprocess.DEVNULL, capture_output=True,
                           text=True, timeout=60)
    expect(rated.returncode == 0 and rated.stdout.startswith("2 calls, 2 answered"), rated.stdout + rated.stderr)


@scenario(needs_switch=True)
def a_trimmed_journal_answers_as_if_nothing_had_gone(world):
    """Calls, `tandem ledger trim`, kill -9, another call: statement, explanation, proof of the month and export are whole, `ledger verify` is
    clean from the first row on, and an old order under its key is done once (design 5)."""
    profile = world.profile(credit="5.00")
    carrier = world.carrier(calls=3)
    world.pbx("call", profile, calls=2, options=("-d", 300)).finish()
    world.settled(profile, spent="0.02", given="5.00")
    world.api.allocate(profile["id"], "1.00", key="once")
    old = world.records(2)[0]
    folder = world.folder / "trimmed"
    folder.mkdir()

    def read():
        return {"statement": world.api.profile_statement(profile["id"]), "explained": world.api.explain(old["id"]),
                "exported": tandem(world, "export", "journal")[0]}

    before = read()
    until(lambda: json.loads(tandem(world, "ledger", "trim", "--json")[0])["kept"] == 0, "all rows to be in the archive", 10)
    equal(read(), before, "what is told after the trimming")
    world.server.kill()
    world.server.start()
    equal(read(), before, "what is told after a kill -9 and a start")
    world.api.allocate(profile["id"], "1.00", key="once")
    world.pbx("call", profile, options=("-d", 300), name="after").finish()
    carrier.finish()
    world.settled(profile, spent="0.03", given="6.00")
    lines = world.api.profile_statement(profile["id"])
    equal(lines[-len(before["statement"]):], before["statement"], "the statement across the cut")
    said, _ = tandem(world, "ledger", "verify", "--month", old["invited_at"][:7])
    expect("3 calls, 3 charged, 0.03 USD" in said and "agree about every one" in said, said)
    told = json.loads(tandem(world, "ledger", "verify", "--json")[0])
    expect(told["clean"] and told["archived"] > 0 and told["batches"] > told["archived"], f"ledger verify says {told}")


@scenario(needs_switch=True)
def a_shadow_deck_rates_the_same_calls_and_charges_nobody(world):
    """A deck and its twin as shadow tell the same revenue of the same calls, a dearer shadow tells more; the house's credit is sound
    while they talk (R6, R12)."""
    profile = world.profile(credit="5.00")
    carrier = world.carrier(calls=2)
    (folder := world.folder / "shadow").mkdir()

    def imported(name, deck):
        (folder / f"{name}.csv").write_text(deck)
        said, _ = tandem(world, "deck", "import", str(folder / f"{name}.csv"), "--name", name, "--json")
        return json.loads(said)["id"]

    live = next(deck["name"] for deck in json.loads(tandem(world, "deck", "list", "--json")[0]) if deck["active"])
    twin = imported("twin", DECK)
    tandem(world, "deck", "shadow", "set", twin, "--of", live)
    pbx = world.pbx("call", profile, number=LONDON, options=("-d", 1200))
    world.answered_calls(1)
    house = json.loads(tandem(world, "credit", "status", "--json")[0])
    (dollars,) = house["currencies"]
    equal((house["ledger_up"], dollars["overdraft"], dollars["below_zero"], dollars["imbalance"]), (True, "0.00", 0, "0.00"), "the house")
    equal((dollars["paid_calls"], house["soonest"][0]["profile"]), (1, profile["id"]), "who spends")
    said, _ = tandem(world, "credit", "status")
    expect("overdraft 0.00 USD on 0 accounts, imbalance 0.00 USD" in said, said)
    expect(f'"{profile["name"]}" of "' in said, said)
    equal(world.api.metric("tandem_ledger_accounts_below_zero"), 0, "accounts below zero")
    pbx.finish()
    world.settled(profile, spent=tandem_api.record_amount(world.record(status=200)), given="5.00")
    (total,) = json.loads(tandem(world, "deck", "shadow", "report", "--json")[0])["totals"]
    equal((total["calls"], total["difference"], total["shadow"]), (1, "0.00", "twin 1"), "a deck beside itself")
    equal(total["live"]["revenue"], total["shadowed"]["revenue"], "what both came to")
    tandem(world, "deck", "shadow", "set", imported("next", DECK.replace("0.03", "0.90")), "--of", live)
    world.pbx("call", profile, number=LONDON, options=("-d", 200), name="second").finish()
    carrier.finish()
    world.records(2)
    said, _ = tandem(world, "deck", "shadow", "report", "--csv")
    rows = [line.split(",") for line in said.strip().splitlines()]
    (dearer,) = [dict(zip(rows[0], row)) for row in rows[1:] if row[1] == "next 1"]
    equal((dearer["calls"], dearer["shadow_revenue"]), ("1", "0.45"), "the call that began under the second shadow")
    expect(Decimal(dearer["difference"]) > 0, f"the dearer shadow made {dearer['difference']} more")
