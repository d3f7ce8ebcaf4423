//! Stories of carriers, decks, numbers and prices: R13, L3, N2, N3.

use crate::world::{World, text};
use serde_json::{Value, json};

const CSV: &str = "prefix,destination,rate_per_minute,connection_fee\n1,United States,0.008,\n372,Estonia,0.02,0.039\n";

fn import(world: &World, name: &str, csv: &str) -> String {
    text(&world.post("/decks", &json!({"name": name, "currency": "USD", "csv": csv})).ok(201)["id"])
}

fn activate(world: &World, deck: &str) {
    assert_eq!(world.post(&format!("/decks/{deck}/activate"), &json!({})).ok(200)["active"], true);
}

#[test]
fn a_carrier_is_created_changed_listed_and_removed() {
    let world = World::new();
    let new = json!({"name": "north", "address": "192.0.2.1:5060", "transport": "tcp", "priority": 7, "prefixes": ["1", "44"],
                     "progress_timeout_s": 4, "failover": {"503": "stop"}});
    let carrier = world.post("/carriers", &new).ok(201);
    assert_eq!(carrier["addresses"], json!(["192.0.2.1:5060"]));
    assert_eq!((&carrier["transport"], &carrier["priority"]), (&json!("tcp"), &json!(7)));
    assert_eq!((&carrier["failover"], &carrier["enabled"]), (&json!({"503": "stop"}), &json!(true)));
    let path = format!("/carriers/{}", text(&carrier["id"]));
    assert_eq!(world.get(&path).ok(200), carrier);
    let changed = world.patch(&path, &json!({"enabled": false, "progress_timeout_s": null})).ok(200);
    assert_eq!((&changed["enabled"], &changed["progress_timeout_s"]), (&json!(false), &Value::Null));
    assert_eq!(changed["prefixes"], json!(["1", "44"]));
    assert_eq!(world.get("/carriers").ok(200)["items"].as_array().unwrap().len(), 1);
    assert_eq!(world.delete(&path).status, 204);
    world.delete(&path).problem(404, "not_found");
    world.get(&path).problem(404, "not_found");
    world.patch(&path, &json!({"enabled": true})).problem(404, "not_found");
}

/// Where calls come from must say who calls: S3 on one side, incoming calls on the other.
#[test]
fn a_carrier_calls_from_further_sources_but_from_no_profiles() {
    let world = World::new();
    let company = world.company();
    let new =
        json!({"name": "north", "address": "192.0.2.1:5060", "inbound_sources": ["192.0.2.2", "[2001:db8::2]:5080"]});
    let carrier = world.post("/carriers", &new).ok(201);
    assert_eq!(carrier["inbound_sources"], json!(["192.0.2.2", "[2001:db8::2]:5080"]));
    let path = format!("/carriers/{}", text(&carrier["id"]));
    assert_eq!(
        world.patch(&path, &json!({"inbound_sources": ["192.0.2.3:5080"]})).ok(200)["inbound_sources"][0],
        "192.0.2.3:5080"
    );
    world.patch(&path, &json!({"inbound_sources": ["sip.example.net"]})).fault("/inbound_sources/0");
    world.patch(&path, &json!({"inbound_sources": ["192.0.2.3", "192.0.2.3"]})).fault("/inbound_sources");

    let profile = |address: &str, port: u16| {
        let ip = json!([{"address": address, "port": port}]);
        json!({"company": company, "name": "by address", "channels": 1, "authentication": {"registration": false, "ip": ip}})
    };
    for (address, port) in [("192.0.2.1", 5060), ("192.0.2.3", 5080)] {
        let refused = world.post("/profiles", &profile(address, port));
        let refused = refused.problem(409, "conflict");
        assert!(text(&refused["detail"]).contains("is taken by a carrier"), "which one is not told: {refused}");
    }
    world.post("/profiles", &profile("192.0.2.1", 5062)).ok(201);
    world.patch(&path, &json!({"inbound_sources": ["192.0.2.1:5062"]})).problem(409, "conflict");
    world.post("/carriers", &json!({"name": "south", "address": "192.0.2.1:5062"})).problem(409, "conflict");
    // By its IP address alone it gives way to the profile's exact one.
    world.patch(&path, &json!({"inbound_sources": ["192.0.2.1"]})).ok(200);
}

