//! What a profile's calls do while the ledger cannot answer, as the API writes it.
//!
//! What comes of it is the switch's.

use crate::office::Office;
use crate::text::Text;
use crate::{Error, Result};
use domain::credit_failure::{self, CONTINUE_FOR_S_MAX};
use domain::{Micros, ProfileId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a talking call does whose charge the ledger cannot answer (RFC 8506 5.7). New calls are refused with 503 in any case, and what is
/// held is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Handling {
    /// It ends with the second that is paid, even where the ledger is back before.
    Terminate,
    /// It asks again until what is held is spoken, and ends then.
    #[default]
    Retry,
    /// As `retry`, and then it speaks on unpaid for `for_s` seconds at most. What it spoke is charged afterwards, as far as there is
    /// credit; the rest is `written_off` in its record.
    Continue,
}

/// What calls do while the ledger cannot answer, and within which limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreditFailure {
    /// What.
    pub handling: Handling,
    /// Seconds that a call may speak beyond what it has paid, in whole increments: 1 to 300; for `continue` alone.
    #[serde(default)]
    #[schema(example = 30)]
    pub for_s: Option<u32>,
    /// What all calls of the profile may have spoken and not paid at any moment, what those that are up have lost included, in the company's
    /// currency; more than 0; for `continue` alone.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "5.00")]
    pub risk: Option<Text<Micros>>,
}

/// The most that an operator can be made to answer for by one order: what is above is a mistyped amount.
const RISK_MAX: Micros = Micros::new(100_000_000_000);

impl CreditFailure {
    pub(crate) fn checked(self) -> Result<credit_failure::CreditFailure> {
        let word = match self.handling {
            Handling::Terminate => "terminate",
            Handling::Retry => "retry",
            Handling::Continue => "continue",
        };
        let risk = self.risk.map(|risk| risk.0);
        if risk.is_some_and(|risk| risk > RISK_MAX) {
            return Err(Error::field("/credit_failure/risk", format!("expected more than 0 and at most {RISK_MAX}")));
        }
        credit_failure::CreditFailure::of(word, self.for_s, risk)
            .map_err(|error| Error::field("/credit_failure", format!("{error} (for_s at most {CONTINUE_FOR_S_MAX})")))
    }

    pub(crate) fn of(policy: credit_failure::CreditFailure) -> Self {
        let plain = |handling| CreditFailure { handling, for_s: None, risk: None };
        match policy {
            credit_failure::CreditFailure::Terminate => plain(Handling::Terminate),
            credit_failure::CreditFailure::Retry => plain(Handling::Retry),
            credit_failure::CreditFailure::Continue { for_s, risk } => {
                CreditFailure { handling: Handling::Continue, for_s: Some(for_s), risk: Some(Text(risk)) }
            }
        }
    }
}

/// What `credit_failure` means for a profile now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LedgerAway {
    /// The profile's setting.
    pub credit_failure: CreditFailure,
    /// Whether the ledger answers now.
    pub ledger_up: bool,
    /// What the profile's calls have begun and the ledger has not granted now; of `continue` at most its `risk`, and an increment of each
    /// call that waits for its answer.
    #[schema(example = "0.00")]
    pub unpaid: String,
    /// In a sentence.
    pub sentence: String,
}

impl Office {
    /// What a profile's calls would do if the ledger went away now; none where there is no such profile in force.
    pub(crate) async fn ledger_away(&self, id: ProfileId) -> Option<LedgerAway> {
        let policy = self.inner.switchboard.directory().profile(id)?.credit_failure;
        let mut live = self.inner.switchboard.live_calls().await;
        live.retain(|call| call.profile == id);
        let unpaid: Micros = live.iter().map(|call| call.ungranted).sum();
        Some(LedgerAway {
            credit_failure: CreditFailure::of(policy),
            ledger_up: self.inner.ledger.is_healthy(),
            unpaid: unpaid.to_string(),
            sentence: sentence(policy, unpaid),
        })
    }
}

fn sentence(policy: credit_failure::CreditFailure, unpaid: Micros) -> String {
    let then = match policy {
        credit_failure::CreditFailure::Terminate => {
            "This one would end with the second that is paid, even where the ledger is back before.".to_owned()
        }
        credit_failure::CreditFailure::Retry => {
            "This one would ask again until what is held is spoken, and end then unless the ledger is back.".to_owned()
        }
        credit_failure::CreditFailure::Continue { for_s, risk } => {
            let left = (risk - unpaid).max(Micros::ZERO);
            format!(
                "This one would speak on unpaid for up to {for_s} s, while all calls of the profile together owe at most {risk}: {left} of it is left \
                 now."
            )
        }
    };
    format!("While the ledger cannot answer, new calls get 503. {then}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_says_what_is_left_of_the_risk_now() {
        let bold = credit_failure::CreditFailure::Continue { for_s: 30, risk: Micros::from_cents(50) };
        let said = sentence(bold, Micros::from_cents(12));
        assert!(said.contains("for up to 30 s") && said.contains("at most 0.50: 0.38 of it is left now"), "{said}");
        assert!(sentence(bold, Micros::ONE).contains("0.00 of it is left"), "never less than nothing");
        assert!(sentence(credit_failure::CreditFailure::Retry, Micros::ZERO).contains("ask again"));
        assert!(
            sentence(credit_failure::CreditFailure::Terminate, Micros::ZERO).contains("even where the ledger is back")
        );
    }
}
