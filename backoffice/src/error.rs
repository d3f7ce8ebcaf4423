//! Why the back office did not do what it was asked: one list, each with the problem (RFC 9457) that the API answers.
//!
//! Titles and statuses are in [`crate::problem`].

use crate::problem::{Problem, ProblemKind};
use domain::{CallId, CompanyId};
use rating::DeckFaults;
use serde::Serialize;
use utoipa::ToSchema;

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldFault {
    /// Which, as a JSON pointer into the body (RFC 6901); `?name` for a parameter of the query.
    #[schema(example = "/channels")]
    pub pointer: String,
    /// What is wrong, and what would be right.
    pub detail: String,
}

impl FieldFault {
    /// A fault of the field at `pointer`.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        FieldFault { pointer: pointer.into(), detail: detail.into() }
    }
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No token, or none that is known.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// Only an operator's token may do it.
    #[error("only an operator's token may {0}; this token is bound to one company")]
    OperatorOnly(&'static str),
    /// Landlines are shown of verified companies only (A7).
    #[error("{0} is not verified: landlines are shown as caller ID only once an operator has verified the company")]
    CompanyNotVerified(CompanyId),
    /// There is no such thing, or it is not this caller's.
    #[error("there is no {what} {id}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// By which name.
        id: String,
    },
    /// Fields that may not have the value that they have; at least one.
    #[error("{}", faults_text(.0))]
    Invalid(Vec<FieldFault>),
    /// Something that must be unique is taken.
    #[error("{0}")]
    Conflict(String),
    /// It may not be removed.
    #[error("{0}")]
    InUse(String),
    /// The call is over: it cannot be hung up.
    #[error("call {0} has ended already")]
    CallEnded(CallId),
    /// The number has no price.
    #[error("{0}")]
    NoRate(String),
    /// This node has as many streams of events open as it may.
    #[error("{0} streams of events are open, which is the most: close one, or ask a moment later")]
    TooManyStreams(usize),
    /// A request that moves money came without a key.
    #[error(
        "send an Idempotency-Key of 1 to 255 printable ASCII characters, new for each order and the same for each repetition of it"
    )]
    KeyRequired,
    /// The key cannot be used.
    #[error("Idempotency-Key: {0}")]
    KeyInvalid(String),
    /// The key belongs to another request.
    #[error("Idempotency-Key {0} was used for another request: use a new key for a new request")]
    KeyReused(String),
    /// The payer has too little available.
    #[error("{0}")]
    InsufficientCredit(String),
    /// An auto-recharge with less than what is recommended, that nobody has acknowledged (K7); which fields, at least one.
    #[error("{}; send acknowledge with true to keep it so", faults_text(.0))]
    BelowRecommended(Vec<FieldFault>),
    /// This node has no payment provider.
    #[error("this node has no payment provider: an operator names one in [payments] of its settings")]
    NoPaymentProvider,
    /// A notice that is not believed.
    #[error(transparent)]
    NoticeRefused(#[from] crate::payments::signature::Forged),
    /// A notice that was taken before.
    #[error("notice {0} was taken already: it need not be sent again")]
    NoticeReplayed(String),
    /// The deck's file has faults.
    #[error("{0}")]
    DeckFaulty(DeckFaults),
    /// The ledger does not answer.
    #[error(
        "the ledger does not answer now: nothing is known to be done; repeat the request with the same Idempotency-Key"
    )]
    LedgerUnavailable,
    /// The change is in the store, but the switch could not take it over.
    #[error("the change is kept, but the switch could not take it over: {0}; it will with the next change or start")]
    NotInForce(store::Error),
    /// The store failed.
    #[error(transparent)]
    Store(store::Error),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(ledger::Error),
    /// A fault of ours.
    #[error("{0}")]
    Internal(String),
}

/// What the back office answers.
pub type Result<T> = std::result::Result<T, Error>;

fn faults_text(faults: &[FieldFault]) -> String {
    faults.iter().map(|fault| format!("{}: {}", fault.pointer, fault.detail)).collect::<Vec<_>>().join("; ")
}

