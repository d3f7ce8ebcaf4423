//! Stories of calls: R12, records, totals, hanging up.

use crate::world::{NOON, World, id, text};
use domain::call_record::Priced;
use domain::{CallId, Currency, Micros, ReleaseCause, Rounding};
use serde_json::{Value, json};
use std::time::Duration;
use switch::call::{Live, PhaseName};

fn live(company: &str, profile: &str, number: u128) -> Live {
    Live {
        id: CallId::from_bits(number),
        company: id(company),
        profile: id(profile),
        direction: domain::call_record::CallDirection::Outbound,
        phase: PhaseName::Talking,
        dialled: "+37255501234".to_owned(),
        callee: Some(id("+37255501234")),
        caller_id: None,
        destination: "Estonia".to_owned(),
        carrier: Some("north".into()),
        invited_at: NOON,
        rang_at: Some(NOON),
        answered_at: Some(NOON),
        talked: Duration::from_millis(31_500),
        amount: Micros::from_cents(2),
        rate_per_minute: Micros::from_cents(2),
        ungranted_s: 0,
        ungranted: Micros::ZERO,
        currency: Currency::USD,
    }
}

/// What an operator wants to know while calls are up: how fast, and until when.
#[test]
fn the_spending_of_a_profile_and_of_its_company_says_when_they_are_empty() {
    let world = World::new();
    let company = world.company();
    let (first, second) = (world.profile(&company, 1), world.profile(&company, 1));
    let other = world.company();
    world.switchboard.live.lock().unwrap().extend([
        live(&company, &first, 5),
        live(&company, &first, 6),
        live(&company, &second, 7),
        Live { rate_per_minute: Micros::ZERO, amount: Micros::ZERO, ..live(&company, &second, 8) },
        Live { phase: PhaseName::Hunting, ..live(&company, &second, 9) },
        live(&other, &first, 10),
    ]);
    let of = |path: &str| world.get(path).ok(200);
    let figures = |of: &Value| ["paid_calls", "spent", "per_minute", "time_to_empty_s"].map(|field| of[field].clone());
    let profile = of(&format!("/profiles/{first}/credit"));
    assert_eq!(figures(&profile), [json!(2), json!("0.04"), json!("0.04"), json!(0)], "it has nothing");
    world.post(&format!("/companies/{company}/credit"), &json!({"amount": "10.00"})).ok(200);
    let before = of(&format!("/companies/{company}/credit"));
    assert_eq!(
        (&before["balance"], figures(&before)),
        (&json!("10.00"), [json!(3), json!("0.06"), json!("0.06"), json!(10_000)])
    );
    world.post(&format!("/profiles/{first}/credit"), &json!({"amount": "4.00"})).ok(200);
    let profile = of(&format!("/profiles/{first}/credit"));
    assert_eq!(
        (&profile["balance"], figures(&profile)),
        (&json!("4.00"), [json!(2), json!("0.04"), json!("0.04"), json!(6_000)])
    );
    assert_eq!(of(&format!("/companies/{company}/credit")), before, "it is the company's all the same");
    world.switchboard.live.lock().unwrap().clear();
    assert_eq!(figures(&of(&format!("/profiles/{first}/credit")))[3], Value::Null, "nothing is being spent");
}