#[test]
fn a_carriers_terms_are_set_shown_and_changed_one_by_one() {
    let world = World::new();
    activate(&world, &import(&world, "buy north", CSV));
    let terms = json!({"weight": 70, "channels": 30, "calls_per_second": 5, "number_format": "national:44:0,99#",
                       "response_timeout_s": 3, "options_interval_s": 0, "buy_deck": "buy north", "redirects": "follow",
                       "redirect_networks": ["192.0.2.0/24"], "outbound_proxy": "sbc.example:5080"});
    let new = json!({"name": "north", "address": "192.0.2.1:5060", "terms": terms});
    let carrier = world.post("/carriers", &new).ok(201);
    assert_eq!((&carrier["terms"], &carrier["health"]), (&terms, &Value::Null));
    let path = format!("/carriers/{}", text(&carrier["id"]));
    let changed = world.patch(&path, &json!({"terms": {"channels": null, "weight": 1}})).ok(200);
    assert_eq!((&changed["terms"]["channels"], &changed["terms"]["weight"]), (&Value::Null, &json!(1)));
    assert_eq!(
        (&changed["terms"]["calls_per_second"], &changed["terms"]["buy_deck"]),
        (&json!(5), &json!("buy north"))
    );
    let direct = world.patch(&path, &json!({"terms": {"outbound_proxy": null}})).ok(200);
    assert_eq!(direct["terms"]["outbound_proxy"], Value::Null);
    world.patch(&path, &json!({"terms": {"outbound_proxy": "a b"}})).fault("/terms/outbound_proxy");
    world.patch(&path, &json!({"terms": {"number_format": "e164"}})).fault("/terms/number_format");
    world.patch(&path, &json!({"terms": {"buy_deck": "south"}})).fault("/buy_deck");
    world.patch(&path, &json!({"failover": {"486": "next"}})).fault("/failover");
    let plain = world.post("/carriers", &json!({"name": "south", "address": "192.0.2.2:5060"})).ok(201);
    assert_eq!((&plain["terms"]["number_format"], &plain["terms"]["channels"]), (&json!("plus"), &Value::Null));
    // What a carrier asks is not what customers pay, even where no other deck is there.
    let company = world.company();
    world.get(&format!("/rates?number=%2B37255501234&company={company}")).problem(404, "no_rate");
}

/// RFC 3261 22: who we are to a carrier that asks.
#[test]
fn the_account_at_a_carrier_is_set_and_its_password_never_shown() {
    let world = World::new();
    let carrier =
        world.post("/carriers", &json!({"name": "north", "address": "sip:north.example;transport=tls"})).ok(201);
    assert_eq!(carrier["addresses"], json!(["sip:north.example;transport=tls"]));
    let path = format!("/carriers/{}/account", text(&carrier["id"]));
    world.get(&path).problem(404, "not_found");
    world.put(&path, &json!({"username": "acme"})).fault("/password");
    let account = json!({"username": "acme", "password": "Circle of Life", "register": true,
                         "auth_username": "line 7", "realm": "north.example"});
    let shown = world.put(&path, &account).ok(200);
    let expected = json!({"username": "acme", "auth_username": "line 7", "realm": "north.example", "register": true,
                          "expires_s": 3600, "registration": null});
    assert_eq!(shown, expected);
    assert_eq!(world.get(&path).ok(200), expected);
    let kept = world.put(&path, &json!({"username": "acme", "expires_s": 600})).ok(200);
    assert_eq!((&kept["expires_s"], &kept["register"]), (&json!(600), &json!(false)), "the password is kept");
    for wrong in [json!({"username": "a b"}), json!({"username": ""}), json!({"username": "a@b"})] {
        world.put(&path, &wrong).fault("/username");
    }
    world.put(&path, &json!({"username": "acme", "expires_s": 59})).fault("/expires_s");
    world.put(&path, &json!({"username": "acme", "realm": ""})).fault("/realm");
    world.put(&path, &json!({"username": "acme", "auth_username": ""})).fault("/auth_username");
    assert_eq!(world.delete(&path).status, 204);
    world.get(&path).problem(404, "not_found");
}

