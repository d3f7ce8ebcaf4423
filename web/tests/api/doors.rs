//! Stories of the doors themselves: problems, limits, metrics, probes.

use crate::client::send;
use crate::world::{BODY_BYTES_MAX, OPERATOR, World};
use serde_json::json;
use std::sync::atomic::Ordering;

fn bearer() -> String {
    format!("Bearer {OPERATOR}")
}

#[test]
fn every_path_that_is_none_and_every_method_that_is_none_is_a_problem() {
    let world = World::new();
    for path in ["/", "/nothing", "/api", "/api/v2/companies", "/api/v1/problems/none"] {
        send(world.addr, "GET", path, &[], b"").problem(404, "not_found");
    }
    world.get("/nothing").problem(404, "not_found");
    world.get("").problem(404, "not_found");
    let answer = world.delete("/companies");
    assert_eq!(answer.header("allow"), Some("GET, POST"));
    answer.problem(405, "method_not_allowed");
    world.ask_as(OPERATOR, "PUT", "/carriers/x", None).problem(405, "method_not_allowed");
    let probe = send(world.addr, "POST", "/livez", &[], b"");
    assert_eq!(probe.header("allow"), Some("GET, HEAD"));
    probe.problem(405, "method_not_allowed");
    let head = send(world.addr, "HEAD", "/livez", &[], b"");
    assert_eq!((head.status, head.body.len()), (200, 0), "load balancers ask so");
}

#[test]
fn a_body_that_is_no_json_is_400_and_says_where() {
    let world = World::new();
    let bearer = bearer();
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json; charset=utf-8")];
    let trailing = r#"{"name": "A", "country": "US", "currency": "USD"} and more"#;
    for body in ["{", "{\"name\": }", "\u{0}", trailing] {
        let answer = send(world.addr, "POST", "/api/v1/companies", &headers, body.as_bytes());
        let problem = answer.problem(400, "malformed_json");
        assert!(problem["detail"].as_str().unwrap().starts_with("line 1, column"), "{problem}");
    }
    assert_eq!(world.get("/companies").ok(200)["items"], json!([]));
    send(world.addr, "POST", "/api/v1/companies", &headers, b"[]").problem(422, "invalid_request");
    send(world.addr, "POST", "/api/v1/companies", &headers, b"\"\xff\"").problem(400, "malformed_json");
}

#[test]
fn a_body_of_another_type_is_415() {
    let world = World::new();
    let bearer = bearer();
    for kind in [None, Some("text/csv"), Some("application/x-www-form-urlencoded")] {
        let mut headers = vec![("Authorization", bearer.as_str())];
        headers.extend(kind.map(|kind| ("Content-Type", kind)));
        send(world.addr, "POST", "/api/v1/companies", &headers, b"{}").problem(415, "unsupported_media_type");
    }
}

#[test]
fn a_body_that_is_too_large_is_413() {
    let world = World::new();
    let csv = "x".repeat(BODY_BYTES_MAX);
    world.post("/decks", &json!({"name": "d", "currency": "USD", "csv": csv})).problem(413, "body_too_large");
    let fits = "x".repeat(BODY_BYTES_MAX / 2);
    world.post("/decks", &json!({"name": "d", "currency": "USD", "csv": fits})).problem(422, "deck_faulty");
}

#[test]
fn every_answer_has_a_request_id_ours_or_the_clients_where_that_is_fit() {
    let world = World::new();
    let id = |given: &str| {
        let answer = send(world.addr, "GET", "/livez", &[("Request-Id", given)], b"");
        answer.header("request-id").unwrap().to_owned()
    };
    assert_eq!(id("trace-7.a_B"), "trace-7.a_B");
    for unfit in ["", "a b", "<script>", &"x".repeat(65)] {
        let minted = id(unfit);
        assert!(minted.len() == 32 && minted.bytes().all(|byte| byte.is_ascii_hexdigit()), "{minted}");
    }
    assert_ne!(id(""), id(""));
    let answer = world.get("/companies");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}

#[test]
fn the_type_of_a_problem_can_be_fetched() {
    let world = World::new();
    let list = send(world.addr, "GET", "/api/v1/problems", &[], b"").ok(200);
    for entry in list.as_array().unwrap() {
        let one = send(world.addr, "GET", entry["type"].as_str().unwrap(), &[], b"").ok(200);
        assert_eq!(one, *entry);
    }
}

#[test]
fn metrics_are_brought_up_to_date_and_count_requests() {
    let world = World::new();
    world.get("/companies").ok(200);
    world.get("/companies/x").problem(404, "not_found");
    let answer = send(world.addr, "GET", "/metrics", &[], b"");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(world.scrapes.load(Ordering::Relaxed), 1);
    let line = |labels: &str| {
        let name = format!("tandem_http_requests_total{{{labels}}} ");
        let text = answer.text();
        text.lines().find_map(|line| line.strip_prefix(&name).map(str::to_owned))
    };
    assert_eq!(line("surface=\"api\",status=\"2xx\"").as_deref(), Some("1"), "{}", answer.text());
    assert_eq!(line("surface=\"api\",status=\"4xx\"").as_deref(), Some("1"));
    assert!(answer.text().contains("tandem_ready 1"), "{}", answer.text());
}

#[test]
fn readiness_says_what_is_missing_and_liveness_does_not_care() {
    let world = World::new();
    let ready = || send(world.addr, "GET", "/readyz", &[], b"");
    assert_eq!(ready().ok(200), json!({"ready": true, "not_ready_because": []}));
    world.switchboard.is_ready.store(false, Ordering::Relaxed);
    assert_eq!(ready().ok(503)["not_ready_because"], json!(["not_started"]));
    world.switchboard.is_draining.store(true, Ordering::Relaxed);
    assert_eq!(ready().ok(503)["not_ready_because"], json!(["draining"]));
    world.switchboard.is_draining.store(false, Ordering::Relaxed);
    world.switchboard.is_ready.store(true, Ordering::Relaxed);
    world.ledger.close().unwrap();
    assert_eq!(ready().ok(503)["not_ready_because"], json!(["ledger"]));
    assert_eq!(send(world.addr, "GET", "/livez", &[], b"").ok(200), json!({"live": true}));
}
