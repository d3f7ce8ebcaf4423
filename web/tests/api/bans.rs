//! Stories of bans: who sees them, and who ends them.

use crate::world::World;
use domain::Wall;
use domain::fact::Offence;
use serde_json::json;
use switch::guard::{Ban, Source};

fn ban(address: &str, number: u32) -> Ban {
    Ban {
        source: Source::of(address.parse().unwrap()),
        offence: Offence::BadPassword,
        since: Wall::from_unix_seconds(1_700_000_000),
        until: Wall::from_unix_seconds(1_700_000_300),
        number,
    }
}

#[test]
fn bans_are_listed_and_ended_by_operators_and_the_audit_knows_who_did_it() {
    let world = World::new();
    *world.switchboard.bans.lock().unwrap() = vec![ban("192.0.2.7", 1), ban("2001:db8:0:1::5", 3)];
    let listed = world.get("/bans").ok(200);
    assert_eq!(
        listed["items"],
        json!([
            {"source": "192.0.2.7", "offence": "bad_password", "since": "2023-11-14T22:13:20.000Z",
             "until": "2023-11-14T22:18:20.000Z", "number": 1},
            {"source": "2001:db8:0:1::/64", "offence": "bad_password", "since": "2023-11-14T22:13:20.000Z",
             "until": "2023-11-14T22:18:20.000Z", "number": 3},
        ])
    );
    let page = world.get("/bans?limit=1").ok(200);
    assert_eq!(world.get(&format!("/bans?after={}", page["next"].as_str().unwrap())).ok(200)["items"][0]["number"], 3);
    world.delete("/bans/198.51.100.1").problem(404, "not_found");
    world.delete("/bans/pbx.example").problem(404, "not_found");
    // By its name, escaped, or by any address of it.
    assert_eq!(world.delete("/bans/2001:db8:0:1::%2F64").status, 204);
    assert_eq!(world.delete("/bans/192.0.2.7").status, 204);
    assert_eq!(world.get("/bans").ok(200)["items"], json!([]));
    let noted = &world.store.audit(Some("192.0.2.7"), None, 5).unwrap()[0];
    assert_eq!((noted.action.as_str(), noted.by.as_str()), ("ban_lifted", "file:operator"));
}

#[test]
fn a_company_neither_sees_bans_nor_ends_them() {
    let world = World::new();
    let company = world.company();
    let token = world.company_token(&company);
    world.ask_as(&token, "GET", "/bans", None).problem(403, "operator_only");
    world.ask_as(&token, "DELETE", "/bans/192.0.2.7", None).problem(403, "operator_only");
}

#[test]
fn calls_a_second_of_a_profile_are_set_shown_changed_and_bounded() {
    let world = World::new();
    let company = world.company();
    let new = json!({"company": company, "name": "Hasty", "channels": 2, "calls_per_second": 5});
    let made = world.post("/profiles", &new).ok(201);
    assert_eq!(made["calls_per_second"], 5);
    let path = format!("/profiles/{}", made["id"].as_str().unwrap());
    assert_eq!(world.patch(&path, &json!({"name": "Calm"})).ok(200)["calls_per_second"], 5);
    assert_eq!(world.patch(&path, &json!({"calls_per_second": null})).ok(200)["calls_per_second"], json!(null));
    world.patch(&path, &json!({"calls_per_second": 0})).fault("/calls_per_second");
}
