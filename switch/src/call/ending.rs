//! How a call ends: the cause, what the caller is told, and the mapping of a carrier's refusal to both.
//!
//! Doing it is `clearing`'s.

use domain::refusal::RefusalKind;
use domain::{Refusal, ReleaseCause};
use std::borrow::Cow;

/// What `Retry-After` says where every carrier is full: calls end, and seconds pass.
const RETRY_AFTER_FULL_S: u32 = 5;

/// Why a call ends and what its caller is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) cause: ReleaseCause,
    pub(super) farewell: Farewell,
}

/// What the caller is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Farewell {
    /// Our refusal, with this status.
    Refuse { refusal: Refusal, status: u16 },
    /// A final answer, with what to say to a person.
    RefuseAs { status: u16, kind: RefusalKind, sentence: Option<Cow<'static, str>> },
    /// The leg ends in the way that its state asks for.
    Release,
    /// Nothing: the caller's leg is over already.
    Nothing,
}

impl Ending {
    /// Our refusal.
    pub(super) fn refused(refusal: impl Into<Refusal>) -> Self {
        let refusal = refusal.into();
        let status = refusal.kind.status();
        Ending { cause: refusal.kind.cause(), farewell: Farewell::Refuse { refusal, status } }
    }

    /// Our refusal of a call that a carrier sends. What concerns one profile must not look to it like a failure of its whole
    /// trunk to us: instead of a 503 it gets a 480.
    pub(super) fn refused_to_carrier(refusal: impl Into<Refusal>) -> Self {
        match Ending::refused(refusal) {
            Ending { cause, farewell: Farewell::Refuse { refusal, .. } }
                if refusal.kind == RefusalKind::ProfileInactive =>
            {
                Ending { cause, farewell: Farewell::Refuse { refusal, status: 480 } }
            }
            ending => ending,
        }
    }

    /// An emergency call that is not carried (O3): the status is configurable (D-20).
    pub(super) fn emergency(status: u16) -> Self {
        let refusal = Refusal::new(RefusalKind::EmergencyNotCarried);
        Ending { cause: refusal.kind.cause(), farewell: Farewell::Refuse { refusal, status } }
    }

    /// Both legs are released in the way that their state asks for.
    pub(super) const fn released(cause: ReleaseCause) -> Self {
        Ending { cause, farewell: Farewell::Release }
    }

    /// The caller's leg told that it is over.
    pub(super) const fn by_caller(cause: ReleaseCause) -> Self {
        Ending { cause, farewell: Farewell::Nothing }
    }

    /// It rang for too long. 480 and not 408: nobody was at fault, and a PBX shall not try its next line.
    pub(super) const fn unanswered() -> Self {
        Ending::told_as(RefusalKind::NotAnswered)
    }

    /// Every carrier failed. 503 lets a PBX try its next line.
    pub(super) const fn carriers_failed() -> Self {
        Ending::told_as(RefusalKind::CarriersFailed)
    }

    /// Every carrier has as many calls as it takes.
    pub(super) fn carriers_full() -> Self {
        Ending::refused(Refusal::new(RefusalKind::CarriersFull).retry_after_s(RETRY_AFTER_FULL_S))
    }

    /// The called PBX must have SRTP, and would be sent its keys where others can read them.
    pub(super) fn pbx_insecure() -> Self {
        let sentence =
            "The called PBX requires SRTP and registered where others can read its keys; it must register over TLS";
        Ending::refused(Refusal::saying(RefusalKind::SrtpRequired, sentence))
    }

    /// The called PBX is reached by a version of IP at which there is no sound.
    pub(super) fn pbx_of_another_family() -> Self {
        let sentence = "The called PBX registered by a version of IP that this node has no media address of; it must register by the other one";
        Ending::refused(Refusal::saying(RefusalKind::MediaFamily, sentence))
    }

    /// The called PBX gave no sign of life.
    pub(super) const fn pbx_silent() -> Self {
        Ending::told_as(RefusalKind::PbxSilent)
    }

    /// The called PBX refused. What it says about the called person passes. Everything else becomes a 480: a PBX that wants a
    /// password of us (S7), is out of order or sends us elsewhere is no failure of the carrier's way to us.
    pub(super) fn refused_by_pbx(status: u16, q850: Option<u8>) -> Self {
        if matches!(status, 401 | 407) {
            return Ending::refused(RefusalKind::PbxChallengedUs);
        }
        Ending::about_a_person(status, q850).unwrap_or_else(|| {
            let sentence = Some(Cow::Owned(format!("The called PBX refused with status {status}")));
            let kind = RefusalKind::PbxRefused;
            Ending { cause: kind.cause(), farewell: Farewell::RefuseAs { status: kind.status(), kind, sentence } }
        })
    }

    /// The second call of a call inside refused, and has said what its caller is told.
    pub(super) const fn refused_inside(
        status: u16,
        cause: ReleaseCause,
        kind: RefusalKind,
        sentence: Option<Cow<'static, str>>,
    ) -> Self {
        Ending { cause, farewell: Farewell::RefuseAs { status, kind, sentence } }
    }

    /// The called side answered with a description that cannot be used.
    pub(super) const fn unusable_answer() -> Self {
        Ending::told_as(RefusalKind::UnusableAnswer)
    }

    /// Somebody of ours ends a call that is not answered yet.
    pub(super) fn ordered(cause: ReleaseCause) -> Self {
        match cause {
            ReleaseCause::Shutdown => Ending::refused(RefusalKind::Draining),
            _ => {
                let kind = RefusalKind::EndedByOperator;
                Ending { cause, farewell: Farewell::RefuseAs { status: kind.status(), kind, sentence: None } }
            }
        }
    }

