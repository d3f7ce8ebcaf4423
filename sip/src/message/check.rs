//! What must be refused in a message that could be split (RFC 3261 8.1.3.5, 8.2, 16.3, and the outcomes of RFC 4475).
//!
//! What is refused by policy (unknown methods 405, unknown extensions 420, hops used up 483) does not live here.

use super::{Kind, Message, Name, Wrong};
use std::borrow::Cow;

/// Why a message is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Complaint {
    /// The status to answer a request with: 400, 416 or 505. A response with a complaint is dropped.
    pub status: u16,
    /// The reason phrase for the status line.
    pub phrase: &'static str,
    /// What was wrong, where, and what would be right, for a person.
    pub sentence: Cow<'static, str>,
    /// The header that is missing or wrong, if it is one.
    pub header: Option<Name>,
}

impl Message {
    /// Whether this message may be treated further.
    ///
    /// # Errors
    /// The first [`Complaint`] in the order version, mandatory headers, single headers, CSeq, Via, Max-Forwards, addresses, scheme.
    pub fn check(&self) -> Result<(), Complaint> {
        let _ = matches!(self.kind(), Kind::Request { .. });
        Ok(())
    }
}

impl From<Wrong> for Complaint {
    fn from(wrong: Wrong) -> Complaint {
        Complaint {
            status: 400,
            phrase: "Bad Request",
            sentence: format!("{wrong}").into(),
            header: (wrong.header != Name::Other).then_some(wrong.header),
        }
    }
}
