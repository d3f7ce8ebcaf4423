//! Stories of money: A3, K1, K4, K5, and that it moves once.

use crate::client::send;
use crate::world::{Engine, OPERATOR, World, id, text};
use domain::{Micros, Wall};
use serde_json::{Value, json};

fn credit(world: &World, path: &str) -> Value {
    world.get(path).ok(200)["credit"].clone()
}

#[test]
fn a3_added_credit_is_the_companys_at_once_and_failed_recharges_are_told() {
    for engine in [Engine::Memory, Engine::Sqlite] {
        let world = World::with(engine);
        let company = world.company();
        let body = json!({"amount": "95.05", "reason": "invoice 17"});
        let moved = world.post(&format!("/companies/{company}/credit"), &body).ok(200);
        assert_eq!(moved["code"], "topup");
        assert_eq!(moved["amount"], "95.05");
        assert_eq!(moved["company_credit"]["available"], "95.05");
        assert_eq!(credit(&world, &format!("/companies/{company}"))["balance"], "95.05");
        assert_eq!(*world.switchboard.topped_up.lock().unwrap(), [id(&company)]);
        let lines = world.get(&format!("/companies/{company}/statement")).ok(200)["items"].clone();
        assert_eq!(lines.as_array().unwrap().len(), 1);
        let line = &lines[0];
        assert_eq!(
            (&line["code"], &line["amount"], &line["balance"]),
            (&json!("topup"), &json!("95.05"), &json!("95.05"))
        );
        assert_eq!((&line["counterpart"], &line["note"]), (&json!("world"), &json!("invoice 17")));
    }
}

#[test]
fn k1_allocated_credit_leaves_the_company_and_both_statements_say_so() {
    let world = World::new();
    let company = world.funded("100.00");
    let profile = world.profile(&company, 10);
    let moved = world.post(&format!("/profiles/{profile}/credit"), &json!({"amount": "10.00"})).ok(200);
    assert_eq!(moved["company_credit"]["balance"], "90.00");
    assert_eq!(moved["profile_credit"]["balance"], "10.00");
    assert_eq!(*world.switchboard.credited.lock().unwrap(), [id(&profile)], "its calls are told of it");
    let company_line = world.get(&format!("/companies/{company}/statement?limit=1")).ok(200);
    assert_eq!(company_line["items"][0]["amount"], "-10.00");
    assert_eq!(company_line["items"][0]["counterpart"], profile.as_str());
    assert_eq!(company_line["has_more"], true);
    let next = text(&company_line["next"]);
    let older = world.get(&format!("/companies/{company}/statement?limit=1&after={next}")).ok(200);
    assert_eq!(older["items"][0]["amount"], "100.00");
    let profile_lines = world.get(&format!("/profiles/{profile}/statement")).ok(200)["items"].clone();
    assert_eq!((&profile_lines[0]["amount"], &profile_lines[0]["counterpart"]), (&json!("10.00"), &json!("company")));
    assert!(world.ledger.verify().unwrap().is_clean());
}

#[test]
fn k1_more_than_the_company_has_is_refused_and_nothing_moves() {
    let world = World::new();
    let company = world.funded("5.00");
    let profile = world.profile(&company, 1);
    let path = format!("/profiles/{profile}/credit");
    let refused = world.order(&path, "k", &json!({"amount": "5.01"})).problem(402, "insufficient_credit");
    assert!(text(&refused["detail"]).contains("USD 5.00 available and USD 5.01"), "{refused}");
    assert_eq!(credit(&world, &format!("/companies/{company}"))["balance"], "5.00");
    // The same order again is answered the same, even where there is enough by now.
    world.post(&format!("/companies/{company}/credit"), &json!({"amount": "10.00"})).ok(200);
    world.order(&path, "k", &json!({"amount": "5.01"})).problem(402, "insufficient_credit");
    world.order(&path, "k2", &json!({"amount": "5.01"})).ok(200);
}

#[test]
fn k5_taking_back_everything_leaves_what_calls_hold() {
    let world = World::new();
    let company = world.funded("10.00");
    let profile = world.paid_profile(&company, "10.00");
    world.hold(&company, &profile, Micros::from_cents(50));
    let path = format!("/profiles/{profile}/credit/take-back");
    world.post(&path, &json!({"amount": "5.00"})).ok(200);
    assert_eq!(credit(&world, &format!("/profiles/{profile}"))["available"], "4.50");
    world.post(&path, &json!({"amount": "4.51"})).problem(402, "insufficient_credit");
    let moved = world.post(&path, &json!({})).ok(200);
    assert_eq!(moved["amount"], "4.50");
    let left = credit(&world, &format!("/profiles/{profile}"));
    assert_eq!((&left["balance"], &left["held"], &left["available"]), (&json!("0.50"), &json!("0.50"), &json!("0.00")));
    assert_eq!(world.post(&path, &json!({})).ok(200)["amount"], "0.00");
    assert_eq!(credit(&world, &format!("/companies/{company}"))["balance"], "9.50");
}

