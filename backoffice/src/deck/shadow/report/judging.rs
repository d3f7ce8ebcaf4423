//! One call by a shadow: whether it would have been refused, and what it would have cost. From its record, what its rules saw, and what the
//! journal says that was available when it began.
//!
//! Adding up is in [`super::sums`].

use crate::office::Office;
use domain::call_record::CallRecord;
use domain::credit::Unit;
use domain::refusal::RefusalKind;
use domain::trace::{Rule, Told, Verdict, read};
use domain::{E164, Micros};
use ledger::LineKind;
use rating::{Deck, Tariff, shadow};

/// What becomes of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    /// The shadow's prefix, or else the deck's; empty where neither has one.
    pub(super) prefix: String,
    /// What the shadow calls it, or else the deck.
    pub(super) destination: String,
    /// Why the deck refused it, where price or credit was the reason.
    pub(super) live_refusal: Option<&'static str>,
    /// Why the shadow would have.
    pub(super) shadow_refusal: Option<&'static str>,
    /// Whether that cannot be said.
    pub(super) is_undecided: bool,
    /// By the shadow.
    pub(super) billed_s: u32,
    /// Likewise; what could have been paid of it.
    pub(super) revenue: Micros,
    /// Likewise; what could not.
    pub(super) unpaid: Micros,
}

impl Judged {
    fn refused(self, kind: RefusalKind) -> Option<Judged> {
        Some(Judged { shadow_refusal: Some(kind.as_str()), ..self })
    }
}

/// None for a call that has no price by any deck: the echo test, one within a company, one that was refused before anybody knew whom it
/// was for.
pub(super) fn judge(office: &Office, record: &CallRecord, deck: &Deck) -> Option<Judged> {
    let told = read(&record.trace);
    let live = Tariff::of_record(record).and_then(Result::ok);
    let refusal = live_refusal(record, &told);
    if live.is_none() && refusal.is_none() {
        return None;
    }
    let callee = record.callee.or_else(|| number(&told))?;
    let rate = deck.lookup(callee);
    let prefix = rate.map(|rate| rate.prefix).or(record.priced.as_ref().map(|priced| priced.prefix));
    let mut judged = Judged {
        prefix: prefix.map_or_else(String::new, |prefix| prefix.to_string()),
        destination: rate.map_or_else(|| record.destination.clone(), |rate| rate.destination.to_string()),
        live_refusal: refusal.map(RefusalKind::as_str),
        shadow_refusal: None,
        is_undecided: false,
        billed_s: 0,
        revenue: Micros::ZERO,
        unpaid: Micros::ZERO,
    };
    let Some(rate) = rate else { return judged.refused(RefusalKind::NoRoute) };
    let tariff = &rate.tariff;
    if max_rate(&told).is_some_and(|most| tariff.rate_per_minute() > most) {
        return judged.refused(RefusalKind::MaxRate);
    }
    let first = tariff.first_block().amount;
    let live_first = live.map(|live| live.first_block().amount);
    // What was refused for want of credit was never held: the journal says nothing of it, the reason does.
    match refusal {
        Some(RefusalKind::NoCredit) if first.is_positive() => return judged.refused(RefusalKind::NoCredit),
        Some(RefusalKind::BelowFirstBlock) if live_first.is_none_or(|live| first >= live) => {
            return judged.refused(RefusalKind::BelowFirstBlock);
        }
        Some(kind) => {
            judged.is_undecided = kind == RefusalKind::BelowFirstBlock;
            return Some(judged);
        }
        None => {}
    }
    let (Some(live), Some(live_first)) = (live, live_first) else { return Some(judged) };
    let bill = shadow::bill(record, &live, tariff);
    // What was paid could have been paid: only what is dearer need be looked up.
    let available = if first > live_first || bill.amount > record.amount { available(office, record) } else { None };
    if let Some(available) = available.filter(|available| first > live_first && first > *available) {
        let is_some = available.is_positive();
        return judged.refused(if is_some { RefusalKind::BelowFirstBlock } else { RefusalKind::NoCredit });
    }
    let payable = available.map_or(bill.amount, |available| available.max(record.amount));
    judged.revenue = bill.amount.min(payable);
    judged.unpaid = bill.amount - judged.revenue;
    judged.billed_s = bill.billed_s;
    Some(judged)
}

/// The refusal, where price or credit was the reason.
fn live_refusal(record: &CallRecord, told: &[Told]) -> Option<RefusalKind> {
    use RefusalKind::{BelowFirstBlock, MaxCallCost, MaxRate, NoCredit, NoRoute};
    let kind = RefusalKind::from_label(record.refusal.as_deref()?)?;
    match kind {
        MaxRate | MaxCallCost | BelowFirstBlock | NoCredit => Some(kind),
        // It may be that no carrier serves it, which no deck can help.
        NoRoute => {
            let by_price = |step: &Told| step.rule == Rule::Price.as_str() && step.verdict == Verdict::Failed;
            told.iter().any(by_price).then_some(kind)
        }
        _ => None,
    }
}

/// The number that was understood, of a call that had no price.
fn number(told: &[Told]) -> Option<E164> {
    told.iter().find(|step| step.rule == Rule::Number.as_str())?.seen.parse().ok()
}

/// The profile's bound at that time, which the rule wanted: `0.50 USD`.
fn max_rate(told: &[Told]) -> Option<Micros> {
    let of_price = told.iter().filter(|step| step.rule == Rule::Price.as_str());
    let is_bound = |step: &&Told| step.verdict == Verdict::Passed || step.refusal == RefusalKind::MaxRate.as_str();
    of_price.filter(is_bound).find_map(|step| step.wanted.split_once(' ')?.0.parse().ok())
}

/// What was available when the first block was held, as the journal says; none where it does not.
fn available(office: &Office, record: &CallRecord) -> Option<Micros> {
    let lines = office.inner.ledger.history(record.id.bits()).ok()?;
    let first = lines.iter().find(|line| line.kind == LineKind::Hold && matches!(line.debit.unit, Unit::Money(_)))?;
    Some(Micros::new(first.debit_after.available().saturating_add(first.amount)))
}
