//! The refusal catalogue (requirements 1.16): a refusal is a value with four faces, kept in one table.

use crate::cause::ReleaseCause;
use std::borrow::Cow;

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident, $label:literal, $status:literal, $phrase:literal, $cause:ident, $sentence:literal;)*) => {
        /// What a refusal is for: the closed list of machine reasons.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RefusalKind { $($(#[$doc])* $name,)* }

        impl RefusalKind {
            /// Every kind, in the order of the catalogue.
            pub const ALL: &'static [RefusalKind] = &[$(RefusalKind::$name,)*];

            /// The machine reason, stable for ever: API, call record, `Warning` header.
            pub const fn as_str(self) -> &'static str {
                match self { $(RefusalKind::$name => $label,)* }
            }

            /// The kind with this machine reason.
            pub fn from_label(label: &str) -> Option<Self> {
                match label { $($label => Some(RefusalKind::$name),)* _ => None }
            }

            /// The SIP status code.
            pub const fn status(self) -> u16 {
                match self { $(RefusalKind::$name => $status,)* }
            }

            /// The SIP reason phrase.
            pub const fn phrase(self) -> &'static str {
                match self { $(RefusalKind::$name => $phrase,)* }
            }

            /// Why a call refused so has ended; gives the Q.850 cause and the metric label.
            pub const fn cause(self) -> ReleaseCause {
                match self { $(RefusalKind::$name => ReleaseCause::$cause,)* }
            }

            /// What a person reads where nothing more precise is known: what was wrong and what would be right.
            pub const fn sentence(self) -> &'static str {
                match self { $(RefusalKind::$name => $sentence,)* }
            }
        }
    };
}

