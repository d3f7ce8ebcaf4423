//! SIP on the wire: totals handed over by each shard's endpoint and transports.
//!
//! Parsing and transactions do not live here. Which side a message came from is not known where it is counted, so these
//! metrics have no `side`.

use crate::error::Error;
use crate::families::{Counters, Counts, Gauges, Maker};
use crate::labels::{
    Code, ConnectionClosed, DatagramListener, Guarded, Method, OverloadReason, ParseError, Passed, Role, Stray,
    StreamTransport, TlsOutcome, TlsRole, TransactionTimer,
};
use crate::telemetry::Telemetry;
use domain::fact::{AuthOutcome, Flow, Offence, Transport};
use domain::refusal::RefusalKind;
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// What one shard has counted since it began, and what it holds now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SipTotals {
    /// Messages on the wire.
    pub messages: Counts<(Flow, Transport)>,
    /// Requests, retransmissions not counted.
    pub requests: Counts<(Flow, Method)>,
    /// Responses, retransmissions not counted.
    pub responses: Counts<(Flow, Code)>,
    /// Retransmissions, sent or absorbed.
    pub retransmissions: Counts<(Flow,)>,
    /// What was no SIP message.
    pub parse_errors: Counts<(ParseError,)>,
    /// Transactions ended by a timer.
    pub timeouts: Counts<(TransactionTimer,)>,
    /// 2xx responses whose ACK never came.
    pub acks_missing: u64,
    /// Messages that belong to nothing.
    pub strays: Counts<(Stray,)>,
    /// Merged requests (482).
    pub merged: u64,
    /// New requests refused with 503 because a table was full.
    pub refused_full: u64,
    /// Answers to strangers that were too much larger than what asked for them.
    pub withheld: u64,
    /// Datagrams that the kernel dropped.
    pub receive_drops: Counts<(DatagramListener,)>,
    /// Transactions now in memory.
    pub transactions: Counts<(Role,)>,
    /// Stream connections now open.
    pub connections: Counts<(StreamTransport,)>,
}

impl SipTotals {
    fn add(&mut self, other: &SipTotals) {
        self.messages.add_all(&other.messages);
        self.requests.add_all(&other.requests);
        self.responses.add_all(&other.responses);
        self.retransmissions.add_all(&other.retransmissions);
        self.parse_errors.add_all(&other.parse_errors);
        self.timeouts.add_all(&other.timeouts);
        self.acks_missing += other.acks_missing;
        self.strays.add_all(&other.strays);
        self.merged += other.merged;
        self.refused_full += other.refused_full;
        self.withheld += other.withheld;
        self.receive_drops.add_all(&other.receive_drops);
        self.transactions.add_all(&other.transactions);
        self.connections.add_all(&other.connections);
    }
}

/// What the guard at the door has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuardTotals {
    /// Sources that are banned now.
    pub bans: u64,
    /// Messages and connections of banned sources, unread, since the start.
    pub dropped: u64,
    /// Answers that were not given, because their source gets them seldom, since the start.
    pub slowed: u64,
}

pub(crate) struct SipHandles {
    messages: Counters<(Flow, Transport)>,
    requests: Counters<(Flow, Method)>,
    responses: Counters<(Flow, Code)>,
    retransmissions: Counters<(Flow,)>,
    parse_errors: Counters<(ParseError,)>,
    timeouts: Counters<(TransactionTimer,)>,
    acks_missing: Counters<()>,
    strays: Counters<(Stray,)>,
    merged: Counters<()>,
    receive_drops: Counters<(DatagramListener,)>,
    transactions: Gauges<(Role,)>,
    connections: Gauges<(StreamTransport,)>,
    handshakes: Counters<(TlsRole, TlsOutcome)>,
    certificate_ends: Gauges<()>,
    certificate_is_fresh: Gauges<()>,
    closed: Counters<(ConnectionClosed,)>,
    overload: Counters<(OverloadReason,)>,
    auth: Counters<(AuthOutcome,)>,
    bans: Counters<(Offence,)>,
    bans_now: Gauges<()>,
    guarded: Counters<(Guarded,)>,
    passed: Counters<(Passed,)>,
    /// The last totals of each shard: as many as there are shards. Touched by who collects, never by a call.
    shards: Mutex<BTreeMap<usize, SipTotals>>,
}

