//! Answers that say why: a refusal of the catalogue on the wire, and the reason of every release (RFC 3326).

use crate::words::Identity;
use domain::refusal::RefusalKind;
use domain::{Refusal, ReleaseCause};
use sip::endpoint::{HeaderLines, Reply};
use sip::{Message, Name};

/// Why something ends: by our table, and the Q.850 cause that the other side gave, where it gave one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Why {
    pub(crate) cause: ReleaseCause,
    pub(crate) given: Option<u8>,
}

impl From<ReleaseCause> for Why {
    fn from(cause: ReleaseCause) -> Why {
        Why { cause, given: None }
    }
}

/// A refusal of the catalogue: status and phrase, `Reason` with the Q.850 cause, `Warning` with machine reason and sentence,
/// and `Retry-After` where trying again may help.
pub fn refusal(refusal: &Refusal, host: &str) -> Reply {
    let reply = Reply::new(refusal.kind.status(), refusal.kind.phrase())
        .header(Name::Reason, reason(refusal.kind.cause().into()))
        .warning_of(refusal.kind.warning_code(), host, &format!("{}: {}", refusal.kind.as_str(), refusal.sentence));
    match refusal.retry_after_s {
        Some(seconds) => reply.header(Name::RetryAfter, seconds.to_string()),
        None => reply,
    }
}

/// A refusal under another status than the catalogue's: of the called side, passed on, or as the caller is to understand it.
pub(crate) fn passed_on(
    status: u16,
    why: impl Into<Why>,
    kind: RefusalKind,
    sentence: Option<&str>,
    identity: &Identity,
) -> Reply {
    let reply = Reply::new(status, phrase(status)).header(Name::Reason, reason(why.into()));
    reply.warning_of(
        kind.warning_code(),
        &identity.host,
        &format!("{}: {}", kind.as_str(), sentence.unwrap_or(kind.sentence())),
    )
}

/// The answer to an INVITE that its caller takes back: no refusal.
pub(crate) fn taken_back() -> Reply {
    Reply::new(487, phrase(487)).header(Name::Reason, reason(ReleaseCause::Cancelled.into()))
}

/// The `Reason` of a BYE or CANCEL.
pub(crate) fn reason_lines(why: Why) -> HeaderLines {
    let mut lines = HeaderLines::new();
    lines.push(Name::Reason, reason(why));
    lines
}

/// `Q.850;cause=16;text="normal"` (RFC 3326 2): the number as the other side gave it, the word from our table.
pub(crate) fn reason(why: Why) -> String {
    format!("Q.850;cause={};text=\"{}\"", why.given.unwrap_or(why.cause.q850()), why.cause.as_str())
}

/// The Q.850 cause that the other side gives for a BYE or a refusal (RFC 3326).
pub fn reason_given(message: &Message) -> Option<u8> {
    message.reasons().flatten().find_map(|reason| reason.q850())
}

/// The reason phrase of a final status (RFC 3261 21, and the registry of SIP response codes).
pub(crate) fn phrase(status: u16) -> &'static str {
    match status {
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        410 => "Gone",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        421 => "Extension Required",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        433 => "Anonymity Disallowed",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        485 => "Ambiguous",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        491 => "Request Pending",
        493 => "Undecipherable",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        580 => "Precondition Failure",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        607 => "Unwanted",
        608 => "Rejected",
        _ => match status / 100 {
            3 => "Redirected",
            4 => "Request Failure",
            5 => "Server Failure",
            _ => "Global Failure",
        },
    }
}
