//! A payment: money that a company pays in through a payment provider, by itself or because somebody ordered it (A3).
//!
//! These are the words only. Which step follows which is decided in `switch`; rows lie in `store`, who speaks with providers is
//! `backoffice`.

use crate::ids::{CompanyId, PaymentId};
use crate::money::{Currency, Micros};
use crate::time::Wall;
use std::sync::Arc;

/// How far a payment has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PaymentState {
    /// Written down; the provider may have heard of it, and what it said is not known.
    Opened,
    /// The provider has it and has not decided.
    Pending,
    /// The provider did not take the money.
    Declined,
    /// Given up at our wish before the provider took the money.
    Cancelled,
    /// The provider has the money; it is not known to be booked.
    Paid,
    /// The money is the company's. The end.
    Booked,
}

impl PaymentState {
    /// Every state, in the order in which they replace each other: a later one is never replaced by an earlier one.
    pub const ALL: &'static [PaymentState] = &[
        PaymentState::Opened,
        PaymentState::Pending,
        PaymentState::Declined,
        PaymentState::Cancelled,
        PaymentState::Paid,
        PaymentState::Booked,
    ];

    /// The word in the database and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            PaymentState::Opened => "opened",
            PaymentState::Pending => "pending",
            PaymentState::Declined => "declined",
            PaymentState::Cancelled => "cancelled",
            PaymentState::Paid => "paid",
            PaymentState::Booked => "booked",
        }
    }

    /// The state with this word.
    pub fn from_label(label: &str) -> Option<Self> {
        PaymentState::ALL.iter().copied().find(|state| state.as_str() == label)
    }

    /// Whether something is still to be done.
    pub const fn is_open(self) -> bool {
        matches!(self, PaymentState::Opened | PaymentState::Pending | PaymentState::Paid)
    }
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Which: also the key under which the provider does it once, and what its batch in the ledger is named after.
    pub id: PaymentId,
    /// Whose.
    pub company: CompanyId,
    /// Of the amount.
    pub currency: Currency,
    /// How much; more than zero.
    pub amount: Micros,
    /// Whether nobody ordered it.
    pub automatic: bool,
    /// By what the provider knows the card or account that pays; never its number.
    pub method: Option<Arc<str>>,
    /// Which provider.
    pub provider: Arc<str>,
    /// How far it has come.
    pub state: PaymentState,
    /// The provider's own name of it.
    pub reference: Option<Arc<str>>,
    /// How often the provider was asked.
    pub attempts: u32,
    /// What was said last, in words.
    pub because: Option<Arc<str>>,
    /// When it was written down.
    pub opened_at: Wall,
    /// When something was last learnt of it.
    pub changed_at: Wall,
}

/// What a provider says of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PaymentResult {
    /// It has the money.
    Paid,
    /// It has not taken the money, and will not under this key.
    Declined,
    /// It will say later.
    Pending,
    /// Nothing that can be relied on: no answer, or one that makes no sense.
    Unknown,
}

/// An answer of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentAnswer {
    /// What it comes to.
    pub result: PaymentResult,
    /// The provider's own name of the payment.
    pub reference: Option<Arc<str>>,
    /// Why, in words; empty where nothing was said.
    pub because: Arc<str>,
}

impl PaymentAnswer {
    /// An answer that says no more than this.
    pub fn of(result: PaymentResult, because: impl Into<Arc<str>>) -> PaymentAnswer {
        PaymentAnswer { result, reference: None, because: because.into() }
    }
}