refusals! {
    /// The profile has no credit (K2, K3).
    NoCredit, "no_credit", 402, "Payment Required", NoCredit,
        "The profile has no credit left; add credit or switch on auto-recharge";
    /// Less credit than the first block costs (R8).
    BelowFirstBlock, "below_first_block", 402, "Payment Required", NoCredit,
        "The profile's credit does not cover the first block of this call; add credit or switch on auto-recharge";
    /// The day's spending limit is reached.
    DailyCap, "daily_cap", 402, "Payment Required", NoCredit,
        "The profile has reached its spending limit for today";
    /// As much is spent in a minute as the profile permits.
    SpendPerMinute, "spend_per_minute", 402, "Payment Required", NoCredit,
        "The profile spends more a minute than it may; wait a minute";
    /// Dearer than a rule against fraud permits.
    HighCost, "high_cost", 402, "Payment Required", BlockedDestination,
        "This call is dearer than the profile's rule against fraud permits";
    /// A country that the profile does not call.
    NewDestination, "new_destination", 403, "Forbidden", BlockedDestination,
        "The profile has not called this country before; release the profile to permit it";
    /// A network that the profile does not call from.
    IpChange, "ip_change", 403, "Forbidden", AuthFailed,
        "The call comes from a network that the profile does not call from; release the profile to permit it";
    /// A rule against fraud has stopped the profile.
    ProfileSuspended, "profile_suspended", 403, "Forbidden", AuthFailed,
        "A rule against fraud has stopped this profile; release it once you know who calls";
    /// Too much is spent by the company, or in all.
    SpendBreaker, "spend_breaker", 503, "Service Unavailable", Overload,
        "Far more is being spent than usual, so no new paid calls are placed until the operator has looked";
    /// Dearer a minute than the profile permits.
    MaxRate, "max_rate", 402, "Payment Required", BlockedDestination,
        "This destination costs more a minute than the profile permits";
    /// Its first block costs more than a call of the profile may.
    MaxCallCost, "max_call_cost", 402, "Payment Required", BlockedDestination,
        "The first seconds of this call cost more than a call of the profile may";
    /// Digest credentials do not match.
    BadCredentials, "bad_credentials", 403, "Forbidden", AuthFailed,
        "User name or password is wrong; copy both from the profile's authentication page";
    /// From is not the profile's SIP user (S4).
    FromMismatch, "from_mismatch", 403, "Forbidden", AuthFailed,
        "The user in From must be the SIP user of the profile";
    /// The source address belongs to no profile (S3, S5).
    IpNotAllowed, "ip_not_allowed", 403, "Forbidden", AuthFailed,
        "No profile with IP authentication has this source address and port";
    /// The names in the client's certificate belong to nobody (RFC 5922 7.1).
    CertificateUnknown, "certificate_unknown", 403, "Forbidden", AuthFailed,
        "No profile or carrier is known by a name in this client certificate";
    /// A caller ID that the profile does not own (L5).
    CliNotAllowed, "cli_not_allowed", 403, "Forbidden", CallerIdRefused,
        "The caller ID asked for is not one of the profile's numbers";
    /// The company is suspended.
    OrgSuspended, "org_suspended", 403, "Forbidden", AuthFailed,
        "The company is suspended";
    /// Not a full international number (S6).
    NotE164, "not_e164", 404, "Not Found", InvalidNumber,
        "Dial the full international number: + and country code, without 00 or 011";
    /// Not a number at all (R11).
    NotANumber, "not_a_number", 404, "Not Found", InvalidNumber,
        "Only telephone numbers can be dialled, in full international form such as +12025550123";
    /// No carrier or no price for the destination.
    NoRoute, "no_route", 404, "Not Found", NoRoute,
        "No carrier and price are configured for this destination";
    /// A number of ours that is assigned to nobody.
    NumberUnassigned, "number_unassigned", 404, "Not Found", InvalidNumber,
        "This number is assigned to no profile";
    /// Binding shorter than the minimum (D-17).
    IntervalTooBrief, "interval_too_brief", 423, "Interval Too Brief", Rejected,
        "Register for at least 30 seconds";
    /// The called PBX has no binding (I9).
    PbxNotRegistered, "pbx_not_registered", 480, "Temporarily Unavailable", NoAnswer,
        "The called PBX is not registered";
    /// The called PBX wants a password of us (S7).
    PbxChallengedUs, "pbx_challenged_us", 480, "Temporarily Unavailable", Rejected,
        "The called PBX asks us for a password; set its trunk to take calls from our address without authentication";
    /// The call would come back to who makes it (RFC 5393).
    LoopDetected, "loop_detected", 482, "Loop Detected", Rejected,
        "This call would come back to the PBX that makes it; let the PBX connect it inside";
    /// Ten digits without a plus in a North American country (D-16).
    NumberIncomplete, "number_incomplete", 484, "Address Incomplete", InvalidNumber,
        "Ten digits without country code: did you mean +1 and these digits?";
    /// Incoming: every channel of the called profile is taken (I9).
    CalleeChannelsFull, "callee_channels_full", 486, "Busy Here", Busy,
        "Every channel of the called profile is taken";
    /// No codec in common.
    NoCommonCodec, "no_common_codec", 488, "Not Acceptable Here", IncompatibleMedia,
        "The offer names no audio that can be carried";
    /// The profile demands SRTP.
    SrtpRequired, "srtp_required", 488, "Not Acceptable Here", IncompatibleMedia,
        "The profile demands SRTP and the offer has none";
    /// The caller demands SRTP, which its trunk has switched off.
    SrtpOff, "srtp_off", 488, "Not Acceptable Here", IncompatibleMedia,
        "The offer has SRTP only and SRTP is off for this trunk; set srtp to preferred or offer RTP/AVP";
    /// Sound at a version of IP that this node has no address of (RFC 3261 20.43, warning 301).
    MediaFamily, "media_family", 488, "Not Acceptable Here", IncompatibleMedia,
        "The sound is at a version of IP that this node has no media address of; offer the other one";
    /// Outgoing: every channel of the profile is taken (C1, D-26).
    ChannelsFull, "channels_full", 503, "Service Unavailable", NoChannel,
        "Every channel of the profile is taken; hang up a call or buy more channels";
    /// The profile has no channel subscription (P7).
    ProfileInactive, "profile_inactive", 503, "Service Unavailable", NoChannel,
        "The profile has no channels; buy a channel subscription to activate it";
    /// Too many calls a second.
    CpsExceeded, "cps_exceeded", 503, "Service Unavailable", Overload,
        "Too many new calls a second; try again after the time in Retry-After";
    /// Too many calls a second of one profile.
    ProfileCpsExceeded, "profile_cps_exceeded", 503, "Service Unavailable", Overload,
        "The PBX places more calls a second than its profile may; let it wait for the time in Retry-After";
    /// As many calls at one time as this node takes.
    NodeFull, "node_full", 503, "Service Unavailable", Overload,
        "This node carries as many calls as it takes; try again after the time in Retry-After";
    /// An emergency number (O3, D-20).
    EmergencyNotCarried, "emergency_not_carried", 503, "Service Unavailable", EmergencyRefused,
        "Emergency calls are not carried here; the PBX must send them by its own line";
    /// The switch is being stopped.
    Draining, "draining", 503, "Service Unavailable", Shutdown,
        "This node is being stopped and takes no new calls";
    /// The node takes no more work now.
    Overloaded, "overloaded", 503, "Service Unavailable", Overload,
        "This node is overloaded; try again after the time in Retry-After";
    /// No RTP port is free.
    MediaPortsExhausted, "media_ports_exhausted", 503, "Service Unavailable", Overload,
        "Every media port of this node is taken; try again after the time in Retry-After";
    /// Every carrier for the destination has as many calls as it takes.
    CarriersFull, "carriers_full", 503, "Service Unavailable", NoChannel,
        "Every carrier for this destination is full; try again after the time in Retry-After";
    /// Every carrier for the destination costs more than the call is sold for.
    RouteAtLoss, "route_at_loss", 503, "Service Unavailable", NoRoute,
        "This destination cannot be connected at its present price; ask the operator of this switch";
    /// The ledger does not answer (design 5, point 8).
    LedgerUnavailable, "ledger_unavailable", 503, "Service Unavailable", Overload,
        "The ledger does not answer, so no call can be charged; try again after the time in Retry-After";
    /// Every carrier for the destination failed.
    CarriersFailed, "carriers_failed", 503, "Service Unavailable", CarrierFailure,
        "Every carrier for this destination failed";
    /// It rang for too long.
    NotAnswered, "not_answered", 480, "Temporarily Unavailable", NoAnswer,
        "Nobody answered within the ring timeout";
    /// The called PBX gave no sign of life.
    PbxSilent, "pbx_silent", 480, "Temporarily Unavailable", NoAnswer,
        "The called PBX does not answer";
    /// The called PBX refused for a reason of its own.
    PbxRefused, "pbx_refused", 480, "Temporarily Unavailable", Rejected,
        "The called PBX refused the call; look into its log for why";
    /// The called side answered with a description that cannot be used.
    UnusableAnswer, "unusable_answer", 488, "Not Acceptable Here", IncompatibleMedia,
        "The called side answered without a codec that was offered";
    /// Somebody of ours ended the call before it was answered.
    EndedByOperator, "ended_by_operator", 480, "Temporarily Unavailable", HungUpByOperator,
        "An operator of this switch ended the call before it was answered";
    /// The called person is busy, the called side says.
    CalledBusy, "called_busy", 486, "Busy Here", Busy,
        "The called side says that it is busy";
    /// The called person cannot be reached, the called side says.
    CalledUnavailable, "called_unavailable", 480, "Temporarily Unavailable", NoAnswer,
        "The called side says that nobody can be reached there now";
    /// The number does not exist, the called side says.
    CalledUnknown, "called_unknown", 404, "Not Found", InvalidNumber,
        "The called side says that it has no such number; check the number";
    /// The called side takes none of the codecs.
    CalledIncompatible, "called_incompatible", 488, "Not Acceptable Here", IncompatibleMedia,
        "The called side takes none of the offered codecs; offer G.711 as well";
    /// The called side declines.
    CalledDeclined, "called_declined", 603, "Decline", Rejected,
        "The called side declines the call";
    /// A message that is broken (RFC 3261 21.4.1).
    MalformedRequest, "malformed_request", 400, "Bad Request", Rejected,
        "The message is no correct SIP; the PBX or a proxy on the way has a fault";
    /// A Request-URI of another scheme (RFC 3261 21.4.14).
    UriNotSupported, "uri_not_supported", 416, "Unsupported URI Scheme", Rejected,
        "The Request-URI must be a sip:, sips: or tel: URI";
    /// Not SIP/2.0 (RFC 3261 21.5.6).
    VersionNotSupported, "version_not_supported", 505, "Version Not Supported", Rejected,
        "Only SIP/2.0 is spoken here";
    /// More than is read of one message (RFC 3261 21.5.7).
    MessageTooLarge, "message_too_large", 513, "Message Too Large", Rejected,
        "The message has more headers or bytes than are read; let the PBX send fewer";
    /// A method that is known and not offered (RFC 3261 21.4.6).
    MethodNotAllowed, "method_not_allowed", 405, "Method Not Allowed", Rejected,
        "This method is not taken here; those in Allow are";
    /// A method that nobody has heard of (RFC 3261 21.5.2).
    MethodUnknown, "method_unknown", 501, "Not Implemented", Rejected,
        "This method is not known here; those in Allow are";
    /// A request inside a dialog that is over, or never was (RFC 3261 12.2.2).
    NoSuchDialog, "no_such_dialog", 481, "Call/Transaction Does Not Exist", Rejected,
        "There is no such call here (any more); the PBX should drop its side of it";
    /// Max-Forwards is used up (RFC 3261 16.3).
    HopsUsedUp, "hops_used_up", 483, "Too Many Hops", Rejected,
        "Max-Forwards is used up; two systems may be sending the call to each other";
    /// The same request by two ways (RFC 3261 8.2.2.2).
    RequestMerged, "request_merged", 482, "Loop Detected", Rejected,
        "The same request came by two ways; a proxy on the way must not fork it to us";
    /// An extension that is not understood (RFC 3261 8.2.2.3).
    ExtensionUnknown, "extension_unknown", 420, "Bad Extension", Rejected,
        "Require names an extension that is not known here; the PBX must not require those in Unsupported";
    /// A session interval below ours (RFC 4028 9).
    SessionIntervalTooSmall, "session_interval_too_small", 422, "Session Interval Too Small", Rejected,
        "Session-Expires is shorter than Min-SE; set the session timer of the PBX to at least that";
    /// A body of another kind (RFC 3261 21.4.13).
    BodyNotUnderstood, "body_not_understood", 415, "Unsupported Media Type", Rejected,
        "The body is of a kind that is not read here; those in Accept are";
    /// Both sides ask at once (RFC 3261 14.2).
    RequestPending, "request_pending", 491, "Request Pending", Rejected,
        "Both sides ask for a change at once; the PBX tries again by itself after a moment";
    /// A second request before the first was answered (RFC 3261 14.2).
    AnswerPending, "answer_pending", 500, "Server Internal Error", Rejected,
        "An earlier request of this call is not answered yet; try again after the time in Retry-After";
    /// A CSeq that is not above the last one (RFC 3261 12.2.2, 10.3).
    OutOfOrder, "out_of_order", 500, "Server Internal Error", Rejected,
        "The CSeq number is not above that of an earlier request with this Call-ID";
    /// A request in a dialog from an address that the dialog knows nothing of.
    ForeignAddress, "foreign_address", 403, "Forbidden", AuthFailed,
        "This dialog is with another address; requests inside it are taken from there alone";
    /// Outbound through a proxy that does not keep the connection (RFC 5626 6).
    OutboundUnsupported, "outbound_unsupported", 439, "First Hop Lacks Outbound Support", Rejected,
        "The proxy in between does not keep the connection (RFC 5626); switch outbound off in the PBX, or register directly";
    /// What rang reliably was never acknowledged (RFC 3262 3).
    PrackMissing, "prack_missing", 504, "Server Time-out", SessionExpired,
        "The PBX requires 100rel and sent no PRACK; a firewall may drop it, or switch 100rel off";
}

