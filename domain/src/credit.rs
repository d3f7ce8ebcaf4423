//! The ledger's data model (design 5): accounts and transfers, double entry, two phases.
//!
//! These are the words only. Who keeps the balances, and the laws that every engine obeys, are in `ledger`; who decides
//! which batch to post is `switch` and `backoffice`.

use crate::ids::{BusinessAccountId, CompanyId, ProfileId};
use crate::money::Currency;
use crate::time::Wall;
use std::sync::Arc;

/// Whose account it is, within one company.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    /// The company itself: the balance that profiles are recharged from (A3).
    Company,
    /// One profile: its credit, or its channels.
    Profile(ProfileId),
    /// A business account with credit of its own (K11).
    BusinessAccount(BusinessAccountId),
    /// What the company has paid for calls and subscriptions. May hold any amount.
    Revenue,
    /// Where money and channels come from and go to. Goes below zero; makes every unit of the company sum to zero.
    World,
}

impl Holder {
    /// Whether the account may never have less than zero available: everybody but [`Holder::Revenue`] and [`Holder::World`].
    pub const fn is_customer(self) -> bool {
        !matches!(self, Holder::Revenue | Holder::World)
    }
}

/// What an account counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// Millionths of a currency ([`crate::Micros`]).
    Money(Currency),
    /// Seconds of a minute bundle (D-11).
    BundleSeconds,
    /// Channels: calls at one time (C1). A [`Kind::Post`] may take it below zero available (C11).
    Channels,
    /// What counts against the cap of a day: micros of the company's currency that calls of a profile cost in increments that begin on this
    /// day, in days since 1970 by the clocks of the company ([`crate::Zone::day_number`]). An account counts up, from [`Holder::World`]; a
    /// [`Kind::PostIfAvailableAtMost`] that watches it keeps it within the cap, whoever counts. What is left of a past day is posted back, and
    /// an account that is empty again is as one that was never used. A [`Kind::Post`] may take it below zero available.
    Day(u16),
}

impl Unit {
    /// Whether a [`Kind::Post`] may take a customer's account below zero available (C11).
    pub const fn may_fall_short(self) -> bool {
        matches!(self, Unit::Channels | Unit::Day(_))
    }

    /// Whether accounts of this unit are forgotten once nothing is on them.
    pub const fn is_passing(self) -> bool {
        matches!(self, Unit::Day(_))
    }
}

/// The name of an account. Both sides of a transfer belong to one company and one unit. An account exists from its first use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account {
    /// Accounts of one company live together, so that a batch is atomic on every engine.
    pub company: CompanyId,
    /// Whose it is.
    pub holder: Holder,
    /// What it counts.
    pub unit: Unit,
}

/// What an account has. `posted - held` is available.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// The sum of everything posted, in the account's unit (for money: micros).
    pub posted: i64,
    /// The sum of the open holds on it; never below zero.
    pub held: i64,
}

impl Balance {
    /// What may still be held or posted away.
    pub const fn available(self) -> i64 {
        self.posted - self.held
    }
}

/// Names a hold for ever: what it is about (a call id's bits) and its number within that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldId {
    /// What the hold is about; for a call, the bits of its [`crate::CallId`].
    pub subject: u128,
    /// Its number within the subject. For a call: [`HoldId::CHANNEL`] or from [`HoldId::CHANNEL_RETAKEN`] on its channel, in between
    /// the billed second up to which the held money pays.
    pub number: u32,
}

impl HoldId {
    /// The first hold of a call's channel.
    pub const CHANNEL: u32 = 0;
    /// From here on, numbers of channel holds that replace one that has lapsed: a name is used once only. No call has so many
    /// billed seconds: they are 68 years.
    pub const CHANNEL_RETAKEN: u32 = 1 << 31;

    /// Of a call's hold: whether it is a channel, and not money.
    pub const fn is_channel(self) -> bool {
        self.number == Self::CHANNEL || self.number >= Self::CHANNEL_RETAKEN
    }
}

/// One movement of a batch. Amounts are in the unit of the accounts and never negative; zero is permitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Moves `amount` from `debit` to `credit` at once.
    Post {
        /// Loses the amount; a customer account must have it available (channels excepted, C11).
        debit: Account,
        /// Gains the amount.
        credit: Account,
        /// How much.
        amount: i64,
    },
    /// As [`Kind::Post`], but only where `watched` has at most `limit` available at this point of the batch; otherwise the
    /// whole batch is refused with [`RefusedBecause::AboveLimit`]. Makes a recharge happen exactly once per crossing (K6).
    PostIfAvailableAtMost {
        /// Loses the amount.
        debit: Account,
        /// Gains the amount.
        credit: Account,
        /// How much.
        amount: i64,
        /// The account whose availability decides.
        watched: Account,
        /// At most this much available.
        limit: i64,
    },
    /// Reserves `amount` on `debit`, to be captured for `credit`.
    Hold {
        /// Its name; a name is used once only.
        hold: HoldId,
        /// Reserves here.
        debit: Account,
        /// Who a capture pays.
        credit: Account,
        /// How much.
        amount: i64,
        /// After this instant another node may close it; it does not lapse by itself.
        until: Wall,
    },
    /// Ends the hold: `amount` (at most what is held) is posted, the rest is available again.
    Capture {
        /// Which.
        hold: HoldId,
        /// How much of it.
        amount: i64,
    },
    /// Ends the hold; everything is available again.
    Release {
        /// Which.
        hold: HoldId,
    },
    /// Moves the lease of an open hold. Always passes on an open hold.
    Extend {
        /// Which.
        hold: HoldId,
        /// The new lease.
        until: Wall,
    },
}

