//! What a shard has counted, in the words of the metrics, handed over every second.
//!
//! Which counters there are is the endpoint's business; names and labels are `telemetry`'s.

use super::Shard;
use crate::mailbox::tell;
use crate::ways::register::transport_fact;
use actix::{AsyncContext, Context, Handler, Message};
use domain::Monotonic;
use domain::fact::Flow;
use domain::refusal::RefusalKind;
use sip::endpoint::{Counters, METHODS, Transport};
use telemetry::labels::{
    Actor, ActorOutcome, Code, DatagramListener, Method, OverloadReason, ParseError, Role, Stray, StreamTransport,
    TransactionTimer,
};
use telemetry::{SipTotals, Telemetry};

/// Messages that a shard handled since it last said so, and whether the next one is timed.
#[derive(Debug, Default)]
pub(super) struct Handled {
    messages: u64,
    is_next_timed: bool,
}

/// Tells how long a message to this shard waits: one is sent each time figures are due.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Probe {
    sent: Monotonic,
}

impl Handler<Probe> for Shard {
    type Result = ();
    fn handle(&mut self, Probe { sent }: Probe, _: &mut Context<Self>) {
        self.core.telemetry.observe_mailbox_wait(self.core.clock.monotonic().since(sent));
        // Handling the probe itself tells nothing: the next message that does something is timed.
        self.handled.is_next_timed = true;
    }
}

/// Transports with connections, and their labels.
const STREAMS: [(Transport, StreamTransport); 4] = [
    (Transport::Tcp, StreamTransport::Tcp),
    (Transport::Tls, StreamTransport::Tls),
    (Transport::Ws, StreamTransport::Ws),
    (Transport::Wss, StreamTransport::Wss),
];

/// A message to a shard was not taken.
pub(super) fn count_dropped(telemetry: &Telemetry) {
    telemetry.count_actor_messages(Actor::Shard, ActorOutcome::Dropped, 1);
}

impl Shard {
    /// Counts a message; gives the time where its handling is to be measured.
    pub(super) fn begin(&mut self) -> Option<Monotonic> {
        self.handled.messages += 1;
        std::mem::take(&mut self.handled.is_next_timed).then(|| self.core.clock.monotonic())
    }

    /// The message that began then is handled.
    pub(super) fn end(&self, began: Option<Monotonic>) {
        if let Some(began) = began {
            self.core.telemetry.observe_actor_handling(self.core.clock.monotonic().since(began));
        }
    }

    pub(super) fn count_dropped(&self) {
        count_dropped(&self.core.telemetry);
    }

    pub(super) fn on_figures_due(&mut self, ctx: &mut Context<Self>) {
        let messages = std::mem::take(&mut self.handled.messages);
        self.core.telemetry.count_actor_messages(Actor::Shard, ActorOutcome::Ok, messages);
        // The runtime does not know its tasks: those of an arbiter live in a `LocalSet`, which it does not count.
        let runtime = tokio::runtime::Handle::current().metrics();
        let busy = (0..runtime.num_workers()).map(|worker| runtime.worker_total_busy_duration(worker)).sum();
        self.core.census.set_busy(self.naming.shard, busy);
        self.publish_figures();
        // Where the mailbox is full the probe waits with the rest: it is one a second.
        tell(&ctx.address(), Probe { sent: self.core.clock.monotonic() });
    }

    fn publish_figures(&self) {
        let load = self.endpoint.load();
        let unsent: u64 = self.udp.iter().map(|(_, outgoing)| outgoing.dropped()).sum();
        let mut totals = of_wire(self.endpoint.counters());
        totals
            .receive_drops
            .set((DatagramListener::Udp,), self.kernel_drops.iter().sum::<u64>() + self.mailbox_drops + unsent);
        totals.transactions.set((Role::Server,), load.server_transactions as u64);
        totals.transactions.set((Role::Client,), load.client_transactions as u64);
        for (transport, label) in STREAMS {
            totals.connections.set((label,), self.connections.count(transport) as u64);
        }
        self.core.telemetry.set_sip(usize::from(self.naming.shard), totals);
    }
}

fn of_wire(counted: &Counters) -> SipTotals {
    let mut totals = SipTotals::default();
    for transport in Transport::ALL {
        let (wire, transport) = (counted.wire(transport), transport_fact(transport));
        totals.messages.set((Flow::Rx, transport), wire.messages_received);
        totals.messages.set((Flow::Tx, transport), wire.messages_sent);
        let errors = &wire.parse_errors;
        for (reason, count) in [
            (ParseError::StartLine, errors.start_line),
            (ParseError::Header, errors.header),
            (ParseError::Truncated, errors.truncated),
            (ParseError::TooLarge, errors.too_large),
            (ParseError::Body, errors.body),
            (ParseError::Utf8, errors.utf8),
        ] {
            totals.parse_errors.add((reason,), count);
        }
    }
    for method in METHODS {
        let label = Method::of(method);
        totals.requests.add((Flow::Rx, label), counted.requests_received.of(method));
        totals.requests.add((Flow::Tx, label), counted.requests_sent.of(method));
    }
    for (status, count) in counted.responses_sent.iter() {
        totals.responses.add((Flow::Tx, Code::of(status)), count);
    }
    for (status, count) in counted.responses_received.iter() {
        totals.responses.add((Flow::Rx, Code::of(status)), count);
    }
    totals.retransmissions.set((Flow::Rx,), counted.retransmissions_received);
    totals.retransmissions.set((Flow::Tx,), counted.retransmissions_sent);
    totals.timeouts.set((TransactionTimer::B,), counted.timeouts_b);
    totals.timeouts.set((TransactionTimer::F,), counted.timeouts_f);
    totals.timeouts.set((TransactionTimer::H,), counted.timeouts_h);
    totals.strays.set((Stray::Response,), counted.stray_responses);
    totals.strays.set((Stray::Ack,), counted.stray_acks);
    totals.strays.set((Stray::Request,), counted.stray_requests);
    totals.acks_missing = counted.acks_missing;
    totals.merged = counted.merged;
    totals.refused_full = counted.refused_full;
    totals.withheld = counted.withheld;
    totals
}

/// The label of a refusal at the gate.
pub(super) fn overload_reason(kind: RefusalKind) -> OverloadReason {
    match kind {
        RefusalKind::CpsExceeded => OverloadReason::Cps,
        RefusalKind::Draining => OverloadReason::Draining,
        RefusalKind::LedgerUnavailable => OverloadReason::Ledger,
        _ => OverloadReason::Load,
    }
}
