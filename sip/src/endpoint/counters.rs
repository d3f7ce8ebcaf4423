//! What one endpoint has counted since it was born, for the metrics; plain numbers that only grow.
//!
//! Names and labels of metrics do not live here.

use super::Transport;
use crate::{Method, Reason};
use std::time::Duration;

/// Methods that are counted apart; everything else is `OTHER`, the last.
pub const METHODS: [&str; 15] = [
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "REGISTER",
    "PRACK",
    "UPDATE",
    "INFO",
    "SUBSCRIBE",
    "NOTIFY",
    "REFER",
    "MESSAGE",
    "PUBLISH",
    "OTHER",
];

/// One number per method, in the order of [`METHODS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByMethod(pub [u64; METHODS.len()]);

impl ByMethod {
    pub(super) fn add(&mut self, method: &Method) {
        let index = match method {
            Method::Invite => 0,
            Method::Ack => 1,
            Method::Bye => 2,
            Method::Cancel => 3,
            Method::Options => 4,
            Method::Register => 5,
            Method::Prack => 6,
            Method::Update => 7,
            Method::Info => 8,
            Method::Subscribe => 9,
            Method::Notify => 10,
            Method::Refer => 11,
            Method::Message => 12,
            Method::Publish => 13,
            Method::Other(_) => 14,
        };
        self.0[index] += 1;
    }

    /// The count of a method.
    pub fn of(&self, method: &str) -> u64 {
        METHODS.iter().position(|known| *known == method).map_or(0, |index| self.0[index])
    }

    /// All methods together.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// One number per status code from 100 to 699.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByStatus(Box<[u64; 600]>);

impl Default for ByStatus {
    fn default() -> Self {
        Self(Box::new([0; 600]))
    }
}

impl ByStatus {
    pub(super) fn add(&mut self, status: u16) {
        if let Some(count) = self.0.get_mut(usize::from(status).wrapping_sub(100)) {
            *count += 1;
        }
    }

    /// The count of a status.
    pub fn of(&self, status: u16) -> u64 {
        self.0.get(usize::from(status).wrapping_sub(100)).copied().unwrap_or(0)
    }

    /// The count of a class: 1 for 1xx to 6 for 6xx.
    pub fn of_class(&self, class: u16) -> u64 {
        (class * 100..class * 100 + 100).map(|status| self.of(status)).sum()
    }

    /// Every status that was counted, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u16, u64)> {
        (100..).zip(self.0.iter().copied()).filter(|(_, count)| *count > 0)
    }
}

/// What bytes failed to be a message, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByReason {
    /// See [`Reason::StartLine`].
    pub start_line: u64,
    /// See [`Reason::Header`]; also messages that `check` refused.
    pub header: u64,
    /// See [`Reason::Truncated`].
    pub truncated: u64,
    /// See [`Reason::TooLarge`].
    pub too_large: u64,
    /// See [`Reason::Body`].
    pub body: u64,
    /// See [`Reason::Utf8`].
    pub utf8: u64,
}

impl ByReason {
    pub(super) fn add(&mut self, reason: Reason) {
        *match reason {
            Reason::StartLine => &mut self.start_line,
            Reason::Header => &mut self.header,
            Reason::Truncated => &mut self.truncated,
            Reason::TooLarge => &mut self.too_large,
            Reason::Body => &mut self.body,
            Reason::Utf8 => &mut self.utf8,
        } += 1;
    }

    /// All reasons together.
    pub fn total(&self) -> u64 {
        self.start_line + self.header + self.truncated + self.too_large + self.body + self.utf8
    }
}

/// What passed over one transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wire {
    /// Messages received, broken ones too.
    pub messages_received: u64,
    /// Messages sent.
    pub messages_sent: u64,
    /// What was not SIP, by reason.
    pub parse_errors: ByReason,
}

/// Upper bounds of the buckets of [`Durations`], in milliseconds; one more bucket holds what is longer.
pub const DURATION_BOUNDS_MS: [u64; 13] = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000];

/// Methods whose transactions are timed apart; everything else is `other`, the last.
pub const TIMED_METHODS: [&str; 5] = ["INVITE", "BYE", "OPTIONS", "REGISTER", "other"];

/// How long transactions took, from the request to its final response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    /// Transactions by the bucket of [`DURATION_BOUNDS_MS`] that they fell into.
    pub buckets: [u64; DURATION_BOUNDS_MS.len() + 1],
    /// All of them together, in microseconds.
    pub sum_us: u64,
}

impl Durations {
    pub(super) fn add(&mut self, duration: Duration) {
        let bucket = DURATION_BOUNDS_MS.iter().position(|bound| duration <= Duration::from_millis(*bound));
        self.buckets[bucket.unwrap_or(DURATION_BOUNDS_MS.len())] += 1;
        self.sum_us = self.sum_us.saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    /// Transactions.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

/// Which of [`TIMED_METHODS`] a method is.
pub(super) fn timed_method(method: &Method) -> u8 {
    match method {
        Method::Invite => 0,
        Method::Bye => 1,
        Method::Options => 2,
        Method::Register => 3,
        _ => 4,
    }
}

/// Everything that is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// What passed over each transport, in the order of [`Transport::ALL`].
    pub wires: [Wire; Transport::ALL.len()],
    /// Requests received, retransmissions not counted.
    pub requests_received: ByMethod,
    /// Requests sent, retransmissions not counted.
    pub requests_sent: ByMethod,
    /// Responses received, retransmissions not counted.
    pub responses_received: ByStatus,
    /// Responses sent, retransmissions not counted.
    pub responses_sent: ByStatus,
    /// Retransmissions absorbed.
    pub retransmissions_received: u64,
    /// Retransmissions sent.
    pub retransmissions_sent: u64,
    /// Transactions that timer B ended: an INVITE without (final) response.
    pub timeouts_b: u64,
    /// Transactions that timer F ended: another request without final response.
    pub timeouts_f: u64,
    /// Transactions that timer H ended: a refusal without ACK.
    pub timeouts_h: u64,
    /// 2xx responses to an INVITE whose ACK never came.
    pub acks_missing: u64,
    /// Responses that belong to no transaction.
    pub stray_responses: u64,
    /// ACKs that belong to nothing.
    pub stray_acks: u64,
    /// Requests inside dialogs that we do not know: 481.
    pub stray_requests: u64,
    /// Merged requests: 482.
    pub merged: u64,
    /// New requests refused with 503 because a table was full.
    pub refused_full: u64,
    /// Answers to strangers that were not sent, because they were too much larger than what asked for them.
    pub withheld: u64,
    /// Server transactions, in the order of [`TIMED_METHODS`].
    pub server_durations: [Durations; TIMED_METHODS.len()],
    /// Client transactions, in the order of [`TIMED_METHODS`].
    pub client_durations: [Durations; TIMED_METHODS.len()],
}

impl Counters {
    /// What passed over a transport.
    pub fn wire(&self, transport: Transport) -> &Wire {
        &self.wires[transport.index()]
    }

    pub(super) fn wire_mut(&mut self, transport: Transport) -> &mut Wire {
        &mut self.wires[transport.index()]
    }
}