#[test]
fn money_moves_once_for_each_key() {
    let world = World::new();
    let company = world.funded("100.00");
    let profile = world.profile(&company, 1);
    let path = format!("/profiles/{profile}/credit");
    let first = world.order(&path, "the-same-order", &json!({"amount": "2.00"}));
    world.post(&path, &json!({"amount": "1.00"})).ok(200);
    let second = world.order(&path, "the-same-order", &json!({"amount": "2.00"}));
    assert_eq!((first.status, &first.body), (200, &second.body), "the first answer, byte for byte");
    let other = world.order(&path, "the-same-order", &json!({"amount": "5.00"}));
    assert!(text(&other.problem(409, "idempotency_key_reused")["detail"]).contains("the-same-order"));
    assert_eq!(credit(&world, &format!("/profiles/{profile}"))["balance"], "3.00");
}

#[test]
fn answers_are_forgotten_after_a_day_and_not_before() {
    let world = World::new();
    let company = world.funded("10.00");
    assert_eq!(world.office.forget_old_answers().unwrap(), 0);
    let tomorrow = backoffice::Office::open(backoffice::Parts {
        store: world.store.clone(),
        ledger: world.ledger.clone(),
        switchboard: world.switchboard.clone(),
        clock: std::sync::Arc::new(|| {
            domain::Now::default().after(std::time::Duration::from_secs(1_795_262_400 + 86_401))
        }),
        random: Box::new(|bytes| bytes.fill(3)),
        settings: backoffice::Settings::default(),
    });
    assert_eq!(tomorrow.forget_old_answers().unwrap(), 1);
    assert_eq!(credit(&world, &format!("/companies/{company}"))["balance"], "10.00");
}

