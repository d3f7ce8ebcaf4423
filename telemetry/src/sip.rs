//! SIP on the wire: totals handed over by each shard's endpoint, and the times that transactions take.
//!
//! Parsing and transactions do not live here.

use crate::error::Error;
use crate::families::{Counters, Counts, Gauges, Histograms, Maker};
use crate::labels::{
    Code, DatagramListener, Method, OverloadReason, ParseError, Role, StreamTransport, TransactionMethod,
    TransactionTimer,
};
use crate::telemetry::Telemetry;
use domain::fact::{AuthOutcome, Flow, Side, Transport};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::time::Duration;

/// What one shard has counted since it began, and what it holds now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SipTotals {
    /// Messages on the wire.
    pub messages: Counts<(Side, Flow, Transport)>,
    /// Requests, retransmissions not counted.
    pub requests: Counts<(Side, Flow, Method)>,
    /// Responses, retransmissions not counted.
    pub responses: Counts<(Side, Flow, Code)>,
    /// Retransmissions, sent or absorbed.
    pub retransmissions: Counts<(Side, Flow)>,
    /// What was no SIP message.
    pub parse_errors: Counts<(Transport, ParseError)>,
    /// Transactions ended by a timer.
    pub timeouts: Counts<(Side, TransactionTimer)>,
    /// Datagrams that the kernel dropped.
    pub receive_drops: Counts<(DatagramListener,)>,
    /// Transactions now in memory.
    pub transactions: Counts<(Side, Role)>,
    /// Stream connections now open.
    pub connections: Counts<(Side, StreamTransport)>,
}

impl SipTotals {
    fn add(&mut self, other: &SipTotals) {
        self.messages.add_all(&other.messages);
        self.requests.add_all(&other.requests);
        self.responses.add_all(&other.responses);
        self.retransmissions.add_all(&other.retransmissions);
        self.parse_errors.add_all(&other.parse_errors);
        self.timeouts.add_all(&other.timeouts);
        self.receive_drops.add_all(&other.receive_drops);
        self.transactions.add_all(&other.transactions);
        self.connections.add_all(&other.connections);
    }
}

pub(crate) struct SipHandles {
    messages: Counters<(Side, Flow, Transport)>,
    requests: Counters<(Side, Flow, Method)>,
    responses: Counters<(Side, Flow, Code)>,
    retransmissions: Counters<(Side, Flow)>,
    parse_errors: Counters<(Transport, ParseError)>,
    timeouts: Counters<(Side, TransactionTimer)>,
    receive_drops: Counters<(DatagramListener,)>,
    transactions: Gauges<(Side, Role)>,
    connections: Gauges<(Side, StreamTransport)>,
    transaction_time: Histograms<(Side, TransactionMethod)>,
    overload: Counters<(OverloadReason,)>,
    auth: Counters<(AuthOutcome,)>,
    /// The last totals of each shard: as many as there are shards. Touched by who collects, never by a shard.
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
            receive_drops: maker.counters("tandem_sip_receive_drops_total")?,
            transactions: maker.gauges("tandem_sip_transactions")?,
            connections: maker.gauges("tandem_sip_connections")?,
            transaction_time: maker.histograms("tandem_sip_transaction_seconds")?,
            overload: maker.counters("tandem_sip_overload_rejections_total")?,
            auth: maker.counters("tandem_sip_auth_attempts_total")?,
            shards: Mutex::default(),
        })
    }

    pub(crate) fn on_authenticated(&self, outcome: AuthOutcome) {
        self.auth.at((outcome,)).increment(1);
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
        self.sip.receive_drops.absolute(&sum.receive_drops);
        self.sip.transactions.set_all(&sum.transactions);
        self.sip.connections.set_all(&sum.connections);
    }

    /// A transaction came to its final response.
    pub fn observe_transaction(&self, side: Side, method: TransactionMethod, took: Duration) {
        self.sip.transaction_time.at((side, method)).record(took.as_secs_f64());
    }

    /// New work was refused with 503.
    pub fn count_overload_rejection(&self, reason: OverloadReason) {
        self.sip.overload.at((reason,)).increment(1);
    }
}