impl SipHandles {
    pub(crate) fn make(maker: &mut Maker<'_>) -> Result<Self, Error> {
        Ok(Self {
            messages: maker.counters("tandem_sip_messages_total")?,
            requests: maker.counters("tandem_sip_requests_total")?,
            responses: maker.counters("tandem_sip_responses_total")?,
            retransmissions: maker.counters("tandem_sip_retransmissions_total")?,
            parse_errors: maker.counters("tandem_sip_parse_errors_total")?,
            timeouts: maker.counters("tandem_sip_transaction_timeouts_total")?,
            acks_missing: maker.counters("tandem_sip_acks_missing_total")?,
            strays: maker.counters("tandem_sip_stray_messages_total")?,
            merged: maker.counters("tandem_sip_merged_requests_total")?,
            receive_drops: maker.counters("tandem_sip_receive_drops_total")?,
            transactions: maker.gauges("tandem_sip_transactions")?,
            connections: maker.gauges("tandem_sip_connections")?,
            handshakes: maker.counters("tandem_sip_tls_handshakes_total")?,
            certificate_ends: maker.gauges("tandem_sip_tls_certificate_expiry_timestamp_seconds")?,
            certificate_is_fresh: maker.gauges("tandem_sip_tls_certificate_last_reload_successful")?,
            closed: maker.counters("tandem_sip_connections_closed_total")?,
            overload: maker.counters("tandem_sip_overload_rejections_total")?,
            auth: maker.counters("tandem_sip_auth_attempts_total")?,
            bans: maker.counters("tandem_sip_bans_total")?,
            bans_now: maker.gauges("tandem_sip_bans")?,
            guarded: maker.counters("tandem_sip_guarded_total")?,
            passed: maker.counters("tandem_sip_passed_total")?,
            shards: Mutex::default(),
        })
    }

    pub(crate) fn on_authenticated(&self, outcome: AuthOutcome) {
        self.auth.at((outcome,)).increment(1);
    }

    /// A call was refused; some refusals are overload control's.
    pub(crate) fn on_refused(&self, refusal: RefusalKind) {
        let reason = match refusal {
            RefusalKind::CpsExceeded | RefusalKind::ProfileCpsExceeded => OverloadReason::Cps,
            RefusalKind::Overloaded | RefusalKind::NodeFull => OverloadReason::Load,
            RefusalKind::Draining => OverloadReason::Draining,
            RefusalKind::MediaPortsExhausted => OverloadReason::MediaPorts,
            RefusalKind::LedgerUnavailable => OverloadReason::Ledger,
            _ => return,
        };
        self.overload.at((reason,)).increment(1);
    }
}

impl Telemetry {
    /// Takes over what a shard has counted; the metrics show the sum over all shards.
    pub fn set_sip(&self, shard: usize, totals: SipTotals) {
        let mut sum = SipTotals::default();
        let mut shards = self.sip.shards.lock();
        shards.insert(shard, totals);
        shards.values().for_each(|totals| sum.add(totals));
        self.sip.messages.absolute(&sum.messages);
        self.sip.requests.absolute(&sum.requests);
        self.sip.responses.absolute(&sum.responses);
        self.sip.retransmissions.absolute(&sum.retransmissions);
        self.sip.parse_errors.absolute(&sum.parse_errors);
        self.sip.timeouts.absolute(&sum.timeouts);
        self.sip.acks_missing.at(()).absolute(sum.acks_missing);
        self.sip.strays.absolute(&sum.strays);
        self.sip.merged.at(()).absolute(sum.merged);
        self.sip.overload.at((OverloadReason::Transactions,)).absolute(sum.refused_full);
        self.sip.guarded.at((Guarded::Amplified,)).absolute(sum.withheld);
        self.sip.receive_drops.absolute(&sum.receive_drops);
        self.sip.transactions.set_all(&sum.transactions);
        self.sip.connections.set_all(&sum.connections);
    }

    /// A message between another node and a PBX was passed on, or was not.
    pub fn count_passed(&self, what: Passed) {
        self.sip.passed.at((what,)).increment(1);
    }

    /// New work was refused with 503 before it became a call. Calls that are refused count themselves when they end.
    pub fn count_overload_rejection(&self, reason: OverloadReason) {
        self.sip.overload.at((reason,)).increment(1);
    }

    /// A TLS handshake ended.
    pub fn count_tls_handshake(&self, role: TlsRole, outcome: TlsOutcome) {
        self.sip.handshakes.at((role, outcome)).increment(1);
    }

    /// The certificates were read, and ours ends then (Unix time); none where they could not be read and the old ones stay.
    pub fn set_tls_certificate(&self, ends_unix_s: Option<i64>) {
        self.sip.certificate_is_fresh.at(()).set(f64::from(u8::from(ends_unix_s.is_some())));
        if let Some(ends) = ends_unix_s {
            self.sip.certificate_ends.at(()).set(ends as f64);
        }
    }

    /// What the guard has done by now.
    pub fn set_guard(&self, totals: GuardTotals) {
        self.sip.bans_now.at(()).set(totals.bans as f64);
        self.sip.guarded.at((Guarded::Banned,)).absolute(totals.dropped);
        self.sip.guarded.at((Guarded::Slowed,)).absolute(totals.slowed);
    }

    /// A source was banned.
    pub fn count_ban(&self, offence: Offence) {
        self.sip.bans.at((offence,)).increment(1);
    }

    /// A connection was closed by us.
    pub fn count_connection_closed(&self, why: ConnectionClosed) {
        self.sip.closed.at((why,)).increment(1);
    }
}
