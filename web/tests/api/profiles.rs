//! Stories of profiles: P1, P4, P5, P6, P7, S1, S11, C2, C3, C11, K6, K8, O5, L5.

use crate::world::{NOON, World, id, text};
use domain::credit::{Account, Batch, BatchId, Code, Holder, Kind, Outcome, Transfer, Unit};
use domain::fact::Transport;
use domain::{Micros, ProfileId};
use serde_json::{Value, json};
use std::sync::Arc;
use switch::registration::{Binding, Elsewhere, FlowTag};

fn channels(world: &World, profile: &str) -> Value {
    world.get(&format!("/profiles/{profile}")).ok(200)["channels"].clone()
}

fn ledger_channels(world: &World, company: &str, profile: &str) -> i64 {
    let holder = Holder::Profile(id(profile));
    world.ledger.balance(Account { company: id(company), holder, unit: Unit::Channels }).posted
}

/// R8, field lesson 21: what a call may cost, and when its caller is warned.
#[test]
fn bounds_of_calls_and_warnings_are_set_changed_and_taken_away() {
    let world = World::new();
    let company = world.company();
    let new = json!({"company": company, "name": "Careful", "channels": 1, "max_rate": "1.00", "max_call_cost": "20.00",
        "warn_before_s": [10, 60]});
    let made = world.post("/profiles", &new).ok(201);
    let shown = |profile: &Value| ["max_rate", "max_call_cost", "warn_before_s"].map(|field| profile[field].clone());
    assert_eq!(shown(&made), [json!("1.00"), json!("20.00"), json!([60, 10])]);
    let path = format!("/profiles/{}", text(&made["id"]));
    assert_eq!(shown(&world.patch(&path, &json!({"name": "Calm"})).ok(200)), shown(&made));
    let none = json!({"max_rate": null, "max_call_cost": null, "warn_before_s": []});
    assert_eq!(shown(&world.patch(&path, &none).ok(200)), [json!(null), json!(null), json!([])]);
    let usual = world.patch(&path, &json!({"warn_before_s": null})).ok(200);
    assert_eq!(usual["warn_before_s"], json!(null));
    world.patch(&path, &json!({"max_rate": "0"})).fault("/max_rate");
    world.patch(&path, &json!({"max_call_cost": "-1"})).fault("/max_call_cost");
    world.patch(&path, &json!({"warn_before_s": [601]})).fault("/warn_before_s");
}

fn binding() -> Binding {
    Binding {
        contact: "sip:99050000000001@198.51.100.7:5060".into(),
        source: "198.51.100.7:5060".parse().unwrap(),
        local: "192.0.2.10:5060".parse().unwrap(),
        transport: Transport::Udp,
        path: Arc::default(),
        flow: FlowTag::default(),
        behind_nat: true,
        sip_call_id: "r1".into(),
        cseq: 1,
        credentials_generation: 0,
        user_agent: "Example PBX 1.0".into(),
        granted_s: 45,
        since: NOON,
        refreshed_at: NOON,
        expires_at: NOON,
        elsewhere: None,
    }
}

/// P6: the bindings of every node, with its name; of a node that is lost it is said.
#[test]
fn who_is_registered_is_listed_with_the_node_of_each() {
    let world = World::new();
    let (ours, other) = (world.company(), world.company());
    let [here, there, _nowhere] = [&ours, &ours, &ours].map(|company| world.profile(company, 1));
    let lost = world.profile(&other, 1);
    let at = |is_lost| Elsewhere {
        node: "second".into(),
        source: "198.51.100.9:40000".parse().unwrap(),
        transport: Transport::Tls,
        is_lost,
    };
    for (profile, elsewhere) in [(&here, None), (&there, Some(at(false))), (&lost, Some(at(true)))] {
        let binding = Binding { elsewhere: elsewhere.map(Arc::new), ..binding() };
        world.switchboard.bindings.lock().unwrap().insert(id::<ProfileId>(profile), Arc::new(binding));
    }
    let listed = |path: &str| {
        let rows = world.get(path).ok(200)["items"].clone();
        let shown = |row: &Value| {
            let one = |key: &str| text(&row["registration"][key]);
            [text(&row["profile"]), one("node"), one("state"), one("transport"), one("source")]
        };
        let mut rows: Vec<_> = rows.as_array().unwrap().iter().map(shown).collect();
        rows.sort();
        rows
    };
    let row = |profile: &str, node: &str, state: &str, transport: &str, source: &str| {
        [profile, node, state, transport, source].map(str::to_owned)
    };
    let far = "198.51.100.9:40000";
    let mut expected = vec![
        row(&here, "main", "registered", "udp", "198.51.100.7:5060"),
        row(&there, "second", "registered", "tls", far),
        row(&lost, "second", "unreachable", "tls", far),
    ];
    expected.sort();
    assert_eq!(listed("/registrations"), expected);
    assert_eq!(listed(&format!("/registrations?company={other}")), [row(&lost, "second", "unreachable", "tls", far)]);
    let page = world.get("/registrations?limit=2").ok(200);
    let next = text(&page["next"]);
    assert_eq!(listed(&format!("/registrations?limit=2&after={next}")).len(), 1);
    assert_eq!(world.get(&format!("/profiles/{lost}")).ok(200)["credentials"]["registration"]["state"], "unreachable");
}

