//! A price worked out for a person, step by step, in exact decimals: no step is computed from a rounded one but the last.
//!
//! What is charged is `rating`'s to compute; a test holds the two against each other.

use domain::Micros;
use rating::{Rounding, Tariff};
use serde::Serialize;
use utoipa::ToSchema;

/// A step of a price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PriceStep {
    /// What is done.
    #[schema(example = "66 s at 0.02 a minute")]
    pub what: String,
    /// What comes of it; with `...` behind where it has no end.
    #[schema(example = "0.022")]
    pub result: String,
}

/// Digits behind the point of a result that has no end.
const DIGITS_MAX: usize = 9;

/// So many sixtieths of a micro, as a decimal.
fn exact(sixtieths: u128) -> String {
    let unit = 60_000_000;
    let (whole, mut rest) = (sixtieths / unit, sixtieths % unit);
    let mut digits = String::new();
    while rest > 0 && digits.len() < DIGITS_MAX {
        rest *= 10;
        digits.push(char::from(b'0' + (rest / unit) as u8));
        rest %= unit;
    }
    let more = if rest > 0 { "..." } else { "" };
    match digits.is_empty() {
        true => format!("{whole}.00"),
        false if digits.len() == 1 => format!("{whole}.{digits}0{more}"),
        false => format!("{whole}.{digits}{more}"),
    }
}

/// How a tariff makes a price of billed seconds; nothing for 0.
pub fn steps(tariff: &Tariff, billed_s: u32) -> Vec<PriceStep> {
    if billed_s == 0 {
        return Vec::new();
    }
    let (rate, fee) = (tariff.rate_per_minute(), tariff.connection_fee());
    let by_time = rate.get().unsigned_abs() as u128 * u128::from(billed_s);
    let mut steps = vec![PriceStep { what: format!("{billed_s} s at {rate} a minute"), result: exact(by_time) }];
    let mut total = by_time;
    if fee.is_positive() {
        total += fee.get().unsigned_abs() as u128 * 60;
        steps.push(PriceStep { what: format!("and the connection fee of {fee}"), result: exact(total) });
    }
    let way = match tariff.rounding() {
        Rounding::Up => "up",
        Rounding::HalfUp => "to the nearest, halves up,",
    };
    let to = match tariff.scale() {
        2 => "to the cent".to_owned(),
        scale => format!("to {scale} decimals"),
    };
    steps.push(PriceStep { what: format!("rounded {way} {to}"), result: tariff.price(billed_s).to_string() });
    steps
}

/// The steps in one sentence: `66 s at 0.02 a minute = 0.022, rounded up to the cent: 0.03`.
pub fn sentence(steps: &[PriceStep]) -> String {
    let Some((last, others)) = steps.split_last() else { return "0 s = 0.00".to_owned() };
    let others: Vec<String> = others.iter().map(|step| format!("{} = {}", step.what, step.result)).collect();
    format!("{}, {}: {}", others.join(", "), last.what, last.result)
}

/// What the second behind a billed one would have cost more.
pub fn next_second(tariff: &Tariff, billed_s: u32) -> (u32, Micros) {
    let block = tariff.next_block(billed_s);
    (block.until_s, block.amount)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Currency;
    use rating::Terms;

    fn tariff(rate: i64, fee: i64, rounding: Rounding, scale: u32) -> Tariff {
        let rate = Micros::new(rate).to_decimal();
        let fee = Micros::new(fee).to_decimal();
        let terms = Terms { connection_fee: fee, rounding, scale, ..Terms::per_minute(rate, Currency::USD) };
        Tariff::new(terms).unwrap()
    }

    /// R3, R4, R6: the printed report of requirement 1.6.
    #[test]
    fn a_price_is_worked_out_as_a_person_would() {
        let told = |tariff: &Tariff, billed_s| sentence(&steps(tariff, billed_s));
        let printed = tariff(20_000, 0, Rounding::Up, 2);
        assert_eq!(told(&printed, 66), "66 s at 0.02 a minute = 0.022, rounded up to the cent: 0.03");
        assert_eq!(told(&printed, 30), "30 s at 0.02 a minute = 0.01, rounded up to the cent: 0.01");
        let other = tariff(8_000, 39_000, Rounding::HalfUp, 3);
        assert_eq!(
            told(&other, 31),
            "31 s at 0.008 a minute = 0.004133333..., and the connection fee of 0.039 = 0.043133333..., rounded to the nearest, \
             halves up, to 3 decimals: 0.043"
        );
        assert_eq!(told(&printed, 0), "0 s = 0.00");
    }
}
