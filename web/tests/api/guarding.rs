//! Stories of rules against fraud: set and read, what stopped a profile, its release, and breakers.

use crate::world::{NOON, World, id, text};
use domain::fraud::{FraudRule, Suspension};
use serde_json::{Value, json};
use store::Signed;

fn rules(world: &World, profile: &str) -> Value {
    world.get(&format!("/profiles/{profile}/fraud")).ok(200)["rules"].clone()
}

#[test]
fn rules_are_set_all_at_once_and_one_that_is_left_out_is_off() {
    let world = World::new();
    let profile = world.profile(&world.company(), 2);
    let path = format!("/profiles/{profile}/fraud");
    let wanted = json!({
        "daily_cap": {"amount": "30.00", "action": "refuse"},
        "high_cost": {"rate": "1.00", "call": null, "action": "suspend"},
        "ip_change": {"days": 30, "action": "alert"},
    });
    world.put(&path, &wanted).ok(200);
    let read = rules(&world, &profile);
    assert_eq!(read["daily_cap"], wanted["daily_cap"]);
    assert_eq!(read["high_cost"], wanted["high_cost"]);
    assert_eq!(read["ip_change"], wanted["ip_change"]);
    assert!(read["spend_per_minute"].is_null() && read["new_destination"].is_null(), "{read}");
    world.put(&path, &json!({"spend_per_minute": {"amount": "2.00"}})).ok(200);
    let read = rules(&world, &profile);
    assert_eq!(
        read["spend_per_minute"],
        json!({"amount": "2.00", "action": "refuse"}),
        "refusing is what follows by itself"
    );
    assert!(read["daily_cap"].is_null(), "{read}");
}

#[test]
fn a_rule_that_cannot_be_is_refused_by_name_and_changes_nothing() {
    let world = World::new();
    let profile = world.profile(&world.company(), 2);
    let path = format!("/profiles/{profile}/fraud");
    world.put(&path, &json!({"daily_cap": {"amount": "30.00"}})).ok(200);
    let before = rules(&world, &profile);
    assert!(
        world.put(&path, &json!({"daily_cap": {"amount": "0"}})).fault("/daily_cap/amount").contains("more than 0")
    );
    assert!(
        world.put(&path, &json!({"new_destination": {"days": 0}})).fault("/new_destination/days").contains("1 to 366")
    );
    world.put(&path, &json!({"high_cost": {}})).fault("/high_cost");
    let refused = world.put(&path, &json!({"daily_cap": {"amount": "1.00", "action": "shout"}}));
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert_eq!(rules(&world, &profile), before);
}

#[test]
fn what_stopped_a_profile_is_told_until_its_company_releases_it_and_strangers_see_nothing() {
    let world = World::new();
    let company = world.company();
    let profile = world.profile(&company, 2);
    let (path, release) = (format!("/profiles/{profile}/fraud"), format!("/profiles/{profile}/release"));
    let suspension = Suspension { at: NOON, rule: FraudRule::HighCost, because: "2.00 a minute".into() };
    world.store.suspend_for_fraud(id(&profile), &suspension, Signed { by: "switch", at: NOON }).unwrap();
    let told = world.get(&path).ok(200);
    assert_eq!(told["suspension"]["rule"], "high_cost");
    assert_eq!(told["suspension"]["because"], "2.00 a minute");

    let theirs = world.company_token(&world.company());
    world.ask_as(&theirs, "GET", &path, None).problem(404, "not_found");
    world.ask_as(&theirs, "POST", &release, Some(&json!({}))).problem(404, "not_found");
    let own = world.company_token(&company);
    let released = world.ask_as(&own, "POST", &release, Some(&json!({}))).ok(200);
    assert!(released["suspension"].is_null(), "{released}");
    assert!(text(&released["released_by"]).contains("billing"), "{released}");
    assert!(world.get(&path).ok(200)["suspension"].is_null());
}

