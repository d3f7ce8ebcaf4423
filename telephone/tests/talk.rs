//! Two telephones on one wire, without sockets and on a virtual clock: a call is placed, taken and hung up; a lost datagram is sent
//! again; a registration is challenged, granted and kept alive.
//!
//! What a switch between them makes of it is told elsewhere.
#![allow(clippy::unwrap_used, reason = "a test that finds nothing shall panic")]

use bytes::{Bytes, BytesMut};
use domain::{Entropy, Monotonic, Now, Wall};
use sip::endpoint::{Effect, Owner};
use sip::{Message, Name};
use std::net::SocketAddr;
use std::time::Duration;
use telephone::g711::Law;
use telephone::{Account, Called, Calling, Line, LineSettings, News, Registering, Role, Subscriber, sdp};

const CALL: Owner = Owner(1);
const REGISTRATION: Owner = Owner(0);

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn at(micros: u64) -> Now {
    Now { monotonic: Monotonic::from_micros(micros), wall: Wall::from_unix_micros(micros as i64) }
}

fn line(port: u16) -> Line {
    let settings = LineSettings { server: "test".to_owned(), local: address(port), transactions_max: 16 };
    Line::new(settings, at(0), Entropy::from_seed([port as u8; 16]))
}

fn subscriber() -> Subscriber {
    Subscriber::at(Account { user: "101".to_owned(), password: "secret".to_owned() }, address(2))
}

/// Who calls.
struct Caller {
    call: Calling,
    registering: Registering,
    news: Vec<News>,
    granted: Vec<Result<u32, String>>,
}

impl Role for Caller {
    type Order = ();
    fn on_order(&mut self, (): (), _line: &mut Line) {}
    fn on_effect(&mut self, effect: Effect, line: &mut Line) {
        match effect {
            Effect::ResponseArrived { owner: REGISTRATION, message, .. } => {
                self.granted.extend(self.registering.on_response(&message, &subscriber(), line));
            }
            Effect::ResponseArrived { transaction, message, .. } => {
                self.call.on_response(transaction, &message, &subscriber(), line, &mut self.news);
            }
            Effect::DialogRequestArrived { transaction, message, .. } => {
                self.call.on_request(transaction, &message, line, &mut self.news);
            }
            other => assert!(!matches!(other, Effect::TransactionFailed { .. }), "{other:?}"),
        }
    }
    fn deadline(&self) -> Option<Monotonic> {
        self.registering.deadline()
    }
    fn on_deadline(&mut self, line: &mut Line) {
        self.registering.refresh(&subscriber(), line).unwrap();
    }
}

/// Who is called.
#[derive(Default)]
struct Callee {
    call: Option<Called>,
    acknowledged: u32,
}

impl Role for Callee {
    type Order = ();
    fn on_order(&mut self, (): (), _line: &mut Line) {}
    fn on_effect(&mut self, effect: Effect, line: &mut Line) {
        match effect {
            Effect::RequestArrived { pending } => {
                let transaction = line.accept(&pending, CALL).unwrap();
                let request = pending.message();
                let mut call = Called::ring(transaction, request, CALL, line).unwrap();
                assert!(call.is_ringing());
                call.answer(sdp::print(address(4), &[Law::A], 1), line);
                self.call = Some(call);
            }
            Effect::DialogRequestArrived { transaction, message, .. } => {
                let is_over = self.call.as_mut().unwrap().on_request(transaction, &message, line);
                if is_over {
                    self.call.take().unwrap().leave(line);
                }
            }
            Effect::AckArrived { .. } => self.acknowledged += 1,
            other => assert!(!matches!(other, Effect::AckMissed { .. }), "{other:?}"),
        }
    }
    fn deadline(&self) -> Option<Monotonic> {
        None
    }
    fn on_deadline(&mut self, _line: &mut Line) {}
}

