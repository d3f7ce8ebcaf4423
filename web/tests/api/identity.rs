//! Stories of business accounts, landlines, and how trunks are spoken to: W2, W6, W8, A7, L1-L8, I6.

use crate::world::{World, text};
use serde_json::{Value, json};

fn number(world: &World, company: &str, number: &str, more: Value) -> String {
    let mut new = json!({"number": number, "company": company});
    new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    text(&world.post("/numbers", &new).ok(201)["id"])
}

/// W2, W6, W8.
#[test]
fn an_account_is_attached_to_one_profile_and_has_an_extension_or_none() {
    let world = World::new();
    let company = world.company();
    let (first, second) = (world.profile(&company, 2), world.profile(&company, 2));
    let new = json!({"company": company, "name": "sales", "profile": first, "extension": "301"});
    let account = world.post("/accounts", &new).ok(201);
    assert_eq!((&account["profile"], &account["extension"]), (&json!(first), &json!("301")));
    world.post("/accounts", &new).problem(409, "conflict");
    let path = format!("/accounts/{}", text(&account["id"]));

    let refused = world.patch(&path, &json!({"profile": second})).problem(409, "conflict");
    assert!(text(&refused["detail"]).contains(&first), "it names the other profile: {refused}");
    world.patch(&path, &json!({"profile": null})).ok(200);
    assert_eq!(world.patch(&path, &json!({"profile": second})).ok(200)["profile"], second);

    for extension in ["", "30 1", "3o1", "123456789012345678901"] {
        world.patch(&path, &json!({"extension": extension})).fault("/extension");
    }
    assert_eq!(world.patch(&path, &json!({"extension": "*9#+"})).ok(200)["extension"], "*9#+");
    assert_eq!(world.patch(&path, &json!({"extension": null})).ok(200)["extension"], Value::Null);
    for name in ["", "9sales", "sa les", "sales@x"] {
        world.post("/accounts", &json!({"company": company, "name": name})).fault("/name");
    }

    let stranger = world.company();
    let token = world.company_token(&stranger);
    world.ask_as(&token, "GET", &path, None).problem(404, "not_found");
    world.ask_as(&token, "PATCH", &path, Some(&json!({"extension": "1"}))).problem(404, "not_found");
    let foreign = world.profile(&stranger, 1);
    world.patch(&path, &json!({"profile": null})).ok(200);
    world.patch(&path, &json!({"profile": foreign})).problem(404, "not_found");

    let numbered = number(&world, &company, "+442079460123", json!({}));
    let numbered = format!("/numbers/{numbered}");
    let attached = world.patch(&numbered, &json!({"account": account["id"]})).ok(200);
    assert_eq!((&attached["account"], &attached["profile"]), (&account["id"], &Value::Null));
    world.patch(&numbered, &json!({"account": account["id"], "profile": first})).fault("/account");
    assert_eq!(world.patch(&numbered, &json!({"profile": first})).ok(200)["account"], Value::Null);
    world.patch(&numbered, &json!({"account": account["id"]})).ok(200);
    assert_eq!(world.delete(&path).status, 204);
    assert_eq!(world.get(&numbered).ok(200)["account"], Value::Null, "its number stays, and rings nowhere");
}

/// A7, L4.
#[test]
fn a_landline_needs_a_verified_company_and_the_pin_that_was_told_over_it() {
    let world = World::new();
    let company = world.company();
    let token = world.company_token(&company);
    let own = |method: &str, path: &str, body: Value| world.ask_as(&token, method, path, Some(&body));
    let verification = format!("/companies/{company}/verification");
    let new = json!({"company": company, "number": "+442079460177"});
    own("POST", "/landlines", new.clone()).problem(403, "company_not_verified");

    own("PUT", &verification, json!({"state": "verified"})).problem(403, "operator_only");
    assert_eq!(own("PUT", &verification, json!({"state": "pending"})).ok(200)["state"], "pending");
    world.put(&verification, &json!({"state": "verified"})).ok(200);
    own("PUT", &verification, json!({"state": "pending"})).problem(403, "operator_only");

    let landline = own("POST", "/landlines", new.clone()).ok(201);
    assert_eq!(
        (&landline["state"], &landline["pin"]),
        (&json!("pending"), &Value::Null),
        "no PIN for who is to prove it"
    );
    own("POST", "/landlines", new).problem(409, "conflict");
    let path = format!("/landlines/{}", text(&landline["id"]));
    let pin = text(&world.get(&path).ok(200)["pin"]);
    assert_eq!(pin.len(), 6);
    let profile = format!("/profiles/{}", world.profile(&company, 1));
    own("PATCH", &profile, json!({"caller_id": "+442079460177"})).fault("/caller_id");

    let wrong = if pin == "000000" { "000001" } else { "000000" };
    let verify = format!("{path}/verify");
    for _ in 0..5 {
        own("POST", &verify, json!({"pin": wrong})).fault("/pin");
    }
    own("POST", &verify, json!({"pin": pin})).problem(409, "conflict");
    assert_eq!(world.get(&path).ok(200)["state"], "locked");
    own("POST", &format!("{path}/renew-pin"), json!({})).ok(200);
    let pin = text(&world.get(&path).ok(200)["pin"]);
    assert_eq!(own("POST", &verify, json!({"pin": pin})).ok(200)["state"], "verified");
    own("PATCH", &profile, json!({"caller_id": "+442079460177"})).ok(200);

    world.put(&verification, &json!({"state": "rejected"})).ok(200);
    own("PATCH", &profile, json!({"caller_id": "+442079460177"})).problem(403, "company_not_verified");
}

