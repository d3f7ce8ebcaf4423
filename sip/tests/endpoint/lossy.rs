//! Two endpoints and a network between them that loses, doubles and reorders: a thousand calls, each on its own seed.

use bytes::{Bytes, BytesMut};
use domain::{Entropy, Machine, Monotonic, Now};
use sip::dialog::{Calling, Dialog};
use sip::endpoint::{Destination, Effect, Endpoint, Event, Load, Owner, Reply, Settings, Source, Transport};
use sip::{Method, Name};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

const CALLER: usize = 0;
const CALLEE: usize = 1;
/// How long the callee rings, and how long they talk.
const RINGING: Duration = Duration::from_secs(3);
const TALKING: Duration = Duration::from_secs(5);

/// Percentages of datagrams.
#[derive(Clone, Copy)]
struct Weather {
    lost: u64,
    doubled: u64,
    delay_max_ms: u64,
}

/// Both ends of one call, and what became of it.
struct Pair {
    endpoints: [Endpoint; 2],
    addresses: [SocketAddr; 2],
    network: BTreeMap<(Monotonic, u64), (usize, Bytes)>,
    next: u64,
    chance: Entropy,
    weather: Weather,
    now: Now,
    calling: Calling,
    /// The dialog of either side.
    dialogs: [Option<Dialog>; 2],
    /// When the callee answers, when the caller hangs up.
    answer_at: Option<(Monotonic, sip::endpoint::ServerTransactionId)>,
    hang_up_at: Option<Monotonic>,
    seen: Vec<String>,
}

impl Pair {
    fn new(seed: u64, weather: Weather) -> Pair {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut chance = Entropy::from_seed(key);
        let endpoint = |chance: &mut Entropy| Endpoint::new(Settings::default(), chance.fork());
        Pair {
            endpoints: [endpoint(&mut chance), endpoint(&mut chance)],
            addresses: ["192.0.2.1:5060".parse().unwrap(), "198.51.100.2:5060".parse().unwrap()],
            network: BTreeMap::new(),
            next: 0,
            chance,
            weather,
            now: Now::default(),
            calling: Calling {
                call_id: "lossy@192.0.2.1".to_owned(),
                local_tag: "caller".to_owned(),
                local: "<sip:a@192.0.2.1>".to_owned(),
                remote: "<sip:b@198.51.100.2>".to_owned(),
                target: "sip:b@198.51.100.2".to_owned(),
                routes: Vec::new(),
                sequence: 0,
                max_forwards: 70,
            },
            dialogs: [None, None],
            answer_at: None,
            hang_up_at: None,
            seen: Vec::new(),
        }
    }

    fn to_other(&self, side: usize) -> Destination {
        Destination {
            transport: Transport::Udp,
            addr: self.addresses[1 - side],
            flow: None,
            local: self.addresses[side],
        }
    }

    /// One call from INVITE to the last timer.
    fn run(&mut self) {
        let mut out = BytesMut::new();
        let contact = format!("<sip:a@{}>", self.addresses[CALLER]);
        self.calling.request(&Method::Invite, &mut out).header(Name::Contact, contact).end();
        let destination = self.to_other(CALLER);
        let mut effects = Vec::new();
        self.endpoints[CALLER].request(Owner(1), &out, destination, self.now, &mut effects).unwrap();
        self.carry_out(CALLER, effects);
        for _ in 0..100_000 {
            let Some(at) = self.next_instant() else { return };
            self.now = self.now.after(at.since(self.now.monotonic));
            self.step(at);
        }
        panic!("the call never ends");
    }

    fn next_instant(&self) -> Option<Monotonic> {
        let users = self.answer_at.map(|(at, _)| at).into_iter().chain(self.hang_up_at);
        let network = self.network.keys().next().map(|(at, _)| *at);
        self.endpoints.iter().filter_map(Machine::deadline).chain(network).chain(users).min()
    }

