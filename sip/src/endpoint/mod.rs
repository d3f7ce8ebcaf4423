//! One shard's SIP: its transaction layer, its dialog directory and its front door, as a machine.
//!
//! No socket, clock, thread or name service lives here; nor does any decision about who may call whom: the endpoint reports,
//! and does what its users order.
//!
//! # Walk of a new request
//! 1. [`Event::BytesReceived`]: parsed and checked. What is broken is answered 400 (or 416, 505) without state, with a sentence in
//!    `Warning: 399`; broken responses are dropped. All of it is counted.
//! 2. A request of a known transaction is a retransmission: it is answered with the last response. An ACK stops what it
//!    acknowledges; a CANCEL is answered here and reported as [`Effect::Cancelled`].
//! 3. A request with a To tag belongs to a dialog: its server transaction is created, and the owner hears
//!    [`Effect::DialogRequestArrived`]. Without a bound dialog it is answered 481.
//! 4. The front door ([`front_door`]) answers what needs nobody: 405, 483, 482, 420, OPTIONS, and 503 when the tables are full.
//! 5. [`Effect::RequestArrived`] hands out a [`Pending`] request. **Nothing has been stored yet.** The user decides on the spot:
//!    - [`Endpoint::answer_statelessly`] (401, 407, 403 to strangers): a response leaves, and nothing is remembered. A retransmission of
//!      the request is simply reported and answered again, with the same To tag; the ACK to the answer matches nothing and is absorbed silently.
//!    - [`Endpoint::accept`]: the server transaction is created; an INVITE is answered 100 at once. From then on
//!      retransmissions are absorbed.
//!
//!    A user that cannot decide on the spot accepts first and refuses later, with a transaction; between the two steps no
//!    other event may be handled. A right password is accepted before anything else is said, because its nonce count is used up.
//!
//! # Walk of a request of ours
//! [`Endpoint::request`] takes a whole request *without Via* (see [`crate::dialog`]), adds a Via with a fresh branch, and opens a client
//! transaction. Responses come as [`Effect::ResponseArrived`], each once: retransmitted finals are absorbed. The ACK to a refusal is
//! sent here. The ACK to a 2xx is ordered with [`Endpoint::acknowledge`], which keeps it as long as the 2xx may be repeated
//! and then repeats the ACK by itself. [`Endpoint::cancel`] builds the CANCEL, and waits for a provisional response where none came.
//!
//! # Walk of an answered call
//! A 2xx to an INVITE that leaves through [`Endpoint::respond`] is repeated until its ACK arrives ([`crate::dialog::repeating`]):
//! [`Effect::AckArrived`], once, or [`Effect::AckMissed`] after 64*T1. The leg has nothing to do but to order the 2xx once.

mod counters;
mod place;
mod reply;
mod table;

pub mod front_door;
pub mod steering;
pub mod via;

pub use counters::{ByMethod, ByReason, ByStatus, Counters, METHODS};
pub use place::{ClientTransactionId, Destination, Flow, Owner, ServerTransactionId, Source, TransactionId, Transport};
pub use reply::{HeaderLines, Reply};

use crate::Message;
use crate::transaction::{Failure, Timing};
use bytes::Bytes;
use domain::{Entropy, Machine, Monotonic, Now};
use front_door::FrontDoor;

/// How one endpoint behaves, and its limits.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The number of its shard, printed into branches.
    pub shard: u16,
    /// T1, T2, T4.
    pub timing: Timing,
    /// Server transactions; a new request beyond it is answered 503 without state. 65,536.
    pub server_transactions_max: usize,
    /// Client transactions; a request of ours beyond it is refused to its user. 65,536.
    pub client_transactions_max: usize,
    /// Transactions beyond the two limits that are kept for requests inside dialogs (a hang-up always passes). 16,384.
    pub dialog_reserve: usize,
    /// Bound dialogs. 131,072.
    pub dialogs_max: usize,
    /// Seconds of Retry-After in a 503 of ours. 5.
    pub retry_after_s: u32,
    /// The host printed in our Vias and Warnings instead of the local address, where we stand behind a NAT.
    pub advertised_host: Option<String>,
    /// What is answered without asking anybody.
    pub front_door: FrontDoor,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shard: 0,
            timing: Timing::default(),
            server_transactions_max: 65_536,
            client_transactions_max: 65_536,
            dialog_reserve: 16_384,
            dialogs_max: 131_072,
            retry_after_s: 5,
            advertised_host: None,
            front_door: FrontDoor::default(),
        }
    }
}

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
    /// A connection closed: every transaction over it fails.
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
    },
    /// A new request stands at the door, and nothing is stored of it: [`Endpoint::accept`] it or
    /// [`Endpoint::answer_statelessly`].
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
    message: Message,
    source: Source,
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

/// One shard's transaction layer and dialog directory.
pub struct Endpoint {
    settings: Settings,
    entropy: Entropy,
    counters: Counters,
}

