//! The checks of `[payments]`.
//!
//! What its keys mean is in [`crate::payments`].

use super::Checks;
use crate::payments::Payments;
use crate::values::PaymentProviderName;

impl Checks {
    pub(super) fn payments(&mut self, payments: &Payments) {
        self.range(("payments", "timeout_ms"), payments.timeout_ms, 500, 60_000, " milliseconds");
        self.range(("payments", "cool_down_s"), payments.cool_down_s, 60, 604_800, " seconds");
        let example = "such as url = \"https://pay.example.com/v1\"";
        let given = [("url", payments.url.is_some()), ("secret_file", payments.secret_file.is_some())];
        for (key, is_given) in given {
            match (payments.provider, is_given) {
                (PaymentProviderName::Http, false) => self.complain(
                    &[("payments", key), ("payments", "provider")],
                    "not set, and payments.provider is \"http\"",
                    format!("name both, {example} and secret_file = \"/etc/tandem/payment_secret\""),
                ),
                // Where a real one is named, the sandbox would give its credit away.
                (PaymentProviderName::Sandbox, true) => self.complain(
                    &[("payments", "provider"), ("payments", key)],
                    format!("\"sandbox\" takes nobody's money, and payments.{key} names a real provider"),
                    "provider = \"http\", or leave url and secret_file out",
                ),
                _ => {}
            }
        }
        let fault = if payments.has_no_scheme() { Some("it is of another kind") } else { payments.url_fault() };
        if let Some(fault) = fault {
            self.complain(&[("payments", "url")], fault, format!("https, or http to this very machine, {example}"));
        }
    }
}