/// A registrar's answer: what bears no proof is challenged, what does is granted a minute.
fn registered(request: &Message) -> Bytes {
    let header = |name| String::from_utf8_lossy(request.header(name).unwrap_or_default()).into_owned();
    let is_proven = request.header(Name::Authorization).is_some();
    let (status, more) = if is_proven {
        ("200 OK", "Expires: 60")
    } else {
        ("401 Unauthorized", "WWW-Authenticate: Digest realm=\"test\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"")
    };
    let copied = [Name::Via, Name::From, Name::CallId, Name::CSeq].map(|name| format!("{name}: {}\r\n", header(name)));
    let to = header(Name::To);
    Bytes::from(format!("SIP/2.0 {status}\r\n{}To: {to};tag=r\r\n{more}\r\nContent-Length: 0\r\n\r\n", copied.concat()))
}

struct World {
    caller: (Line, Caller),
    callee: (Line, Callee),
    now: u64,
    /// REGISTERs that arrived.
    registers: u32,
    /// Datagrams that are lost before any arrives.
    losses: u32,
}

impl World {
    fn new() -> World {
        let caller = Caller {
            call: Calling::new(CALL, "600".to_owned()),
            registering: Registering::new(REGISTRATION),
            news: Vec::new(),
            granted: Vec::new(),
        };
        World { caller: (line(1), caller), callee: (line(2), Callee::default()), now: 0, registers: 0, losses: 0 }
    }

    /// Lets datagrams fly until there are none.
    fn settle(&mut self) {
        loop {
            let mut wire: Vec<(Bytes, SocketAddr)> = Vec::new();
            let losses = &mut self.losses;
            let mut send = |bytes: &[u8], to: SocketAddr| {
                if *losses > 0 {
                    *losses -= 1;
                } else {
                    wire.push((BytesMut::from(bytes).freeze(), to));
                }
                true
            };
            self.caller.0.settle(&mut self.caller.1, &mut send);
            self.callee.0.settle(&mut self.callee.1, &mut send);
            if wire.is_empty() {
                return;
            }
            for (bytes, to) in wire {
                if bytes.starts_with(b"REGISTER") {
                    self.registers += 1;
                    self.caller.0.hear(registered(&Message::parse(bytes).unwrap()), to);
                    continue;
                }
                let (line, from) = if to == address(1) { (&mut self.caller.0, 2) } else { (&mut self.callee.0, 1) };
                line.hear(bytes, address(from));
            }
        }
    }

    fn wait(&mut self, duration: Duration) {
        let end = self.now + duration.as_micros() as u64;
        while self.now < end {
            self.now = end.min(self.now + 10_000);
            let now = at(self.now);
            for line in [&mut self.caller.0, &mut self.callee.0] {
                line.at(now);
                line.expire();
            }
            if self.caller.1.deadline().is_some_and(|due| due <= now.monotonic) {
                self.caller.1.on_deadline(&mut self.caller.0);
            }
            self.settle();
        }
    }

    fn dial(&mut self) {
        let offer = sdp::print(address(3), &[Law::Mu, Law::A], 1);
        let (line, caller) = &mut self.caller;
        caller.call.dial(offer, &subscriber(), line, &mut caller.news);
        self.settle();
    }
}

#[test]
fn a_call_is_placed_answered_and_hung_up() {
    let mut world = World::new();
    world.dial();
    assert_eq!(world.caller.1.news, [News::Ringing(180), News::Answered]);
    assert_eq!(world.caller.1.call.spoken().map(|spoken| (spoken.address, spoken.law)), Some((address(4), Law::A)));
    let theirs = world.callee.1.call.as_ref().map(|call| call.spoken().address);
    assert_eq!((theirs, world.callee.1.acknowledged), (Some(address(3)), 1));
    let (line, caller) = &mut world.caller;
    caller.call.hang_up(line, &mut caller.news);
    world.settle();
    assert_eq!(world.caller.1.news.last(), Some(&News::Ended));
    assert!(world.caller.1.call.is_over() && world.callee.1.call.is_none());
}

#[test]
fn an_invite_that_is_lost_is_sent_again_after_half_a_second() {
    let mut world = World::new();
    world.losses = 1;
    world.dial();
    assert_eq!(world.caller.1.news, []);
    world.wait(Duration::from_millis(490));
    assert_eq!(world.caller.1.news, []);
    world.wait(Duration::from_millis(20));
    assert_eq!(world.caller.1.news, [News::Ringing(180), News::Answered]);
    assert_eq!(world.caller.0.counters().retransmissions_sent, 1);
}

#[test]
fn a_registration_is_proven_granted_and_refreshed_at_half_its_time() {
    let mut world = World::new();
    let (line, caller) = &mut world.caller;
    caller.registering.begin(3_600, &subscriber(), line).unwrap();
    world.settle();
    assert_eq!((world.caller.1.granted.clone(), world.registers), (vec![Ok(60)], 2));
    world.wait(Duration::from_secs(31));
    assert_eq!((world.caller.1.granted.len(), world.registers), (2, 4));
}
