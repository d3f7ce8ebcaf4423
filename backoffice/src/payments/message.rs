//! What is said to a payment provider and by it, as JSON: the words of the `http` adapter and of notices.
//!
//! Who signs them is in [`super::signature`]; what follows from an answer is `switch`'s.

use domain::Micros;
use domain::payment::{Payment, PaymentAnswer, PaymentResult};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Characters of a text of a provider at most; what is longer is cut.
const TEXT_CHARS_MAX: usize = 200;

/// What the provider is asked to do.
#[derive(Debug, Serialize)]
pub(super) struct Question<'a> {
    payment: String,
    company: String,
    amount: String,
    currency: &'a str,
    automatic: bool,
    method: Option<&'a str>,
}

impl<'a> Question<'a> {
    pub(super) fn of(payment: &'a Payment) -> Question<'a> {
        Question {
            payment: payment.id.to_string(),
            company: payment.company.to_string(),
            amount: payment.amount.to_string(),
            currency: payment.currency.as_str(),
            automatic: payment.automatic,
            method: payment.method.as_deref(),
        }
    }
}

/// What a provider says of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// It has the money.
    Paid,
    /// It has not, and never will under this payment's name.
    Declined,
    /// It will say later.
    Pending,
}

impl From<Said> for PaymentResult {
    fn from(said: Said) -> Self {
        match said {
            Said::Paid => PaymentResult::Paid,
            Said::Declined => PaymentResult::Declined,
            Said::Pending => PaymentResult::Pending,
        }
    }
}

/// What a provider tells of a payment, in an answer or in a notice. Unknown fields are its own business.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct Telling {
    /// The name of a notice, new for each; answers need none.
    pub id: Option<String>,
    /// Of which payment.
    #[schema(example = "paym_0193a1b2c3d47e8f9a0b1c2d3e4f5061")]
    pub payment: String,
    /// What.
    pub result: Said,
    /// The provider's own name of it.
    pub reference: Option<String>,
    /// Why, for people.
    pub because: Option<String>,
    /// How much; where it is said it must be what was asked for.
    #[schema(example = "50.00")]
    pub amount: Option<String>,
    /// Of the amount; likewise.
    pub currency: Option<String>,
}

fn cut(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(TEXT_CHARS_MAX).collect()
}

impl Telling {
    /// What it says of this payment; in words where it is of another one, or of another amount: that can be relied on for nothing.
    ///
    /// # Errors
    /// What does not fit.
    pub(super) fn of(&self, payment: &Payment) -> Result<PaymentAnswer, String> {
        if self.payment != payment.id.to_string() {
            return Err(format!("it speaks of payment {}", cut(&self.payment)));
        }
        let amount = self.amount.as_ref().map(|amount| amount.parse::<Micros>().map_err(|_| cut(amount)));
        if amount.is_some_and(|amount| amount != Ok(payment.amount)) {
            return Err(format!("it speaks of another amount than {}", payment.amount));
        }
        if self.currency.as_ref().is_some_and(|currency| currency != payment.currency.as_str()) {
            return Err(format!("it speaks of another currency than {}", payment.currency));
        }
        Ok(PaymentAnswer {
            result: self.result.into(),
            reference: self.reference.as_deref().map(|text| cut(text).into()),
            because: cut(self.because.as_deref().unwrap_or_default()).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::payment::PaymentState;
    use domain::{CompanyId, Currency, PaymentId, Wall};

    fn fifty() -> Payment {
        let at = Wall::from_unix_seconds(1_800_000_000);
        Payment {
            id: PaymentId::from_bits(1),
            company: CompanyId::from_bits(2),
            currency: Currency::USD,
            amount: Micros::from_cents(5_000),
            automatic: true,
            method: Some("card-1".into()),
            provider: "http".into(),
            state: PaymentState::Opened,
            reference: None,
            attempts: 0,
            because: None,
            opened_at: at,
            changed_at: at,
        }
    }

    #[test]
    fn a_question_says_who_pays_how_much_and_by_what() {
        let text = serde_json::to_string(&Question::of(&fifty())).unwrap();
        assert_eq!(
            text,
            format!(
                "{{\"payment\":\"{}\",\"company\":\"{}\",\"amount\":\"50.00\",\"currency\":\"USD\",\"automatic\":true,\"method\":\"card-1\"}}",
                fifty().id,
                fifty().company
            )
        );
    }

    #[test]
    fn an_answer_of_another_payment_or_amount_can_be_relied_on_for_nothing() {
        let telling = |more: &str| -> Telling {
            serde_json::from_str(&format!("{{\"payment\":\"{}\",\"result\":\"paid\"{more}}}", fifty().id)).unwrap()
        };
        assert_eq!(telling("").of(&fifty()).unwrap().result, PaymentResult::Paid);
        assert_eq!(
            telling(",\"amount\":\"50\",\"currency\":\"USD\",\"more\":1").of(&fifty()).unwrap().result,
            PaymentResult::Paid
        );
        for wrong in [",\"amount\":\"49.99\"", ",\"amount\":\"much\"", ",\"currency\":\"EUR\""] {
            assert!(telling(wrong).of(&fifty()).is_err(), "{wrong}");
        }
        let other = Payment { id: PaymentId::from_bits(9), ..fifty() };
        assert!(telling("").of(&other).is_err());
        assert!(serde_json::from_str::<Telling>("{\"payment\":\"x\",\"result\":\"sure\"}").is_err());
    }
}