    fn step(&mut self, at: Monotonic) {
        while let Some(entry) = self.network.first_entry().filter(|entry| entry.key().0 <= at) {
            let (side, bytes) = entry.remove();
            let source = Source {
                transport: Transport::Udp,
                peer: self.addresses[1 - side],
                local: self.addresses[side],
                flow: None,
            };
            let mut effects = Vec::new();
            self.endpoints[side].handle(Event::BytesReceived { bytes, source }, self.now, &mut effects);
            self.carry_out(side, effects);
        }
        for side in [CALLER, CALLEE] {
            let mut effects = Vec::new();
            self.endpoints[side].expire(self.now, &mut effects);
            self.carry_out(side, effects);
        }
        if let Some((_, transaction)) = self.answer_at.filter(|(due, _)| *due <= at) {
            self.answer_at = None;
            let reply = Reply::new(200, "OK")
                .tag("callee")
                .header(Name::Contact, format!("<sip:b@{}>", self.addresses[CALLEE]));
            let mut effects = Vec::new();
            self.endpoints[CALLEE].respond(transaction, reply, self.now, &mut effects).unwrap();
            self.carry_out(CALLEE, effects);
        }
        if self.hang_up_at.is_some_and(|due| due <= at) {
            self.hang_up_at = None;
            self.hang_up(CALLER);
        }
    }

    fn hang_up(&mut self, side: usize) {
        let Some(dialog) = &mut self.dialogs[side] else { return };
        let mut out = BytesMut::new();
        dialog.request(&Method::Bye, &mut out).end();
        let destination = self.to_other(side);
        let mut effects = Vec::new();
        self.endpoints[side].request(Owner(1), &out, destination, self.now, &mut effects).unwrap();
        self.carry_out(side, effects);
    }

    fn carry_out(&mut self, side: usize, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Transmit { bytes, destination, .. } => self.throw(side, bytes, destination),
                other => self.on_report(side, other),
            }
        }
    }

    fn throw(&mut self, side: usize, bytes: Bytes, destination: Destination) {
        assert_eq!(destination.addr, self.addresses[1 - side]);
        if self.chance.below(100) < self.weather.lost {
            return;
        }
        let copies = if self.chance.below(100) < self.weather.doubled { 2 } else { 1 };
        for _ in 0..copies {
            let delay = Duration::from_millis(1 + self.chance.below(self.weather.delay_max_ms));
            self.next += 1;
            self.network.insert((self.now.monotonic + delay, self.next), (1 - side, bytes.clone()));
        }
    }

    /// What the users of both endpoints do.
    fn on_report(&mut self, side: usize, effect: Effect) {
        match effect {
            Effect::RequestArrived { pending } => {
                assert_eq!(side, CALLEE);
                self.seen.push("invited".to_owned());
                let mut effects = Vec::new();
                let endpoint = &mut self.endpoints[CALLEE];
                let transaction = endpoint.accept(&pending, Owner(2), self.now, &mut effects).unwrap();
                let dialog = Dialog::as_uas(pending.message(), "callee").unwrap();
                endpoint.bind_dialog(dialog.call_id(), dialog.local_tag(), Owner(2)).unwrap();
                self.dialogs[CALLEE] = Some(dialog);
                endpoint
                    .respond(transaction, Reply::new(180, "Ringing").tag("callee"), self.now, &mut effects)
                    .unwrap();
                self.answer_at = Some((self.now.monotonic + RINGING, transaction));
                self.carry_out(CALLEE, effects);
            }
            Effect::ResponseArrived { transaction, message, .. } => {
                let status = message.status().unwrap();
                let method = message.cseq().unwrap().method;
                if status >= 200 {
                    self.seen.push(format!("{side} {method} {status}"));
                }
                if method == Method::Invite && status == 200 {
                    let dialog = self.calling.established_by(&message).unwrap();
                    let mut out = BytesMut::new();
                    dialog.ack(&mut out).end();
                    let destination = self.to_other(CALLER);
                    let endpoint = &mut self.endpoints[CALLER];
                    endpoint.bind_dialog(dialog.call_id(), dialog.local_tag(), Owner(1)).unwrap();
                    let mut effects = Vec::new();
                    endpoint.acknowledge(transaction, &out, destination, &mut effects).unwrap();
                    self.dialogs[CALLER] = Some(dialog);
                    self.hang_up_at = Some(self.now.monotonic + TALKING);
                    self.carry_out(CALLER, effects);
                } else if method == Method::Bye && status >= 200 {
                    self.end(side);
                }
            }
            Effect::DialogRequestArrived { transaction, message, .. } => {
                assert_eq!(message.method(), Some(&Method::Bye));
                self.seen.push(format!("{side} hung up"));
                self.dialogs[side].as_mut().unwrap().take_request(&message).unwrap();
                let mut effects = Vec::new();
                self.endpoints[side].respond(transaction, Reply::new(200, "OK"), self.now, &mut effects).unwrap();
                self.carry_out(side, effects);
                self.end(side);
            }
            Effect::AckArrived { .. } => self.seen.push("acked".to_owned()),
            Effect::AckMissed { .. } => {
                self.seen.push("ack missed".to_owned());
                self.hang_up(side);
            }
            Effect::TransactionFailed { because, .. } => {
                self.seen.push(format!("{side} failed {because:?}"));
                self.end(side);
            }
            Effect::Transmit { .. } | Effect::Cancelled { .. } | Effect::DialogRequestRefused { .. } => {
                panic!("{effect:?}")
            }
        }
    }

    fn end(&mut self, side: usize) {
        if let Some(dialog) = self.dialogs[side].take() {
            self.endpoints[side].unbind_dialog(dialog.call_id(), dialog.local_tag());
        }
        if side == CALLER {
            self.hang_up_at = None;
        }
    }

    fn count(&self, what: &str) -> usize {
        self.seen.iter().filter(|seen| *seen == what).count()
    }
}

