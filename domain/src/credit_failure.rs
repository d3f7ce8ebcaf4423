//! What a profile's calls do while the ledger cannot answer (RFC 8506 5.7, Credit-Control-Failure-Handling).
//!
//! Who takes the risk, and what becomes of it, does not live here but in `switch::profile`.

use crate::money::Micros;
use std::fmt;
use std::str::FromStr;

/// What becomes of a talking call whose charge the ledger cannot answer. New calls are refused in any case, and what is held is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CreditFailure {
    /// The first charge that is answered as unavailable is the last one: the call ends with the second that is paid, even where the
    /// ledger is back before.
    Terminate,
    /// The charge is asked again until what is held is spoken; then the call ends, with the last second that is paid.
    #[default]
    Retry,
    /// As `Retry`, and then the call speaks on unpaid, within limits that the operator answers for. What was spoken is charged when the
    /// ledger is back, as far as there is credit; the rest is written off.
    Continue {
        /// Seconds that one call may speak beyond what it has paid, in whole increments; 1 to [`CONTINUE_FOR_S_MAX`].
        for_s: u32,
        /// What all calls of the profile may have spoken and not paid at any moment, what those that are up have lost included; more than 0.
        risk: Micros,
    },
}

/// A call may speak on for five minutes at most: a ledger that is away for longer is not coming back by itself, and each increment that
/// is owed waits in memory.
pub const CONTINUE_FOR_S_MAX: u32 = 300;

impl CreditFailure {
    /// The word in settings, API and command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            CreditFailure::Terminate => "terminate",
            CreditFailure::Retry => "retry",
            CreditFailure::Continue { .. } => "continue",
        }
    }

    /// The policy of this word and these limits.
    ///
    /// # Errors
    /// Another word, limits that are missing, out of range, or given to another word than `continue`.
    pub fn of(word: &str, for_s: Option<u32>, risk: Option<Micros>) -> Result<Self, NotACreditFailure> {
        match (word, for_s, risk) {
            ("terminate", None, None) => Ok(CreditFailure::Terminate),
            ("retry", None, None) => Ok(CreditFailure::Retry),
            ("continue", Some(for_s), Some(risk))
                if (1..=CONTINUE_FOR_S_MAX).contains(&for_s) && risk.is_positive() =>
            {
                Ok(CreditFailure::Continue { for_s, risk })
            }
            ("continue", ..) => Err(NotACreditFailure::Limits),
            ("terminate" | "retry", ..) => Err(NotACreditFailure::Superfluous),
            _ => Err(NotACreditFailure::Word(word.chars().take(crate::policy::REPEATED_MAX).collect())),
        }
    }
}

/// Why something is no such policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotACreditFailure {
    /// Another word.
    #[error("\"{0}\" is not what calls may do while the ledger is away: expected terminate, retry or continue")]
    Word(String),
    /// `continue` without its limits, or with others.
    #[error("\"continue\" needs for_s, 1 to {CONTINUE_FOR_S_MAX} seconds, and risk, more than 0")]
    Limits,
    /// Limits of nothing.
    #[error("for_s and risk belong to \"continue\" alone")]
    Superfluous,
}

/// As the store keeps it: `retry`, or `continue 30 1.00`.
impl fmt::Display for CreditFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CreditFailure::Continue { for_s, risk } => write!(f, "continue {for_s} {risk}"),
            CreditFailure::Terminate | CreditFailure::Retry => f.write_str(self.as_str()),
        }
    }
}

impl FromStr for CreditFailure {
    type Err = NotACreditFailure;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = text.split(' ');
        let word = words.next().unwrap_or_default();
        let (for_s, risk) = (words.next(), words.next());
        let (for_s, risk) =
            (for_s.map(|text| text.parse().unwrap_or(0)), risk.map(|text| text.parse().unwrap_or_default()));
        CreditFailure::of(word, for_s, risk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_reads_back_and_a_limit_belongs_to_continue() {
        let continued = CreditFailure::Continue { for_s: 30, risk: Micros::ONE };
        for policy in [CreditFailure::Terminate, CreditFailure::Retry, continued] {
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
        assert_eq!(continued.to_string(), "continue 30 1.00");
        for wrong in
            ["continue", "continue 30", "continue 0 1.00", "continue 301 1.00", "continue 30 0.00", "continue 30 -1.00"]
        {
            assert_eq!(wrong.parse::<CreditFailure>(), Err(NotACreditFailure::Limits), "{wrong}");
        }
        assert_eq!("retry 30 1.00".parse::<CreditFailure>(), Err(NotACreditFailure::Superfluous));
        assert_eq!("hope".parse::<CreditFailure>(), Err(NotACreditFailure::Word("hope".to_owned())));
    }
}
