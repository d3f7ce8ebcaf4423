//! The call record: one for every call that got past authentication, answered or not.
//!
//! It travels as JSON in the ledger's memo and lies in the store; both forms are `store`'s.

use crate::cause::ReleaseCause;
use crate::e164::{E164, Prefix};
use crate::ids::{CallId, CarrierId, CompanyId, ProfileId};
use crate::money::{Currency, Micros};
use crate::rounding::Rounding;
use crate::time::Wall;
use std::sync::Arc;

/// Which way a call went, seen from the company.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallDirection {
    /// From the company's PBX.
    Outbound,
    /// To the company's PBX.
    Inbound,
}

impl CallDirection {
    /// The metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            CallDirection::Outbound => "outbound",
            CallDirection::Inbound => "inbound",
        }
    }
}

/// A carrier, as a record names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarrierNamed {
    /// Which.
    pub carrier: CarrierId,
    /// Its configured name at the time.
    pub carrier_name: String,
}

macro_rules! attempt_outcomes {
    ($($(#[$doc:meta])* $name:ident, $label:literal;)*) => {
        /// How an attempt ended.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum AttemptOutcome { $($(#[$doc])* $name,)* }

        impl AttemptOutcome {
            /// Every outcome.
            pub const ALL: &'static [AttemptOutcome] = &[$(AttemptOutcome::$name,)*];

            /// The word in records and the API, stable for ever.
            pub const fn as_str(self) -> &'static str {
                match self { $(AttemptOutcome::$name => $label,)* }
            }

            /// The outcome with this word.
            pub fn from_label(label: &str) -> Option<Self> {
                match label { $($label => Some(AttemptOutcome::$name),)* _ => None }
            }
        }
    };
}

attempt_outcomes! {
    /// It answered.
    Answered, "answered";
    /// A final answer above 299; its status stands beside.
    Refused, "refused";
    /// Not one response in time.
    NoResponse, "no_response";
    /// A response, but no 18x in time.
    NoProgress, "no_progress";
    /// It rang, and nobody picked up in time.
    NoAnswer, "no_answer";
    /// Nothing could be sent there: refused connection, ICMP, a closed connection.
    Unreachable, "unreachable";
    /// Its name could not be resolved.
    Unresolved, "unresolved";
    /// Its keys would travel in the clear, which is not allowed.
    Insecure, "insecure";
    /// It is reached by a version of IP that this node has no address of for sound.
    NoMediaAddress, "no_media_address";
    /// Its answer could not be used.
    UnusableAnswer, "unusable_answer";
    /// The caller, an operator or a limit of ours ended the call first.
    GivenUp, "given_up";
    /// Not tried: the carrier is down.
    SkippedDown, "skipped_down";
    /// Not tried: the carrier asked to be left alone (`Retry-After`).
    SkippedResting, "skipped_resting";
    /// Not tried: every channel of the carrier is taken.
    SkippedChannels, "skipped_channels";
    /// Not tried: the carrier takes no more calls in this second.
    SkippedRate, "skipped_rate";
    /// Not tried: it costs more than the call is sold for.
    SkippedLoss, "skipped_loss";
    /// Not tried: it was not known in time whether the carrier may be called.
    SkippedUnknown, "skipped_unknown";
}

impl AttemptOutcome {
    /// Whether the carrier never heard of it.
    pub const fn is_skipped(self) -> bool {
        matches!(
            self,
            AttemptOutcome::SkippedDown
                | AttemptOutcome::SkippedResting
                | AttemptOutcome::SkippedChannels
                | AttemptOutcome::SkippedRate
                | AttemptOutcome::SkippedLoss
                | AttemptOutcome::SkippedUnknown
        )
    }
}

/// What an attempt costs by the carrier's buy deck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptCost {
    /// Price a minute.
    pub rate_per_minute: Micros,
    /// What the carrier is owed; 0 where it did not answer.
    pub amount: Micros,
    /// Of both.
    pub currency: Currency,
}

