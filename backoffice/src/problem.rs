//! The catalogue of problems (RFC 9457): every error that the API can answer, with its stable name, title and status.
//!
//! Which error is which problem is in [`crate::Error`].

use crate::error::FieldFault;
use serde::Serialize;
use utoipa::ToSchema;

/// Where problems are described; the name of the problem follows. Relative to the host that answered (RFC 9457 3.1.1).
pub const TYPE_BASE: &str = "/api/v1/problems/";

macro_rules! problems {
    ($($name:ident, $code:literal, $status:literal, $title:literal;)*) => {
        /// What kind of problem it is: a closed list.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ProblemKind { $(#[doc = $title] $name,)* }

        impl ProblemKind {
            /// Every kind, in the order of the catalogue.
            pub const ALL: &'static [ProblemKind] = &[$(ProblemKind::$name,)*];

            /// The stable name: `code`, and the end of `type`.
            pub const fn as_str(self) -> &'static str {
                match self { $(ProblemKind::$name => $code,)* }
            }

            /// The HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(ProblemKind::$name => $status,)* }
            }

            /// The same for every problem of the kind.
            pub const fn title(self) -> &'static str {
                match self { $(ProblemKind::$name => $title,)* }
            }
        }
    };
}

problems! {
    MalformedJson, "malformed_json", 400, "The body is not JSON";
    MalformedRequest, "malformed_request", 400, "The request cannot be read";
    KeyRequired, "idempotency_key_required", 400, "The request moves money and has no Idempotency-Key";
    KeyInvalid, "idempotency_key_invalid", 400, "The Idempotency-Key cannot be used";
    Unauthenticated, "unauthenticated", 401, "A valid token is needed";
    InsufficientCredit, "insufficient_credit", 402, "There is too little credit";
    OperatorOnly, "operator_only", 403, "The token may not do this";
    CompanyNotVerified, "company_not_verified", 403, "The company is not verified";
    NoticeRefused, "notice_refused", 403, "The notice is not believed";
    NotFound, "not_found", 404, "There is no such thing";
    NoRate, "no_rate", 404, "The number has no price";
    MethodNotAllowed, "method_not_allowed", 405, "The path does not have this method";
    Conflict, "conflict", 409, "Something that must be unique is taken";
    InUse, "in_use", 409, "Something leans on it";
    KeyReused, "idempotency_key_reused", 409, "The Idempotency-Key belongs to another request";
    BelowRecommended, "below_recommended", 409, "Less than what is recommended";
    NoPaymentProvider, "no_payment_provider", 409, "There is no payment provider";
    NoticeReplayed, "notice_replayed", 409, "The notice was taken already";
    CallEnded, "call_ended", 409, "The call has ended";
    BodyTooLarge, "body_too_large", 413, "The body is too large";
    UnsupportedMediaType, "unsupported_media_type", 415, "The body is of another type";
    Invalid, "invalid_request", 422, "A field has a value that it may not have";
    DeckFaulty, "deck_faulty", 422, "The rate deck has faults";
    Internal, "internal_error", 500, "Something is broken here";
    TooManyStreams, "too_many_streams", 503, "Too many streams are open";
    Busy, "busy", 503, "Try again later";
    LedgerUnavailable, "ledger_unavailable", 503, "The ledger does not answer";
    NotInForce, "not_in_force", 503, "The change is kept, but not in force";
}

impl ProblemKind {
    /// The kind with this name.
    pub fn from_label(label: &str) -> Option<Self> {
        ProblemKind::ALL.iter().copied().find(|kind| kind.as_str() == label)
    }

    /// A problem of this kind, without faults of fields.
    pub fn saying(self, detail: impl Into<String>) -> Problem {
        Problem {
            kind: format!("{TYPE_BASE}{}", self.as_str()),
            title: self.title(),
            status: self.status(),
            code: self.as_str(),
            detail: detail.into(),
            errors: Vec::new(),
        }
    }

    /// For `Retry-After`, in seconds, where trying again may help.
    pub const fn retry_after_s(self) -> Option<u32> {
        match self {
            ProblemKind::Busy
            | ProblemKind::TooManyStreams
            | ProblemKind::LedgerUnavailable
            | ProblemKind::NotInForce => Some(1),
            _ => None,
        }
    }
}

/// What every error answer holds (`application/problem+json`, RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// A stable reference that names the kind of problem; it can be fetched.
    #[serde(rename = "type")]
    #[schema(example = "/api/v1/problems/insufficient_credit")]
    pub kind: String,
    /// The same for every problem of the kind.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The last part of `type`, for programs.
    #[schema(example = "insufficient_credit")]
    pub code: &'static str,
    /// What was wrong this time, and what would be right.
    pub detail: String,
    /// Which fields are at fault; absent where none is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<FieldFault>,
}

/// A kind of problem, as the catalogue lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProblemEntry {
    /// What `type` says.
    #[serde(rename = "type")]
    pub kind: String,
    /// What `code` says.
    pub code: &'static str,
    /// What `title` says.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
}

impl From<ProblemKind> for ProblemEntry {
    fn from(kind: ProblemKind) -> Self {
        let Problem { kind, title, status, code, .. } = kind.saying("");
        ProblemEntry { kind, code, title, status }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_reads_back_from_its_name_and_is_an_error() {
        for kind in ProblemKind::ALL {
            assert_eq!(ProblemKind::from_label(kind.as_str()), Some(*kind));
            assert!((400..600).contains(&kind.status()), "{kind:?}");
            assert_eq!(kind.retry_after_s().is_some(), kind.status() == 503, "{kind:?}");
        }
    }
}