/// Seconds at risk, overdraft, imbalance: of one, and of the whole house.
#[test]
fn what_would_be_lost_now_and_who_is_empty_first_is_told_of_everybody_to_operators() {
    let world = World::new();
    let company = world.company();
    let (first, second) = (world.profile(&company, 1), world.profile(&company, 1));
    world.post(&format!("/companies/{company}/credit"), &json!({"amount": "10.00"})).ok(200);
    world.post(&format!("/profiles/{second}/credit"), &json!({"amount": "1.00"})).ok(200);
    let begun = Live { ungranted_s: 30, ungranted: Micros::CENT, ..live(&company, &first, 5) };
    world.switchboard.live.lock().unwrap().extend([begun, live(&company, &second, 6)]);
    let figures = |of: &Value| ["seconds_at_risk", "at_risk", "overdraft", "imbalance"].map(|name| of[name].clone());
    let of = |path: &str| figures(&world.get(path).ok(200));
    let expected = [json!(30), json!("0.01"), json!("0.00"), json!("0.00")];
    assert_eq!(of(&format!("/companies/{company}/credit")), expected);
    assert_eq!(of(&format!("/profiles/{first}/credit"))[..3], expected[..3]);
    assert_eq!(of(&format!("/profiles/{second}/credit")), [json!(0), json!("0.00"), json!("0.00"), Value::Null]);
    let house = world.get("/credit").ok(200);
    let dollars = &house["currencies"][0];
    assert_eq!(figures(dollars), expected);
    assert_eq!(
        ["currency", "companies", "profiles", "spent", "per_minute"].map(|name| &dollars[name]),
        ["USD", "9.00", "1.00", "0.04", "0.04"]
    );
    assert_eq!(
        (&dollars["paid_calls"], &dollars["below_zero"], &house["ledger_up"]),
        (&json!(2), &json!(0), &json!(true))
    );
    let soonest: Vec<_> = house["soonest"].as_array().unwrap().iter().map(|one| &one["profile"]).collect();
    assert_eq!(soonest, [&first, &second]);
    assert_eq!(house["soonest"][1]["time_to_empty_s"], 3_000);
    let empty = &house["soonest_companies"][0];
    assert_eq!(house["soonest"][0]["company_name"], empty["company_name"]);
    assert_eq!(empty["company_name"], world.get(&format!("/companies/{company}")).ok(200)["name"]);
    assert_eq!(house["soonest"][1]["profile_name"], world.get(&format!("/profiles/{second}")).ok(200)["name"]);
    let said = (&empty["company"], &empty["balance"], &empty["time_to_empty_s"]);
    assert_eq!(said, (&json!(company), &json!("10.00"), &json!(15_000)), "with what its profiles have");
}

#[test]
fn r12_live_calls_show_what_they_have_cost_so_far() {
    let world = World::new();
    let company = world.company();
    let profile = world.profile(&company, 1);
    world.switchboard.live.lock().unwrap().extend([live(&company, &profile, 5), live(&company, &profile, 4)]);
    let page = world.get("/calls?state=live&limit=1").ok(200);
    let call = &page["items"][0];
    assert_eq!(call["id"], CallId::from_bits(4).to_string());
    assert_eq!((&call["state"], &call["phase"]), (&json!("live"), &json!("talking")));
    assert_eq!((&call["direction"], &call["carrier"]), (&json!("outbound"), &json!("north")));
    assert_eq!(
        (&call["amount"], &call["currency"], &call["talked_ms"]),
        (&json!("0.02"), &json!("USD"), &json!(31_500))
    );
    assert_eq!((&call["cause"], &call["ended_at"]), (&Value::Null, &Value::Null));
    assert_eq!(page["has_more"], true);
    let next = text(&page["next"]);
    let second = world.get(&format!("/calls?state=live&limit=1&after={next}")).ok(200);
    assert_eq!((&second["items"][0]["id"], &second["next"]), (&json!(CallId::from_bits(5).to_string()), &Value::Null));
    assert_eq!(world.get(&format!("/calls/{next}")).ok(200)["state"], "live");
    assert_eq!(world.get("/calls").ok(200)["items"], json!([]), "records are of calls that ended");
    assert_eq!(world.get("/calls?state=live&cause=busy").ok(200)["items"], json!([]));
}

#[test]
fn a_live_call_of_another_company_is_neither_seen_nor_hung_up() {
    let world = World::new();
    let (own, other) = (world.company(), world.company());
    let token = world.company_token(&own);
    let (mine, theirs) = (world.profile(&own, 1), world.profile(&other, 1));
    world.switchboard.live.lock().unwrap().extend([live(&own, &mine, 4), live(&other, &theirs, 5)]);
    let ask = |method, path: String| world.ask_as(&token, method, &path, None);
    let seen = ask("GET", "/calls?state=live".to_owned()).ok(200);
    assert_eq!(seen["items"].as_array().unwrap().len(), 1);
    ask("GET", format!("/calls/{}", CallId::from_bits(5))).problem(404, "not_found");
    ask("DELETE", format!("/calls/{}", CallId::from_bits(5))).problem(404, "not_found");
    assert_eq!(world.switchboard.live.lock().unwrap().len(), 2);
    ask("DELETE", format!("/calls/{}", CallId::from_bits(4))).ok(202);
    assert_eq!(world.switchboard.live.lock().unwrap().len(), 1);
}

