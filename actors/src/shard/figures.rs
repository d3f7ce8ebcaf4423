//! What a shard has counted, in the words of the metrics, handed over every second.
//!
//! Access and peering: PBXs ask and are answered, carriers are asked and answer; requests that a carrier begins (its BYE)
//! count as access until the endpoint tells the two apart.

use super::Shard;
use domain::fact::{Flow, Side, Transport};
use domain::refusal::RefusalKind;
use sip::endpoint::METHODS;
use telemetry::SipTotals;
use telemetry::labels::{Code, DatagramListener, Method, OverloadReason, ParseError, Role, StreamTransport, TransactionTimer};

impl Shard {
    pub(super) fn publish_figures(&self) {
        let counted = self.endpoint.counters();
        let load = self.endpoint.load();
        let mut totals = SipTotals::default();
        totals.messages.set((Side::Access, Flow::Rx, Transport::Udp), counted.messages_received);
        totals.messages.set((Side::Access, Flow::Tx, Transport::Udp), counted.messages_sent);
        for method in METHODS {
            let label = Method::of(method);
            totals.requests.add((Side::Access, Flow::Rx, label), counted.requests_received.of(method));
            totals.requests.add((Side::Peering, Flow::Tx, label), counted.requests_sent.of(method));
        }
        for (status, count) in counted.responses_sent.iter() {
            totals.responses.add((Side::Access, Flow::Tx, Code::of(status)), count);
        }
        for (status, count) in counted.responses_received.iter() {
            totals.responses.add((Side::Peering, Flow::Rx, Code::of(status)), count);
        }
        totals.retransmissions.set((Side::Access, Flow::Rx), counted.retransmissions_received);
        totals.retransmissions.set((Side::Peering, Flow::Tx), counted.retransmissions_sent);
        let errors = &counted.parse_errors;
        for (reason, count) in [
            (ParseError::StartLine, errors.start_line),
            (ParseError::Header, errors.header),
            (ParseError::Truncated, errors.truncated),
            (ParseError::TooLarge, errors.too_large),
            (ParseError::Body, errors.body),
            (ParseError::Utf8, errors.utf8),
        ] {
            totals.parse_errors.set((Transport::Udp, reason), count);
        }
        totals.timeouts.set((Side::Peering, TransactionTimer::B), counted.timeouts_b);
        totals.timeouts.set((Side::Peering, TransactionTimer::F), counted.timeouts_f);
        totals.timeouts.set((Side::Access, TransactionTimer::H), counted.timeouts_h);
        totals.receive_drops.set((DatagramListener::Udp,), self.kernel_drops.iter().sum::<u64>() + self.mailbox_drops);
        totals.transactions.set((Side::Access, Role::Server), load.server_transactions as u64);
        totals.transactions.set((Side::Peering, Role::Client), load.client_transactions as u64);
        totals.connections.set((Side::Access, StreamTransport::Tcp), self.connections.len() as u64);
        self.core.telemetry.set_sip(usize::from(self.naming.shard), totals);
    }
}

/// The label of a refusal at the gate.
pub(super) fn overload_reason(kind: RefusalKind) -> OverloadReason {
    match kind {
        RefusalKind::CpsExceeded => OverloadReason::Cps,
        RefusalKind::Draining => OverloadReason::Draining,
        _ => OverloadReason::Mailbox,
    }
}
