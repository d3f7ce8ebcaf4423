//! SIP users, given out once and for ever (P3).
//!
//! Passwords do not live here.

use crate::{Error, Result};
use rusqlite::{Connection, OptionalExtension};
use std::fmt;
use std::str::FromStr;

/// Digits of a SIP user that we give out (P3).
const DIGITS: usize = 14;
/// Digits of a prefix at most, so that a hundred thousand users fit behind it.
const PREFIX_DIGITS_MAX: usize = 9;
/// Characters that an imported SIP user may have (P3).
const IMPORTED: std::ops::RangeInclusive<usize> = 8..=20;

/// What SIP users begin with: 1 to 9 digits, the first not 0.
///
/// A counter fills the rest up to 14 digits. Where it grows beyond them, it goes on into the zeros that the prefix ends
/// with: after `99050000099999` comes `99050000100000`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SipUserPrefix(String);

/// Why a text is no prefix of SIP users.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a prefix of SIP users: expected 1 to 9 digits, the first not 0, such as 990500000")]
pub struct NotASipUserPrefix(pub String);

impl Default for SipUserPrefix {
    fn default() -> Self {
        SipUserPrefix("990500000".to_owned())
    }
}

impl FromStr for SipUserPrefix {
    type Err = NotASipUserPrefix;
    fn from_str(text: &str) -> std::result::Result<Self, NotASipUserPrefix> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if digits && !text.starts_with('0') && text.len() <= PREFIX_DIGITS_MAX {
            return Ok(SipUserPrefix(text.to_owned()));
        }
        Err(NotASipUserPrefix(text.chars().take(64).collect()))
    }
}

impl fmt::Display for SipUserPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl SipUserPrefix {
    /// The user with this number; none where the digits do not suffice.
    fn user(&self, counter: u64) -> Option<String> {
        let stem = self.0.trim_end_matches('0');
        let user = format!("{stem}{counter:0width$}", width = DIGITS - stem.len());
        (user.len() == DIGITS).then_some(user)
    }
}

/// The next free SIP user. The counter only grows, so a user is never given out twice, not even after a deletion.
pub(crate) fn allocate(connection: &Connection, prefix: &SipUserPrefix) -> Result<String> {
    loop {
        let counter: i64 = connection
            .prepare_cached("UPDATE meta SET value = value + 1 WHERE name = 'sip_user_counter' RETURNING value")?
            .query_row([], |row| row.get(0))?;
        let user = prefix.user(counter.unsigned_abs()).ok_or_else(|| {
            Error::invalid("sip_user_prefix", format!("every SIP user that begins with {prefix} is given out"))
        })?;
        // An imported user may stand in the way.
        if owner(connection, &user)?.is_none() {
            return Ok(user);
        }
    }
}

/// The profile that has a SIP user: its identity and its name.
pub(crate) fn owner(connection: &Connection, user: &str) -> Result<Option<String>> {
    Ok(connection
        .prepare_cached("SELECT id || ' (' || name || ')' FROM profiles WHERE sip_user = ?1")?
        .query_row([user], |row| row.get(0))
        .optional()?)
}

/// A SIP user brought along from elsewhere: 8 to 20 digits.
pub(crate) fn check_imported(user: &str) -> Result<()> {
    if IMPORTED.contains(&user.len()) && user.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    let shown: String = user.chars().take(64).collect();
    Err(Error::invalid("sip_user", format!("\"{shown}\" is not a SIP user: expected 8 to 20 digits")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;
    use domain::Wall;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn database() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection, Path::new("memory"), Wall::default()).unwrap();
        connection
    }

    /// 10^5 users, or the 10^6 of rule P3 where `TANDEM_TESTS` is `full`.
    #[test]
    fn every_sip_user_is_given_out_once_and_has_the_shape_of_ours_p3() {
        let full = std::env::var("TANDEM_TESTS").is_ok_and(|form| form == "full");
        let users = if full { 1_000_000 } else { 100_000 };
        let mut connection = database();
        let transaction = connection.transaction().unwrap();
        let prefix = SipUserPrefix::default();
        let given: BTreeSet<String> = (0..users).map(|_| allocate(&transaction, &prefix).unwrap()).collect();
        assert_eq!(given.len(), users);
        // ^9905\d{10}$
        assert!(given.iter().all(|user| {
            user.len() == 14 && user.starts_with("9905") && user.bytes().all(|byte| byte.is_ascii_digit())
        }));
    }

    #[test]
    fn the_counter_grows_into_the_zeros_of_the_prefix_and_ends_where_no_digit_is_left() {
        let ours = SipUserPrefix::default();
        assert_eq!(ours.user(40_027).unwrap(), "99050000040027");
        assert_eq!(ours.user(99_999).unwrap(), "99050000099999");
        assert_eq!(ours.user(100_000).unwrap(), "99050000100000");
        assert_eq!(ours.user(9_999_999_999).unwrap(), "99059999999999");
        assert_eq!(ours.user(10_000_000_000), None);

        let short: SipUserPrefix = "123456789".parse().unwrap();
        let connection = database();
        connection.execute("UPDATE meta SET value = 99998 WHERE name = 'sip_user_counter'", []).unwrap();
        assert_eq!(allocate(&connection, &short).unwrap(), "12345678999999");
        let full = allocate(&connection, &short).unwrap_err().to_string();
        assert_eq!(full, "sip_user_prefix: every SIP user that begins with 123456789 is given out");
    }

    #[test]
    fn what_is_no_prefix_is_refused() {
        for text in ["", "0990", "9905000001", "99a", "+990"] {
            assert!(text.parse::<SipUserPrefix>().unwrap_err().to_string().contains("such as 990500000"), "{text}");
        }
    }
}