#[test]
fn a_live_call_is_hung_up_once_noted_and_afterwards_has_ended() {
    let world = World::new();
    let company = world.company();
    let profile = world.profile(&company, 1);
    let ended = world.record(&company, &profile, |_| {});
    world.switchboard.live.lock().unwrap().push(live(&company, &profile, 4));
    let path = format!("/calls/{}", CallId::from_bits(4));
    assert_eq!(world.delete(&path).ok(202)["state"], "live");
    assert_eq!(world.store.audit(Some(&CallId::from_bits(4).to_string()), None, 5).unwrap()[0].action, "call_hung_up");
    world.delete(&path).problem(404, "not_found");
    world.delete(&format!("/calls/{ended}")).problem(409, "call_ended");
    world.delete("/calls/nonsense").problem(404, "not_found");
}

#[test]
fn a_record_says_everything_that_is_kept_of_a_call() {
    let world = World::new();
    let company = world.company();
    let profile = world.profile(&company, 1);
    let call = world.record(&company, &profile, |record| record.refusal = Some("no_credit".to_owned()));
    let shown = world.get(&format!("/calls/{call}")).ok(200);
    for (field, expected) in [
        ("id", json!(call.to_string())),
        ("state", json!("ended")),
        ("company", json!(company)),
        ("profile", json!(profile)),
        ("direction", json!("outbound")),
        ("callee", json!("+37255501234")),
        ("caller_id", json!("+12025550199")),
        ("carrier", json!("north")),
        ("talked_ms", json!(61_000)),
        ("billed_s", json!(66)),
        ("rate_per_minute", json!("0.02")),
        ("connection_fee", json!("0.00")),
        ("amount", json!("0.03")),
        ("cause", json!("normal")),
        ("refusal", json!("no_credit")),
        ("status", json!(200)),
        ("packets", json!([3050, 3049])),
        ("packets_lost", json!([0, 1])),
    ] {
        assert_eq!(shown[field], expected, "{field}");
    }
    assert_eq!(shown["attempts"][0]["post_dial_delay_ms"], 800);
    world.get("/calls/call_00000000000000000000000000000001").problem(404, "not_found");
}

#[test]
fn records_are_found_by_every_condition_and_page_by_page() {
    let world = World::new();
    let company = world.company();
    let (one, two) = (world.profile(&company, 1), world.profile(&company, 1));
    let calls = [
        world.record(&company, &one, |_| {}),
        world.record(&company, &one, |record| record.cause = ReleaseCause::Busy),
        world.record(&company, &two, |record| record.sip_call_id = "abc@pbx".to_owned()),
    ];
    let found = |query: &str| -> Vec<String> {
        let items = world.get(&format!("/calls?{query}")).ok(200)["items"].clone();
        items.as_array().unwrap().iter().map(|call| text(&call["id"])).collect()
    };
    let names: Vec<_> = calls.iter().map(ToString::to_string).collect();
    assert_eq!(found(""), [names[2].as_str(), &names[1], &names[0]], "newest first");
    assert_eq!(found(&format!("profile={one}")), [names[1].as_str(), &names[0]]);
    assert_eq!(found("cause=busy"), [names[1].as_str()]);
    assert_eq!(found("sip_call_id=abc@pbx"), [names[2].as_str()]);
    let second = text(&world.get(&format!("/calls/{}", names[1])).ok(200)["invited_at"]);
    assert_eq!(found(&format!("from={second}")), [names[2].as_str(), &names[1]]);
    assert_eq!(found(&format!("to={second}")), [names[0].as_str()]);
    let first = world.get("/calls?limit=2").ok(200);
    let rest = found(&format!("limit=2&after={}", text(&first["next"])));
    assert_eq!(rest, [names[0].as_str()]);
    for (query, pointer) in [
        ("cause=boredom", "?cause"),
        ("state=undead", "?state"),
        ("from=yesterday", "?from"),
        ("to=2026-02-30T00:00:00Z", "?to"),
        ("profile=x", "?profile"),
        ("after=x", "?after"),
    ] {
        world.get(&format!("/calls?{query}")).fault(pointer);
    }
}

