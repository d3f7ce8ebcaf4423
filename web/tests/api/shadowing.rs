//! Stories of shadow tariffs: a deck rated beside another one, revenue and refusals side by side, and nobody charged by it.

use crate::client::send;
use crate::world::{OPERATOR, World, id, text};
use domain::call_record::{CallRecord, Priced};
use domain::credit::{Account, Batch, BatchId, Code, HoldId, Holder, Kind, Transfer, Unit};
use domain::{CallId, CompanyId, Currency, Micros, ProfileId, Rounding, Wall};
use serde_json::{Value, json};

const CSV: &str = "prefix,destination,rate_per_minute,connection_fee\n372,Estonia,0.02,0.039\n";

fn import(world: &World, name: &str, csv: &str) -> String {
    text(&world.post("/decks", &json!({"name": name, "currency": "USD", "csv": csv})).ok(201)["id"])
}

/// A company on deck "standard 1", which is [`CSV`].
fn town() -> (World, String, String, String) {
    let world = World::new();
    let deck = import(&world, "standard", CSV);
    world.post(&format!("/decks/{deck}/activate"), &json!({})).ok(200);
    let company = world.funded("100.00");
    let profile = world.profile(&company, 2);
    (world, company, profile, deck)
}

/// A call of 61 s that is charged 0.061 rounded up: 66 s at 0.02, and the fee.
fn charged(record: &mut CallRecord) {
    record.priced = Some(Priced {
        deck: "standard 1".into(),
        prefix: id("372"),
        minimum_s: 30,
        increment_s: 6,
        rounding: Rounding::Up,
        scale: 2,
    });
    record.connection_fee = Micros::new(39_000);
    record.amount = Micros::from_cents(7);
}

/// Every record lies after the setting of a shadow: the world's clock stands, and its records begin a second later each.
fn report(world: &World, query: &str) -> Value {
    world.get(&format!("/decks/shadows/report{query}")).ok(200)
}

/// The journal says what was there when the first block was held.
fn held(world: &World, company: &str, profile: &str, call: CallId, available: &str) {
    let (company, profile): (CompanyId, ProfileId) = (id(company), id(profile));
    let account = |holder| Account { company, holder, unit: Unit::Money(Currency::USD) };
    let available: Micros = available.parse().unwrap();
    let purse = account(Holder::Profile(profile));
    let post = Kind::Post { debit: account(Holder::Company), credit: purse, amount: available.get() };
    let hold = HoldId { subject: call.bits(), number: 30 };
    let until = Wall::from_unix_seconds(2_000_000_000);
    let kinds = [
        (post, Code::Allocate),
        (Kind::Hold { hold, debit: purse, credit: account(Holder::Revenue), amount: 49_000, until }, Code::CallCharge),
        (Kind::Capture { hold, amount: 49_000 }, Code::CallCharge),
        // So that the next call of the test finds nothing.
        (
            Kind::Post { debit: purse, credit: account(Holder::Company), amount: available.get() - 49_000 },
            Code::TakeBack,
        ),
    ];
    let transfers = kinds.map(|(kind, code)| Transfer { kind, code }).to_vec();
    let batch = Batch {
        id: BatchId { subject: call.bits(), sequence: 0 },
        company,
        at: Wall::from_unix_seconds(1_795_000_000),
        transfers,
        memo: None,
    };
    assert!(matches!(world.submit(batch), domain::credit::Outcome::Applied(_)));
}

/// The differential: a deck is its own shadow, and both sides are the same to the millionth.
#[test]
fn the_same_deck_as_shadow_makes_the_same_revenue_and_charges_nobody() {
    let (world, company, profile, deck) = town();
    let twin = import(&world, "twin", CSV);
    world.put(&format!("/decks/{twin}/shadow"), &json!({"of": "standard"})).ok(200);
    for talked_ms in [1, 29_999, 30_000, 30_001, 61_000, 3_600_000] {
        world.record(&company, &profile, |record| {
            charged(record);
            let tariff = rating::Tariff::of_record(record).unwrap().unwrap();
            record.talked_ms = talked_ms;
            record.billed_s = tariff.billed_seconds(std::time::Duration::from_millis(talked_ms));
            record.amount = tariff.price(record.billed_s);
        });
    }
    let report = report(&world, "");
    let [total] = &report["totals"].as_array().unwrap()[..] else { panic!("{report}") };
    assert_eq!((&total["calls"], &total["answered"], &total["difference"]), (&json!(6), &json!(6), &json!("0.00")));
    assert_eq!(
        (&total["live"]["revenue"], &total["live"]["billed_s"]),
        (&total["shadowed"]["revenue"], &total["shadowed"]["billed_s"])
    );
    assert_ne!(total["live"]["revenue"], "0.00");
    assert_eq!(
        (&total["of"], &total["shadow"], &total["lost"]),
        (&json!("standard"), &json!("twin 1"), &json!("0.00"))
    );
    assert_eq!(world.get(&format!("/companies/{company}")).ok(200)["credit"]["balance"], "100.00", "nobody is charged");
    world.delete(&format!("/decks/{twin}")).problem(409, "in_use");
    assert_eq!(world.get(&format!("/decks/{deck}")).ok(200)["state"], "in_force");
}

