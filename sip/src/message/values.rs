//! Small typed values: CSeq, RAck, seconds, Reason, Privacy.
//!
//! Addresses and Via have files of their own.

use super::{Method, Params, lex};

/// Seconds that an Expires counts as if it cannot be read (RFC 3261 20.10: "malformed values SHOULD be treated as equivalent to 3600").
pub(crate) const EXPIRES_UNREADABLE_S: u32 = 3600;

/// The value of CSeq (RFC 3261 20.16).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CSeq {
    /// The number, less than 2^31.
    pub number: u32,
    /// The method.
    pub method: Method,
}

impl CSeq {
    pub(super) fn parse(value: &[u8]) -> Result<CSeq, &'static str> {
        let (number, method) = cut_blank(value).ok_or("is not a number and a method")?;
        let number = lex::number(number)
            .filter(|number| *number <= crate::limits::CSEQ_MAX)
            .ok_or("has a number that is not from 0 to 2147483647")?;
        Ok(CSeq { number, method: Method::parse(method).ok_or("has no method behind its number")? })
    }
}

/// The value of RAck (RFC 3262 7.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RAck {
    /// The RSeq of the provisional response.
    pub response_number: u32,
    /// The CSeq number of the request that it answers.
    pub cseq_number: u32,
    /// The method of that request.
    pub method: Method,
}

impl RAck {
    pub(super) fn parse(value: &[u8]) -> Result<RAck, &'static str> {
        const SHAPE: &str = "is not two numbers and a method";
        let (response, rest) = cut_blank(value).ok_or(SHAPE)?;
        let (cseq, method) = cut_blank(rest).ok_or(SHAPE)?;
        Ok(RAck {
            response_number: lex::number(response).ok_or(SHAPE)?,
            cseq_number: lex::number(cseq).ok_or(SHAPE)?,
            method: Method::parse(method).ok_or(SHAPE)?,
        })
    }
}

/// One value of Reason (RFC 3326): why a call ended.
#[derive(Debug, Clone, Copy)]
pub struct ReasonValue<'a> {
    /// `Q.850`, `SIP`, ..., as written.
    pub protocol: &'a str,
    /// The parameters; `text` may be quoted.
    pub params: Params<'a>,
}

impl<'a> ReasonValue<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Result<ReasonValue<'a>, &'static str> {
        let value = lex::trim(value);
        let end = memchr::memchr(b';', value).unwrap_or(value.len());
        let protocol = lex::token(lex::trim(&value[..end])).ok_or("does not begin with a protocol such as Q.850")?;
        Ok(ReasonValue { protocol, params: Params::read(&value[end..])? })
    }

    /// The number of the cause, of either protocol.
    pub fn cause(&self) -> Option<u16> {
        self.params.text("cause").and_then(|cause| cause.parse().ok())
    }

    /// The Q.850 cause, 1 to 127.
    pub fn q850(&self) -> Option<u8> {
        let cause = self.protocol.eq_ignore_ascii_case("Q.850").then(|| self.cause()).flatten()?;
        u8::try_from(cause).ok().filter(|cause| (1..=127).contains(cause))
    }
}

/// What a caller asks to hide (RFC 3323 4.2, RFC 3325 9.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Privacy {
    /// `id`: the asserted identity stays within the trust domain.
    pub id: bool,
    /// `header`: headers that name the caller are hidden.
    pub header: bool,
    /// `session`: the media address is hidden.
    pub session: bool,
    /// `user`: the user's own privacy, From too.
    pub user: bool,
    /// `critical`: refuse rather than tell.
    pub critical: bool,
    /// `none`: nothing is hidden, whatever the network would do.
    pub none: bool,
}

impl Privacy {
    /// Adds the words of one line; they are parted by `;` (and by `,`, as some write). Unknown words are passed over.
    pub(super) fn add(&mut self, value: &[u8]) {
        for word in value.split(|byte| matches!(byte, b';' | b',')) {
            match lex::trim(word).to_ascii_lowercase().as_slice() {
                b"id" => self.id = true,
                b"header" => self.header = true,
                b"session" => self.session = true,
                b"user" => self.user = true,
                b"critical" => self.critical = true,
                b"none" => self.none = true,
                _ => {}
            }
        }
    }

    /// Whether the caller's number must not be shown to the callee.
    pub fn hides_caller(&self) -> bool {
        (self.id || self.header || self.user) && !self.none
    }
}

/// Delta-seconds: what is larger than 32 bits is the largest (RFC 4475 3.1.2.4); `None` if it is no number.
pub(super) fn seconds(value: &[u8]) -> Option<u32> {
    let value = lex::trim(value);
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(lex::number(value).unwrap_or(u32::MAX))
}

/// Cuts at the first run of blanks.
fn cut_blank(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let value = lex::trim(value);
    let at = value.iter().position(|byte| lex::is_blank(*byte))?;
    Some((&value[..at], lex::trim_start(&value[at..])))
}
