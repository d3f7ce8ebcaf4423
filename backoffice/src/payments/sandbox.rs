//! A payment provider for trials: it takes nobody's money, and its answer depends on the cents of the amount alone.
//!
//! | Cents | Answer |
//! |---|---|
//! | .01 | declined |
//! | .02 | pending when it is asked first, then paid |
//! | .03 | pending when it is asked first, then declined |
//! | .04 | none that can be relied on when it is asked first, then paid |
//! | .05 | pending for ever, until it is cancelled |
//! | others | paid |
//!
//! What it "pays" is credit like any other: no node has it beside a real provider, and a node that has it says so at its start.

use super::provider::PaymentProvider;
use domain::payment::{Payment, PaymentAnswer, PaymentResult};

/// The provider for trials.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sandbox;

/// Micros of a cent.
const CENT: i64 = 10_000;

impl PaymentProvider for Sandbox {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn ask(&self, payment: &Payment) -> PaymentAnswer {
        let is_first = payment.attempts <= 1;
        let result = match payment.amount.get() / CENT % 100 {
            1 => PaymentResult::Declined,
            2 | 3 | 5 if is_first => PaymentResult::Pending,
            3 => PaymentResult::Declined,
            4 if is_first => PaymentResult::Unknown,
            5 => PaymentResult::Pending,
            _ => PaymentResult::Paid,
        };
        let because = if result == PaymentResult::Paid { "" } else { "the sandbox says so by the cents of the amount" };
        PaymentAnswer { reference: Some("sandbox".into()), ..PaymentAnswer::of(result, because) }
    }

    fn cancel(&self, _: &Payment) -> PaymentAnswer {
        PaymentAnswer::of(PaymentResult::Declined, "given up in the sandbox")
    }
}
