//! Whether records, ledger and what we saw ourselves come to the same cents.
//!
//! What the calls cost is fixed in the parent, with the deck.

use super::{CENTS_A_SECOND, CURRENCY, Tandem, dollars};
use crate::Error;
use crate::clock::Clock;
use crate::figures::Figures;
use domain::Monotonic;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long records may need to follow the ledger.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often they are asked for meanwhile.
const PAUSE: Duration = Duration::from_millis(250);
/// Entries of a page: the most that the API gives.
const PAGE: usize = 500;
/// Records that are added up one by one; where there are more, the API's own totals stand for the rest.
const RECORDS_MAX: usize = 200_000;

/// The books of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Books {
    /// Call records, `/api/v1/calls`.
    pub records: u64,
    /// Those of answered calls.
    pub answered: u64,
    /// The sum of the records.
    pub charged_by_records: String,
    /// The sum that `/api/v1/calls/totals` says.
    pub charged_by_totals: String,
    /// What the profiles' accounts lost.
    pub charged_by_ledger: String,
    /// What the calls must have cost by the talk time that we measured: at least ...
    pub expected_min: String,
    /// ... and at most: more only where a second began while we waited for an answer.
    pub expected_max: String,
    /// Where two of the above differ, or the price of a call that ended as calls do is not that of its own seconds; empty where all
    /// agree.
    pub disagreements: Vec<String>,
}

#[derive(Deserialize)]
struct Totals {
    ended: Sum,
    live: Sum,
}

#[derive(Deserialize)]
struct Sum {
    count: u64,
    answered: u64,
    amounts: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Profile {
    credit: Credit,
    channels: Channels,
}

#[derive(Deserialize)]
struct Credit {
    balance: String,
    held: String,
}

#[derive(Deserialize)]
struct Channels {
    in_use: i64,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Record>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Record {
    id: String,
    answered_at: Option<String>,
    talked_ms: u64,
    amount: String,
    cause: Option<String>,
}

impl Tandem {
    /// Waits until every call has its record and nothing is held, and compares.
    ///
    /// # Errors
    /// Where the API does not answer.
    pub fn books(&self, figures: &Figures, clock: Clock) -> Result<Books, Error> {
        let mut disagreements = Vec::new();
        let company = &self.company;
        let totals = self.settled(figures, clock)?;
        let by_totals = totals.ended.amounts.get(CURRENCY).map_or(Ok(0), |amount| cents(amount))?;
        let (mut left, mut held, mut in_use) = (0, 0, 0);
        for profile in &self.profiles {
            let profile: Profile = self.get(&format!("/profiles/{profile}"))?;
            left += cents(&profile.credit.balance)?;
            held += cents(&profile.credit.held)?;
            in_use += profile.channels.in_use;
        }
        let by_ledger = self.given_cents as i64 * self.profiles.len() as i64 - left;
        let (records, by_records) = self.records(&mut disagreements)?;
        let price = |seconds: u64| (seconds * CENTS_A_SECOND) as i64;
        let (min, max) = (price(figures.talk.seconds_min), price(figures.talk.seconds_max));
        for (who, sum) in [("/api/v1/calls/totals", by_totals), ("the ledger", by_ledger)] {
            if sum != by_records {
                disagreements.push(format!("the records come to {}, {who} to {}", show(by_records), show(sum)));
            }
        }
        if !(min..=max).contains(&by_ledger) {
            let range = format!("{} to {}", show(min), show(max));
            disagreements.push(format!("by our own clock the calls cost {range}, by the ledger {}", show(by_ledger)));
        }
        if records != totals.ended.count {
            disagreements.push(format!("{records} records, and {} in the totals", totals.ended.count));
        }
        if totals.ended.answered != figures.answered {
            let (theirs, ours) = (totals.ended.answered, figures.answered);
            disagreements.push(format!("{theirs} answered calls in the records of company {company}, {ours} here"));
        }
        if (totals.live.count, held, in_use) != (0, 0, 0) {
            let live = totals.live.count;
            disagreements.push(format!("{live} calls up, {} held, {in_use} channels taken after the end", show(held)));
        }
        Ok(Books {
            records,
            answered: totals.ended.answered,
            charged_by_records: show(by_records),
            charged_by_totals: show(by_totals),
            charged_by_ledger: show(by_ledger),
            expected_min: show(min),
            expected_max: show(max),
            disagreements,
        })
    }