impl Endpoint {
    /// An endpoint with empty tables.
    pub fn new(settings: Settings, entropy: Entropy) -> Endpoint {
        Endpoint { settings, entropy, counters: Counters::default() }
    }

    /// Creates the server transaction of a pending request; an INVITE is answered 100 at once.
    ///
    /// # Errors
    /// [`Refused::AcceptedBefore`] where a retransmission was reported before the first was accepted: drop it.
    pub fn accept(
        &mut self,
        pending: &Pending,
        owner: Owner,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> Result<ServerTransactionId, Refused> {
        let _ = (pending, owner, now, effects);
        Err(Refused::NoTransaction)
    }

    /// Answers a pending request and forgets it. The To tag is the same for every retransmission of the request.
    pub fn answer_statelessly(&mut self, pending: &Pending, reply: Reply, effects: &mut Vec<Effect>) {
        let _ = (pending, reply, effects);
    }

    /// Hands a server transaction to another owner (a call actor that was opened for it).
    ///
    /// # Errors
    /// [`Refused::NoTransaction`].
    pub fn hand_over(&mut self, transaction: ServerTransactionId, owner: Owner) -> Result<(), Refused> {
        let _ = (transaction, owner);
        Err(Refused::NoTransaction)
    }

    /// Responds to a request. Via, From, To, Call-ID, CSeq and (in responses that make a dialog) Record-Route are copied from it.
    /// A 2xx to an INVITE is repeated until its ACK.
    ///
    /// # Errors
    /// [`Refused::NoTransaction`], also where a final response was sent before.
    pub fn respond(
        &mut self,
        transaction: ServerTransactionId,
        reply: Reply,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refused> {
        let _ = (transaction, reply, now, effects);
        Err(Refused::NoTransaction)
    }

    /// Sends a request (any but ACK and CANCEL) in a client transaction of its own. `request` is the whole message without Via.
    ///
    /// # Errors
    /// [`Refused::Full`], [`Refused::Unsendable`].
    pub fn request(
        &mut self,
        owner: Owner,
        request: &[u8],
        destination: Destination,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> Result<ClientTransactionId, Refused> {
        let _ = (owner, request, destination, now, effects);
        Err(Refused::Unsendable)
    }

    /// Sends the ACK to a 2xx (whole, without Via) and keeps it: every repetition of this 2xx is answered with it.
    ///
    /// # Errors
    /// [`Refused::Unsendable`]. Where the transaction has ended, the ACK is sent all the same, and not kept.
    pub fn acknowledge(
        &mut self,
        transaction: ClientTransactionId,
        ack: &[u8],
        destination: Destination,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refused> {
        let _ = (transaction, ack, destination, effects);
        Err(Refused::Unsendable)
    }

    /// Cancels an INVITE of ours (RFC 3261 9.1): at once where a provisional response came, as soon as one comes otherwise. The
    /// INVITE's transaction then ends with a response (487, or a 2xx that crossed: acknowledge it and send BYE) or fails after
    /// 64*T1. `lines` are added to the CANCEL (Reason).
    ///
    /// # Errors
    /// [`Refused::NoTransaction`], also where a final response came already.
    pub fn cancel(
        &mut self,
        transaction: ClientTransactionId,
        lines: HeaderLines,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refused> {
        let _ = (transaction, lines, now, effects);
        Err(Refused::NoTransaction)
    }

    /// Binds a dialog: requests with this Call-ID and this To tag (ours) are reported to `owner`. Binding again changes the owner.
    ///
    /// # Errors
    /// [`Refused::Full`].
    pub fn bind_dialog(&mut self, call_id: &str, local_tag: &str, owner: Owner) -> Result<(), Refused> {
        let _ = (call_id, local_tag, owner);
        Ok(())
    }

    /// Forgets a dialog; nothing happens where it was not bound.
    pub fn unbind_dialog(&mut self, call_id: &str, local_tag: &str) {
        let _ = (call_id, local_tag);
    }

    /// What was counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Transactions and dialogs in memory now.
    pub fn load(&self) -> Load {
        Load::default()
    }

    /// A new tag for From or To (RFC 3261 19.3).
    pub fn mint_tag(&mut self) -> String {
        format!("{:016x}", self.entropy.next_u64())
    }
}

/// How full the tables of an endpoint are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Server transactions.
    pub server_transactions: usize,
    /// Client transactions.
    pub client_transactions: usize,
    /// Bound dialogs.
    pub dialogs: usize,
}

impl Machine for Endpoint {
    type Event = Event;
    type Effect = Effect;

    fn handle(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        let _ = (event, now, effects);
    }

    fn deadline(&self) -> Option<Monotonic> {
        None
    }

    fn expire(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let _ = (now, effects);
    }

    /// An endpoint is never finished: it waits for the next message.
    fn is_finished(&self) -> bool {
        false
    }
}
