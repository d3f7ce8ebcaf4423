//! Streams of events over HTTP: what is told, what is taken up again, and who may hear it.

use crate::client::send;
use crate::world::{OPERATOR, World};
use domain::{CallId, Fact, ProfileId};
use serde_json::{Value, json};
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

#[test]
fn a_number_tells_where_it_rings_and_where_it_rings_no_more() {
    let world = World::new();
    let company = world.company();
    let [first, second] = [1, 2].map(|channels| world.profile(&company, channels));
    let mut all = Open::new(&world, "/events?types=number.assigned,number.released", "");
    let mut told = || {
        let (topic, document) = all.event();
        let data = &document["data"];
        assert_eq!((&document["subject"], &data["company"]), (&data["number"], &Value::from(company.clone())));
        assert!(!document.to_string().contains("442079460123"), "no event tells a telephone number: {document}");
        let place = if data["profile"].is_null() { &data["account"] } else { &data["profile"] };
        (topic, place.as_str().unwrap().to_owned())
    };
    let assigned = |place: &str| ("number.assigned".to_owned(), place.to_owned());
    let released = |place: &str| ("number.released".to_owned(), place.to_owned());
    let new = json!({"number": "+442079460123", "company": company, "profile": first});
    let path = format!("/numbers/{}", world.post("/numbers", &new).ok(201)["id"].as_str().unwrap());
    assert_eq!(told(), assigned(&first));
    let patch = |body: &Value| world.patch(&path, body).ok(200);
    patch(&json!({"profile": second}));
    assert_eq!((told(), told()), (released(&first), assigned(&second)));
    // Where it rings already, and who may show it, is no news.
    patch(&json!({"profile": second}));
    patch(&json!({"caller_id_allowed": false}));
    let account = json!({"company": company, "name": "sales", "profile": first});
    let account = world.post("/accounts", &account).ok(201)["id"].as_str().unwrap().to_owned();
    patch(&json!({"account": account}));
    assert_eq!((told(), told()), (released(&second), assigned(&account)));
    assert_eq!(world.delete(&format!("/accounts/{account}")).status, 204);
    assert_eq!(told(), released(&account));
    patch(&json!({"profile": first}));
    assert_eq!(world.delete(&path).status, 204);
    assert_eq!((told(), told()), (assigned(&first), released(&first)));
}

#[test]
fn a_subscription_tells_how_many_channels_it_has_and_that_it_ended() {
    let world = World::new();
    let company = world.company();
    let mut all = Open::new(&world, "/events?types=subscription.changed,subscription.ended", "");
    let profile = world.profile(&company, 2);
    let path = format!("/profiles/{profile}");
    let mut told = || {
        let (topic, document) = all.event();
        let data = &document["data"];
        assert_eq!(
            (&data["profile"], &data["company"]),
            (&Value::from(profile.clone()), &Value::from(company.clone()))
        );
        (topic, data["before"].as_u64().unwrap(), data["channels"].as_u64().unwrap())
    };
    assert_eq!(told(), ("subscription.changed".to_owned(), 0, 2));
    // A change of something else tells nothing.
    world.patch(&path, &json!({"name": "Back office"})).ok(200);
    world.patch(&path, &json!({"channels": 104})).ok(200);
    assert_eq!(told(), ("subscription.changed".to_owned(), 2, 100));
    world.patch(&path, &json!({"channels": 0})).ok(200);
    assert_eq!(told(), ("subscription.ended".to_owned(), 100, 0));
}