    /// The totals when every answered call of ours has its record and none is up; or as they are when patience ends.
    fn settled(&self, figures: &Figures, clock: Clock) -> Result<Totals, Error> {
        let deadline = clock.monotonic() + PATIENCE;
        loop {
            let totals: Totals = self.get(&format!("/calls/totals?company={}", self.company))?;
            let is_settled = totals.live.count == 0 && totals.ended.answered >= figures.answered;
            let now: Monotonic = clock.monotonic();
            if is_settled || now >= deadline {
                return Ok(totals);
            }
            clock.wait_until(now + PAUSE);
        }
    }

    /// How many records there are and what they come to; those whose price is not that of their seconds disagree.
    fn records(&self, disagreements: &mut Vec<String>) -> Result<(u64, i64), Error> {
        let (mut count, mut sum, mut after) = (0, 0, String::new());
        loop {
            let path = format!("/calls?company={}&state=ended&limit={PAGE}{after}", self.company);
            let page: Page = self.get(&path)?;
            for record in &page.items {
                let amount = cents(&record.amount)?;
                sum += amount;
                count += 1;
                let seconds = if record.answered_at.is_some() { record.talked_ms.div_ceil(1_000).max(1) } else { 0 };
                // The talk time of a record is cut to the millisecond, so what is charged may be that of one more.
                let once_more = if record.talked_ms % 1_000 == 0 { 1 } else { 0 };
                let fits = [0, once_more].iter().any(|more| amount == ((seconds + more) * CENTS_A_SECOND) as i64);
                // A call that the switch itself had to end costs what had been charged until then.
                let is_normal = record.cause.as_deref() == Some("normal");
                if !fits && is_normal && disagreements.len() < 10 {
                    let (id, talked) = (&record.id, record.talked_ms);
                    disagreements.push(format!("record {id}: {} for {talked} ms", record.amount));
                }
            }
            match page.next {
                Some(next) if (count as usize) < RECORDS_MAX => after = format!("&after={next}"),
                Some(_) => {
                    disagreements.push(format!("more than {RECORDS_MAX} records: the rest was not added up"));
                    return Ok((count, sum));
                }
                None => return Ok((count, sum)),
            }
        }
    }
}

/// A decimal amount in cents; ours are whole ones.
fn cents(amount: &str) -> Result<i64, Error> {
    let wrong = || Error::Api(format!("'{amount}' is no amount in whole cents"));
    let (sign, digits) = amount.strip_prefix('-').map_or((1, amount), |digits| (-1, digits));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let (part, rest) = part.split_at(part.len().min(2));
    if rest.bytes().any(|byte| byte != b'0') || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let part: i64 = format!("{part:0<2}").parse().map_err(|_| wrong())?;
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let whole = i64::try_from(whole).ok().and_then(|whole| whole.checked_mul(100)).ok_or_else(wrong)?;
    Ok(sign * (whole + part))
}

fn show(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}", dollars(cents.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_cents_and_nothing_is_rounded_away() {
        for (text, expected) in [("0", 0), ("12.34", 1_234), ("-0.05", -5), ("3.5", 350), ("7.000000", 700)] {
            assert_eq!(cents(text).unwrap(), expected, "{text}");
        }
        for text in ["0.001", "", "x", "1.x", "99999999999999999999"] {
            assert!(cents(text).is_err(), "{text}");
        }
        assert_eq!((show(-5), show(1_234)), ("-0.05".to_owned(), "12.34".to_owned()));
    }
}
