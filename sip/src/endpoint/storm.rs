//! A storm of requests, responses, orders and failures on a few branches, tags and Call-IDs, so that everything collides: nothing
//! panics, no limit is passed, and when it is over every table is empty.
//!
//! What each single thing leads to is told in `tests/endpoint`; here the tables are looked into.

use super::*;
use crate::dialog::Calling;
use bytes::BytesMut;
use std::time::Duration;

const LIMIT: usize = 40;
const RESERVE: usize = 8;
const METHODS_USED: [&str; 9] = ["INVITE", "INVITE", "INVITE", "ACK", "ACK", "CANCEL", "BYE", "INFO", "REGISTER"];

struct Storm {
    endpoint: Endpoint,
    chance: Entropy,
    now: Now,
    effects: Vec<Effect>,
    servers: Vec<ServerTransactionId>,
    clients: Vec<ClientTransactionId>,
    /// Requests of ours that left, to be answered.
    sent: Vec<Message>,
}

fn storm(seed: u64) -> Storm {
    let mut key = [9; 16];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut chance = Entropy::from_seed(key);
    let settings = Settings {
        server_transactions_max: LIMIT,
        client_transactions_max: LIMIT,
        dialog_reserve: RESERVE,
        dialogs_max: 6,
        ..Settings::default()
    };
    Storm {
        endpoint: Endpoint::new(settings, chance.fork()),
        chance,
        now: Now::default(),
        effects: Vec::new(),
        servers: Vec::new(),
        clients: Vec::new(),
        sent: Vec::new(),
    }
}

