//! Stories of companies: A1, A3, A4, A6.

use crate::world::{World, id, text};
use serde_json::json;

#[test]
fn a1_a_company_is_created_and_begins_with_no_profiles_and_no_credit() {
    let world = World::new();
    let company = world.company();
    let found = world.get(&format!("/companies/{company}")).ok(200);
    assert_eq!(found["name"], "Aperture Bakery");
    assert_eq!(found["timezone"], "UTC");
    assert_eq!(found["suspended"], false);
    assert_eq!(found["credit"], json!({"currency": "USD", "balance": "0.00", "held": "0.00", "available": "0.00"}));
    assert_eq!(world.get(&format!("/profiles?company={company}")).ok(200)["items"], json!([]));
}

#[test]
fn a4_a_company_without_country_or_with_one_that_is_none_is_refused_at_that_field() {
    let world = World::new();
    let missing = world.post("/companies", &json!({"name": "A", "currency": "USD"})).fault("/country");
    assert!(missing.contains("country"), "{missing}");
    let wrong = json!({"name": "A", "country": "UK", "currency": "USD"});
    assert!(world.post("/companies", &wrong).fault("/country").contains("ISO 3166"));
    let wrong = json!({"name": "A", "country": "US", "currency": "usd"});
    assert!(world.post("/companies", &wrong).fault("/currency").contains("ISO 4217"));
    let wrong = json!({"name": " ", "country": "US", "currency": "USD"});
    assert!(world.post("/companies", &wrong).fault("/name").contains("1 to 100"));
    let wrong = json!({"name": "A", "country": "US", "currency": "USD", "timezone": "Mars"});
    assert!(world.post("/companies", &wrong).fault("/timezone").contains("Europe/Tallinn"));
    let wrong = json!({"name": "A", "country": "US", "currency": "USD", "colour": "red"});
    assert!(world.post("/companies", &wrong).fault("/colour").contains("unknown field"));
}

#[test]
fn a_change_of_a_company_is_in_force_at_once_and_leaves_the_rest() {
    let world = World::new();
    let company = world.company();
    let path = format!("/companies/{company}");
    let changed = world.patch(&path, &json!({"name": "Aperture", "suspended": true})).ok(200);
    assert_eq!(
        (&changed["name"], &changed["suspended"], &changed["country"]),
        (&json!("Aperture"), &json!(true), &json!("US"))
    );
    assert!(world.switchboard.store.company(id(&company)).unwrap().suspended);
    use backoffice::Switchboard;
    assert!(world.switchboard.directory().company(id(&company)).unwrap().suspended);
    world.patch(&path, &json!({"deck": "no such deck"})).problem(404, "not_found");
    world.patch(&path, &json!({"currency": "EUR"})).fault("/currency");
}

#[test]
fn a_change_that_cannot_be_taken_over_is_kept_and_says_so() {
    let world = World::new();
    let company = world.company();
    world.switchboard.reload_fails.store(true, std::sync::atomic::Ordering::Relaxed);
    let answer = world.patch(&format!("/companies/{company}"), &json!({"name": "Kept"}));
    assert_eq!(answer.header("retry-after"), Some("1"));
    answer.problem(503, "not_in_force");
    assert_eq!(world.get(&format!("/companies/{company}")).ok(200)["name"], "Kept");
}

#[test]
fn companies_are_listed_page_by_page_each_once() {
    let world = World::new();
    let created: Vec<_> = (0..5).map(|_| world.company()).collect();
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = world.get(&format!("/companies?limit=2{after}")).ok(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(|company| text(&company["id"])));
        assert_eq!(page["has_more"], !page["next"].is_null());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen, created);
}

#[test]
fn a_page_has_limits_and_a_cursor_must_be_one() {
    let world = World::new();
    for limit in ["0", "501", "-1", "many"] {
        world.get(&format!("/companies?limit={limit}")).fault("?limit");
    }
    world.get("/companies?after=prof_1").fault("?after");
    world.get("/companies?colour=red").fault("?colour");
    world.get("/companies?limit=500").ok(200);
}

