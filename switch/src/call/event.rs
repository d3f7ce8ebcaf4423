//! What a call hears and what it orders: the whole list.
//!
//! What it does about them is in the file of each phase.

use crate::carrier;
use crate::directory::Directory;
use crate::profile;
use crate::registration::Binding;
use domain::call_control::{Invitation, LegEvent, LegId, LegOrder};
use domain::call_record::{AttemptOutcome, CallDirection};
use domain::refusal::RefusalKind;
use domain::trace::Step;
use domain::{
    CallId, CarrierId, CompanyId, Currency, E164, Fact, Micros, ProfileId, Refusal, ReleaseCause, Trace, Wall,
};
use std::sync::Arc;
use std::time::Duration;

/// What a call is born from.
#[derive(Clone, Debug)]
pub struct Opening {
    /// Its identity, newly minted.
    pub id: CallId,
    /// What the caller's leg asks for; identity is proven.
    pub invitation: Invitation,
    /// What it decides by, for its whole life.
    pub directory: Arc<Directory>,
    /// Where the PBX of [`super::called_profile`] is registered, where it is.
    pub binding: Option<Arc<Binding>>,
    /// The call that this one is joined to, of a call from inside ([`domain::call_control::Proof::Inside`]).
    pub partner: Option<CallId>,
    /// Why the node takes no new calls, where it does not ([`crate::overload::Gate`], draining). Emergency numbers are looked
    /// at before it (O3).
    pub gate: Option<Refusal>,
    /// Why no new paid calls are placed, where they are not ([`crate::fraud::Breakers`]).
    pub breaker: Option<Refusal>,
}

/// What a call hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A leg told something.
    Leg(LegId, LegEvent),
    /// The SIP Call-ID of a leg towards the called side, once it is known; for the record.
    LegNamed {
        /// Which leg.
        leg: LegId,
        /// Its SIP Call-ID.
        sip_call_id: Arc<str>,
    },
    /// The second call of a call inside, which this one is joined to; for the record.
    Joined(CallId),
    /// Something is to stand in the trace: a request inside the call that was refused, keys that others can read.
    Noted(Box<Step>),
    /// A leg is over for good and will tell nothing more. Optional: it lets a call end sooner after a CANCEL.
    LegClosed(LegId),
    /// The carrier has a channel for this attempt.
    CarrierSeized {
        /// Which attempt.
        leg: LegId,
    },
    /// The carrier is not to be tried.
    CarrierSkipped {
        /// Which attempt.
        leg: LegId,
        /// Why.
        why: AttemptOutcome,
    },
    /// The profile holds a channel and, where the call costs, its first block.
    Reserved,
    /// The profile holds nothing for this call.
    ReservationRefused(Refusal),
    /// What began is paid and the increment after it is held.
    ChargeGranted {
        /// Which charge, 0 at the answer.
        sequence: u32,
        /// What is captured in all.
        captured: Micros,
    },
    /// Nothing is held after what began: the final unit (R8). That it is paid is told by [`Event::FinalUnitPaid`].
    ChargeRefused {
        /// Which charge, 0 at the answer.
        sequence: u32,
    },
    /// What began is paid, or as much of it as there was; what comes after it was answered before.
    FinalUnitPaid {
        /// What is captured in all.
        captured: Micros,
    },
    /// The ledger cannot answer a charge, and it is not waited for: what has begun is the last (RFC 8506 5.7).
    ChargeUnanswered {
        /// Which charge, 0 at the answer.
        sequence: u32,
    },
    /// What comes after this charge may begin unpaid: the ledger is away, and the profile takes the risk.
    RiskTaken {
        /// Which charge, 0 at the answer.
        sequence: u32,
    },
    /// It may not.
    RiskRefused {
        /// Which charge, 0 at the answer.
        sequence: u32,
    },
    /// Its credit ends it at this billed second, as things stand; none where no end is in sight.
    EndForeseen {
        /// From the answer.
        until_s: Option<u32>,
    },
    /// Its profile has more credit than before.
    CreditAdded,
    /// The books of this call are closed and its record is written.
    Settled {
        /// What was captured in all.
        amount: Micros,
        /// The billed second up to which it paid.
        billed_s: u32,
    },
    /// The caller's leg was answered with its own sound, as [`Effect::AnswerWithEcho`] ordered.
    EchoAnswered,
    /// No ports could be opened for the sound of this call.
    SoundRefused(Refusal),
    /// Neither RTP nor RTCP came from this leg for too long, on an answered call.
    MediaSilent {
        /// Which leg.
        leg: LegId,
    },
    /// What the relay has counted; the last one before the end is recorded. From the caller's side and from the called side.
    MediaReported {
        /// RTP packets.
        packets: (u64, u64),
        /// RTP packets missing by sequence number.
        lost: (u64, u64),
    },
    /// Somebody ends the call: an operator, a shutdown.
    HangUpOrdered(ReleaseCause),
}