#[test]
fn a_carrier_that_cannot_be_is_refused_at_its_field() {
    let world = World::new();
    let wrong = |change: &str, value: Value| {
        let mut carrier = json!({"name": "north", "address": "192.0.2.1:5060"});
        carrier[change] = value;
        world.post("/carriers", &carrier)
    };
    wrong("address", json!("192.0.2.1:five")).fault("/address");
    wrong("address", json!("192.0.2.1:0")).fault("/address");
    wrong("addresses", json!(["192.0.2.1:5060"])).fault("/address");
    wrong("address", Value::Null).fault("/address");
    wrong("prefixes", json!(["44", "x"])).fault("/prefixes/1");
    wrong("transport", json!("pigeon")).fault("/transport");
    wrong("failover", json!({"200": "stop"})).fault("/failover");
    wrong("failover", json!({"503": "perhaps"})).fault("/failover/503");
    wrong("progress_timeout_s", json!(61)).fault("/progress_timeout_s");
    wrong("priority", json!(70_000)).fault("/priority");
    wrong("priority", json!(1)).ok(201);
    wrong("priority", json!(2)).problem(409, "conflict");
}

#[test]
fn r13_the_price_of_a_number_is_what_the_deck_in_force_says() {
    let world = World::new();
    let company = world.company();
    let path = format!("/rates?number=%2B37255501234&company={company}");
    world.get(&path).problem(404, "no_rate");
    let first = import(&world, "standard", CSV);
    world.get(&path).problem(404, "no_rate");
    activate(&world, &first);
    let rate = world.get(&path).ok(200);
    assert_eq!((&rate["rate_per_minute"], &rate["connection_fee"]), (&json!("0.02"), &json!("0.039")));
    assert_eq!((&rate["minimum_s"], &rate["increment_s"], &rate["rounding"]), (&json!(30), &json!(6), &json!("up")));
    assert_eq!((&rate["prefix"], &rate["destination"]), (&json!("372"), &json!("Estonia")));
    assert_eq!(
        (&rate["class"], &rate["bundle"], &rate["deck"]),
        (&json!("standard"), &json!(false), &json!("standard 1"))
    );
    assert_eq!(rate["first_block"], "0.05", "30 s and the fee, up to the cent");
    let second = import(&world, "standard", "prefix,destination,rate_per_minute\n372,Estonia,0.03\n");
    activate(&world, &second);
    assert_eq!(world.get(&path).ok(200)["rate_per_minute"], "0.03");
    world.get(&format!("/rates?number=12025550123&company={company}")).problem(404, "no_rate");
    let echo = world.get(&format!("/rates?number=17605550100&company={company}")).ok(200);
    assert_eq!((&echo["class"], &echo["rate_per_minute"]), (&json!("free"), &json!("0.00")));
    let own = world.company_token(&company);
    assert_eq!(world.ask_as(&own, "GET", "/rates?number=37255501234", None).ok(200)["company"], company.as_str());
    world.get("/rates?number=37255501234").fault("?company");
    world.get(&format!("/rates?company={company}")).fault("?number");
    world.get(&format!("/rates?number=alice&company={company}")).fault("?number");
}