impl Error {
    /// One field is at fault.
    pub fn field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Error::Invalid(vec![FieldFault::new(pointer, detail)])
    }

    pub(crate) fn not_found(what: &'static str, id: impl ToString) -> Self {
        Error::NotFound { what, id: id.to_string() }
    }

    /// Which problem it is.
    pub fn kind(&self) -> ProblemKind {
        match self {
            Error::Unauthenticated(_) => ProblemKind::Unauthenticated,
            Error::OperatorOnly(_) => ProblemKind::OperatorOnly,
            Error::CompanyNotVerified(_) => ProblemKind::CompanyNotVerified,
            Error::NotFound { .. } => ProblemKind::NotFound,
            Error::Invalid(_) => ProblemKind::Invalid,
            Error::Conflict(_) => ProblemKind::Conflict,
            Error::InUse(_) => ProblemKind::InUse,
            Error::CallEnded(_) => ProblemKind::CallEnded,
            Error::TooManyStreams(_) => ProblemKind::TooManyStreams,
            Error::NoRate(_) => ProblemKind::NoRate,
            Error::KeyRequired => ProblemKind::KeyRequired,
            Error::KeyInvalid(_) => ProblemKind::KeyInvalid,
            Error::KeyReused(_) => ProblemKind::KeyReused,
            Error::InsufficientCredit(_) => ProblemKind::InsufficientCredit,
            Error::BelowRecommended(_) => ProblemKind::BelowRecommended,
            Error::NoPaymentProvider => ProblemKind::NoPaymentProvider,
            Error::NoticeRefused(_) => ProblemKind::NoticeRefused,
            Error::NoticeReplayed(_) => ProblemKind::NoticeReplayed,
            Error::DeckFaulty(_) => ProblemKind::DeckFaulty,
            Error::LedgerUnavailable => ProblemKind::LedgerUnavailable,
            Error::NotInForce(_) => ProblemKind::NotInForce,
            Error::Store(error) if error.is_transient() => ProblemKind::Busy,
            Error::Ledger(error) if error.is_transient() => ProblemKind::Busy,
            Error::Ledger(ledger::Error::Closed) => ProblemKind::LedgerUnavailable,
            Error::Store(_) | Error::Ledger(_) | Error::Internal(_) => ProblemKind::Internal,
        }
    }

    /// The problem that is answered. What is broken here is logged, and not told to strangers.
    pub fn problem(&self) -> Problem {
        let kind = self.kind();
        let detail = match kind {
            ProblemKind::Internal => "the fault is logged under the Request-Id of this answer".to_owned(),
            ProblemKind::Busy => "the database is busy: repeat the request".to_owned(),
            _ => self.to_string(),
        };
        Problem { errors: self.faults(), ..kind.saying(detail) }
    }

    fn faults(&self) -> Vec<FieldFault> {
        match self {
            Error::Invalid(faults) | Error::BelowRecommended(faults) => faults.clone(),
            Error::DeckFaulty(faults) => {
                faults.complaints.iter().map(|complaint| FieldFault::new("/csv", complaint.to_string())).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// The store's names of fields, where the API's body is shaped otherwise.
fn pointer_of(field: &str) -> String {
    match field {
        "auth.sources" => "/authentication/ip".to_owned(),
        "auth.certificates" => "/authentication/certificates".to_owned(),
        field => format!("/{}", field.replace('.', "/")),
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::NotFound { what, id } => Error::NotFound { what, id },
            store::Error::Invalid { field, problem } => Error::field(pointer_of(field), problem),
            conflict @ store::Error::Conflict { .. } => Error::Conflict(conflict.to_string()),
            in_use @ store::Error::InUse { .. } => Error::InUse(in_use.to_string()),
            store::Error::KeyReused { key } => Error::KeyReused(key),
            other @ (store::Error::NewerSchema { .. }
            | store::Error::OtherSchema { .. }
            | store::Error::SealingKey { .. }
            | store::Error::NotARecord(_)
            | store::Error::File { .. }
            | store::Error::Database(_)) => Error::Store(other),
        }
    }
}

impl From<ledger::Error> for Error {
    fn from(error: ledger::Error) -> Self {
        Error::Ledger(error)
    }
}
