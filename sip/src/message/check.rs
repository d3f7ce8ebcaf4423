//! What must be refused in a message that could be split (RFC 3261 8.1.3, 8.2, 16.3, and the outcomes of RFC 4475).
//!
//! What is refused by policy (unknown methods 405, unknown extensions 420, unknown credentials, hops used up 483) does not live here.
//! Bad dates and other headers that nobody acts on are tolerated.

use super::marks::is_key;
use super::{Message, Method, Name, NameAddr, Start, Via, Wrong, lex};
use crate::{Scheme, limits};
use std::borrow::Cow;

/// Why a message is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Complaint {
    /// The status to answer a request with: 400, 416, 505 or 513. Not an ACK, which is never answered; a response with a complaint
    /// is dropped.
    pub status: u16,
    /// The reason phrase for the status line.
    pub phrase: &'static str,
    /// What was wrong, where, and what would be right, for a person.
    pub sentence: Cow<'static, str>,
    /// The header that is missing or wrong, if it is one.
    pub header: Option<Name>,
}

/// List headers whose values the switch acts on: each must be readable.
const LISTS: [Name; 5] = [Name::Contact, Name::Route, Name::RecordRoute, Name::Require, Name::ProxyRequire];

/// The bit of a name; there are fewer than 128 names.
fn bit(name: Name) -> u128 {
    1 << (name as u8 & 127)
}

impl Message {
    /// Whether this message may be treated further.
    ///
    /// # Errors
    /// The first [`Complaint`] in the order version, Call-ID, CSeq, From, To, Via, repeated headers, CSeq against method, other
    /// headers, Request-URI.
    pub fn check(&self) -> Result<(), Complaint> {
        if !self.version().eq_ignore_ascii_case(b"SIP/2.0") {
            return Err(Complaint {
                status: 505,
                phrase: "Version Not Supported",
                sentence: format!("The start line says {}; this is SIP/2.0.", lex::lossy(self.version())).into(),
                header: None,
            });
        }
        let marks = &self.index.marks;
        marks.call_id?;
        let cseq = marks.cseq.as_ref().map_err(|wrong| *wrong)?;
        for (name, tag) in [(Name::From, marks.from_tag), (Name::To, marks.to_tag)] {
            if !tag?.is_key() {
                return Err(Wrong::new(name, "has a tag that is empty, not ASCII, or of more than 512 bytes").into());
            }
        }
        self.check_vias()?;
        let seen = self.check_repeated()?;
        self.max_forwards()?;
        self.check_lists(seen)?;
        match &self.index.start {
            Start::Request { method, .. } => self.check_request(method, &cseq.method),
            Start::Response { .. } => Ok(()),
        }
    }

    /// Every Via can be read; a request has at most twenty, a response one (RFC 3261 8.1.3.3: we are no proxy).
    fn check_vias(&self) -> Result<(), Complaint> {
        let mut count = 0usize;
        for value in self.values(Name::Via, limits::VIAS_MAX + 1) {
            let via = match count {
                0 => self.top_via()?,
                _ => Via::parse(value).map_err(|clause| Wrong::new(Name::Via, clause))?,
            };
            count += 1;
            if !is_key(via.params().get("branch")) {
                return Err(
                    Wrong::new(Name::Via, "has a branch that is empty, not ASCII, or of more than 512 bytes").into()
                );
            }
        }
        match count {
            0 => Err(Wrong::missing(Name::Via).into()),
            1 => Ok(()),
            _ if !self.is_request() => {
                Err(Wrong::new(Name::Via, "has more than one value in a response, which must then be somebody else's")
                    .into())
            }
            count if count > limits::VIAS_MAX => Err(Complaint {
                status: 513,
                phrase: "Message Too Large",
                sentence: format!(
                    "Via has more than {} values; the request has gone too far or in a circle.",
                    limits::VIAS_MAX
                )
                .into(),
                header: Some(Name::Via),
            }),
            _ => Ok(()),
        }
    }

    /// No header that must be single stands twice: somebody else might choose the other one (RFC 4475 3.3.8). What is there is handed
    /// on, one bit per name.
    fn check_repeated(&self) -> Result<u128, Complaint> {
        let mut seen = 0u128;
        for slot in &self.index.slots {
            let bit = bit(slot.name);
            if seen & bit != 0 && slot.name.is_single() {
                return Err(Wrong::new(slot.name, "stands there more than once; once would be right").into());
            }
            seen |= bit;
        }
        Ok(seen)
    }

    /// Every value of the lists that the switch acts on can be read, and there are not too many.
    fn check_lists(&self, seen: u128) -> Result<(), Complaint> {
        for name in LISTS {
            if seen & bit(name) == 0 {
                continue;
            }
            for (index, value) in self.values(name, limits::VALUES_MAX + 1).enumerate() {
                if index == limits::VALUES_MAX {
                    return Err(Wrong::new(name, "has more than 64 values").into());
                }
                let outcome = match name {
                    Name::Require | Name::ProxyRequire => {
                        lex::is_token(value).then_some(()).ok_or("has a value that is no option tag")
                    }
                    Name::Contact if value == b"*" => Ok(()),
                    _ => NameAddr::parse(value).map(drop),
                };
                outcome.map_err(|clause| Wrong::new(name, clause))?;
            }
        }
        Ok(())
    }

    fn check_request(&self, method: &Method, cseq_method: &Method) -> Result<(), Complaint> {
        if method != cseq_method {
            let sentence = format!("CSeq says {cseq_method}, the request line says {method}; they must be the same.");
            return Err(Complaint { sentence: sentence.into(), ..Wrong::new(Name::CSeq, "").into() });
        }
        let uri = self.uri()?;
        match uri.scheme() {
            Scheme::Sip | Scheme::Sips | Scheme::Tel | Scheme::Urn => {}
            Scheme::Other(scheme) => {
                return Err(Complaint {
                    status: 416,
                    phrase: "Unsupported URI Scheme",
                    sentence: format!("The Request-URI has the scheme {scheme}:; sip:, sips: or tel: would be right.")
                        .into(),
                    header: None,
                });
            }
        }
        if uri.headers().next().is_some() {
            return Err(Wrong::new(
                Name::Other,
                "has headers behind a question mark, which a request line must not have",
            )
            .into());
        }
        Ok(())
    }
}

impl From<Wrong> for Complaint {
    fn from(wrong: Wrong) -> Complaint {
        Complaint {
            status: 400,
            phrase: "Bad Request",
            sentence: format!("{wrong}.").into(),
            header: (wrong.header != Name::Other).then_some(wrong.header),
        }
    }
}