/// One attempt to reach the called side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The carrier; absent where it was the called company's own PBX.
    pub carrier: Option<CarrierNamed>,
    /// The SIP Call-ID of the leg.
    pub sip_call_id: String,
    /// When the INVITE was sent.
    pub invited_at: Wall,
    /// Milliseconds to the first provisional answer above 100; absent where none came.
    pub post_dial_delay_ms: Option<u32>,
    /// The final SIP status; 0 where none came before the attempt was given up.
    pub status: u16,
    /// How it ended; absent in records before version 3, and while it lasts.
    pub outcome: Option<AttemptOutcome>,
    /// Milliseconds from its beginning to its answer, its refusal or the moment it was given up; absent likewise.
    pub ended_after_ms: Option<u32>,
    /// What it costs; absent where the carrier has no buy deck, or one without this destination.
    pub cost: Option<AttemptCost>,
}

impl Attempt {
    /// An attempt that begins.
    pub const fn begun(carrier: Option<CarrierNamed>, invited_at: Wall) -> Self {
        Attempt {
            carrier,
            sip_call_id: String::new(),
            invited_at,
            post_dial_delay_ms: None,
            status: 0,
            outcome: None,
            ended_after_ms: None,
            cost: None,
        }
    }
}

/// By which row of which version of a deck a call is charged: what was in force at its admission, and stays its own. With the
/// record's rate, fee and currency it is the whole tariff, so that a record proves its charge, tick by tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Priced {
    /// The version of the deck, by name and number: `standard 3`.
    pub deck: Arc<str>,
    /// The row: the longest prefix of the number called.
    pub prefix: Prefix,
    /// Seconds owed at least (R1).
    pub minimum_s: u32,
    /// Seconds of each further step (R1).
    pub increment_s: u32,
    /// Which way the whole call is rounded (R6).
    pub rounding: Rounding,
    /// Decimal places that it is rounded to (R6).
    pub scale: u32,
}

/// Everything that is kept of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    /// Which call.
    pub id: CallId,
    /// Whose.
    pub company: CompanyId,
    /// By which profile, or to which.
    pub profile: ProfileId,
    /// Which way.
    pub direction: CallDirection,
    /// The carrier that an inbound call came from.
    pub came_from: Option<CarrierNamed>,
    /// As it came from the wire, cut at 64 characters.
    pub dialled: String,
    /// The number called, where it was one.
    pub callee: Option<E164>,
    /// The number shown to the called side, where one was.
    pub caller_id: Option<E164>,
    /// What the deck calls the destination; empty where nothing was rated.
    pub destination: String,
    /// When the first INVITE came.
    pub invited_at: Wall,
    /// When it first rang.
    pub rang_at: Option<Wall>,
    /// When our 200 went to the caller (R10).
    pub answered_at: Option<Wall>,
    /// When it ended.
    pub ended_at: Wall,
    /// Talk time in milliseconds; 0 where it was not answered.
    pub talked_ms: u64,
    /// Seconds charged for, by the tariff's increments (R1).
    pub billed_s: u32,
    /// Price a minute, as the deck wrote it, in micros; 0 where free or unrated.
    pub rate_per_minute: Micros,
    /// Connection fee (R4).
    pub connection_fee: Micros,
    /// The row that rate and fee are of; none where nothing was rated, and in records before version 5.
    pub priced: Option<Priced>,
    /// What was charged: equals the sum of the ledger's captures for this call.
    pub amount: Micros,
    /// What was spoken at the operator's risk while the ledger was away, and could not be collected afterwards
    /// ([`crate::credit_failure::CreditFailure::Continue`]): beside `amount`, and in no account.
    pub written_off: Micros,
    /// The currency of all amounts here.
    pub currency: Currency,
    /// Why it ended.
    pub cause: ReleaseCause,
    /// The machine reason of our refusal, where we refused (`channels_full` ...).
    pub refusal: Option<String>,
    /// What was said to the caller, where something was.
    pub sentence: Option<String>,
    /// The final SIP status that the caller got; 200 where answered.
    pub status: u16,
    /// The SIP Call-ID of the caller's leg.
    pub sip_call_id: String,
    /// In order.
    pub attempts: Vec<Attempt>,
    /// Which rule saw what, as [`crate::trace::Trace::to_text`] writes it; empty where that is not known.
    pub trace: String,
    /// The other record of a call between two profiles of ours: each has its own.
    pub partner: Option<CallId>,
    /// The Q.850 cause that the side that ended or refused the call gave (RFC 3326), where it gave one.
    pub q850: Option<u8>,
    /// RTP packets from the caller's side and from the called side.
    pub packets: (u64, u64),
    /// RTP packets missing by sequence number, from the caller's side and from the called side.
    pub packets_lost: (u64, u64),
}