impl Storm {
    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.chance.below(from.len() as u64) as usize]
    }

    fn source(&mut self) -> Source {
        let flow =
            (self.chance.below(3) == 0).then(|| Flow { shard: 0, slot: self.chance.below(3) as u32, generation: 1 });
        let transport = if flow.is_some() { Transport::Tcp } else { Transport::Udp };
        let port = 5060 + self.chance.below(3) as u16;
        Source {
            transport,
            peer: SocketAddr::new("198.51.100.7".parse().unwrap(), port),
            local: "192.0.2.1:5060".parse().unwrap(),
            flow,
        }
    }

    fn request_text(&mut self) -> String {
        let method = self.pick(&METHODS_USED);
        let branch = self.pick(&["z9hG4bKa", "z9hG4bKb", "z9hG4bKc", "z9hG4bKd", "old"]);
        let to_tag = self.pick(&["", "", ";tag=t1", ";tag=t2"]);
        let (call, cseq) = (self.chance.below(30), 1 + self.chance.below(3));
        format!(
            "{method} sip:b@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5062;branch={branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:a@example.net>;tag=f\r\nTo: <sip:b@example.net>{to_tag}\r\n\
             Call-ID: {call}\r\nCSeq: {cseq} {method}\r\nContact: <sip:a@198.51.100.7>\r\nContent-Length: 0\r\n\r\n"
        )
    }

    fn step(&mut self) {
        let (now, source) = (self.now, self.source());
        match self.chance.below(13) {
            0..=4 => {
                let bytes = Bytes::from(self.request_text());
                self.endpoint.handle(Event::BytesReceived { bytes, source }, now, &mut self.effects);
            }
            5 => self.respond(),
            6 => self.send(source),
            7 | 8 => self.hear_response(source),
            9 => {
                if let Some(id) = one_of(&self.clients, &mut self.chance) {
                    let _ = self.endpoint.cancel(id, HeaderLines::new(), now, &mut self.effects);
                }
            }
            10 => {
                let (call, tag) = (self.chance.below(30).to_string(), self.pick(&["t1", "t2"]));
                match self.chance.below(2) {
                    0 => drop(self.endpoint.bind_dialog(&call, tag, Owner(1))),
                    _ => self.endpoint.unbind_dialog(&call, tag),
                }
            }
            11 => {
                let event = match (source.flow, self.chance.below(10)) {
                    (Some(flow), _) => Event::FlowClosed { flow },
                    (None, 0) => Event::TransportFailed { destination: Destination::back_to(&source) },
                    (None, _) => return,
                };
                self.endpoint.handle(event, now, &mut self.effects);
            }
            _ => {
                let millis = self.chance.below(3_000);
                self.wait(millis);
            }
        }
        self.settle();
    }

    fn respond(&mut self) {
        let Some(id) = one_of(&self.servers, &mut self.chance) else { return };
        let status = [180, 183, 200, 407, 486, 503][self.chance.below(6) as usize];
        let reply = Reply::new(status, "X").tag(self.pick(&["t1", "t2"]));
        let _ = self.endpoint.respond(id, reply, self.now, &mut self.effects);
    }

    fn send(&mut self, source: Source) {
        let mut calling = Calling {
            call_id: self.chance.below(9).to_string(),
            local_tag: "t1".to_owned(),
            local: "<sip:b@192.0.2.1>".to_owned(),
            remote: "<sip:a@example.net>".to_owned(),
            target: "sip:a@198.51.100.7".to_owned(),
            routes: Vec::new(),
            sequence: 0,
            max_forwards: 70,
        };
        let mut out = BytesMut::new();
        let method = [crate::Method::Invite, crate::Method::Bye][self.chance.below(2) as usize].clone();
        calling.request(&method, &mut out).end();
        let destination = Destination::back_to(&source);
        if let Ok(id) = self.endpoint.request(Owner(2), &out, destination, self.now, &mut self.effects) {
            self.clients.push(id);
            let Some(Effect::Transmit { bytes, .. }) = self.effects.last() else { panic!("{:?}", self.effects) };
            self.sent.push(Message::parse(bytes.clone()).unwrap());
        }
    }

    fn hear_response(&mut self, source: Source) {
        if self.sent.is_empty() {
            return;
        }
        let at = self.chance.below(self.sent.len() as u64) as usize;
        let status = [100, 180, 200, 200, 404, 487][self.chance.below(6) as usize];
        let mut out = BytesMut::new();
        let tag = self.pick(&["r1", "r2"]);
        crate::Response::to(&self.sent[at], status, "X").tag(tag).print(&mut out).end();
        let event = Event::BytesReceived { bytes: out.freeze(), source };
        self.endpoint.handle(event, self.now, &mut self.effects);
    }

    fn wait(&mut self, millis: u64) {
        let end = self.now.after(Duration::from_millis(millis));
        while let Some(due) = self.endpoint.deadline().filter(|due| *due <= end.monotonic) {
            self.now = self.now.after(due.since(self.now.monotonic));
            self.endpoint.expire(self.now, &mut self.effects);
        }
        self.now = end;
    }

    /// What users do with what is reported.
    fn settle(&mut self) {
        for effect in std::mem::take(&mut self.effects) {
            match effect {
                Effect::RequestArrived { pending } => match self.chance.below(4) {
                    0 => self.endpoint.answer_statelessly(&pending, Reply::new(407, "X"), &mut self.effects),
                    _ => {
                        let accepted = self.endpoint.accept(&pending, Owner(1), self.now, &mut self.effects);
                        self.servers.push(accepted.unwrap());
                    }
                },
                Effect::DialogRequestArrived { transaction, .. } => self.servers.push(transaction),
                Effect::ResponseArrived { transaction, message, .. } => {
                    let is_invite = message.cseq().unwrap().method == crate::Method::Invite;
                    if is_invite && (200..300).contains(&message.status().unwrap()) {
                        let ack = "ACK sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n";
                        let destination = Destination::back_to(&self.source());
                        let _ = self.endpoint.acknowledge(transaction, ack.as_bytes(), destination, &mut self.effects);
                    }
                }
                _ => {}
            }
        }
        self.effects.clear();
    }

    fn check_invariants(&self, seed: u64) {
        let endpoint = &self.endpoint;
        assert!(endpoint.servers.len() <= LIMIT + RESERVE, "seed {seed}");
        // Each client transaction may have a CANCEL beside it.
        assert!(endpoint.clients.len() <= (LIMIT + RESERVE) * 2, "seed {seed}");
        assert!(endpoint.dialogs.len() <= 6, "seed {seed}");
        assert!(endpoint.merged.len() <= endpoint.servers.len(), "seed {seed}");
        assert!(endpoint.acks.len() <= endpoint.servers.len(), "seed {seed}");
        assert!(endpoint.scratch.is_empty(), "seed {seed}");
        let on_flows = endpoint.flows.values().map(|count| *count as usize).sum::<usize>();
        assert!(on_flows <= endpoint.servers.len() + endpoint.clients.len(), "seed {seed}");
    }

    /// Everybody answers what is open, and time passes.
    fn calm_down(&mut self) {
        for id in std::mem::take(&mut self.servers) {
            let _ = self.endpoint.respond(id, Reply::new(480, "X"), self.now, &mut self.effects);
        }
        for id in std::mem::take(&mut self.clients) {
            let _ = self.endpoint.cancel(id, HeaderLines::new(), self.now, &mut self.effects);
        }
        self.effects.clear();
        self.wait(70_000);
    }
}

fn one_of<T: Copy>(from: &[T], chance: &mut Entropy) -> Option<T> {
    from.get(chance.below(from.len() as u64) as usize).copied()
}

#[test]
fn a_storm_passes_no_limit_and_leaves_nothing_behind() {
    let mut full = 0;
    for seed in 0..200 {
        let mut storm = storm(seed);
        for _ in 0..1_000 {
            storm.step();
            storm.check_invariants(seed);
        }
        storm.calm_down();
        let endpoint = &storm.endpoint;
        let load = Load { dialogs: endpoint.load().dialogs, ..Load::default() };
        assert_eq!(endpoint.load(), load, "seed {seed}");
        assert_eq!((endpoint.merged.len(), endpoint.acks.len()), (0, 0), "seed {seed}");
        assert_eq!(endpoint.deadline(), None, "seed {seed}");
        full += endpoint.counters().refused_full;
    }
    assert!(full > 0, "the storm was too mild to reach the limits");
}