#[test]
fn totals_are_of_records_and_of_live_calls_and_agree_with_the_list() {
    let world = World::new();
    let company = world.company();
    let profile = world.profile(&company, 1);
    for _ in 0..3 {
        world.record(&company, &profile, |_| {});
    }
    world.record(&company, &profile, |record| {
        record.answered_at = None;
        record.amount = Micros::ZERO;
    });
    world.switchboard.live.lock().unwrap().push(live(&company, &profile, 4));
    let totals = world.get("/calls/totals").ok(200);
    assert_eq!(totals["ended"], json!({"count": 4, "answered": 3, "amounts": {"USD": "0.09"}}));
    assert_eq!(totals["live"], json!({"count": 1, "answered": 1, "amounts": {"USD": "0.02"}}));
    let none = world.get("/calls/totals?cause=busy").ok(200);
    assert_eq!((&none["ended"]["count"], &none["live"]["count"]), (&json!(0), &json!(0)));
}

/// A call record outlives any page: who resumes gets each once, in the order in which they were written.
#[test]
fn call_records_leave_as_csv_and_json_lines_and_resume_where_they_ended() {
    let world = World::new();
    let company = world.company();
    let profile = world.profile(&company, 1);
    let first = world.record(&company, &profile, |_| {});
    let jsonl = world.get("/calls/export");
    assert_eq!((jsonl.status, jsonl.header("tandem-schema")), (200, Some("1")));
    let line: Value = serde_json::from_str(jsonl.text().trim_end()).unwrap();
    assert_eq!((&line["schema"], &line["id"]), (&json!(1), &json!(first.to_string())));
    let next = jsonl.header("tandem-next").unwrap();
    let second = world.record(&company, &profile, |record| record.dialled = "=1+1".to_owned());
    let csv = world.get(&format!("/calls/export?format=csv&after={next}"));
    assert_eq!(csv.header("tandem-records"), Some("1"));
    assert!(csv.text().starts_with(&format!("1,{second},")) && csv.text().contains(",'=1+1,"), "{}", csv.text());
    let whole = world.get("/calls/export?format=csv");
    let whole = whole.text();
    assert!(whole.starts_with("schema,id,company,") && whole.lines().count() == 3, "{whole}");
    let after = csv.header("tandem-next").unwrap();
    let rest = world.get(&format!("/calls/export?after={after}"));
    assert_eq!((rest.text(), rest.header("tandem-next")), ("", Some(after)));
    world.get("/calls/export?format=xml").fault("?format");
}

#[test]
fn r13_a_call_is_explained_and_whoever_says_otherwise_is_named() {
    let world = World::new();
    let (company, other) = (world.company(), world.company());
    let profile = world.profile(&company, 1);
    let busy = world.record(&company, &profile, |record| {
        (record.answered_at, record.talked_ms, record.billed_s) = (None, 0, 0);
        (record.amount, record.rate_per_minute, record.cause) = (Micros::ZERO, Micros::ZERO, ReleaseCause::Busy);
    });
    let told = world.get(&format!("/calls/{busy}/explain")).ok(200);
    assert_eq!((&told["agrees"], &told["bucket"]), (&json!(true), &json!("free")));
    assert_eq!(told["sentences"][0], "Nothing was charged: the call was not answered (busy).");
    // A record that says it cost something, of which neither journal nor deck knows.
    let priced = Priced {
        deck: "gone 1".into(),
        prefix: "372".parse().unwrap(),
        minimum_s: 30,
        increment_s: 6,
        rounding: Rounding::Up,
        scale: 2,
    };
    let alone = world.record(&company, &profile, |record| record.priced = Some(priced));
    let told = world.get(&format!("/calls/{alone}/explain")).ok(200);
    let off: Vec<_> = told["differences"].as_array().unwrap().iter().map(|one| one["off"].clone()).collect();
    assert_eq!((&told["agrees"], off), (&json!(false), vec![json!("deck"), json!("journal")]));
    assert_eq!((&told["tariff"]["deck"], &told["charge_count"]), (&json!("gone 1"), &json!(7)));
    assert_eq!(told["price"][1]["result"], "0.03");
    assert_eq!(world.get(&format!("/calls/{alone}")).ok(200)["deck"], "gone 1");
    let stranger = world.company_token(&other);
    world.ask_as(&stranger, "GET", &format!("/calls/{alone}/explain"), None).problem(404, "not_found");
}