#[test]
fn a_deck_with_faults_is_refused_whole_and_every_fault_is_named_by_its_line() {
    let world = World::new();
    let csv = "prefix,destination,rate_per_minute\n1,United States,0.008\n372,Estonia,abc\n44x,United Kingdom,0.01\n";
    let refused = world.post("/decks", &json!({"name": "d", "currency": "USD", "csv": csv}));
    let problem = refused.problem(422, "deck_faulty");
    let errors = problem["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 2);
    assert!(errors.iter().all(|error| error["pointer"] == "/csv"));
    assert!(text(&errors[0]["detail"]).starts_with("line 3, column rate_per_minute"), "{problem}");
    assert!(text(&errors[1]["detail"]).starts_with("line 4, column prefix"), "{problem}");
    assert_eq!(world.get("/decks").ok(200)["items"], json!([]));
    world.post("/decks", &json!({"name": "d", "currency": "USD"})).fault("/csv");
}

#[test]
fn a_deck_has_versions_of_which_one_is_in_force_and_that_one_stays() {
    let world = World::new();
    let (first, second) = (import(&world, "standard", CSV), import(&world, "standard", CSV));
    activate(&world, &first);
    activate(&world, &second);
    let decks = world.get("/decks").ok(200)["items"].clone();
    let state =
        |index: usize| (decks[index]["version"].clone(), decks[index]["active"].clone(), decks[index]["rows"].clone());
    assert_eq!(state(0), (json!(1), json!(false), json!(2)));
    assert_eq!(state(1), (json!(2), json!(true), json!(2)));
    world.delete(&format!("/decks/{second}")).problem(409, "in_use");
    // By the first, calls were charged: it stays, to prove that.
    world.delete(&format!("/decks/{first}")).problem(409, "in_use");
    let never = import(&world, "standard", CSV);
    assert_eq!(world.delete(&format!("/decks/{never}")).status, 204);
    world.get(&format!("/decks/{never}")).problem(404, "not_found");
    assert_eq!(world.get(&format!("/decks/{second}")).ok(200)["name"], "standard");
    world.post("/decks/deck_99/activate", &json!({})).problem(404, "not_found");
    let other = json!({"name": "standard", "currency": "EUR", "csv": CSV});
    world.post("/decks", &other).problem(409, "conflict");
}

#[test]
fn a_version_to_come_says_so_is_in_force_by_itself_and_can_be_withdrawn() {
    let world = World::new();
    let first = import(&world, "standard", CSV);
    activate(&world, &first);
    let dearer = CSV.replace("0.02", "0.03") + "44,United Kingdom,0.01,\n";
    let new = json!({"name": "standard", "currency": "USD", "csv": dearer, "effective_from": "2030-01-01T00:00:00Z"});
    let second = world.post("/decks", &new).ok(201);
    assert_eq!((&second["state"], &second["active"]), (&json!("upcoming"), &json!(false)));
    assert_eq!(second["effective_from"], "2030-01-01T00:00:00.000Z");
    let company = world.company();
    let price = || text(&world.get(&format!("/rates?number=37255501234&company={company}")).ok(200)["deck"]);
    assert_eq!(price(), "standard 1", "it is not yet in force");
    let id = text(&second["id"]);
    let diff = world.get(&format!("/decks/{id}/diff?before={first}")).ok(200);
    assert_eq!(diff["counts"], json!([1, 0, 1]));
    assert_eq!(diff["changed"][0]["before"]["rate_per_minute"], "0.02");
    assert_eq!(diff["added"][0]["prefix"], "44");
    assert_eq!(world.get(&format!("/decks/{id}/rows?limit=1")).ok(200)["has_more"], true);
    world.post(&format!("/decks/{id}/activate?from=2001-01-01T00:00:00Z"), &json!({})).problem(422, "invalid_request");
    let withdrawn = world.post(&format!("/decks/{id}/withdraw"), &json!({})).ok(200);
    assert_eq!((&withdrawn["state"], &withdrawn["effective_from"]), (&json!("imported"), &json!(null)));
    world.post(&format!("/decks/{id}/withdraw"), &json!({})).problem(422, "invalid_request");
    activate(&world, &id);
    assert_eq!(price(), "standard 2");
    let former = world.get(&format!("/decks/{first}")).ok(200);
    assert_eq!((&former["state"], former["turns"].as_array().map(Vec::len)), (&json!("former"), Some(1)));
}

#[test]
fn n2_n3_a_number_is_added_moved_between_profiles_of_its_company_and_removed() {
    let world = World::new();
    let (company, other) = (world.company(), world.company());
    let (first, second, foreign) = (world.profile(&company, 1), world.profile(&company, 1), world.profile(&other, 1));
    let new = json!({"number": "+442079460123", "company": company, "profile": first});
    let number = world.post("/numbers", &new).ok(201);
    assert_eq!((&number["profile"], &number["caller_id_allowed"]), (&json!(first), &json!(true)));
    let path = format!("/numbers/{}", text(&number["id"]));
    let moved = world.patch(&path, &json!({"profile": second})).ok(200);
    assert_eq!(moved["profile"], second.as_str());
    assert_eq!(world.patch(&path, &json!({})).ok(200)["profile"], second.as_str());
    world.patch(&path, &json!({"profile": foreign})).fault("/profile");
    assert_eq!(world.patch(&path, &json!({"profile": null})).ok(200)["profile"], Value::Null);
    assert_eq!(world.get(&path).ok(200)["number"], "+442079460123");
    let hidden = world.patch(&path, &json!({"caller_id_allowed": false})).ok(200);
    assert_eq!((&hidden["caller_id_allowed"], &hidden["profile"]), (&json!(false), &Value::Null), "L3");
    assert_eq!(world.get(&path).ok(200)["caller_id_allowed"], false);
    let token = world.company_token(&company);
    world.ask_as(&token, "PATCH", &path, Some(&json!({"caller_id_allowed": true}))).problem(403, "operator_only");
    world.post("/numbers", &new).problem(409, "conflict");
    world.post("/numbers", &json!({"number": "0044", "company": company})).fault("/number");
    assert_eq!(world.get(&format!("/numbers?company={company}")).ok(200)["items"].as_array().unwrap().len(), 1);
    assert_eq!(world.get(&format!("/numbers?company={other}")).ok(200)["items"], json!([]));
    assert_eq!(world.delete(&path).status, 204);
    world.get(&path).problem(404, "not_found");
}

#[test]
fn a_trunk_says_how_much_its_sound_is_secured_and_a_carrier_where_it_comes_from() {
    let world = World::new();
    let new =
        json!({"name": "north", "address": "192.0.2.1:5060", "srtp": "preferred", "media_networks": ["192.0.2.0/24"]});
    let carrier = world.post("/carriers", &new).ok(201);
    assert_eq!((&carrier["srtp"], &carrier["media_networks"]), (&json!("preferred"), &json!(["192.0.2.0/24"])));
    let path = format!("/carriers/{}", carrier["id"].as_str().unwrap());
    let changed =
        world.patch(&path, &json!({"srtp": "required", "media_networks": ["2001:db8::/32", "192.0.2.7"]})).ok(200);
    assert_eq!(
        (&changed["srtp"], &changed["media_networks"]),
        (&json!("required"), &json!(["2001:db8::/32", "192.0.2.7"]))
    );
    world.patch(&path, &json!({"srtp": "always"})).fault("/srtp");
    assert_eq!(world.patch(&path, &json!({"t38": "refuse"})).ok(200)["t38"], "refuse");
    world.patch(&path, &json!({"t38": "always"})).fault("/t38");
    assert_eq!(world.patch(&path, &json!({"dtmf": "info"})).ok(200)["dtmf"], "info");
    world.patch(&path, &json!({"dtmf": "inband"})).fault("/dtmf");
    world.patch(&path, &json!({"media_networks": ["192.0.2.7/24"]})).fault("/media_networks/0");
    world.patch(&path, &json!({"media_networks": ["192.0.2.7", "192.0.2.7"]})).fault("/media_networks");
    let plain = world.post("/carriers", &json!({"name": "south", "address": "192.0.2.2:5060"})).ok(201);
    assert_eq!((&plain["srtp"], &plain["media_networks"]), (&json!("off"), &json!([])));
}
