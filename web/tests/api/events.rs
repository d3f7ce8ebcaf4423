//! Streams of events over HTTP: what is told, what is taken up again, and who may hear it.

use crate::client::send;
use crate::world::{OPERATOR, World};
use domain::{CallId, Fact, ProfileId};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A stream that is open: what comes of it, line by line, without the lengths of its pieces.
struct Open(BufReader<TcpStream>);

impl Open {
    fn new(world: &World, path: &str, last: &str) -> Open {
        let mut socket = TcpStream::connect(world.addr).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let head = format!(
            "GET /api/v1{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {OPERATOR}\r\nLast-Event-ID: {last}\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).unwrap();
        let mut open = Open(BufReader::new(socket));
        assert_eq!(open.until("retry: "), "2000", "a stream says at once that it is open");
        open
    }

    /// The rest of the next line that begins so.
    fn until(&mut self, start: &str) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream ended before a line {start}");
            if let Some(rest) = line.trim_end().strip_prefix(start) {
                return rest.to_owned();
            }
        }
    }

    fn event(&mut self) -> (String, Value) {
        let topic = self.until("event: ");
        (topic, serde_json::from_str(&self.until("data: ")).unwrap())
    }
}

fn exhausted(call: u128) -> Fact {
    Fact::CreditExhausted { call: CallId::from_bits(call), profile: ProfileId::from_bits(2) }
}

fn down() -> Fact {
    Fact::CarrierTurned { carrier: "north".into(), is_up: false, because: "silent".into() }
}

#[test]
fn what_is_told_is_heard_and_a_stream_is_taken_up_behind_the_last_event() {
    let world = World::new();
    let bus = world.office.bus();
    let mut all = Open::new(&world, "/events", "");
    bus.hear(&exhausted(1));
    bus.hear(&down());
    let id = all.until("id: ");
    let (topic, document) = all.event();
    assert_eq!((&*topic, &document["id"]), ("profile.credit_exhausted", &Value::from(&*id)));
    assert_eq!(document["data"]["call"], CallId::from_bits(1).to_string());
    assert_eq!(all.event().0, "carrier.down");
    drop(all);
    bus.hear(&exhausted(3));
    let mut again = Open::new(&world, "/events?types=profile.credit_exhausted", &id);
    let (topic, document) = again.event();
    assert_eq!(
        (&*topic, &document["data"]["call"]),
        ("profile.credit_exhausted", &Value::from(CallId::from_bits(3).to_string()))
    );
}

#[test]
fn what_is_missing_is_told_by_an_event_of_its_own() {
    let world = World::new();
    let mut stream = Open::new(&world, "/events", "evt_00000000000000ff-7");
    let (topic, document) = stream.event();
    assert_eq!(topic, "gap");
    assert!(document["data"]["because"].as_str().unwrap().contains("another life"), "{document}");
    world.office.bus().hear(&down());
    assert_eq!(stream.event().0, "carrier.down", "and the stream goes on");
}

#[test]
fn what_cannot_be_heard_is_refused_before_the_stream_begins() {
    let world = World::new();
    let company = world.company();
    let token = world.company_token(&company);
    world.get("/events?types=call.paused").fault("?types");
    world.get("/events?company=comp_x").fault("?company");
    let bearer = format!("Bearer {OPERATOR}");
    let headers = [("Authorization", bearer.as_str()), ("Last-Event-ID", "42")];
    send(world.addr, "GET", "/api/v1/events", &headers, b"").fault("Last-Event-ID");
    let other =
        world.post("/companies", &serde_json::json!({"name": "Other", "country": "US", "currency": "USD"})).ok(201);
    let other = other["id"].as_str().unwrap();
    world.ask_as(&token, "GET", &format!("/events?company={other}"), None).problem(404, "not_found");
    let profile = world.profile(other, 1);
    world.ask_as(&token, "GET", &format!("/profiles/{profile}/events"), None).problem(404, "not_found");
    let ended = world.record(&company, &world.profile(&company, 1), |_| {});
    world.get(&format!("/calls/{ended}/events")).problem(409, "call_ended");
    world.get(&format!("/calls/{}/events", CallId::from_bits(99))).problem(404, "not_found");
}