impl RefusalKind {
    /// The code of its `Warning` (RFC 3261 20.43): 399 for a sentence of ours, where none of the registered ones says it.
    pub const fn warning_code(self) -> u16 {
        match self {
            // Incompatible network address formats.
            RefusalKind::MediaFamily => 301,
            _ => 399,
        }
    }
}

/// A refusal with what was wrong in this case. SIP status, Q.850 cause, metric label and sentence come from its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What for.
    pub kind: RefusalKind,
    /// For a person: what was wrong and what would be right, without a closing full stop. ASCII, no quotes, at most 200 bytes.
    pub sentence: Cow<'static, str>,
    /// For `Retry-After`, in seconds, where trying again may help.
    pub retry_after_s: Option<u32>,
}

impl Refusal {
    /// The refusal with its general sentence.
    pub const fn new(kind: RefusalKind) -> Self {
        Self { kind, sentence: Cow::Borrowed(kind.sentence()), retry_after_s: None }
    }

    /// The refusal with a sentence about this case; what may not stand in a quoted string is replaced, the rest cut at 200 bytes.
    pub fn saying(kind: RefusalKind, sentence: impl AsRef<str>) -> Self {
        let plain = sentence.as_ref().chars().take(200);
        let plain = plain.map(|c| if c == '"' || c == '\\' || !(' '..='~').contains(&c) { '\'' } else { c });
        Self { kind, sentence: Cow::Owned(plain.collect()), retry_after_s: None }
    }

