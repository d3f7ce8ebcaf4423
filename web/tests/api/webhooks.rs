//! Webhooks in HTTP: whose they are, what they may be, their secrets, and what becomes of deliveries.

use crate::world::{World, text};
use serde_json::{Value, json};

const URL: &str = "https://hooks.example.com/tandem";

fn made(world: &World, company: &str) -> Value {
    let body = json!({"company": company, "url": URL, "types": ["call.ended"]});
    world.post("/webhooks", &body).ok(201)
}

#[test]
fn a_webhook_shows_its_secret_once_and_again_when_it_is_renewed() {
    let world = World::new();
    let made = made(&world, &world.company());
    let path = format!("/webhooks/{}", text(&made["id"]));
    assert!(text(&made["secret"]).starts_with("whsec_"));
    let read = world.get(&path).ok(200);
    assert_eq!(
        (&read["secret"], &read["types"], &read["enabled"]),
        (&Value::Null, &json!(["call.ended"]), &json!(true))
    );
    let renewed = world.post(&format!("{path}/rotate-secret"), &json!({})).ok(200);
    assert_ne!(renewed["secret"], made["secret"]);
    assert!(renewed["former_secret_until"].is_string(), "{renewed}");
    let changed = world.patch(&path, &json!({"types": ["call.started", "call.charged"], "enabled": false})).ok(200);
    assert_eq!((&changed["types"], &changed["enabled"]), (&json!(["call.started", "call.charged"]), &json!(false)));
    world.post(&format!("{path}/test"), &json!({})).problem(409, "conflict");
    assert_eq!(world.delete(&path).status, 204);
    world.get(&path).problem(404, "not_found");
}

#[test]
fn a_webhook_is_its_company_s_and_the_house_s_is_the_house_s() {
    let world = World::new();
    let company = world.company();
    let other =
        text(&world.post("/companies", &json!({"name": "Other", "country": "US", "currency": "USD"})).ok(201)["id"]);
    let token = world.company_token(&company);
    let own = made(&world, &company);
    let foreign = made(&world, &other);
    let house = world.post("/webhooks", &json!({"url": URL, "types": ["carrier.down"]})).ok(201);
    assert_eq!(house["company"], Value::Null);
    let seen = world.ask_as(&token, "GET", "/webhooks", None).ok(200);
    assert_eq!(seen["items"].as_array().unwrap().len(), 1);
    assert_eq!(seen["items"][0]["id"], own["id"]);
    assert_eq!(world.get("/webhooks").ok(200)["items"].as_array().unwrap().len(), 3);
    for foreign in [&foreign, &house] {
        let path = format!("/webhooks/{}", text(&foreign["id"]));
        world.ask_as(&token, "GET", &path, None).problem(404, "not_found");
        world.ask_as(&token, "DELETE", &path, None).problem(404, "not_found");
        world.ask_as(&token, "POST", &format!("{path}/rotate-secret"), Some(&json!({}))).problem(404, "not_found");
        world.ask_as(&token, "GET", &format!("{path}/deliveries"), None).problem(404, "not_found");
    }
    // Without a company it is the token's own, never the house's.
    let made = world.ask_as(&token, "POST", "/webhooks", Some(&json!({"url": URL, "types": ["call.ended"]}))).ok(201);
    assert_eq!(made["company"], company.as_str());
}

#[test]
fn where_the_switch_would_speak_to_its_neighbours_no_webhook_is_made() {
    let world = World::new();
    let company = world.company();
    for url in [
        "http://hooks.example.com/",
        "https://127.0.0.1/",
        "https://[::1]:8080/",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/",
        "https://[::ffff:192.168.0.1]/",
        "ftp://hooks.example.com/",
        "hooks.example.com",
        "https://a:b@hooks.example.com/",
    ] {
        let body = json!({"company": company, "url": url, "types": ["call.ended"]});
        world.post("/webhooks", &body).fault("/url");
    }
    let none = json!({"company": company, "url": URL, "types": []});
    world.post("/webhooks", &none).fault("/types");
    let unknown = json!({"company": company, "url": URL, "types": ["call.paused"]});
    assert!(world.post("/webhooks", &unknown).fault("/types").contains("call.started"));
}

#[test]
fn a_trial_is_in_the_log_and_what_has_not_ended_is_not_replayed() {
    let world = World::new();
    let path = format!("/webhooks/{}", text(&made(&world, &world.company())["id"]));
    let trial = world.post(&format!("{path}/test"), &json!({})).ok(202);
    assert_eq!(
        (&trial["type"], &trial["state"], &trial["attempts"]),
        (&json!("webhook.test"), &json!("waiting"), &json!(0))
    );
    assert_eq!((&trial["body"]["specversion"], &trial["body"]["id"]), (&json!("1.0"), &trial["event"]));
    let log = world.get(&format!("{path}/deliveries")).ok(200);
    assert_eq!(log["items"][0]["id"], trial["id"]);
    let replay = format!("{path}/replay");
    world.post(&replay, &json!({"delivery": trial["id"]})).problem(404, "not_found");
    world.post(&replay, &json!({})).fault("/delivery");
    world.post(&replay, &json!({"from": "yesterday"})).fault("/from");
    assert_eq!(world.post(&replay, &json!({"from": "2026-11-20T00:00:00Z"})).ok(202)["deliveries"], 0);
}