#[test]
fn a6_a_token_of_a_company_sees_its_own_and_nothing_of_another() {
    let world = World::new();
    let (own, other) = (world.funded("10.00"), world.funded("10.00"));
    let token = world.company_token(&own);
    let (own_profile, other_profile) = (world.paid_profile(&own, "1.00"), world.paid_profile(&other, "1.00"));
    let own_call = world.record(&own, &own_profile, |_| {});
    let other_call = world.record(&other, &other_profile, |_| {});
    let number = json!({"number": "+442079460123", "company": other});
    let other_number = text(&world.post("/numbers", &number).ok(201)["id"]);
    let ask = |method: &str, path: String| world.ask_as(&token, method, &path, Some(&json!({"amount": "0.10"})));

    ask("GET", format!("/companies/{own}")).ok(200);
    ask("GET", format!("/profiles/{own_profile}")).ok(200);
    ask("GET", format!("/calls/{own_call}")).ok(200);
    ask("POST", format!("/profiles/{own_profile}/credit")).ok(200);
    for (method, path) in [
        ("GET", format!("/companies/{other}")),
        ("GET", format!("/companies/{other}/statement")),
        ("POST", format!("/companies/{other}/credit")),
        ("GET", format!("/profiles/{other_profile}")),
        ("GET", format!("/profiles/{other_profile}/statement")),
        ("POST", format!("/profiles/{other_profile}/credit")),
        ("POST", format!("/profiles/{other_profile}/credit/take-back")),
        ("POST", format!("/profiles/{other_profile}/reveal-password")),
        ("POST", format!("/profiles/{other_profile}/renew-password")),
        ("GET", format!("/numbers/{other_number}")),
        ("DELETE", format!("/numbers/{other_number}")),
        ("GET", format!("/calls/{other_call}")),
        ("DELETE", format!("/calls/{other_call}")),
        ("GET", format!("/calls?company={other}")),
        ("GET", format!("/calls?profile={other_profile}")),
        ("GET", format!("/calls/totals?company={other}")),
        ("GET", format!("/profiles?company={other}")),
        ("GET", format!("/numbers?company={other}")),
        ("GET", format!("/rates?number=37255501234&company={other}")),
    ] {
        ask(method, path.clone()).problem(404, "not_found");
    }
    let patch = |path: String, body| world.ask_as(&token, "PATCH", &path, Some(&body)).problem(404, "not_found");
    patch(format!("/companies/{other}"), json!({"name": "x"}));
    patch(format!("/profiles/{other_profile}"), json!({"name": "x"}));
    patch(format!("/numbers/{other_number}"), json!({"profile": own_profile}));
    let foreign = json!({"company": other, "name": "x"});
    world.ask_as(&token, "POST", "/profiles", Some(&foreign)).problem(404, "not_found");

    for path in ["/companies", "/profiles", "/numbers", "/calls"] {
        let items = world.ask_as(&token, "GET", path, None).ok(200)["items"].clone();
        assert!(!items.to_string().contains(&other), "{path}: {items}");
    }
    assert_eq!(world.ask_as(&token, "GET", "/calls/totals", None).ok(200)["ended"]["count"], 1);
}

#[test]
fn a_token_of_a_company_may_not_do_what_is_the_operators() {
    let world = World::new();
    let company = world.company();
    let token = world.company_token(&company);
    let carrier = json!({"name": "north", "address": "192.0.2.1:5060"});
    let deck = json!({"name": "d", "currency": "USD", "csv": "prefix,destination,rate_per_minute\n1,USA,0.01\n"});
    for (method, path, body) in [
        ("POST", "/companies".to_owned(), json!({"name": "x", "country": "US", "currency": "USD"})),
        ("PATCH", format!("/companies/{company}"), json!({"name": "x"})),
        ("POST", format!("/companies/{company}/credit"), json!({"amount": "1.00"})),
        ("POST", "/carriers".to_owned(), carrier),
        ("GET", "/carriers".to_owned(), json!({})),
        ("POST", "/decks".to_owned(), deck),
        ("GET", "/decks".to_owned(), json!({})),
        ("POST", "/numbers".to_owned(), json!({"number": "+442079460123", "company": company})),
        ("POST", "/tokens".to_owned(), json!({"name": "x"})),
        ("GET", "/tokens".to_owned(), json!({})),
        ("DELETE", "/tokens/tokn_1".to_owned(), json!({})),
        ("DELETE", "/decks/deck_1".to_owned(), json!({})),
        ("POST", "/decks/deck_1/activate".to_owned(), json!({})),
        ("GET", "/decks/deck_1".to_owned(), json!({})),
        ("POST", "/decks/deck_1/withdraw".to_owned(), json!({})),
        ("GET", "/decks/deck_1/rows".to_owned(), json!({})),
        ("GET", "/decks/deck_1/diff?before=deck_1".to_owned(), json!({})),
    ] {
        world.ask_as(&token, method, &path, Some(&body)).problem(403, "operator_only");
    }
}