#[test]
fn p1_a_profile_has_its_six_elements_at_the_top() {
    let world = World::new();
    let company = world.company();
    let profile = world.profile(&company, 10);
    let number = json!({"number": "+442079460123", "company": company, "profile": profile});
    let number = text(&world.post("/numbers", &number).ok(201)["id"]);
    let shown = world.get(&format!("/profiles/{profile}")).ok(200);
    let object = shown.as_object().unwrap();
    for element in ["credentials", "channels", "credit", "accounts", "numbers", "caller_id"] {
        assert!(object.contains_key(element), "{element}");
    }
    assert_eq!(shown["channels"], json!({"subscribed": 10, "in_use": 0}));
    assert_eq!(shown["credit"]["auto_recharge"], Value::Null);
    assert_eq!(shown["accounts"], json!([]));
    assert_eq!(shown["numbers"][0]["id"], number.as_str());
    assert_eq!(shown["caller_id"], json!({"mode": "none", "number": null}));
    assert_eq!(shown["credentials"]["authentication"], json!({"registration": true, "ip": [], "certificates": []}));
    assert_eq!(shown["state"], "active");
}

#[test]
fn s11_p5_the_password_is_of_our_making_and_every_later_look_at_it_is_noted() {
    let world = World::new();
    let company = world.company();
    let created = world.post("/profiles", &json!({"company": company, "name": "Main", "channels": 1})).ok(201);
    let (profile, user, password) = (text(&created["id"]), text(&created["sip_user"]), text(&created["sip_password"]));
    assert_eq!(user.len(), 14);
    assert_eq!(password.len(), 14);
    assert_eq!(created["credentials"]["sip_user"], user.as_str());
    assert!(!world.get(&format!("/profiles/{profile}")).text().contains(&password), "shown on request only");
    let noted = || {
        world
            .store
            .audit(Some(&profile), None, 50)
            .unwrap()
            .iter()
            .filter(|row| row.action == "password_revealed")
            .count()
    };
    assert_eq!(noted(), 0);
    let revealed = world.post(&format!("/profiles/{profile}/reveal-password"), &json!({})).ok(200);
    assert_eq!(revealed, json!({"sip_user": user, "sip_password": password}));
    assert_eq!(noted(), 1);
    let hashes = world.store.snapshot(NOON).unwrap().profiles[0].1.clone();
    let expected = sip::digest::Ha1::new(&user, "tandem", &password);
    assert_eq!((hashes.md5, hashes.sha256), (expected.md5, expected.sha256));
    let renewed = world.post(&format!("/profiles/{profile}/renew-password"), &json!({})).ok(200);
    assert_ne!(renewed["sip_password"], password.as_str());
    let own = json!({"company": company, "name": "x", "sip_password": "mine"});
    world.post("/profiles", &own).fault("/sip_password");
}

