//! The breaker: when a company, or all of them together, spend far more than usual, no new paid calls are placed until somebody has looked.
//!
//! It never ends a call: what is up goes on and is charged. Who is asked, and what is kept of an answer, is others' to do.
//!
//! | State | New paid calls | What happens |
//! |---|---|---|
//! | closed | placed | what is spent is summed by minute and hour |
//! | open | refused with `spend_breaker` | the operator was asked |
//! | kept | refused with `spend_breaker` | the operator has seen it, and wants it so |
//!
//! A release closes it and forgives what was spent: the sums begin anew.

pub use domain::fraud::BreakerLimits;
use domain::refusal::RefusalKind;
use domain::{CompanyId, Currency, Micros, Monotonic, Now, Refusal, Wall};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
/// What is spent within this is remembered as one, in the sum of a minute and in that of an hour.
const GRAINS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];

/// Whose spending a breaker watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Circuit {
    /// Everybody's in one currency: sums of several would mean nothing.
    House(Currency),
    /// A company's.
    Company(CompanyId),
}

impl fmt::Display for Circuit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Circuit::House(currency) => f.write_str(currency.as_str()),
            Circuit::Company(company) => fmt::Display::fmt(company, f),
        }
    }
}

/// Why a text names nobody's breaker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is nobody's breaker: expected the identity of a company, or a currency for the house")]
pub struct NotACircuit(pub String);

impl FromStr for Circuit {
    type Err = NotACircuit;
    fn from_str(text: &str) -> Result<Self, NotACircuit> {
        let company = text.parse().map(Circuit::Company);
        company.or_else(|_| text.parse().map(Circuit::House)).map_err(|_| NotACircuit(text.chars().take(64).collect()))
    }
}

/// How an open breaker stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenBreaker {
    /// Whose.
    pub circuit: Circuit,
    /// Since when.
    pub at: Wall,
    /// What was spent and what is permitted, for a person.
    pub because: Arc<str>,
    /// Whether somebody has seen it and wants it so.
    pub is_kept: bool,
}

/// What was spent in a span that moves on.
#[derive(Clone, Debug, Default)]
struct Span {
    /// Oldest first; at most 61.
    sums: VecDeque<(Monotonic, Micros)>,
    sum: Micros,
}

impl Span {
    fn spend(&mut self, amount: Micros, grain: Duration, span: Duration, at: Monotonic) -> Micros {
        while let Some((_, gone)) = self.sums.pop_front_if(|(began, _)| at.since(*began) >= span) {
            self.sum -= gone;
        }
        self.sum += amount;
        match self.sums.back_mut().filter(|(began, _)| at.since(*began) < grain) {
            Some((_, sum)) => *sum += amount,
            None => self.sums.push_back((at, amount)),
        }
        self.sum
    }
}

#[derive(Clone, Debug, Default)]
struct Meter {
    minute: Span,
    hour: Span,
    /// The dearest hour of the last days, where enough of them is known.
    usual: Option<Micros>,
    open: Option<OpenBreaker>,
    /// Whether the store has it too.
    is_known: bool,
}

/// The breakers of a node: one for each company that has spent, and one for each currency.
#[derive(Clone, Debug, Default)]
pub struct Breakers {
    house: BreakerLimits,
    company: BreakerLimits,
    /// Of companies that have limits of their own.
    own: BTreeMap<CompanyId, BreakerLimits>,
    meters: BTreeMap<Circuit, Meter>,
}

impl Breakers {
    /// With these limits of the house, and of each company.
    pub fn new(house: BreakerLimits, company: BreakerLimits) -> Breakers {
        Breakers { house, company, own: BTreeMap::new(), meters: BTreeMap::new() }
    }

    /// The limits of companies that have their own.
    pub fn set_own(&mut self, own: BTreeMap<CompanyId, BreakerLimits>) {
        self.own = own;
    }