/// Why a movement is made: the words of the statement and of the metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// Money paid in by or for the company.
    TopUp,
    /// Company to profile (K1).
    Allocate,
    /// Profile to company (K5).
    TakeBack,
    /// Company to profile, by itself (K6).
    AutoRecharge,
    /// A call's charge, or the hold for one.
    CallCharge,
    /// A channel taken or given back by a call.
    ChannelUse,
    /// Counted against what a profile may spend in a day, or not counted any more.
    DailyCap,
    /// A channel subscription bought, changed or ended.
    Subscription,
    /// A minute bundle.
    Bundle,
    /// A number's fee.
    Number,
    /// Paid back.
    Refund,
    /// Put right by an operator.
    Adjustment,
}

impl Code {
    /// Every code.
    pub const ALL: &'static [Code] = &[
        Code::TopUp,
        Code::Allocate,
        Code::TakeBack,
        Code::AutoRecharge,
        Code::CallCharge,
        Code::ChannelUse,
        Code::DailyCap,
        Code::Subscription,
        Code::Bundle,
        Code::Number,
        Code::Refund,
        Code::Adjustment,
    ];

    /// The word in statements, the journal and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Code::TopUp => "topup",
            Code::Allocate => "allocate",
            Code::TakeBack => "take_back",
            Code::AutoRecharge => "auto_recharge",
            Code::CallCharge => "call_charge",
            Code::ChannelUse => "channel_use",
            Code::DailyCap => "daily_cap",
            Code::Subscription => "subscription",
            Code::Bundle => "bundle",
            Code::Number => "number",
            Code::Refund => "refund",
            Code::Adjustment => "adjustment",
        }
    }

    /// The code with this word.
    pub fn from_label(label: &str) -> Option<Self> {
        Code::ALL.iter().copied().find(|code| code.as_str() == label)
    }
}

/// A movement and why it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// What moves.
    pub kind: Kind,
    /// Why.
    pub code: Code,
}

/// The idempotency key of a batch: derived from what it is about, never random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId {
    /// What the batch is about: a call id's bits, a profile's for recharges, a hash of the `Idempotency-Key`.
    pub subject: u128,
    /// Its number within the subject.
    pub sequence: u64,
}

/// Linked transfers, all or nothing, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Its idempotency key. The same id with the same body is answered [`Outcome::Replayed`]; with another body it is
    /// refused with [`RefusedBecause::DifferentBody`].
    pub id: BatchId,
    /// Every account of the batch is this company's.
    pub company: CompanyId,
    /// When it was decided; part of the journal, not of the comparison with a replay.
    pub at: Wall,
    /// At most [`Batch::TRANSFERS_MAX`]; empty where only the memo matters.
    pub transfers: Vec<Transfer>,
    /// Kept with the batch in the journal, and not looked into by the ledger: what a call record is made from after a
    /// crash. At most [`Batch::MEMO_BYTES_MAX`]. Not part of the comparison with a replay.
    pub memo: Option<Memo>,
}

impl Batch {
    /// Transfers at most: what one step of a call, or a subscription's change, needs, twice over.
    pub const TRANSFERS_MAX: usize = 32;
    /// Bytes at most in a memo: a call record with twenty attempts, twice over.
    pub const MEMO_BYTES_MAX: usize = 16 * 1024;
}

/// What the ledger keeps for others with a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Memo {
    /// What is known of a call that is up: enough to write its record should the switch die.
    CallOpened(Arc<str>),
    /// The finished call record, to be handed to the store exactly once.
    CallEnded(Arc<str>),
    /// Why a person or a program moved money.
    Note(Arc<str>),
}

/// The ledger's answer to a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done. The balances, after the batch, of every account that it touched, each once, in order of first touch.
    Applied(Vec<(Account, Balance)>),
    /// Nothing was done.
    Refused(BatchRefusal),
    /// The batch was known: the outcome that it had then.
    Replayed(Box<Outcome>),
    /// The ledger cannot answer now (journal full, server away): nothing is known to be done; ask again with the same id.
    Unavailable,
}

/// Which transfer stopped a batch, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchRefusal {
    /// The index of the transfer; 0 where the batch as a whole is at fault.
    pub transfer: usize,
    /// Why.
    pub because: RefusedBecause,
}

/// Why a batch is refused, in order of precedence: the first that applies is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefusedBecause {
    /// The id was used with other transfers or another company.
    DifferentBody,
    /// Too many transfers or too long a memo.
    TooLarge,
    /// An account of another company.
    ForeignAccount,
    /// Two units in one transfer, or one account on both sides.
    MismatchedAccounts,
    /// An amount below zero.
    NegativeAmount,
    /// The hold's name is taken.
    HoldExists,
    /// No open hold has this name.
    HoldNotOpen,
    /// More is captured than is held.
    CaptureExceedsHold,
    /// A balance would leave the range of its integer.
    Overflow,
    /// [`Kind::PostIfAvailableAtMost`]: the account has more than the limit.
    AboveLimit,
    /// Less is available than asked for.
    InsufficientFunds {
        /// The account that falls short.
        account: Account,
        /// What it has available.
        available: i64,
    },
}

/// Whether an answer waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Answered when applied in memory, journalled with the next group: the batches of a call, which cannot outlive the process.
    WithNextGroup,
    /// Answered when journalled: what people and programs post.
    BeforeAnswer,
}