#[test]
fn p6_a_profile_shows_where_to_register_and_whether_its_pbx_has() {
    let world = World::new();
    let company = world.company();
    let profile = world.profile(&company, 1);
    let path = format!("/profiles/{profile}");
    let credentials = world.get(&path).ok(200)["credentials"].clone();
    assert_eq!(credentials["domain"], "sip.tandem.example");
    assert_eq!(credentials["realm"], "tandem");
    assert_eq!(credentials["servers"][0], json!({"transport": "udp", "address": "192.0.2.10", "port": 5060}));
    assert_eq!(credentials["servers"][1]["transport"], "tcp");
    assert_eq!(credentials["registration"]["state"], "not_registered");
    world.switchboard.bindings.lock().unwrap().insert(id::<ProfileId>(&profile), Arc::new(binding()));
    let registration = world.get(&path).ok(200)["credentials"]["registration"].clone();
    assert_eq!(registration["state"], "registered");
    assert_eq!(registration["contact"], "sip:99050000000001@198.51.100.7:5060");
    assert_eq!((&registration["behind_nat"], &registration["user_agent"]), (&json!(true), &json!("Example PBX 1.0")));
    assert_eq!(registration["since"], NOON.to_string());
    assert_eq!(world.get(&path).ok(200)["warnings"], json!([]));
    let warned = world.patch(&path, &json!({"srtp": "preferred"})).ok(200)["warnings"].clone();
    assert!(warned[0].as_str().is_some_and(|words| words.contains("udp") && words.contains("TLS")), "{warned}");
}

#[test]
fn p7_a_profile_without_channels_is_inactive_until_it_has_some() {
    let world = World::new();
    let company = world.company();
    let created = world.post("/profiles", &json!({"company": company, "name": "Later"})).ok(201);
    assert_eq!((&created["state"], &created["channels"]["subscribed"]), (&json!("inactive"), &json!(0)));
    let profile = text(&created["id"]);
    let changed = world.patch(&format!("/profiles/{profile}"), &json!({"channels": 2})).ok(200);
    assert_eq!((&changed["state"], &changed["channels"]["subscribed"]), (&json!("active"), &json!(2)));
    assert_eq!(ledger_channels(&world, &company, &profile), 2);
}

#[test]
fn c2_channels_are_1_to_300_or_none() {
    let world = World::new();
    let company = world.company();
    let profile = world.profile(&company, 1);
    for wrong in [json!(-1), json!(301), json!(1.5), json!("5")] {
        let new = json!({"company": company, "name": "x", "channels": wrong});
        world.post("/profiles", &new).fault("/channels");
        world.patch(&format!("/profiles/{profile}"), &json!({"channels": wrong})).fault("/channels");
    }
    assert_eq!(channels(&world, &profile)["subscribed"], 1);
}

#[test]
fn c3_more_than_a_hundred_channels_come_in_tens_in_store_and_ledger_alike() {
    let world = World::new();
    let company = world.company();
    let profile = world.profile(&company, 104);
    for (asked, bought) in [(104, 100), (105, 110), (295, 300), (99, 99), (0, 0), (114, 110)] {
        let changed = world.patch(&format!("/profiles/{profile}"), &json!({"channels": asked})).ok(200);
        assert_eq!(changed["channels"]["subscribed"], bought, "{asked}");
        assert_eq!(ledger_channels(&world, &company, &profile), bought, "{asked}");
    }
    assert!(world.ledger.verify().unwrap().is_clean());
}

#[test]
fn c11_a_decrease_below_the_calls_in_progress_passes_and_cuts_nobody() {
    let world = World::new();
    let company = world.funded("10.00");
    let profile = world.paid_profile(&company, "1.00");
    for _ in 0..4 {
        world.hold(&company, &profile, Micros::from_cents(1));
    }
    world.patch(&format!("/profiles/{profile}"), &json!({"channels": 2})).ok(200);
    assert_eq!(channels(&world, &profile), json!({"subscribed": 2, "in_use": 4}));
}

