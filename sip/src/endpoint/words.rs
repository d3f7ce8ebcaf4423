//! What an endpoint hears, what it orders and reports, and how it refuses an order.
//!
//! Nothing is decided here.

use super::keys::Identity;
use super::{ClientTransactionId, Destination, Flow, Owner, ServerTransactionId, Source, TransactionId};
use crate::Message;
use crate::transaction::Failure;
use bytes::Bytes;
use std::net::SocketAddr;

/// What happened on the network.
#[derive(Clone, Debug)]
pub enum Event {
    /// One whole message arrived: a datagram, or what the framer cut from a stream.
    BytesReceived {
        /// The message.
        bytes: Bytes,
        /// From where.
        source: Source,
    },
    /// One whole message arrived and was parsed already.
    MessageReceived {
        /// The message, not checked yet.
        message: Message,
        /// From where.
        source: Source,
    },
    /// What was sent there could not be delivered: every transaction with that destination fails.
    TransportFailed {
        /// The destination as it stood in [`Effect::Transmit`].
        destination: Destination,
    },
    /// The network says that a datagram of ours did not reach its destination (ICMP; RFC 3261 18.4). It quotes how the datagram began: who
    /// cannot quote the branch of a request of ours is not believed, for anybody can forge such a message.
    Bounced {
        /// Where it was sent.
        addr: SocketAddr,
        /// How it began.
        quote: Bytes,
    },
    /// A connection closed: every request of ours over it fails, and every response to a WebSocket.
    FlowClosed {
        /// Which.
        flow: Flow,
    },
}

/// What the endpoint orders and reports.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Send these bytes.
    Transmit {
        /// One whole message.
        bytes: Bytes,
        /// Where to.
        destination: Destination,
        /// Whether it is an answer of which nothing is remembered: who asked may be anybody, and over UDP anybody else.
        is_stateless: bool,
    },
    /// A new request stands at the door, and nothing is stored of it: [`accept`](super::Endpoint::accept) it or
    /// [`answer_statelessly`](super::Endpoint::answer_statelessly).
    RequestArrived {
        /// The request.
        pending: Pending,
    },
    /// A request inside a bound dialog arrived (re-INVITE, BYE, INFO, UPDATE, ...); its transaction exists.
    DialogRequestArrived {
        /// To whom the dialog is bound.
        owner: Owner,
        /// To respond to.
        transaction: ServerTransactionId,
        /// The request.
        message: Message,
        /// From where.
        source: Source,
    },
    /// The ACK to a 2xx arrived; each 2xx is acknowledged once, repetitions are absorbed.
    AckArrived {
        /// To whom the dialog is bound, or else whose transaction was answered.
        owner: Owner,
        /// The INVITE's transaction.
        transaction: ServerTransactionId,
        /// The ACK; its body may carry the answer to our offer.
        message: Message,
    },
    /// The ACK to a 2xx did not arrive within 64*T1: end the dialog with BYE (RFC 3261 13.3.1.4).
    AckMissed {
        /// Whose transaction was answered.
        owner: Owner,
        /// The INVITE's transaction, which is gone.
        transaction: ServerTransactionId,
    },
    /// A response to a request of ours arrived: every provisional (100 too), each final once; of an INVITE one 2xx for each To
    /// tag (a fork).
    ResponseArrived {
        /// Who sent the request.
        owner: Owner,
        /// Its transaction.
        transaction: ClientTransactionId,
        /// The response.
        message: Message,
        /// From where.
        source: Source,
    },
    /// A CANCEL arrived for an INVITE without final response; it is answered already. Respond 487.
    Cancelled {
        /// Who accepted the INVITE.
        owner: Owner,
        /// The INVITE's transaction.
        transaction: ServerTransactionId,
        /// The CANCEL, for its Reason.
        message: Message,
    },
    /// A transaction ended without what it was for, or (server transactions, transport) a response could not be delivered.
    TransactionFailed {
        /// Whose it was.
        owner: Owner,
        /// Which.
        transaction: TransactionId,
        /// Why.
        because: Failure,
    },
}

/// A request that nothing is stored of yet.
#[derive(Clone, Debug)]
pub struct Pending {
    pub(super) message: Message,
    pub(super) source: Source,
    pub(super) identity: Identity,
    /// [`Keys::merged`](super::keys::Keys::merged).
    pub(super) merged: u64,
}

impl Pending {
    /// The request, checked.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// From where.
    pub fn source(&self) -> &Source {
        &self.source
    }
}

/// Why an order was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The transaction ended already, or never was one of this endpoint's.
    #[error("the transaction has ended")]
    NoTransaction,
    /// The request is being answered already: this is a retransmission that was reported twice.
    #[error("the request was accepted before; its retransmission needs no answer")]
    AcceptedBefore,
    /// A table is full.
    #[error("the table of {0} is full; raise its limit or refuse calls earlier")]
    Full(&'static str),
    /// The bytes of a request are not one that we can send: no request line, or a Via in it.
    #[error("a request to be sent needs a request line, Call-ID and CSeq, and no Via: the endpoint adds its own")]
    Unsendable,
}
