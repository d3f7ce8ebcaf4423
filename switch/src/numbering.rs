//! What a PBX may dial (S6, D-16, R11): from the dialled text to a full international number, or to a refusal that helps.
//!
//! Emergency numbers ([`crate::emergency`]) and echo codes are looked for before, on the same plain text.

use domain::refusal::RefusalKind;
use domain::{E164, Refusal};
use std::borrow::Cow;

/// Characters of a dialled text that a refusal repeats at most.
const REPEATED_MAX: usize = 32;
/// Digits of a number of the North American plan without its country code.
const NATIONAL_DIGITS: usize = 10;
/// What people dial before an international number where `+` is meant: most countries, and the North American plan.
const INTERNATIONAL_PREFIXES: [&str; 2] = ["011", "00"];

/// The rules of one caller for numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Whether the company is in a country of the North American plan (D-16).
    pub north_american: bool,
    /// Whether the profile demands the `+` (S6).
    pub require_plus: bool,
}

/// The dialled text without a `tel:` scheme and without visual separators (RFC 3966 5.1.1): `-`, `.`, `(`, `)` and space.
pub fn plain(dialled: &str) -> Cow<'_, str> {
    let text = match dialled.get(..4) {
        Some(scheme) if scheme.eq_ignore_ascii_case("tel:") => &dialled[4..],
        _ => dialled,
    };
    if text.contains(is_separator) {
        Cow::Owned(text.chars().filter(|c| !is_separator(*c)).collect())
    } else {
        Cow::Borrowed(text)
    }
}

fn is_separator(c: char) -> bool {
    matches!(c, '-' | '.' | '(' | ')' | ' ')
}

/// The number that `dialled` is, or why it is none: `not_a_number` (R11), `not_e164` (S6) or `number_incomplete` (D-16), with
/// the number that was probably meant where there is one.
pub fn number(dialled: &str, plan: Plan) -> Result<E164, Refusal> {
    let plain = plain(dialled);
    let digits = plain.strip_prefix('+').unwrap_or(&plain);
    let has_plus = digits.len() < plain.len();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(not_a_number(dialled));
    }
    if plan.north_american && !has_plus && digits.len() == NATIONAL_DIGITS && !digits.starts_with('0') {
        return Err(incomplete(digits));
    }
    let number = E164::from_digits(digits.as_bytes()).ok_or_else(|| not_international(digits))?;
    if plan.require_plus && !has_plus {
        return Err(without_plus(number));
    }
    Ok(number)
}

fn not_a_number(dialled: &str) -> Refusal {
    let repeated: String = dialled.chars().take(REPEATED_MAX).collect();
    Refusal::saying(
        RefusalKind::NotANumber,
        format!("'{repeated}' is not a telephone number; dial the full international form such as +12025550123"),
    )
}

fn incomplete(digits: &str) -> Refusal {
    // A 1 at the front is a country code whose last digit is missing; ten other digits lack the code.
    let sentence = match digits.strip_prefix('1') {
        Some(_) => format!("{digits} is one digit short of a number with country code 1; dial +1 and ten digits"),
        None => format!("Ten digits without country code: did you mean +1{digits}?"),
    };
    Refusal::saying(RefusalKind::NumberIncomplete, sentence)
}

fn not_international(digits: &str) -> Refusal {
    let meant = INTERNATIONAL_PREFIXES.iter().find_map(|prefix| {
        let number = E164::from_digits(digits.strip_prefix(prefix)?.as_bytes())?;
        Some(format!("Dial {number} instead: the full international number without {prefix}"))
    });
    let repeated: String = digits.chars().take(REPEATED_MAX).collect();
    let sentence = match meant {
        Some(sentence) => sentence,
        None if digits.starts_with('0') => {
            format!("{repeated} is not an international number: dial + and the country code instead of the leading 0")
        }
        None => format!(
            "{repeated} has {} digits; an international number has 7 to 15, country code included",
            digits.len()
        ),
    };
    Refusal::saying(RefusalKind::NotE164, sentence)
}

