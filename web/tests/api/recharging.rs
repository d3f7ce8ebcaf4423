//! Stories of auto-recharge: of profiles from their company (K6, K7, K8), and what that may take (K10).

use crate::world::{NOON, World};
use domain::Micros;
use serde_json::{Value, json};
use std::time::Duration;

fn recharge(world: &World, profile: &str) -> Value {
    world.get(&format!("/profiles/{profile}/auto-recharge")).ok(200)
}

fn set(world: &World, profile: &str, body: &Value) -> crate::client::Answer {
    world.put(&format!("/profiles/{profile}/auto-recharge"), body)
}

#[test]
fn k7_less_than_what_is_recommended_is_asked_about_and_kept_where_it_is_acknowledged() {
    let world = World::new();
    let profile = world.profile(&world.company(), 10);
    let low = json!({"amount": "4.00", "threshold": "1.00"});
    let problem = set(&world, &profile, &low).problem(409, "below_recommended");
    assert_eq!(problem["errors"][0], json!({"pointer": "/amount", "detail": "4.00: 10.00 is recommended"}));
    assert_eq!(problem["errors"][1], json!({"pointer": "/threshold", "detail": "1.00: 5.00 is recommended"}));
    assert_eq!(recharge(&world, &profile)["enabled"], false, "what is asked about is not done");
    let mut meant = low;
    meant["acknowledge"] = json!(true);
    let now = set(&world, &profile, &meant).ok(200);
    assert_eq!((&now["amount"], &now["threshold"]), (&json!("4.00"), &json!("1.00")));
    assert_eq!((&now["enabled"], &now["below_recommended"]), (&json!(true), &json!(true)));
    let reset = world.delete(&format!("/profiles/{profile}/auto-recharge")).ok(200);
    assert_eq!((&reset["amount"], &reset["threshold"]), (&json!("10.00"), &json!("5.00")));
    assert_eq!(reset["below_recommended"], false);
    assert_eq!(set(&world, &profile, &json!({"amount": "10.00", "threshold": "5.00"})).status, 200);
}

#[test]
fn k7_recommended_is_what_a_quarter_of_the_channels_talks_in_half_an_hour_at_the_dearest_rate_of_30_days() {
    let world = World::new();
    let company = world.company();
    let profile = world.profile(&company, 20);
    let dear = |rate: &str, days: u64, answered: bool| {
        let rate: Micros = rate.parse().unwrap();
        world.record(&company, &profile, |record| {
            record.rate_per_minute = rate;
            record.invited_at = NOON - Duration::from_hours(24 * days);
            if !answered {
                record.answered_at = None;
            }
        });
    };
    dear("0.10", 29, true);
    dear("0.008", 1, true);
    dear("5.00", 31, true);
    dear("7.00", 2, false);
    let now = recharge(&world, &profile);
    assert_eq!(now["recommended"]["dearest_rate_per_minute"], "0.10");
    assert_eq!((&now["recommended"]["threshold"], &now["recommended"]["amount"]), (&json!("15.00"), &json!("30.00")));
    let on = set(&world, &profile, &json!({})).ok(200);
    assert_eq!((&on["threshold"], &on["amount"]), (&json!("15.00"), &json!("30.00")), "where none are given, these");
}

#[test]
fn k8_switched_off_it_is_off_in_the_profile_too_and_resetting_does_not_switch_it_on() {
    let world = World::new();
    let profile = world.profile(&world.company(), 1);
    set(&world, &profile, &json!({"amount": "20.00", "threshold": "5.00"})).ok(200);
    let shown = world.get(&format!("/profiles/{profile}")).ok(200)["credit"]["auto_recharge"].clone();
    assert_eq!(shown, json!({"amount": "20.00", "threshold": "5.00"}));
    let off = set(&world, &profile, &json!({"enabled": false})).ok(200);
    assert_eq!((&off["enabled"], &off["amount"]), (&json!(false), &Value::Null));
    assert_eq!(world.get(&format!("/profiles/{profile}")).ok(200)["credit"]["auto_recharge"], Value::Null);
    assert_eq!(world.delete(&format!("/profiles/{profile}/auto-recharge")).ok(200)["enabled"], false);
}

#[test]
fn k6_amounts_that_make_no_sense_are_refused_whatever_is_acknowledged() {
    let world = World::new();
    let profile = world.profile(&world.company(), 1);
    let cases = [("/amount", "0.00", "5.00"), ("/amount", "-1.00", "5.00"), ("/threshold", "10.00", "-0.01")];
    for (pointer, amount, threshold) in cases {
        let body = json!({"amount": amount, "threshold": threshold, "acknowledge": true});
        set(&world, &profile, &body).fault(pointer);
    }
    let other = world.company_token(&world.company());
    let path = format!("/profiles/{profile}/auto-recharge");
    world.ask_as(&other, "PUT", &path, Some(&json!({}))).problem(404, "not_found");
}

#[test]
fn k10_what_recharges_may_take_stands_beside_what_the_company_has() {
    let world = World::new();
    let company = world.funded("30.00");
    let path = format!("/companies/{company}/recharge-liabilities");
    assert_eq!(world.get(&path).ok(200)["covered"], true, "nobody is recharged");
    let profiles: Vec<_> = (0..3).map(|_| world.profile(&company, 1)).collect();
    for profile in &profiles[..2] {
        set(&world, profile, &json!({})).ok(200);
        world.post(&format!("/profiles/{profile}/credit"), &json!({"amount": "5.01"})).ok(200);
    }
    let now = world.get(&path).ok(200);
    assert_eq!((&now["liabilities"], &now["available"]), (&json!("20.00"), &json!("19.98")));
    assert_eq!((&now["covered"], &now["profiles"]), (&json!(false), &json!(2)));
    world.post(&format!("/companies/{company}/credit"), &json!({"amount": "0.02"})).ok(200);
    assert_eq!(world.get(&path).ok(200)["covered"], true);
}
