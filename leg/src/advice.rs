//! Advice of charge as a body of SIP: `application/vnd.etsi.aoc+xml` (3GPP TS 24.647, annex on the XML schema; ETSI TS 183 047).
//!
//! When it is sent is `talk::advising`'s.

use bytes::Bytes;
use domain::advice::{Advice, Quote, Rates};
use domain::{Currency, Micros};
use std::fmt::{self, Write};

/// Its media type.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.etsi.aoc+xml";

/// What our own element is of: what a tariff has and the schema has no place for.
const OURS: &str = "urn:tandem:aoc:1";

/// The document that says how much so far (AOC-D), or altogether (AOC-E).
pub(crate) fn summed(advice: Advice) -> Bytes {
    written(None, Some(advice))
}

/// The document: AOC-S with what the call will cost, then AOC-D with what it has cost so far, or AOC-E with what it has cost; whatever of
/// them there is, in the schema's order.
pub(crate) fn written(quote: Option<Quote>, advice: Option<Advice>) -> Bytes {
    let mut text = String::with_capacity(1_024);
    text.push_str(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<aoc xmlns=\"http://uri.etsi.org/ngn/params/xml/simservs/aoc\">",
    );
    // Writing to a String does not fail.
    if let Some(quote) = quote {
        let _ = items(&mut text, quote);
    }
    if let Some(advice) = advice {
        let _ = sum(&mut text, advice);
    }
    if let Some(Quote::Rates(rates)) = quote {
        let _ = terms(&mut text, rates);
    }
    text.push_str("</aoc>\r\n");
    text.into()
}

/// Price per unit of time in steps (annex C.2.2.1), and what the set-up costs, where it costs.
fn items(text: &mut String, quote: Quote) -> fmt::Result {
    text.push_str("<aoc-s><charged-items><basic>");
    match quote {
        Quote::Rates(rates) if rates.per_minute.is_positive() => {
            text.push_str("<price-time>");
            money(text, rates.currency, rates.per_minute)?;
            write!(
                text,
                "<length-time-unit><time-unit>1</time-unit><scale>one-minute</scale></length-time-unit>\
                 <charging-type>step-function</charging-type>\
                 <granularity><time-unit>{}</time-unit><scale>one-second</scale></granularity></price-time>",
                rates.increment_s
            )?;
        }
        Quote::Rates(_) | Quote::Free => text.push_str("<free-charge/>"),
    }
    text.push_str("</basic>");
    if let Quote::Rates(rates) = quote
        && rates.connection_fee.is_positive()
    {
        text.push_str("<communication-setup><flat-rate>");
        money(text, rates.currency, rates.connection_fee)?;
        text.push_str("</flat-rate></communication-setup>");
    }
    text.push_str("</charged-items></aoc-s>");
    Ok(())
}

fn sum(text: &mut String, advice: Advice) -> fmt::Result {
    let (kind, info) = match advice.is_final {
        true => ("aoc-e", ""),
        false => ("aoc-d", "<charging-info>subtotal</charging-info>"),
    };
    write!(text, "<{kind}>{info}<recorded-charges>")?;
    match advice.total.is_positive() {
        true => {
            text.push_str("<recorded-currency-units>");
            money(text, advice.currency, advice.total)?;
            text.push_str("</recorded-currency-units>");
        }
        false => text.push_str("<free-charge/>"),
    }
    write!(text, "</recorded-charges></{kind}>")
}

/// An element of our own at the end, where the schema lets others stand: with it the bill can be reckoned to the last place.
fn terms(text: &mut String, rates: Rates) -> fmt::Result {
    let Rates { minimum_s, increment_s, rounding, scale, .. } = rates;
    write!(
        text,
        "<terms xmlns=\"{OURS}\" minimum-s=\"{minimum_s}\" increment-s=\"{increment_s}\" rounding=\"{rounding}\" scale=\"{scale}\"/>"
    )
}

fn money(text: &mut String, currency: Currency, amount: Micros) -> fmt::Result {
    write!(text, "<currency-id>{currency}</currency-id><currency-amount>{amount}</currency-amount>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::rounding::Rounding;

    #[test]
    fn a_sum_is_a_decimal_of_the_currency_and_nothing_is_free() {
        let advice = |micros, is_final| Advice { total: Micros::new(micros), currency: Currency::USD, is_final };
        let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<aoc xmlns=\"http://uri.etsi.org/ngn/params/xml/simservs/aoc\">";
        let during = format!(
            "{head}<aoc-d><charging-info>subtotal</charging-info><recorded-charges><recorded-currency-units><currency-id>USD</currency-id>\
             <currency-amount>0.016</currency-amount></recorded-currency-units></recorded-charges></aoc-d></aoc>\r\n"
        );
        assert_eq!(summed(advice(16_000, false)), during);
        let free = format!("{head}<aoc-e><recorded-charges><free-charge/></recorded-charges></aoc-e></aoc>\r\n");
        assert_eq!(summed(advice(0, true)), free);
    }

    #[test]
    fn terms_are_a_price_a_minute_in_steps_with_what_the_setup_costs_and_the_first_sum_behind_them() {
        let rates = Rates {
            per_minute: Micros::new(16_500),
            connection_fee: Micros::new(39_000),
            currency: Currency::EUR,
            minimum_s: 30,
            increment_s: 6,
            rounding: Rounding::HalfUp,
            scale: 2,
        };
        let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<aoc xmlns=\"http://uri.etsi.org/ngn/params/xml/simservs/aoc\">";
        let basic = "<aoc-s><charged-items><basic><price-time><currency-id>EUR</currency-id><currency-amount>0.0165</currency-amount>\
                     <length-time-unit><time-unit>1</time-unit><scale>one-minute</scale></length-time-unit>\
                     <charging-type>step-function</charging-type><granularity><time-unit>6</time-unit><scale>one-second</scale></granularity>\
                     </price-time></basic>";
        let setup = "<communication-setup><flat-rate><currency-id>EUR</currency-id><currency-amount>0.039</currency-amount></flat-rate>\
                     </communication-setup>";
        let ours = "<terms xmlns=\"urn:tandem:aoc:1\" minimum-s=\"30\" increment-s=\"6\" rounding=\"half_up\" scale=\"2\"/></aoc>\r\n";
        let alone = format!("{head}{basic}{setup}</charged-items></aoc-s>{ours}");
        assert_eq!(written(Some(Quote::Rates(rates)), None), alone);
        let first = Advice { total: Micros::new(50_000), currency: Currency::EUR, is_final: false };
        let both = String::from_utf8(written(Some(Quote::Rates(rates)), Some(first)).to_vec()).unwrap();
        let parts = ["</aoc-s><aoc-d>", "<currency-amount>0.05</currency-amount>", "</aoc-d><terms "];
        assert!(parts.iter().all(|part| both.contains(part)), "{both}");
        let no_fee = Rates { connection_fee: Micros::ZERO, ..rates };
        let said = String::from_utf8(written(Some(Quote::Rates(no_fee)), None).to_vec()).unwrap();
        assert!(!said.contains("communication-setup"), "{said}");
    }

    #[test]
    fn what_costs_nothing_is_told_as_free() {
        let said = String::from_utf8(written(Some(Quote::Free), None).to_vec()).unwrap();
        assert!(
            said.ends_with("<aoc-s><charged-items><basic><free-charge/></basic></charged-items></aoc-s></aoc>\r\n"),
            "{said}"
        );
    }
}