    /// The same with a `Retry-After`.
    pub const fn retry_after_s(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }
}

impl RefusalKind {
    /// Whether it is what the called person, or the number, said by way of the called side.
    pub const fn is_of_called_person(self) -> bool {
        matches!(
            self,
            RefusalKind::CalledBusy
                | RefusalKind::CalledUnavailable
                | RefusalKind::CalledUnknown
                | RefusalKind::CalledIncompatible
                | RefusalKind::CalledDeclined
        )
    }
}

impl From<RefusalKind> for Refusal {
    fn from(kind: RefusalKind) -> Self {
        Refusal::new(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_its_four_faces() {
        for kind in RefusalKind::ALL {
            assert!((400..700).contains(&kind.status()), "{kind:?}");
            assert!(!kind.phrase().is_empty() && kind.cause().q850() > 0);
            assert!(!kind.sentence().ends_with('.') && kind.sentence().is_ascii() && kind.sentence().len() <= 200);
            assert_eq!(RefusalKind::from_label(kind.as_str()), Some(*kind));
        }
    }

    #[test]
    fn a_sentence_from_the_wire_cannot_break_out_of_its_header() {
        let refusal = Refusal::saying(RefusalKind::FromMismatch, "From says 1\"\r\nX: y; must be 9905");
        assert_eq!(refusal.sentence, "From says 1'''X: y; must be 9905");
    }
}