fn without_plus(number: E164) -> Refusal {
    Refusal::saying(
        RefusalKind::NotE164,
        format!("This profile must dial numbers with their +: did you mean {number}?"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANYWHERE: Plan = Plan { north_american: false, require_plus: false };
    const AMERICAN: Plan = Plan { north_american: true, require_plus: false };
    const STRICT: Plan = Plan { north_american: false, require_plus: true };

    fn refused(dialled: &str, plan: Plan) -> (RefusalKind, String) {
        let refusal = number(dialled, plan).expect_err(dialled);
        (refusal.kind, refusal.sentence.into_owned())
    }

    /// S6.
    #[test]
    fn a_full_international_number_is_dialled_with_or_without_plus_and_with_any_separators() {
        for dialled in [
            "+12025550123",
            "12025550123",
            "+1-202-555-0123",
            "+1 (202) 555.0123",
            "tel:+1-202-555-0123",
            "TEL:12025550123",
        ] {
            assert_eq!(number(dialled, AMERICAN).map(|number| number.to_string()), Ok("+12025550123".to_string()));
        }
        assert!(number("1234567", ANYWHERE).is_ok() && number("+999999999999999", ANYWHERE).is_ok());
    }

    /// S6.
    #[test]
    fn what_is_no_international_number_is_refused_with_what_was_probably_meant() {
        assert_eq!(
            refused("00442079460123", ANYWHERE),
            (RefusalKind::NotE164, "Dial +442079460123 instead: the full international number without 00".to_string())
        );
        assert_eq!(
            refused("011442079460123", AMERICAN).1,
            "Dial +442079460123 instead: the full international number without 011"
        );
        assert_eq!(
            refused("02079460123", ANYWHERE).1,
            "02079460123 is not an international number: dial + and the country code instead of the leading 0"
        );
        assert_eq!(
            refused("123456", ANYWHERE),
            (
                RefusalKind::NotE164,
                "123456 has 6 digits; an international number has 7 to 15, country code included".to_string()
            )
        );
        assert_eq!(refused("+1234567890123456", ANYWHERE).0, RefusalKind::NotE164);
        assert_eq!(refused("+0442079460123", ANYWHERE).0, RefusalKind::NotE164);
    }

    /// R11.
    #[test]
    fn a_name_is_not_a_number() {
        for dialled in
            ["alice", "+1202555012x", "", "+", "*99", "#31#12025550123", "++12025550123", "1202;ext=5", "\u{0661}23"]
        {
            assert_eq!(refused(dialled, AMERICAN).0, RefusalKind::NotANumber, "{dialled}");
        }
        assert_eq!(
            refused("alice", ANYWHERE).1,
            "'alice' is not a telephone number; dial the full international form such as +12025550123"
        );
    }

    /// D-16.
    #[test]
    fn ten_digits_without_plus_are_incomplete_in_north_america_and_a_number_elsewhere() {
        assert_eq!(
            refused("2025550123", AMERICAN),
            (RefusalKind::NumberIncomplete, "Ten digits without country code: did you mean +12025550123?".to_string())
        );
        assert_eq!(refused("(202) 555-0123", AMERICAN).0, RefusalKind::NumberIncomplete);
        assert_eq!(refused("1202555012", AMERICAN).0, RefusalKind::NumberIncomplete);
        assert!(number("+2125551234", AMERICAN).is_ok());
        assert!(number("2125551234", ANYWHERE).is_ok());
    }

    /// S6, D-16.
    #[test]
    fn a_strict_profile_must_dial_the_plus() {
        assert_eq!(
            refused("442079460123", STRICT),
            (
                RefusalKind::NotE164,
                "This profile must dial numbers with their +: did you mean +442079460123?".to_string()
            )
        );
        assert!(number("+442079460123", STRICT).is_ok());
    }
}
