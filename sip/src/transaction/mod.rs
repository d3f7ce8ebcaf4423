//! The four transaction machines of RFC 3261 section 17, with the corrections of RFC 6026, one file per kind.
//!
//! No message is parsed here and nothing is looked up: which transaction a message belongs to is decided by
//! [`crate::endpoint`], which also fills in what a machine orders (`Deliver...` names the message at hand).
//!
//! | File | Side | Method | Timers |
//! |---|---|---|---|
//! | [`client_invite`] | client | INVITE | A, B, D, M, and the wait of 9.1 after a CANCEL |
//! | [`client_other`] | client | all but INVITE and ACK | E, F, K |
//! | [`server_invite`] | server | INVITE | G, H, I, L |
//! | [`server_other`] | server | all but INVITE and ACK | J |

pub mod ack;
pub mod client_invite;
pub mod client_other;
pub mod server_invite;
pub mod server_other;

pub use client_invite::ClientInvite;
pub use client_other::ClientOther;
pub use server_invite::ServerInvite;
pub use server_other::ServerOther;

use bytes::Bytes;
use std::time::Duration;

/// The three times from which every timer of section 17 is made (RFC 3261, table 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Estimate of the round trip; first wait before a retransmission. 500 ms.
    pub t1: Duration,
    /// Longest wait between retransmissions of non-INVITE requests and of INVITE responses. 4 s.
    pub t2: Duration,
    /// Longest time a message can stay in the network. 5 s.
    pub t4: Duration,
}

impl Timing {
    /// 64*T1: timers B, D, F, H, J, L and M (32 s by default), and the wait for the ACK to a 2xx (RFC 3261 13.3.1.4).
    pub fn patience(&self) -> Duration {
        self.t1.saturating_mul(64)
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self { t1: Duration::from_millis(500), t2: Duration::from_secs(4), t4: Duration::from_secs(5) }
    }
}

/// Whether the transport repeats what is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reliability {
    /// UDP: the transaction retransmits, and lingers for what the peer retransmits.
    Unreliable,
    /// TCP, TLS, WebSocket: nothing is retransmitted, and nothing lingers for it.
    Reliable,
}

/// Why a transaction ended without what it was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Timer B (INVITE), timer F (other requests): no final response in time. Timer H: no ACK to a non-2xx in time.
    Timeout(Expiry),
    /// The transport could not deliver.
    Transport,
}

/// The timers whose end is a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// An INVITE had no response for 64*T1, or no final response for 64*T1 after its CANCEL (RFC 3261 9.1).
    B,
    /// Another request had no final response for 64*T1.
    F,
    /// A non-2xx response to an INVITE had no ACK for 64*T1.
    H,
}

/// What a transaction machine orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send these bytes, which were not sent before.
    Transmit(Bytes),
    /// Send these bytes once more.
    Retransmit(Bytes),
    /// Hand the response at hand to the user of the transaction.
    DeliverResponse,
    /// Hand the ACK at hand to the user: it acknowledges a 2xx (RFC 6026, state Accepted).
    DeliverAck,
    /// Tell the user that the transaction failed.
    ReportFailure(Failure),
}