#[test]
fn channels_that_a_crash_left_between_store_and_ledger_are_put_right_at_the_next_start_once() {
    let world = World::new();
    let company = world.company();
    let (profile, other) = (world.profile(&company, 10), world.profile(&company, 3));
    // As if the process had died between the row and the batch.
    let by = store::Signed { by: "crash", at: NOON };
    let patch = store::ProfilePatch { channels: Some(20), ..store::ProfilePatch::default() };
    world.store.update_profile(id(&profile), &patch, by).unwrap();
    assert_eq!(ledger_channels(&world, &company, &profile), 10);
    let first = world.office.reconcile().unwrap();
    assert_eq!((first.profiles, first.corrected), (2, 1));
    assert_eq!(ledger_channels(&world, &company, &profile), 20);
    assert_eq!(ledger_channels(&world, &company, &other), 3);
    assert_eq!(world.office.reconcile().unwrap().corrected, 0);
    // And where the ledger is the one that has too many.
    let accounts = |holder| Account { company: id(&company), holder, unit: Unit::Channels };
    let kind =
        Kind::Post { debit: accounts(Holder::World), credit: accounts(Holder::Profile(id(&profile))), amount: 5 };
    let transfers = vec![Transfer { kind, code: Code::Adjustment }];
    let batch =
        Batch { id: BatchId { subject: 99, sequence: 1 }, company: id(&company), at: NOON, transfers, memo: None };
    assert!(matches!(world.submit(batch), Outcome::Applied(_)));
    assert_eq!(world.office.reconcile().unwrap().corrected, 1);
    assert_eq!(ledger_channels(&world, &company, &profile), 20);
}

#[test]
fn p4_a_new_name_changes_nothing_else() {
    let world = World::new();
    let company = world.company();
    let profile = world.profile(&company, 5);
    let path = format!("/profiles/{profile}");
    let before = world.get(&path).ok(200);
    let mut after = world.patch(&path, &json!({"name": "Branch"})).ok(200);
    assert_eq!(after["name"], "Branch");
    after["name"] = before["name"].clone();
    assert_eq!(after, before);
    world.patch(&path, &json!({"name": ""})).fault("/name");
    world.patch(&path, &json!({"sip_user": "1"})).fault("/sip_user");
}

#[test]
fn s1_both_ways_to_prove_itself_can_be_on_and_a_source_must_be_one() {
    let world = World::new();
    let company = world.company();
    let both =
        json!({"registration": true, "ip": [{"address": "192.0.2.7"}, {"address": "2001:db8::7", "port": 5080}]});
    let new = json!({"company": company, "name": "x", "channels": 1, "authentication": both});
    let created = world.post("/profiles", &new).ok(201);
    let shown = &created["credentials"]["authentication"];
    assert_eq!(shown["ip"], json!([{"address": "192.0.2.7", "port": 5060}, {"address": "2001:db8::7", "port": 5080}]));
    let path = format!("/profiles/{}", text(&created["id"]));
    let patch = |ip| world.patch(&path, &json!({"authentication": {"registration": false, "ip": ip}}));
    patch(json!([{"address": "pbx.example", "port": 5060}])).fault("/authentication/ip/0/address");
    patch(json!([{"address": "192.0.2.7"}, {"address": "192.0.2.7"}])).fault("/authentication/ip");
    patch(json!([{"address": "0.0.0.0"}])).fault("/authentication/ip");
    let only_ip = patch(json!([{"address": "192.0.2.8", "port": 5060}])).ok(200);
    assert_eq!(only_ip["credentials"]["authentication"]["registration"], false);
}

#[test]
fn a_name_in_a_certificate_is_an_operators_to_give_and_one_profiles_or_carriers_only() {
    let world = World::new();
    let company = world.company();
    let token = world.company_token(&company);
    let names = |names: Value| json!({"registration": false, "certificates": names});
    let new = json!({"company": company, "name": "x", "channels": 1, "authentication": names(json!(["sip:PBX.example.com"]))});
    world.ask_as(&token, "POST", "/profiles", Some(&new)).problem(403, "operator_only");
    let created = world.post("/profiles", &new).ok(201);
    assert_eq!(created["credentials"]["authentication"]["certificates"], json!(["pbx.example.com"]));
    let path = format!("/profiles/{}", text(&created["id"]));
    let as_company = |auth: Value| world.ask_as(&token, "PATCH", &path, Some(&json!({"authentication": auth})));
    as_company(names(json!(["other.example.com"]))).problem(403, "operator_only");
    let kept = as_company(json!({"registration": true})).ok(200);
    assert_eq!(kept["credentials"]["authentication"]["certificates"], json!(["pbx.example.com"]));
    let patch = |names: Value| world.patch(&path, &json!({"authentication": {"certificates": names}}));
    patch(json!(["*.example.com"])).fault("/authentication/certificates/0");
    patch(json!(["a.example.com", "A.example.com"])).fault("/authentication/certificates");
    let carrier = json!({"name": "c", "address": "192.0.2.1:5060", "certificates": ["pbx.example.com"]});
    world.post("/carriers", &carrier).problem(409, "conflict");
    let free = json!({"name": "c", "address": "192.0.2.1:5060", "certificates": ["sbc.example.net"]});
    assert_eq!(world.post("/carriers", &free).ok(201)["certificates"], json!(["sbc.example.net"]));
    patch(json!(["sbc.example.net"])).problem(409, "conflict");
    assert_eq!(patch(json!([])).ok(200)["credentials"]["authentication"]["certificates"], json!([]));
}

