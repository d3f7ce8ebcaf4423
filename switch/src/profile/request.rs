//! What calls ask of a profile, what a profile hears, and what it orders: the whole list.
//!
//! How a request becomes a batch is in `batches`.

use crate::call;
use crate::directory::Directory;
use crate::fraud::{Memo, Memory};
use domain::call_record::CallRecord;
use domain::credit::{Batch, BatchId, Durability, Outcome};
use domain::{CallId, Fact, Micros};
use rating::{Block, Tariff};
use std::net::IpAddr;
use std::sync::Arc;

/// Something a call asks of its profile. A request asked again (same call, same number) is answered once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which call.
    pub call: CallId,
    /// Counts up per call, from 0.
    pub number: u32,
    /// What the call knows to be held and captured, for a profile machine that does not know the call: an earlier one was lost.
    pub held: Held,
    /// What for.
    pub ask: Ask,
}

/// What a call may ask of its profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Hold one channel and, where the call costs, its first block; answered by [`call::Event::Reserved`] or
    /// [`call::Event::ReservationRefused`].
    Reserve {
        /// None for a free call.
        first: Option<Block>,
        /// The record as it would be, should the switch die now.
        opened: Arc<CallRecord>,
        /// Where the call comes from.
        source: IpAddr,
    },
    /// Capture the block that begins, hold the one after it, extend the channel; answered by [`call::Event::ChargeGranted`] or
    /// [`call::Event::ChargeRefused`], and this by [`call::Event::FinalUnitPaid`] once what begins is captured.
    Charge {
        /// Which charge, 0 at the answer.
        sequence: u32,
        /// What begins now; held already.
        begins: Block,
        /// What comes next; none where the call may not cost more.
        next: Option<Block>,
        /// What both are reckoned by.
        tariff: Tariff,
        /// At the answer, the record as it would be, should the switch die now.
        opened: Option<Arc<CallRecord>>,
    },
    /// Let the block that comes after a charge begin, although the ledger has not answered that charge (RFC 8506 5.7); answered at once, by
    /// [`call::Event::RiskTaken`] or [`call::Event::RiskRefused`]. Never becomes a batch.
    Continue {
        /// Which charge is not answered.
        sequence: u32,
        /// What would begin.
        next: Block,
    },
    /// Extend the leases of everything that the call holds; not answered.
    Extend {
        /// At the answer of a free call, the record as it would be, should the switch die now.
        opened: Option<Arc<CallRecord>>,
    },
    /// Give back what is held, capturing what has begun, and keep the record; answered by [`call::Event::Settled`] once the
    /// ledger has it. May be asked without any reservation.
    Settle {
        /// The billed second up to which the call owes (R1); 0 where it was not answered.
        owed_s: u32,
        /// The record; amount and billed seconds are put right by the profile before it is kept.
        record: Arc<CallRecord>,
    },
}

impl Ask {
    /// The record as it would be, should the switch die now; where the request brings one.
    pub(super) fn opened(&self) -> Option<&Arc<CallRecord>> {
        match self {
            Ask::Reserve { opened, .. } => Some(opened),
            Ask::Charge { opened, .. } | Ask::Extend { opened } => opened.as_ref(),
            Ask::Continue { .. } | Ask::Settle { .. } => None,
        }
    }
}

/// What a call knows that is held and captured for it: as the last answer of its profile said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Whether it holds a channel.
    pub channel: bool,
    /// The block that is held and not captured.
    pub block: Option<Block>,
    /// Captured so far.
    pub captured: Micros,
    /// The billed second up to which it paid.
    pub captured_s: u32,
}

/// What a profile hears.
#[derive(Clone, Debug)]
pub enum Event {
    /// A call asks for something.
    Requested(Box<Request>),
    /// The ledger answered a batch of ours.
    LedgerAnswered {
        /// Which.
        batch: BatchId,
        /// How.
        outcome: Outcome,
    },
    /// The directory was swapped.
    DirectorySwapped(Arc<Directory>),
    /// The company has more credit than before: a recharge that failed is tried again (K6).
    CompanyToppedUp,
    /// The profile has more credit than before: calls on their final unit are prolonged (K4).
    CreditAdded,
    /// The PBX has registered from there.
    RegisteredFrom(IpAddr),
    /// What an earlier machine has spent, and whom it knew, was found.
    Recalled(Box<Memory>),
}

/// What a profile orders.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Of the ledger; answered by [`Event::LedgerAnswered`]. The same batch may be submitted again until it is answered.
    Submit(Posting),
    /// Of one of its calls.
    TellCall(CallId, call::Event),
    /// Keep this beyond the life of the process.
    Remember(Memo),
    /// Say what happened.
    Tell(Fact),
}

/// A batch on its way to the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Without memo: it is made from `papers`.
    pub batch: Batch,
    /// What is to be kept with it.
    pub papers: Papers,
    /// Whether the answer waits for the disk.
    pub durability: Durability,
}

/// The call record that is to be kept with a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Papers {
    /// None.
    None,
    /// As [`domain::credit::Memo::CallOpened`].
    Opened(Arc<CallRecord>),
    /// As [`domain::credit::Memo::CallEnded`].
    Ended(Arc<CallRecord>),
}
