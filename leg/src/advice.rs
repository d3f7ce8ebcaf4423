//! Advice of charge as a body of SIP: `application/vnd.etsi.aoc+xml` (3GPP TS 24.647, annex on the XML schema; ETSI TS 183 047).
//!
//! When it is sent is `talk::advising`'s.

use bytes::Bytes;
use domain::advice::Advice;
use std::fmt::Write;

/// Its media type.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.etsi.aoc+xml";

/// The document: AOC-D with what the call has cost so far, or AOC-E with what it has cost.
pub(crate) fn written(advice: Advice) -> Bytes {
    let Advice { total, currency, is_final } = advice;
    let (kind, info) = match is_final {
        true => ("aoc-e", ""),
        false => ("aoc-d", "<charging-info>subtotal</charging-info>"),
    };
    let mut text = String::with_capacity(384);
    text.push_str(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<aoc xmlns=\"http://uri.etsi.org/ngn/params/xml/simservs/aoc\">",
    );
    // Writing to a String does not fail.
    let _ = write!(text, "<{kind}>{info}<recorded-charges>");
    let _ = match total.is_positive() {
        true => write!(
            text,
            "<recorded-currency-units><currency-id>{currency}</currency-id><currency-amount>{total}</currency-amount></recorded-currency-units>"
        ),
        false => write!(text, "<free-charge/>"),
    };
    let _ = write!(text, "</recorded-charges></{kind}></aoc>\r\n");
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Currency, Micros};

    #[test]
    fn a_sum_is_a_decimal_of_the_currency_and_nothing_is_free() {
        let advice = |micros, is_final| Advice { total: Micros::new(micros), currency: Currency::USD, is_final };
        let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<aoc xmlns=\"http://uri.etsi.org/ngn/params/xml/simservs/aoc\">";
        let during = format!(
            "{head}<aoc-d><charging-info>subtotal</charging-info><recorded-charges><recorded-currency-units><currency-id>USD</currency-id>\
             <currency-amount>0.016</currency-amount></recorded-currency-units></recorded-charges></aoc-d></aoc>\r\n"
        );
        assert_eq!(written(advice(16_000, false)), during);
        let free = format!("{head}<aoc-e><recorded-charges><free-charge/></recorded-charges></aoc-e></aoc>\r\n");
        assert_eq!(written(advice(0, true)), free);
    }
}