#[test]
fn k6_k8_auto_recharge_is_switched_on_with_sane_amounts_and_off() {
    let world = World::new();
    let company = world.company();
    let on = json!({"amount": "10.00", "threshold": "5.00"});
    let new = json!({"company": company, "name": "x", "channels": 1, "auto_recharge": on});
    let created = world.post("/profiles", &new).ok(201);
    assert_eq!(created["credit"]["auto_recharge"], on);
    let path = format!("/profiles/{}", text(&created["id"]));
    let patch = |recharge: Value| world.patch(&path, &json!({"auto_recharge": recharge}));
    patch(json!({"amount": "0.00", "threshold": "5.00"})).fault("/auto_recharge/amount");
    patch(json!({"amount": "1.00", "threshold": "-0.01"})).fault("/auto_recharge/threshold");
    patch(json!({"amount": "1.00"})).fault("/auto_recharge/threshold");
    patch(json!({"amount": 1, "threshold": "0.00"})).fault("/auto_recharge/amount");
    assert_eq!(world.get(&path).ok(200)["credit"]["auto_recharge"], on);
    assert_eq!(patch(Value::Null).ok(200)["credit"]["auto_recharge"], Value::Null);
}

#[test]
fn o5_l5_a_company_may_show_its_own_numbers_only_and_an_operator_answers_for_what_he_sets() {
    let world = World::new();
    let company = world.company();
    let token = world.company_token(&company);
    let profile = world.profile(&company, 1);
    let path = format!("/profiles/{profile}");
    let as_company = |caller_id: Value| world.ask_as(&token, "PATCH", &path, Some(&json!({"caller_id": caller_id})));
    as_company(json!("+442079460123")).fault("/caller_id");
    world.post("/numbers", &json!({"number": "+442079460123", "company": company})).ok(201);
    let hidden = json!({"number": "+442079460124", "company": company, "caller_id_allowed": false});
    world.post("/numbers", &hidden).ok(201);
    as_company(json!("+442079460124")).fault("/caller_id");
    let shown = as_company(json!("+442079460123")).ok(200);
    assert_eq!(shown["caller_id"], json!({"mode": "number", "number": "+442079460123"}));
    let by_operator = world.patch(&path, &json!({"caller_id": "+12025550199"})).ok(200);
    assert_eq!(by_operator["caller_id"]["number"], "+12025550199");
    assert_eq!(as_company(Value::Null).ok(200)["caller_id"]["mode"], "none");
    world.patch(&path, &json!({"caller_id": "alice"})).fault("/caller_id");
}

#[test]
fn only_an_operator_suspends_a_profile() {
    let world = World::new();
    let company = world.company();
    let token = world.company_token(&company);
    let path = format!("/profiles/{}", world.profile(&company, 1));
    let suspend = json!({"state": "suspended"});
    world.ask_as(&token, "PATCH", &path, Some(&suspend)).problem(403, "operator_only");
    assert_eq!(world.patch(&path, &suspend).ok(200)["state"], "suspended");
    world.patch(&path, &json!({"state": "asleep"})).fault("/state");
}

#[test]
fn s6_a_profile_can_demand_the_plus() {
    let world = World::new();
    let company = world.company();
    let path = format!("/profiles/{}", world.profile(&company, 1));
    assert_eq!(world.get(&path).ok(200)["require_plus"], false);
    assert_eq!(world.patch(&path, &json!({"require_plus": true})).ok(200)["require_plus"], true);
}

