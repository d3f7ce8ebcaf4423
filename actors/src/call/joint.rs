//! Where the two calls of a call inside meet (R11): what the second orders of its caller, the first hears of whom it called, and the
//! other way round. There is no SIP between them.
//!
//! Everything that either decides is its own; the sound is one relay for both.

use domain::call_control::{LegEvent, LegId, LegOrder};
use domain::refusal::RefusalKind;
use domain::{Refusal, ReleaseCause};
use switch::Call;

/// What the second call's legs are numbered from in their house, far above those of the first.
const SECOND_LEGS: u16 = 0x8000;

/// One of the calls of a house.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The call that was received.
    First,
    /// The call that it calls inside.
    Second,
}

impl Part {
    /// The number by which the house knows a leg of this call.
    pub(super) const fn in_house(self, leg: LegId) -> LegId {
        match self {
            Part::First => leg,
            Part::Second => LegId(leg.0 | SECOND_LEGS),
        }
    }

    /// Whose leg a number of the house is, and by which number its call knows it.
    pub(super) const fn of(leg: LegId) -> (Part, LegId) {
        if leg.0 < SECOND_LEGS { (Part::First, leg) } else { (Part::Second, LegId(leg.0 & !SECOND_LEGS)) }
    }
}

/// The second call, and how far the joint has come.
pub(super) struct Second {
    pub(super) call: Call,
    /// The leg of the first call that it is.
    leg: LegId,
    standing: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Calling,
    Answered,
    Over,
}

impl Second {
    pub(super) const fn new(call: Call, leg: LegId) -> Second {
        Second { call, leg, standing: Standing::Calling }
    }

    /// Whether it is this leg of the first call.
    pub(super) fn is(&self, leg: LegId) -> bool {
        self.leg == leg
    }

    /// The leg of the first call that it is.
    pub(super) const fn leg(&self) -> LegId {
        self.leg
    }

    /// What the first call hears where the second orders this of its caller, and whether that was the last.
    pub(super) fn heard_by_first(&mut self, order: LegOrder) -> (Option<LegEvent>, bool) {
        let is_answered = self.standing == Standing::Answered;
        let event = match order {
            _ if self.standing == Standing::Over => return (None, false),
            LegOrder::Ring { status, media } => return (Some(LegEvent::Ringing { status, media }), false),
            LegOrder::Answer { media } => {
                self.standing = Standing::Answered;
                return (Some(LegEvent::Answered { media }), false);
            }
            LegOrder::Session(word) => return (Some(LegEvent::Session(word)), false),
            LegOrder::GiveReason(q850) => return (Some(LegEvent::ReasonGiven(q850)), false),
            LegOrder::GiveSipReason(reason) => return (Some(LegEvent::SipReasonGiven(reason)), false),
            LegOrder::Accompany { lines, order } => {
                let (event, is_last) = self.heard_by_first(*order);
                return (event.map(|event| event.accompanied_by(lines)), is_last);
            }
            LegOrder::Refuse(refusal) => refused(refusal),
            LegOrder::RefuseAs { status, cause, kind, sentence } => {
                LegEvent::RefusedInside { status, cause, kind, sentence }
            }
            LegOrder::Release(cause) if is_answered => LegEvent::Released(cause),
            LegOrder::Release(cause) => {
                let kind = RefusalKind::EndedByOperator;
                LegEvent::RefusedInside { status: kind.status(), cause, kind, sentence: None }
            }
            // The leg of who called is not invited; and what a call inside costs, its own caller pays.
            LegOrder::Invite(_) | LegOrder::Quote(_) | LegOrder::Advise(_) => return (None, false),
        };
        self.standing = Standing::Over;
        (Some(event), true)
    }

    /// What the second call hears where the first orders this of it, and whether that was the last. It is invited by being made, and
    /// answers of its own accord.
    pub(super) fn heard_by_second(&mut self, order: LegOrder) -> (Option<LegEvent>, bool) {
        match order {
            LegOrder::Session(word) if self.standing == Standing::Answered => (Some(LegEvent::Session(word)), false),
            LegOrder::GiveReason(q850) => (Some(LegEvent::ReasonGiven(q850)), false),
            LegOrder::GiveSipReason(reason) => (Some(LegEvent::SipReasonGiven(reason)), false),
            LegOrder::Accompany { lines, order } => {
                let (event, is_last) = self.heard_by_second(*order);
                (event.map(|event| event.accompanied_by(lines)), is_last)
            }
            LegOrder::Release(cause) => (self.given_up(cause), true),
            _ => (None, false),
        }
    }

    fn given_up(&mut self, cause: ReleaseCause) -> Option<LegEvent> {
        match std::mem::replace(&mut self.standing, Standing::Over) {
            Standing::Calling => Some(LegEvent::Cancelled),
            Standing::Answered => Some(LegEvent::Released(cause)),
            Standing::Over => None,
        }
    }
}

/// A refusal of the second call, as the first hears it.
pub(super) fn refused(refusal: Refusal) -> LegEvent {
    let (status, cause) = (refusal.kind.status(), refusal.kind.cause());
    LegEvent::RefusedInside { status, cause, kind: refusal.kind, sentence: Some(refusal.sentence) }
}