/// L3, L8: the four states of the dialog: verified or not, with numbers or without.
#[test]
fn only_what_may_be_shown_is_listed() {
    for is_verified in [false, true] {
        for has_number in [false, true] {
            let world = World::new();
            let company = world.company();
            let profile = world.profile(&company, 1);
            let verification = format!("/companies/{company}/verification");
            world.put(&verification, &json!({"state": "verified"})).ok(200);
            let new = json!({"company": company, "number": "+442079460177"});
            let landline = text(&world.post("/landlines", &new).ok(201)["id"]);
            let pin = text(&world.get(&format!("/landlines/{landline}")).ok(200)["pin"]);
            world.post(&format!("/landlines/{landline}/verify"), &json!({"pin": pin})).ok(200);
            if !is_verified {
                world.put(&verification, &json!({"state": "none"})).ok(200);
            }
            if has_number {
                number(&world, &company, "+12025550101", json!({"profile": profile}));
                number(&world, &company, "+12025550102", json!({"profile": profile, "caller_id_allowed": false}));
            }
            let identity = world.get(&format!("/profiles/{profile}/identity")).ok(200);
            let mut usable = Vec::new();
            if has_number {
                usable.push(json!({"number": "+12025550101", "kind": "number"}));
            }
            if is_verified {
                usable.push(json!({"number": "+442079460177", "kind": "landline"}));
            }
            assert_eq!(identity["usable"], Value::Array(usable), "{is_verified} {has_number}");
            assert_eq!(identity["company_verification"], if is_verified { "verified" } else { "none" });
        }
    }
}

/// I6, L2, L5, L6.
#[test]
fn how_a_pbx_is_spoken_to_is_one_document() {
    let world = World::new();
    let company = world.company();
    let profile = world.profile(&company, 1);
    number(&world, &company, "+442079460123", json!({"profile": profile}));
    let path = format!("/profiles/{profile}/identity");
    let usual = world.get(&path).ok(200);
    assert_eq!(
        (&usual["compat"], &usual["spoofed"], &usual["withheld"]),
        (&json!("standard"), &json!("replace"), &json!(false))
    );

    let document = json!({"compat": "classic", "by_country": {"GB": "+442079460123"}, "withheld": true, "spoofed": "refuse",
        "headers": {"allow": ["X-*"], "strip": ["User-to-User"], "add": [{"name": "X-Us", "value": "1"}]}});
    let said = world.put(&path, &document).ok(200);
    for field in ["compat", "by_country", "withheld", "spoofed", "headers"] {
        assert_eq!(said[field], document[field], "{field}");
    }
    assert_eq!(world.get(&path).ok(200), said);
    assert_eq!(world.put(&path, &json!({})).ok(200), usual, "what is left out is as usual");

    world.put(&path, &json!({"by_country": {"GB": "+442079460999"}})).fault("/by_country/GB");
    for (list, entry) in [("allow", json!("Via")), ("allow", json!("m")), ("allow", json!("X Y"))] {
        world.put(&path, &json!({"headers": {list: [entry]}})).fault("/headers");
    }
    let evil = json!({"headers": {"add": [{"name": "X-Us", "value": "1\r\nRoute: <sip:evil;lr>"}]}});
    world.put(&path, &evil).fault("/headers");
}

/// RFC 3325.
#[test]
fn a_carrier_is_trusted_when_an_operator_says_so() {
    let world = World::new();
    let carrier = world.post("/carriers", &json!({"name": "north", "address": "192.0.2.1:5060"})).ok(201);
    let path = format!("/carriers/{}/identity", text(&carrier["id"]));
    assert_eq!(world.get(&path).ok(200)["trusted"], false);
    let said = world.put(&path, &json!({"trusted": true, "headers": {"allow": ["Diversion", "History-Info"]}})).ok(200);
    assert_eq!((&said["trusted"], &said["headers"]["allow"][0]), (&json!(true), &json!("Diversion")));
    let token = world.company_token(&world.company());
    world.ask_as(&token, "PUT", &path, Some(&json!({"trusted": true}))).problem(403, "operator_only");
}
