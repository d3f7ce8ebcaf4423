//! The state tables of RFC 3261 section 17 and RFC 6026, on a virtual clock: every timer, every transition, UDP and TCP.
//!
//! How messages find their transaction is proven in `tests/endpoint`.
#![allow(clippy::unwrap_used)]

mod client_invite;
mod client_other;
mod server_invite;
mod server_other;

use bytes::Bytes;
use domain::{Machine, Monotonic, Now};
use sip::transaction::Effect;
use std::time::Duration;

/// A machine and the time that passes around it.
struct Bench<M> {
    machine: M,
    now: Now,
    /// What the machine ordered: milliseconds since the start, and what.
    log: Vec<(u128, String)>,
}

impl<M: Machine<Effect = Effect>> Bench<M> {
    fn new(make: impl FnOnce(Now, &mut Vec<Effect>) -> M) -> Bench<M> {
        let mut effects = Vec::new();
        let now = Now::default();
        let machine = make(now, &mut effects);
        let mut bench = Bench { machine, now, log: Vec::new() };
        bench.note(effects);
        bench
    }

    /// Lets time pass, waking the machine whenever it asks to be woken.
    fn wait(&mut self, millis: u64) -> &mut Self {
        let end = self.now.monotonic + Duration::from_millis(millis);
        while let Some(due) = self.machine.deadline().filter(|due| *due <= end) {
            self.now.monotonic = due;
            let mut effects = Vec::new();
            self.machine.expire(self.now, &mut effects);
            self.note(effects);
        }
        self.now.monotonic = end;
        self
    }

    fn hear(&mut self, event: M::Event) -> &mut Self {
        let mut effects = Vec::new();
        self.machine.handle(event, self.now, &mut effects);
        self.note(effects);
        self
    }

    fn note(&mut self, effects: Vec<Effect>) {
        let at = self.now.monotonic.since(Monotonic::default()).as_millis();
        self.log.extend(effects.into_iter().map(|effect| (at, word(&effect))));
    }

    /// What was ordered since the last look.
    fn orders(&mut self) -> Vec<(u128, String)> {
        std::mem::take(&mut self.log)
    }

    /// The same without the times.
    fn words(&mut self) -> Vec<String> {
        self.orders().into_iter().map(|(_, word)| word).collect()
    }

    /// The times of what was ordered since the last look, all of it `word`.
    fn times_of(&mut self, word: &str) -> Vec<u128> {
        let orders = self.orders();
        assert!(orders.iter().all(|(_, ordered)| ordered == word), "{orders:?}");
        orders.into_iter().map(|(at, _)| at).collect()
    }
}

fn word(effect: &Effect) -> String {
    let first = |bytes: &Bytes| {
        let line = String::from_utf8_lossy(bytes);
        line.split(' ').next().unwrap_or_default().to_owned()
    };
    match effect {
        Effect::Transmit(bytes) => format!("send {}", first(bytes)),
        Effect::Retransmit(bytes) => format!("resend {}", first(bytes)),
        Effect::DeliverResponse => "deliver response".to_owned(),
        Effect::DeliverAck => "deliver ack".to_owned(),
        Effect::ReportFailure(because) => format!("fail {because:?}"),
    }
}

const INVITE: &[u8] = b"INVITE sip:b@example.net SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1\r\n\
    From: <sip:a@example.net>;tag=1\r\n\
    To: <sip:b@example.net>\r\n\
    Call-ID: 1@example.net\r\n\
    CSeq: 1 INVITE\r\n\
    Content-Length: 0\r\n\r\n";
