//! Why a call ended: one closed list for the call record, the metric label, the SIP `Reason` header and Q.850.

use std::fmt;
use std::sync::Arc;

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident, $label:literal, $q850:literal;)*) => {
        /// Why a call ended.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ReleaseCause { $($(#[$doc])* $name,)* }

        impl ReleaseCause {
            /// Every cause, in the order of the catalogue.
            pub const ALL: &'static [ReleaseCause] = &[$(ReleaseCause::$name,)*];

            /// The metric label and the value in call records.
            pub const fn as_str(self) -> &'static str {
                match self { $(ReleaseCause::$name => $label,)* }
            }

            /// The ITU-T Q.850 cause value that a release for this cause carries (RFC 3326).
            pub const fn q850(self) -> u8 {
                match self { $(ReleaseCause::$name => $q850,)* }
            }

            /// The cause with this label.
            pub fn from_label(label: &str) -> Option<Self> {
                match label { $($label => Some(ReleaseCause::$name),)* _ => None }
            }
        }
    };
}

causes! {
    /// One side hung up an answered call.
    Normal, "normal", 16;
    /// The caller gave up before the answer.
    Cancelled, "cancelled", 16;
    /// Rang until the ring timeout, or the callee's side said 408 or 480.
    NoAnswer, "no_answer", 19;
    /// 486 or 600.
    Busy, "busy", 17;
    /// The callee's side declined (603, 403 ...).
    Rejected, "rejected", 21;
    /// Not a number, or one that nobody has.
    InvalidNumber, "invalid_number", 28;
    /// The destination is barred for this profile.
    BlockedDestination, "blocked_destination", 21;
    /// An emergency number, which this switch does not carry (rule O3).
    EmergencyRefused, "emergency_refused", 38;
    /// Too little credit for the first block.
    NoCredit, "no_credit", 21;
    /// Credit ran out; ended at the last paid second (rule R8).
    CreditExhausted, "credit_exhausted", 16;
    /// Every channel of the profile is taken (rule C1).
    NoChannel, "no_channel", 34;
    /// No carrier serves the destination.
    NoRoute, "no_route", 3;
    /// Every carrier failed.
    CarrierFailure, "carrier_failure", 38;
    /// Wrong credentials, wrong source, or a From that is not the profile's.
    AuthFailed, "auth_failed", 21;
    /// The wanted caller ID is not the profile's.
    CallerIdRefused, "caller_id_refused", 21;
    /// No common codec or transport of sound.
    IncompatibleMedia, "incompatible_media", 88;
    /// No RTP or RTCP came for too long.
    MediaTimeout, "media_timeout", 27;
    /// A session timer ran out (RFC 4028), or the ACK to our 2xx never came.
    SessionExpired, "session_expired", 102;
    /// The longest permitted call.
    MaxDuration, "max_duration", 16;
    /// The switch refused new work.
    Overload, "overload", 42;
    /// The switch was stopped.
    Shutdown, "shutdown", 41;
    /// The switch died during the call; billed as captured (design 5, point 7).
    SwitchRestarted, "switch_restarted", 41;
    /// An operator hung the call up through the API.
    HungUpByOperator, "hung_up_by_operator", 16;
    /// A fault of ours.
    InternalError, "internal_error", 41;
}

/// Characters at most of the text of a SIP cause.
pub const SIP_REASON_CHARS_MAX: usize = 64;

/// Why one side ended a call, as a SIP status says it in a `Reason` header (RFC 3326): `SIP;cause=200;text="Call completed elsewhere"` tells
/// a phone that a call it did not answer was not missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SipReason {
    /// A SIP status, 100 to 699.
    pub status: u16,
    /// Printable, without quotation marks and backslashes, at most [`SIP_REASON_CHARS_MAX`] characters; empty where none was given.
    pub text: Arc<str>,
}

impl ReleaseCause {
    /// What a Q.850 cause value of the other side (RFC 3326) says about the called person or number; none of what speaks of the
    /// network or of nothing.
    pub const fn about_a_person(q850: u8) -> Option<ReleaseCause> {
        Some(match q850 {
            1 | 22 | 28 => ReleaseCause::InvalidNumber,
            17 => ReleaseCause::Busy,
            18..=20 => ReleaseCause::NoAnswer,
            21 => ReleaseCause::Rejected,
            88 => ReleaseCause::IncompatibleMedia,
            _ => return None,
        })
    }
}

impl fmt::Display for ReleaseCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_reads_back_from_its_label() {
        for cause in ReleaseCause::ALL {
            assert_eq!(ReleaseCause::from_label(cause.as_str()), Some(*cause));
        }
    }
}