    /// Takes over what stands open elsewhere, and what was closed: the store's rows.
    pub fn set_open(&mut self, open: Vec<OpenBreaker>) {
        for (circuit, meter) in &mut self.meters {
            let is_open = open.iter().any(|row| row.circuit == *circuit);
            // What has opened here may not be written down yet.
            if meter.is_known && !is_open {
                // What was spent before the release is forgiven.
                *meter = Meter { usual: meter.usual, ..Meter::default() };
            }
        }
        for row in open {
            let meter = self.meters.entry(row.circuit).or_default();
            meter.is_known = true;
            meter.open = Some(row);
        }
    }

    /// The dearest hour of somebody's last days.
    pub fn set_usual(&mut self, circuit: Circuit, dearest_hour: Micros) {
        self.meters.entry(circuit).or_default().usual = Some(dearest_hour);
    }

    /// So much was captured from a company now. The breakers that open by it.
    pub fn spend(&mut self, company: CompanyId, currency: Currency, amount: Micros, now: Now) -> Vec<OpenBreaker> {
        let own = self.own.get(&company).copied().unwrap_or(self.company);
        let circuits = [(Circuit::Company(company), own), (Circuit::House(currency), self.house)];
        let opened = circuits.into_iter().filter_map(|(circuit, limits)| {
            let meter = self.meters.entry(circuit).or_default();
            let because = meter.spend(amount, limits, currency, now.monotonic)?;
            let open = OpenBreaker { circuit, at: now.wall, because: because.into(), is_kept: false };
            meter.open = Some(open.clone());
            Some(open)
        });
        opened.collect()
    }

    /// Why a company's paid calls are not placed, where they are not.
    pub fn check(&self, company: CompanyId, currency: Currency) -> Result<(), Refusal> {
        let circuits = [Circuit::Company(company), Circuit::House(currency)];
        match circuits.iter().any(|circuit| self.meters.get(circuit).is_some_and(|meter| meter.open.is_some())) {
            true => Err(Refusal::new(RefusalKind::SpendBreaker)),
            false => Ok(()),
        }
    }

    /// Those that are open.
    pub fn open(&self) -> impl Iterator<Item = &OpenBreaker> {
        self.meters.values().filter_map(|meter| meter.open.as_ref())
    }
}