#[test]
fn i4_a_profile_chooses_whom_the_to_of_its_incoming_calls_names() {
    let world = World::new();
    let company = world.company();
    let path = format!("/profiles/{}", world.profile(&company, 1));
    assert_eq!(world.get(&path).ok(200)["incoming_to"], "called_number");
    assert_eq!(world.patch(&path, &json!({"incoming_to": "sip_username"})).ok(200)["incoming_to"], "sip_username");
    world.patch(&path, &json!({"incoming_to": "nobody"})).fault("/incoming_to");
    assert_eq!(world.get(&path).ok(200)["srtp"], "off");
    assert_eq!(world.patch(&path, &json!({"srtp": "required"})).ok(200)["srtp"], "required");
    world.patch(&path, &json!({"srtp": "sometimes"})).fault("/srtp");
    assert_eq!(world.get(&path).ok(200)["t38"], "relay");
    assert_eq!(world.patch(&path, &json!({"t38": "refuse"})).ok(200)["t38"], "refuse");
    world.patch(&path, &json!({"t38": "maybe"})).fault("/t38");
    assert_eq!(world.get(&path).ok(200)["dtmf"], "auto");
    assert_eq!(world.patch(&path, &json!({"dtmf": "rfc4733"})).ok(200)["dtmf"], "rfc4733");
    world.patch(&path, &json!({"dtmf": "inband"})).fault("/dtmf");
    assert_eq!(world.get(&path).ok(200)["advice_of_charge"], "off");
    assert_eq!(world.patch(&path, &json!({"advice_of_charge": "during"})).ok(200)["advice_of_charge"], "during");
    world.patch(&path, &json!({"advice_of_charge": "always"})).fault("/advice_of_charge");
    let new = json!({"company": company, "name": "x", "channels": 1, "incoming_to": "sip_username"});
    assert_eq!(world.post("/profiles", &new).ok(201)["incoming_to"], "sip_username");
}

#[test]
fn profiles_are_listed_by_company_and_what_is_not_there_is_404() {
    let world = World::new();
    let (one, two) = (world.company(), world.company());
    let (first, _) = (world.profile(&one, 1), world.profile(&two, 1));
    let listed = world.get(&format!("/profiles?company={one}")).ok(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert_eq!(listed["items"][0]["id"], first.as_str());
    assert_eq!(world.get("/profiles").ok(200)["items"].as_array().unwrap().len(), 2);
    world.get("/profiles?company=acme").fault("?company");
    world.get("/profiles/nobody").problem(404, "not_found");
    world.get("/profiles/prof_00000000000000000000000000000001").problem(404, "not_found");
    let foreign = json!({"company": "comp_00000000000000000000000000000001", "name": "x"});
    world.post("/profiles", &foreign).problem(404, "not_found");
}

/// RFC 8506 5.7: the risk is the operator's, so nobody else takes it.
#[test]
fn what_calls_do_while_the_ledger_is_away_is_set_shown_changed_and_bounded() {
    let world = World::new();
    let company = world.company();
    let retry = json!({"handling": "retry", "for_s": null, "risk": null});
    let continuing = json!({"handling": "continue", "for_s": 30, "risk": "5.00"});
    let made = world.post("/profiles", &json!({"company": company, "name": "Plain"})).ok(201);
    assert_eq!(made["credit_failure"], retry);
    let new = json!({"company": company, "name": "Bold", "credit_failure": continuing});
    let made = world.post("/profiles", &new).ok(201);
    assert_eq!(made["credit_failure"], continuing);
    let path = format!("/profiles/{}", made["id"].as_str().unwrap());
    assert_eq!(world.patch(&path, &json!({"name": "Still bold"})).ok(200)["credit_failure"], continuing);
    let terminate = json!({"credit_failure": {"handling": "terminate"}});
    assert_eq!(world.patch(&path, &terminate).ok(200)["credit_failure"]["handling"], "terminate");
    for wrong in [
        json!({"handling": "continue"}),
        json!({"handling": "continue", "for_s": 301, "risk": "5.00"}),
        json!({"handling": "continue", "for_s": 30, "risk": "0.00"}),
        json!({"handling": "retry", "for_s": 30}),
    ] {
        world.patch(&path, &json!({"credit_failure": wrong})).fault("/credit_failure");
    }
    world
        .patch(&path, &json!({"credit_failure": {"handling": "continue", "for_s": 1, "risk": "100000.01"}}))
        .fault("/credit_failure/risk");
    let token = world.company_token(&company);
    world.ask_as(&token, "PATCH", &path, Some(&terminate)).problem(403, "operator_only");
}