fn call(seed: u64, weather: Weather) -> Pair {
    let mut pair = Pair::new(seed, weather);
    pair.run();
    pair
}

#[test]
fn on_a_good_network_nothing_is_sent_twice() {
    let pair = call(1, Weather { lost: 0, doubled: 0, delay_max_ms: 40 });
    assert_eq!(pair.seen, ["invited", "0 INVITE 200", "acked", "1 hung up", "0 BYE 200"]);
    for endpoint in &pair.endpoints {
        let counters = endpoint.counters();
        assert_eq!((counters.retransmissions_sent, counters.retransmissions_received), (0, 0));
        assert_eq!(endpoint.load(), Load::default());
    }
}

#[test]
fn whatever_the_network_does_each_thing_happens_once_and_nothing_is_left_behind() {
    let mut talked = 0;
    for seed in 0..1_000 {
        let mut chance = Entropy::from_seed([seed as u8; 16]);
        let weather =
            Weather { lost: chance.below(30), doubled: chance.below(30), delay_max_ms: 1 + chance.below(900) };
        let pair = call(seed, weather);
        for event in ["invited", "0 INVITE 200", "acked", "ack missed", "1 hung up", "0 hung up", "0 BYE 200"] {
            assert!(pair.count(event) <= 1, "seed {seed}: {:?}", pair.seen);
        }
        assert!(pair.count("acked") + pair.count("ack missed") <= 1, "seed {seed}: {:?}", pair.seen);
        for endpoint in &pair.endpoints {
            let load = endpoint.load();
            assert_eq!((load.server_transactions, load.client_transactions), (0, 0), "seed {seed}: {:?}", pair.seen);
            assert_eq!(endpoint.counters().stray_requests + endpoint.counters().merged, 0, "seed {seed}");
        }
        talked += usize::from(pair.count("acked") == 1 && pair.count("1 hung up") == 1);
    }
    assert!(talked >= 990, "retransmission must carry a call over a third of loss: {talked} of 1000");
}

#[test]
fn one_seed_gives_one_story() {
    let weather = Weather { lost: 25, doubled: 25, delay_max_ms: 700 };
    for seed in 0..20 {
        assert_eq!(call(seed, weather).seen, call(seed, weather).seen, "seed {seed}");
    }
}
