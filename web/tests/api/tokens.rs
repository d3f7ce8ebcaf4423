//! Stories of tokens: who may ask at all.

use crate::client::send;
use crate::world::{OPERATOR, World, text};
use backoffice::StartToken;
use serde_json::{Value, json};

#[test]
fn nobody_asks_without_a_valid_token_and_no_answer_tells_why_not() {
    let world = World::new();
    let path = "/api/v1/companies";
    for header in [None, Some("Bearer wrong"), Some("Basic b3BlcmF0b3I6eA=="), Some("Bearer"), Some("")] {
        let headers: Vec<_> = header.map(|value| ("Authorization", value)).into_iter().collect();
        let answer = send(world.addr, "GET", path, &headers, b"");
        assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"));
        answer.problem(401, "unauthenticated");
    }
    // Before anything else of the request is looked at.
    send(world.addr, "POST", path, &[("Content-Type", "application/json")], b"{").problem(401, "unauthenticated");
    let long = format!("Bearer {}", "x".repeat(600));
    send(world.addr, "GET", path, &[("Authorization", &long)], b"").problem(401, "unauthenticated");
    let lower = format!("bearer {OPERATOR}");
    send(world.addr, "GET", path, &[("Authorization", &lower)], b"").ok(200);
}

#[test]
fn a_token_is_shown_once_listed_without_its_secret_and_worthless_when_revoked() {
    let world = World::new();
    let made = world.post("/tokens", &json!({"name": "export"})).ok(201);
    let (id, secret) = (text(&made["id"]), text(&made["secret"]));
    assert!(secret.starts_with("tk_live_") && secret.len() == 8 + 64);
    assert_eq!((&made["scope"], &made["company"]), (&json!("operator"), &Value::Null));
    world.ask_as(&secret, "GET", "/companies", None).ok(200);
    let listed = world.get("/tokens");
    assert!(!listed.text().contains(&secret));
    let listed = listed.ok(200);
    let entry = listed["items"].as_array().unwrap().iter().find(|token| token["id"] == id.as_str()).unwrap().clone();
    assert!(!entry["last_used_at"].is_null());
    assert_eq!(entry["revoked_at"], Value::Null);
    assert!(!world.delete(&format!("/tokens/{id}")).ok(200)["revoked_at"].is_null());
    world.ask_as(&secret, "GET", "/companies", None).problem(401, "unauthenticated");
    world.delete(&format!("/tokens/{id}")).ok(200);
    world.delete("/tokens/tokn_999").problem(404, "not_found");
    world.delete("/tokens/export").problem(404, "not_found");
}

#[test]
fn a_token_needs_a_name_of_its_own_and_a_company_that_exists() {
    let world = World::new();
    world.post("/tokens", &json!({"name": ""})).fault("/name");
    world.post("/tokens", &json!({"name": "file:operator"})).fault("/name");
    world.post("/tokens", &json!({"name": "x", "company": "acme"})).fault("/company");
    let nobody = json!({"name": "x", "company": "comp_00000000000000000000000000000001"});
    world.post("/tokens", &nobody).problem(404, "not_found");
}

#[test]
fn a_token_that_left_the_file_is_worthless_and_valid_again_when_it_comes_back() {
    let world = World::new();
    let token = |name: &str, secret: &str| StartToken { name: name.to_owned(), secret: secret.to_owned() };
    let (old, new) = (token("old", "old-secret-0123456789"), token("new", "new-secret-0123456789"));
    let office = || {
        // The next start: another office on the same store.
        backoffice::Office::open(backoffice::Parts {
            store: world.store.clone(),
            ledger: world.ledger.clone(),
            switchboard: world.switchboard.clone(),
            clock: std::sync::Arc::new(domain::Now::default),
            random: Box::new(|bytes| bytes.fill(3)),
            settings: backoffice::Settings::default(),
        })
    };
    let first = office();
    assert!(first.take_start_tokens(std::slice::from_ref(&old)).unwrap().is_empty());
    assert_eq!(first.authenticate(&old.secret).unwrap().name, "file:old");
    let second = office();
    assert!(second.take_start_tokens(std::slice::from_ref(&new)).unwrap().is_empty());
    assert!(second.authenticate(&old.secret).is_err());
    assert!(second.authenticate(&new.secret).is_ok());
    let third = office();
    assert!(third.take_start_tokens(&[old.clone(), new.clone()]).unwrap().is_empty());
    let id = third.authenticate(&old.secret).unwrap().token;
    world.delete(&format!("/tokens/{id}")).ok(200);
    let fourth = office();
    assert_eq!(
        fourth.take_start_tokens(&[old.clone(), new.clone()]).unwrap(),
        ["old"],
        "revoked by a person stays revoked"
    );
    assert!(fourth.authenticate(&old.secret).is_err());
    assert!(fourth.authenticate(&new.secret).is_ok());
}