impl Meter {
    /// Why it opens, where it does now.
    fn spend(&mut self, amount: Micros, limits: BreakerLimits, currency: Currency, at: Monotonic) -> Option<String> {
        let minute = self.minute.spend(amount, GRAINS[0], MINUTE, at);
        let hour = self.hour.spend(amount, GRAINS[1], HOUR, at);
        if self.open.is_some() {
            return None;
        }
        let beyond = |limit: Option<Micros>, sum: Micros| limit.filter(|most| sum > *most);
        if let Some(most) = beyond(limits.per_minute, minute) {
            return Some(format!("{minute} {currency} were spent in a minute; the limit is {most}"));
        }
        if let Some(most) = beyond(limits.per_hour, hour) {
            return Some(format!("{hour} {currency} were spent in an hour; the limit is {most}"));
        }
        let (times, usual) = limits.times_usual.zip(self.usual)?;
        let most = Micros::new(usual.get().saturating_mul(times.into()));
        let is_beyond = hour > most && hour > limits.usual_from;
        is_beyond
            .then(|| format!("{hour} {currency} were spent in an hour; the dearest hour of the last week had {usual}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Now = Now { monotonic: Monotonic::from_micros(1), wall: Wall::from_unix_seconds(1_800_000_000) };

    fn company() -> CompanyId {
        CompanyId::from_bits(7)
    }

    fn cents(cents: i64) -> Micros {
        Micros::from_cents(cents)
    }

    fn at(seconds: u64) -> Now {
        START.after(Duration::from_secs(seconds))
    }

    fn breakers(limits: BreakerLimits) -> Breakers {
        Breakers::new(BreakerLimits::default(), limits)
    }

    #[test]
    fn a_breaker_opens_when_a_minute_costs_more_than_it_may_and_says_so_once() {
        let mut breakers = breakers(BreakerLimits { per_minute: Some(cents(100)), ..Default::default() });
        assert_eq!(breakers.spend(company(), Currency::USD, cents(100), at(0)), []);
        assert_eq!(breakers.spend(company(), Currency::USD, cents(1), at(60)), [], "the first is a minute old");
        let opened = breakers.spend(company(), Currency::USD, cents(100), at(61));
        assert_eq!(opened[0].circuit, Circuit::Company(company()));
        assert_eq!(&*opened[0].because, "1.01 USD were spent in a minute; the limit is 1.00");
        assert_eq!(
            breakers.spend(company(), Currency::USD, cents(100), at(62)),
            [],
            "what is up goes on and is charged"
        );
        assert_eq!(breakers.check(company(), Currency::USD).unwrap_err().kind, RefusalKind::SpendBreaker);
        assert_eq!(breakers.check(CompanyId::from_bits(8), Currency::USD), Ok(()), "other companies call");
    }

    #[test]
    fn a_company_with_limits_of_its_own_is_judged_by_them_alone() {
        let limits = |most| BreakerLimits { per_minute: Some(cents(most)), ..Default::default() };
        let mut breakers = breakers(limits(100));
        breakers.set_own([(company(), limits(500))].into());
        assert_eq!(breakers.spend(company(), Currency::USD, cents(500), at(0)), []);
        assert_eq!(breakers.spend(CompanyId::from_bits(8), Currency::USD, cents(101), at(0)).len(), 1, "the others");
        let opened = breakers.spend(company(), Currency::USD, cents(1), at(1));
        assert_eq!(&*opened[0].because, "5.01 USD were spent in a minute; the limit is 5.00");
        breakers.set_own([(company(), BreakerLimits::default())].into());
        breakers.set_open(opened);
        breakers.set_open(Vec::new());
        assert_eq!(breakers.spend(company(), Currency::USD, cents(90_000), at(2)), [], "no limit at all");
        breakers.set_own(BTreeMap::new());
        assert_eq!(breakers.spend(company(), Currency::USD, cents(1), at(3)).len(), 1, "those of the settings again");
    }

    #[test]
    fn the_house_has_a_breaker_for_each_currency() {
        let limits = BreakerLimits { per_hour: Some(cents(100)), ..Default::default() };
        let mut breakers = Breakers::new(limits, BreakerLimits::default());
        breakers.spend(company(), Currency::USD, cents(60), at(0));
        let opened = breakers.spend(CompanyId::from_bits(8), Currency::USD, cents(60), at(3_000));
        assert_eq!(opened[0].circuit, Circuit::House(Currency::USD));
        assert!(breakers.check(company(), Currency::USD).is_err());
        assert_eq!(breakers.check(company(), Currency::EUR), Ok(()));
    }

    #[test]
    fn far_more_than_usual_opens_it_and_a_few_cents_do_not() {
        let usual = BreakerLimits { times_usual: Some(5), usual_from: cents(1_000), ..Default::default() };
        let mut breakers = breakers(usual);
        assert_eq!(breakers.spend(company(), Currency::USD, cents(90_000), at(0)), [], "what is usual is not known");
        breakers.set_usual(Circuit::Company(company()), cents(100));
        assert_eq!(breakers.spend(company(), Currency::USD, cents(900), at(4_000)), [], "nine times, and nine dollars");
        let opened = breakers.spend(company(), Currency::USD, cents(200), at(4_001));
        assert_eq!(&*opened[0].because, "11.00 USD were spent in an hour; the dearest hour of the last week had 1.00");
    }

    #[test]
    fn a_release_forgives_what_was_spent_and_the_next_excess_opens_it_again() {
        let mut breakers = breakers(BreakerLimits { per_minute: Some(cents(100)), ..Default::default() });
        let opened = breakers.spend(company(), Currency::USD, cents(101), at(0));
        breakers.set_open(opened);
        assert!(breakers.check(company(), Currency::USD).is_err());
        breakers.set_open(Vec::new());
        assert_eq!(breakers.check(company(), Currency::USD), Ok(()));
        assert_eq!(breakers.spend(company(), Currency::USD, cents(100), at(1)), []);
        assert_eq!(breakers.spend(company(), Currency::USD, cents(1), at(2)).len(), 1);
    }
}