    /// A refusal of a carrier, passed on. What speaks of the called person or number keeps its status; whatever speaks of
    /// the carrier or of our business with it (3xx, 401, 402, 407, 5xx ...) becomes a 503, so that a PBX neither authenticates
    /// again nor pays nor follows a redirection. The `Reason` of the carrier is more precise than its status.
    pub(super) fn passed_on(status: u16, q850: Option<u8>) -> Self {
        Ending::about_a_person(status, q850).unwrap_or_else(Ending::carriers_failed)
    }

    fn about_a_person(status: u16, q850: Option<u8>) -> Option<Self> {
        let (status, cause) = match status {
            486 | 600 => (status, ReleaseCause::Busy),
            408 | 480 => (status, ReleaseCause::NoAnswer),
            // A cancellation that we did not ask for: the called side gave up.
            487 => (480, ReleaseCause::NoAnswer),
            404 | 410 | 484 | 604 => (status, ReleaseCause::InvalidNumber),
            415 | 488 | 606 => (488, ReleaseCause::IncompatibleMedia),
            403 | 433 | 603 | 607 | 608 => (status, ReleaseCause::Rejected),
            _ => return None,
        };
        let cause = q850.and_then(ReleaseCause::about_a_person).unwrap_or(cause);
        let kind = match cause {
            ReleaseCause::Busy => RefusalKind::CalledBusy,
            ReleaseCause::NoAnswer => RefusalKind::CalledUnavailable,
            ReleaseCause::InvalidNumber => RefusalKind::CalledUnknown,
            ReleaseCause::IncompatibleMedia => RefusalKind::CalledIncompatible,
            _ => RefusalKind::CalledDeclined,
        };
        Some(Ending { cause, farewell: Farewell::RefuseAs { status, kind, sentence: None } })
    }

    /// The final status that the caller gets to its INVITE: 487 where it gave up itself.
    pub(super) fn status(&self) -> u16 {
        match self.farewell {
            Farewell::Refuse { status, .. } | Farewell::RefuseAs { status, .. } => status,
            Farewell::Release | Farewell::Nothing => 487,
        }
    }

    /// A failure of the called side, in the catalogue's words.
    const fn told_as(kind: RefusalKind) -> Self {
        let (status, sentence) = (kind.status(), Some(Cow::Borrowed(kind.sentence())));
        Ending { cause: kind.cause(), farewell: Farewell::RefuseAs { status, kind, sentence } }
    }

    /// What the caller is told, by its id in the catalogue.
    pub(super) fn told(&self) -> Option<RefusalKind> {
        match &self.farewell {
            Farewell::Refuse { refusal, .. } => Some(refusal.kind),
            Farewell::RefuseAs { kind, .. } => Some(*kind),
            Farewell::Release | Farewell::Nothing => None,
        }
    }

    /// The machine reason, where it is our refusal.
    pub(super) fn refusal(&self) -> Option<RefusalKind> {
        match &self.farewell {
            Farewell::Refuse { refusal, .. } => Some(refusal.kind),
            Farewell::RefuseAs { .. } | Farewell::Release | Farewell::Nothing => None,
        }
    }

    /// What is said to a person.
    pub(super) fn sentence(&self) -> Option<&str> {
        match &self.farewell {
            Farewell::Refuse { refusal, .. } => Some(&refusal.sentence),
            Farewell::RefuseAs { sentence, .. } => sentence.as_deref(),
            Farewell::Release | Farewell::Nothing => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_called_side_says_about_a_person_is_passed_on() {
        for (status, q850, passed, cause) in [
            (486, None, 486, ReleaseCause::Busy),
            (600, None, 600, ReleaseCause::Busy),
            (480, None, 480, ReleaseCause::NoAnswer),
            (480, Some(17), 480, ReleaseCause::Busy),
            (603, None, 603, ReleaseCause::Rejected),
            (404, None, 404, ReleaseCause::InvalidNumber),
            (404, Some(16), 404, ReleaseCause::InvalidNumber),
            (488, None, 488, ReleaseCause::IncompatibleMedia),
            (487, None, 480, ReleaseCause::NoAnswer),
        ] {
            let ending = Ending::passed_on(status, q850);
            assert_eq!((ending.status(), ending.cause), (passed, cause), "{status} {q850:?}");
        }
    }

    #[test]
    fn what_the_called_pbx_says_about_itself_is_no_failure_of_the_carrier() {
        for (status, passed, cause) in [
            (486, 486, ReleaseCause::Busy),
            (404, 404, ReleaseCause::InvalidNumber),
            (603, 603, ReleaseCause::Rejected),
            (302, 480, ReleaseCause::Rejected),
            (500, 480, ReleaseCause::Rejected),
            (503, 480, ReleaseCause::Rejected),
        ] {
            let ending = Ending::refused_by_pbx(status, None);
            assert_eq!((ending.status(), ending.cause), (passed, cause), "{status}");
        }
    }

    #[test]
    fn what_a_carrier_says_about_our_business_with_it_never_reaches_the_caller() {
        for status in [302, 401, 402, 407, 420, 482, 483, 500, 503, 513] {
            let ending = Ending::passed_on(status, Some(17));
            assert_eq!((ending.status(), ending.cause), (503, ReleaseCause::CarrierFailure), "{status}");
        }
    }
}
