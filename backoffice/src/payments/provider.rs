//! What a payment provider can be asked, as a trait, so that decisions do not know who it is.
//!
//! When it is asked, and what follows, is decided in `switch`.

use domain::payment::{Payment, PaymentAnswer};

/// Somebody who takes money from a company's card or account. Every call may block, and is made from a thread that may.
///
/// A payment is done once, however often it is asked for under its id, and each answer says what is true of it then. One that was
/// cancelled is never done afterwards, also where it had not been heard of.
pub trait PaymentProvider: Send + Sync {
    /// The word in the API, the audit and the store.
    fn name(&self) -> &'static str;

    /// Takes the money, or says what became of that.
    fn ask(&self, payment: &Payment) -> PaymentAnswer;

    /// Gives the payment up, unless the money was taken; declined where it was given up.
    fn cancel(&self, payment: &Payment) -> PaymentAnswer;
}
