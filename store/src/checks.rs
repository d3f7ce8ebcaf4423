//! What a field may hold, and the sentence where it may not.
//!
//! Rules that need other rows (a free SIP user, a company that exists) do not live here.

use crate::profile::CERTIFICATES_MAX;
use crate::{Error, Result};
use domain::CertificateName;

/// Characters at most in a name that a person chose.
pub const NAME_CHARS_MAX: usize = 100;

/// 1 to [`NAME_CHARS_MAX`] characters, none of them a control character, not blank.
pub(crate) fn name(field: &'static str, value: &str) -> Result<()> {
    let length = value.chars().count();
    if value.trim().is_empty() || length > NAME_CHARS_MAX || value.chars().any(char::is_control) {
        let problem = format!("expected 1 to {NAME_CHARS_MAX} printable characters, found {length}");
        return Err(Error::invalid(field, problem));
    }
    Ok(())
}

/// The shape of an IANA time zone name; whether the zone exists is for who computes with it.
pub(crate) fn timezone(value: &str) -> Result<()> {
    let shaped = !value.is_empty()
        && value.len() <= 64
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte))
        && value.starts_with(|first: char| first.is_ascii_uppercase())
        && (value == "UTC" || value.contains('/'));
    if shaped {
        return Ok(());
    }
    let shown: String = value.chars().take(64).collect();
    Err(Error::invalid(
        "timezone",
        format!("\"{shown}\" is not a time zone: expected a name such as Europe/Tallinn or UTC"),
    ))
}

/// A number within bounds, both included.
pub(crate) fn within(field: &'static str, value: u32, least: u32, most: u32) -> Result<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Error::invalid(field, format!("{value} is out of range: expected {least} to {most}")))
}

/// Names in client certificates, at most [`CERTIFICATES_MAX`] and unique.
pub(crate) fn certificates(field: &'static str, names: &[CertificateName]) -> Result<()> {
    if names.len() > CERTIFICATES_MAX {
        return Err(Error::invalid(field, format!("{} names: expected at most {CERTIFICATES_MAX}", names.len())));
    }
    match names.iter().enumerate().find(|(index, name)| names[..*index].contains(name)) {
        Some((_, twice)) => Err(Error::invalid(field, format!("{twice} stands twice"))),
        None => Ok(()),
    }
}