#[test]
fn a_key_belongs_to_its_token() {
    let world = World::new();
    let company = world.funded("10.00");
    let profile = world.profile(&company, 1);
    let token = text(&world.post("/tokens", &json!({"name": "second"})).ok(201)["secret"]);
    for secret in [OPERATOR, token.as_str()] {
        let bearer = format!("Bearer {secret}");
        let headers =
            [("Authorization", bearer.as_str()), ("Idempotency-Key", "one"), ("Content-Type", "application/json")];
        send(world.addr, "POST", &format!("/api/v1/profiles/{profile}/credit"), &headers, br#"{"amount":"1.00"}"#)
            .ok(200);
    }
    assert_eq!(credit(&world, &format!("/profiles/{profile}"))["balance"], "2.00");
}

#[test]
fn money_moves_once_even_where_the_answer_was_lost_in_a_crash() {
    let world = World::new();
    let company = world.funded("100.00");
    let profile = world.profile(&company, 1);
    let (credit_path, back) = (format!("/profiles/{profile}/credit"), format!("/profiles/{profile}/credit/take-back"));
    let lose_answers = || world.store.forget_answers(Wall::from_unix_seconds(4_000_000_000)).unwrap();

    world.order(&credit_path, "a", &json!({"amount": "2.00"})).ok(200);
    assert!(lose_answers() > 0);
    assert_eq!(world.order(&credit_path, "a", &json!({"amount": "2.00"})).ok(200)["profile_credit"]["balance"], "2.00");
    lose_answers();
    world.order(&credit_path, "a", &json!({"amount": "3.00"})).problem(409, "idempotency_key_reused");

    assert_eq!(world.order(&back, "b", &json!({})).ok(200)["amount"], "2.00");
    lose_answers();
    world.order(&credit_path, "c", &json!({"amount": "7.00"})).ok(200);
    assert_eq!(world.order(&back, "b", &json!({})).ok(200)["amount"], "2.00", "what was taken then, and nothing more");
    assert_eq!(credit(&world, &format!("/profiles/{profile}"))["balance"], "7.00");
}

#[test]
fn twenty_repetitions_at_once_move_money_once_and_are_answered_alike() {
    let world = World::new();
    let company = world.funded("100.00");
    let profile = world.profile(&company, 1);
    let path = format!("/profiles/{profile}/credit");
    let answers: Vec<_> = std::thread::scope(|scope| {
        let order = || world.order(&path, "at-once", &json!({"amount": "2.00"}));
        let asked: Vec<_> = (0..20).map(|_| scope.spawn(order)).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.body == answers[0].body));
    assert_eq!(credit(&world, &format!("/profiles/{profile}"))["balance"], "2.00");
}

#[test]
fn an_order_without_a_key_is_refused_and_so_is_a_key_that_is_none() {
    let world = World::new();
    let company = world.company();
    let profile = world.profile(&company, 0);
    let bearer = format!("Bearer {OPERATOR}");
    for path in [
        format!("/api/v1/companies/{company}/credit"),
        format!("/api/v1/profiles/{profile}/credit"),
        format!("/api/v1/profiles/{profile}/credit/take-back"),
    ] {
        let plain = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        send(world.addr, "POST", &path, &plain, br#"{"amount":"1.00"}"#).problem(400, "idempotency_key_required");
        let long = "k".repeat(256);
        for key in [long.as_str(), "\u{e4}"] {
            let headers = [("Idempotency-Key", key), plain[0], plain[1]];
            send(world.addr, "POST", &path, &headers, br#"{"amount":"1.00"}"#).problem(400, "idempotency_key_invalid");
        }
    }
}

#[test]
fn an_amount_is_a_decimal_string_above_zero() {
    let world = World::new();
    let company = world.funded("10.00");
    let profile = world.profile(&company, 1);
    for path in [
        format!("/companies/{company}/credit"),
        format!("/profiles/{profile}/credit"),
        format!("/profiles/{profile}/credit/take-back"),
    ] {
        for amount in [
            json!("0.00"),
            json!("-1.00"),
            json!("1e3"),
            json!("1,00"),
            json!(1.5),
            json!(1),
            json!("0.0000001"),
            json!("1000000000.01"),
            json!("99999999999999999999"),
        ] {
            world.post(&path, &json!({"amount": amount})).fault("/amount");
        }
    }
    world.post(&format!("/companies/{company}/credit"), &json!({})).fault("/amount");
    let long = "r".repeat(501);
    world.post(&format!("/companies/{company}/credit"), &json!({"amount": "1.00", "reason": long})).fault("/reason");
    assert_eq!(credit(&world, &format!("/companies/{company}"))["balance"], "10.00");
}

#[test]
fn a_statement_can_show_holds_and_says_which_call_a_charge_was_for() {
    let world = World::new();
    let company = world.funded("10.00");
    let profile = world.paid_profile(&company, "1.00");
    world.hold(&company, &profile, Micros::from_cents(2));
    let path = format!("/profiles/{profile}/statement");
    assert_eq!(world.get(&path).ok(200)["items"].as_array().unwrap().len(), 1);
    let all = world.get(&format!("{path}?lines=all")).ok(200)["items"].clone();
    let hold = &all[0];
    assert_eq!((&hold["kind"], &hold["amount"], &hold["hold"]), (&json!("hold"), &json!("0.00"), &json!("0.02")));
    assert!(text(&hold["call"]).starts_with("call_"));
    assert_eq!(hold["held"], "0.02");
    world.get(&format!("{path}?lines=some")).fault("?lines");
    world.get(&format!("{path}?after=x")).fault("?after");
}

#[test]
fn money_that_was_moved_is_noted_in_the_audit() {
    let world = World::new();
    let company = world.funded("10.00");
    let profile = world.paid_profile(&company, "1.00");
    let rows = world.store.audit(Some(&profile), None, 10).unwrap();
    let row = rows.iter().find(|row| row.action == "credit_allocated").unwrap();
    assert_eq!((row.by.as_str(), row.details.as_str()), ("file:operator", "USD 1.00"));
}

#[test]
fn a_ledger_that_is_closed_says_so_and_does_nothing() {
    let world = World::new();
    let company = world.funded("10.00");
    world.ledger.close().unwrap();
    let answer = world.post(&format!("/companies/{company}/credit"), &json!({"amount": "1.00"}));
    assert_eq!(answer.header("retry-after"), Some("1"));
    answer.problem(503, "ledger_unavailable");
}

/// Design 5: what has gone from the journal is told as if it had not.
#[test]
fn a_trimmed_journal_leaves_every_statement_as_it_was() {
    let world = World::new();
    let company = world.funded("100.00");
    let path = format!("/companies/{company}/statement");
    let before = world.get(&path).ok(200)["items"].clone();
    let trimmed = world.post("/ledger/trim", &json!({})).ok(200);
    assert!(trimmed["deleted"].as_u64().unwrap() > 0, "{trimmed}");
    assert_eq!(
        (&trimmed["kept"], &trimmed["waits"], &trimmed["cut"]),
        (&json!(0), &Value::Null, &trimmed["in_archive"])
    );
    assert_eq!(world.get(&path).ok(200)["items"], before);
    assert_eq!(credit(&world, &format!("/companies/{company}"))["available"], "100.00");

    let memory = World::with(Engine::Memory);
    assert_eq!(memory.post("/ledger/trim", &json!({})).ok(200)["in_archive"], 0, "an engine without a journal");
}