#[test]
fn revenue_and_refusals_of_a_deck_and_its_shadow_stand_side_by_side() {
    let (world, company, profile, _) = town();
    let dearer =
        import(&world, "next", "prefix,destination,rate_per_minute\n372,Estonia,0.04\n3725,Estonia mobile,0.50\n");
    let set = world.put(&format!("/decks/{dearer}/shadow"), &json!({"of": "standard"})).ok(200);
    assert_eq!((&set["of"], &set["label"]), (&json!("standard"), &json!("next 1")));
    let fixed = |record: &mut CallRecord| {
        charged(record);
        record.callee = Some(id("+3726001234"));
    };
    // 66 s at 0.04 are 0.044, rounded up.
    world.record(&company, &profile, fixed);
    // Nobody answered, or the deck has no number for it in the shadow.
    world.record(&company, &profile, |record| {
        fixed(record);
        (record.answered_at, record.talked_ms, record.billed_s, record.amount) = (None, 0, 0, Micros::ZERO);
    });
    world.record(&company, &profile, |record| {
        charged(record);
        record.callee = Some(id("+12025550123"));
    });
    // The rules saw a bound of 0.25 a minute.
    world.record(&company, &profile, |record| {
        charged(record);
        record.trace = "price|passed||0.02 USD|~price|passed||0.02 USD|0.25 USD".to_owned();
    });
    // 0.25 for its first 30 s, and there was a dime; a dollar pays for it, and not for all.
    let poor = world.record(&company, &profile, charged);
    held(&world, &company, &profile, poor, "0.10");
    let richer = world.record(&company, &profile, charged);
    held(&world, &company, &profile, richer, "0.40");
    // What the deck refused: without money it stays so.
    world.record(&company, &profile, |record| {
        charged(record);
        (record.answered_at, record.talked_ms, record.billed_s, record.amount) = (None, 0, 0, Micros::ZERO);
        record.refusal = Some("no_credit".to_owned());
    });
    let report = report(&world, "?by=prefix&of=standard");
    let rows = report["rows"].as_array().unwrap();
    let row = |key: &str| rows.iter().find(|row| row["key"] == key).unwrap();
    let fixed = row("372");
    assert_eq!((&fixed["calls"], &fixed["destination"]), (&json!(3), &json!("Estonia")), "{report}");
    assert_eq!(fixed["live"]["revenue"], "0.14", "one of them is the one to a number that the shadow does not know");
    assert_eq!(
        (&fixed["shadowed"]["revenue"], &fixed["shadowed"]["refused"], &fixed["lost"]),
        (&json!("0.05"), &json!({"no_route": 1}), &json!("0.07"))
    );
    assert_eq!(fixed["difference"], "-0.09");
    let mobile = row("3725");
    assert_eq!(mobile["shadowed"]["refused"], json!({"below_first_block": 1, "max_rate": 1, "no_credit": 1}));
    assert_eq!(mobile["live"]["refused"], json!({"no_credit": 1}));
    // 0.55 for 66 s, of which 0.40 were there.
    assert_eq!(
        (&mobile["shadowed"]["revenue"], &mobile["shadowed"]["exhausted"], &mobile["shadowed"]["unpaid"]),
        (&json!("0.40"), &json!(1), &json!("0.15"))
    );
    let by_destination = world.get("/decks/shadows/report?by=destination").ok(200);
    let names: Vec<_> = by_destination["rows"].as_array().unwrap().iter().map(|row| text(&row["key"])).collect();
    assert_eq!(names, ["Estonia", "Estonia mobile"]);
    let bearer = format!("Bearer {OPERATOR}");
    let headers = [("Authorization", bearer.as_str())];
    let csv = send(world.addr, "GET", "/api/v1/decks/shadows/report?format=csv", &headers, b"");
    let lines = String::from_utf8(csv.body).unwrap();
    let lines: Vec<&str> = lines.split("\r\n").filter(|line| !line.is_empty()).collect();
    assert!(lines[0].starts_with("of,shadow,currency,key,destination,calls,"), "{lines:?}");
    assert_eq!(lines[1], "standard,next 1,USD,372,Estonia,3,2,132,0.14,0,66,0.05,1,0,0,0,0,0.00,-0.09,0");
    assert_eq!(lines.len(), 3);
}

#[test]
fn a_deck_without_a_shadow_is_in_no_report_and_only_operators_see_any() {
    let (world, company, profile, _) = town();
    let first = import(&world, "next", "prefix,destination,rate_per_minute\n372,Estonia,0.04\n");
    world.record(&company, &profile, charged);
    assert_eq!(report(&world, "")["totals"], json!([]), "nobody has a shadow yet");
    world.put(&format!("/decks/{first}/shadow"), &json!({"of": "nothing"})).fault("/of");
    world.put(&format!("/decks/{first}/shadow"), &json!({"of": "standard"})).ok(200);
    world.record(&company, &profile, charged);
    let before = report(&world, "");
    assert_eq!(world.delete(&format!("/decks/{first}/shadow")).status, 204);
    world.delete(&format!("/decks/{first}/shadow")).problem(404, "not_found");
    let listed = world.get("/decks/shadows").ok(200);
    let labels: Vec<&Value> = listed.as_array().unwrap().iter().map(|shadow| &shadow["label"]).collect();
    assert_eq!(labels, [&json!("next 1"), &Value::Null]);
    // Shadows are ordered at one instant here, at which both began: the later one holds from then on.
    let after = report(&world, "");
    assert!(before["totals"][0]["calls"].as_u64() > Some(0) && after["totals"] == json!([]), "{before} {after}");
    let token = world.company_token(&company);
    world.ask_as(&token, "GET", "/decks/shadows/report", None).problem(403, "operator_only");
}