#[test]
fn an_open_breaker_is_the_operators_to_keep_and_to_release() {
    let world = World::new();
    let company = world.company();
    assert_eq!(world.get("/breakers").ok(200)["items"], json!([]));
    world.post(&format!("/breakers/{company}/release"), &json!({})).problem(404, "not_found");
    let because = "41.00 in an hour; 40.00 at most";
    world.store.open_breaker(&company, because, Signed { by: "switch", at: NOON }).unwrap();
    let open = world.get("/breakers").ok(200)["items"][0].clone();
    assert_eq!((&open["circuit"], &open["because"]), (&json!(company), &json!(because)));
    assert!(!open["company"].is_null() && open["kept_by"].is_null(), "{open}");

    let own = world.company_token(&company);
    let one = |word: &str| format!("/breakers/{company}/{word}");
    for (method, path) in [("GET", "/breakers".to_owned()), ("POST", one("keep")), ("POST", one("release"))] {
        let body = (method == "POST").then(|| json!({}));
        world.ask_as(&own, method, &path, body.as_ref()).problem(403, "operator_only");
    }
    assert_eq!(world.post(&one("keep"), &json!({})).status, 204);
    assert!(!world.get("/breakers").ok(200)["items"][0]["kept_by"].is_null());
    assert_eq!(world.post(&one("release"), &json!({})).status, 204);
    assert_eq!(world.get("/breakers").ok(200)["items"], json!([]));
}

#[test]
fn a_company_has_limits_of_its_own_until_they_are_reset() {
    let world = World::new();
    let company = world.company();
    let path = format!("/companies/{company}/breaker");
    let usual = world.get(&path).ok(200);
    assert_eq!((&usual["is_own"], &usual["open"]), (&json!(false), &json!(null)));
    let wanted = json!({"per_minute": "5.00", "per_hour": null, "times_usual": 3, "usual_from": "1.00"});
    let own = world.put(&path, &wanted).ok(200);
    assert_eq!((&own["is_own"], &own["limits"]), (&json!(true), &wanted));
    let seen = world.ask_as(&world.company_token(&company), "GET", &path, None).ok(200);
    assert_eq!(seen["limits"], wanted);

    assert!(world.put(&path, &json!({"per_minute": "0"})).fault("/per_minute").contains("more than 0"));
    assert!(world.put(&path, &json!({"times_usual": 1})).fault("/times_usual").contains("2 to 1000"));
    let token = world.company_token(&company);
    world.ask_as(&token, "PUT", &path, Some(&json!({}))).problem(403, "operator_only");
    world.ask_as(&token, "DELETE", &path, None).problem(403, "operator_only");
    world.ask_as(&world.company_token(&world.company()), "GET", &path, None).problem(404, "not_found");

    world.store.open_breaker(&company, "5.01 in a minute", Signed { by: "switch", at: NOON }).unwrap();
    assert_eq!(world.get(&path).ok(200)["open"]["because"], "5.01 in a minute");
    assert_eq!(world.delete(&path).ok(200)["is_own"], false);
    assert_eq!(world.get(&path).ok(200)["limits"], usual["limits"]);
}

#[test]
fn a_profile_is_shown_with_what_stopped_it_and_what_counts_against_its_cap() {
    let world = World::new();
    let company = world.company();
    let profile = world.profile(&company, 2);
    let path = format!("/profiles/{profile}");
    world.put(&format!("{path}/fraud"), &json!({})).ok(200);
    let nothing = json!({"suspension": null, "daily_cap": null, "counted_today": null});
    assert_eq!(world.get(&path).ok(200)["fraud"], nothing);
    world.put(&format!("{path}/fraud"), &json!({"daily_cap": {"amount": "9.00", "action": "suspend"}})).ok(200);
    let suspension = Suspension { at: NOON, rule: FraudRule::DailyCap, because: "9.00 of a day".into() };
    world.store.suspend_for_fraud(id(&profile), &suspension, Signed { by: "switch", at: NOON }).unwrap();
    let seen = world.get(&path).ok(200)["fraud"].clone();
    assert_eq!(seen["daily_cap"], json!({"amount": "9.00", "action": "suspend"}));
    assert_eq!(
        (&seen["suspension"]["rule"], &seen["suspension"]["because"]),
        (&json!("daily_cap"), &json!("9.00 of a day"))
    );
}