impl Event {
    /// What a call hears where the mailbox of its profile is full: it is new work, and refused.
    pub fn profile_too_busy() -> Event {
        Event::ReservationRefused(Refusal::new(RefusalKind::Overloaded).retry_after_s(RETRY_AFTER_BUSY_S))
    }

    /// What it hears where the mailbox of a carrier is full: the next one is tried.
    pub const fn carrier_too_busy(leg: LegId) -> Event {
        Event::CarrierSkipped { leg, why: AttemptOutcome::SkippedUnknown }
    }
}

/// What `Retry-After` says where a mailbox is full: it is emptied thousands of times a second.
const RETRY_AFTER_BUSY_S: u32 = 1;

/// What a call orders.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Of a leg; [`LegOrder::Invite`] opens it.
    Leg(LegId, LegOrder),
    /// Answer the caller's leg (2xx) with its own sound (O2); answered by [`Event::EchoAnswered`], or by
    /// [`Event::SoundRefused`] where there are no ports.
    AnswerWithEcho,
    /// Sound a warning tone to the caller, where its codec is G.711.
    WarnCaller,
    /// Tell the last packet counts ([`Event::MediaReported`]), before the legs are released.
    ReportMedia,
    /// Of a carrier; a seizure is answered by [`Event::CarrierSeized`] or [`Event::CarrierSkipped`].
    AskCarrier(CarrierId, carrier::Ask),
    /// Of its profile; answered by an [`Event`].
    AskProfile(ProfileId, Box<profile::Request>),
    /// Say what happened.
    Tell(Fact),
}

/// Where in its life a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PhaseName {
    /// Waiting for a channel and credit.
    Reserving,
    /// Looking for the called side, or ringing.
    Hunting,
    /// Answered.
    Talking,
    /// Over; the books are being closed.
    Clearing,
}

/// Which rule saw what of a call that is up, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveTrace {
    /// Whose.
    pub company: CompanyId,
    /// So far.
    pub trace: Trace,
}

/// A call that is up, as lists of live calls show it (R12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// Which call.
    pub id: CallId,
    /// Whose.
    pub company: CompanyId,
    /// By which profile, or to which.
    pub profile: ProfileId,
    /// Which way.
    pub direction: CallDirection,
    /// Where in its life.
    pub phase: PhaseName,
    /// As it came from the wire, cut at 64 characters.
    pub dialled: String,
    /// The number called, where it is one.
    pub callee: Option<E164>,
    /// The number shown to the called side, where one is.
    pub caller_id: Option<E164>,
    /// What the deck calls the destination.
    pub destination: String,
    /// The carrier of the present attempt; of an inbound call the one that it came from.
    pub carrier: Option<Arc<str>>,
    /// When the INVITE came.
    pub invited_at: Wall,
    /// When it first rang.
    pub rang_at: Option<Wall>,
    /// When it was answered.
    pub answered_at: Option<Wall>,
    /// Talk time so far.
    pub talked: Duration,
    /// Charged so far.
    pub amount: Micros,
    /// What a minute costs; 0 where it is free or not rated yet.
    pub rate_per_minute: Micros,
    /// Seconds that have begun and that the ledger has not granted yet: lost if the process dies now.
    pub ungranted_s: u32,
    /// What they cost.
    pub ungranted: Micros,
    /// In this currency.
    pub currency: Currency,
}
