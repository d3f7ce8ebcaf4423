//! The meter of an answered call: which block has begun, which is held, and what to ask for when (design 5, R8, R10).
//!
//! Boundaries are counted from the answer, so they cannot drift. How a charge becomes a batch is `profile`'s.

use crate::profile::Held;
use domain::Micros;
use rating::{Block, Tariff};
use std::time::Duration;

/// How long the ledger has at least to answer a charge, however short the increments are or late it was asked.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// How long the profile has to say whether the call goes on unpaid: a message to an actor and back.
pub(super) const PLEA_WITHIN: Duration = Duration::from_millis(500);

/// A charge to be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Charge {
    pub(super) sequence: u32,
    pub(super) begins: Block,
    /// None where nothing comes after it: the call has cost as much as it may.
    pub(super) next: Option<Block>,
    pub(super) tariff: Tariff,
}

/// What to do at the end of the block that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Boundary {
    /// The next block begins.
    Begin(Charge),
    /// Nothing is held: the call has spoken all it can pay.
    Exhausted,
    /// The ledger has not answered the last charge, so it is not known whether anything is held: whether the block after it may begin
    /// all the same is the profile's to say.
    Unknown { sequence: u32, next: Block },
    /// Nobody has said so in time.
    Unanswered,
    /// The ledger could not answer, and was not to be waited for: the call ends with the last second that is paid.
    GivenUp,
    /// As above, but it was asked so late that it may take until this long after the answer of the call.
    WaitUntil(Duration),
}

/// Meters one answered call.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    tariff: Tariff,
    /// Of the last charge.
    sequence: u32,
    /// When the block that has begun was due to begin, from the answer, however late it was asked for.
    due_at: Duration,
    /// Has begun, and was asked to be captured.
    begun: Block,
    /// Is held, or asked to be; none where the call may not cost more.
    next: Option<Block>,
    /// The billed second up to which the call may be paid.
    last_s: u32,
    standing: Standing,
    /// When the last charge was asked for, from the answer.
    asked_at: Duration,
    /// The billed second up to which the ledger has granted what began.
    granted_s: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// The last charge is not answered.
    Asked,
    /// Nor is it at the boundary: the profile was asked whether to go on.
    Pleading,
    /// The last charge will not be waited for.
    GivenUp,
    /// The next block is held.
    Granted,
    /// The block that has begun is the last (R8).
    Final,
}

impl Meter {
    /// The terms that it charges by.
    pub(super) fn rates(&self) -> domain::Rates {
        self.tariff.rates()
    }

    /// Starts at the answer: the first block begins, the one after it is to be held.
    pub(super) fn start(tariff: Tariff, max_cost: Option<Micros>) -> (Meter, Charge) {
        let begun = tariff.first_block();
        let last_s = max_cost.map_or(u32::MAX, |most| tariff.seconds_for(most));
        let next = after(tariff, begun, last_s);
        let meter = Meter {
            tariff,
            sequence: 0,
            due_at: Duration::ZERO,
            begun,
            next,
            last_s,
            standing: Standing::Asked,
            asked_at: Duration::ZERO,
            granted_s: 0,
        };
        (meter, Charge { sequence: 0, begins: begun, next, tariff })
    }

    /// The end of the block that has begun, from the answer.
    pub(super) fn boundary(&self) -> Duration {
        Duration::from_secs(u64::from(self.begun.until_s))
    }

    /// When the block that has begun was due to begin, from the answer.
    pub(super) fn due_at(&self) -> Duration {
        self.due_at
    }

    /// The ledger granted a charge; whether it is the one that is waited for.
    pub(super) fn grant(&mut self, sequence: u32) -> bool {
        self.note_granted(sequence);
        let awaited = self.is_awaited(sequence);
        if awaited {
            self.standing = Standing::Granted;
        }
        awaited
    }

    /// The block of this charge is captured, and so are all before it. Whether that is news.
    fn note_granted(&mut self, sequence: u32) -> bool {
        if sequence > self.sequence {
            return false;
        }
        let later = sequence.saturating_mul(self.tariff.increment_s());
        let until_s = self.tariff.first_block().until_s.saturating_add(later).min(self.begun.until_s);
        let is_news = until_s > self.granted_s;
        self.granted_s = self.granted_s.max(until_s);
        is_news
    }

    /// What the ledger has granted of what began.
    fn granted(&self) -> Micros {
        if self.granted_s == 0 { Micros::ZERO } else { self.tariff.price(self.granted_s) }
    }

    /// The seconds that have begun and that the ledger has not granted yet, and what they cost: what is lost if the process dies now.
    pub(super) fn ungranted(&self) -> (u32, Micros) {
        let (begun_s, granted_s) = (self.begun.until_s, self.granted_s);
        if begun_s == granted_s {
            return (0, Micros::ZERO);
        }
        (begun_s - granted_s, self.tariff.price(begun_s) - self.granted())
    }

    /// Money came while the last block was talked: what comes after it is held all the same.
    pub(super) fn prolong(&mut self, sequence: u32) -> bool {
        let prolonged = self.standing == Standing::Final && sequence == self.sequence;
        if prolonged {
            self.standing = Standing::Granted;
        }
        prolonged
    }

    /// The ledger refused what comes after this charge, so that what has begun is the last: also where a call that speaks at risk has
    /// begun more since. Whether that is news.
    pub(super) fn refuse(&mut self, sequence: u32) -> bool {
        let is_last = self.note_granted(sequence) && self.is_waiting();
        if is_last {
            self.standing = Standing::Final;
        }
        is_last
    }

    fn is_awaited(&self, sequence: u32) -> bool {
        self.is_waiting() && sequence == self.sequence
    }

    fn is_waiting(&self) -> bool {
        matches!(self.standing, Standing::Asked | Standing::Pleading)
    }

    /// What to do at the end of the block that has begun, `elapsed` after the answer.
    pub(super) fn cross(&mut self, elapsed: Duration) -> Boundary {
        match self.standing {
            Standing::Final => Boundary::Exhausted,
            Standing::Asked if elapsed < self.asked_at + ANSWER_WITHIN => {
                Boundary::WaitUntil(self.asked_at + ANSWER_WITHIN)
            }
            Standing::Asked => match self.next {
                Some(next) => {
                    self.standing = Standing::Pleading;
                    Boundary::Unknown { sequence: self.sequence, next }
                }
                None => Boundary::Exhausted,
            },
            Standing::Pleading => Boundary::Unanswered,
            Standing::GivenUp => Boundary::GivenUp,
            Standing::Granted => match self.next {
                Some(next) => Boundary::Begin(self.begin(next, elapsed)),
                None => Boundary::Exhausted,
            },
        }
    }

    /// The ledger is away and not to be waited for.
    pub(super) fn give_up(&mut self, sequence: u32) {
        if self.is_awaited(sequence) {
            self.standing = Standing::GivenUp;
        }
    }

    /// The next block begins although nobody knows whether it is held; none where that was not asked.
    pub(super) fn dare(&mut self, sequence: u32, elapsed: Duration) -> Option<Charge> {
        let next = self.next.filter(|_| self.is_pleading(sequence))?;
        Some(self.begin(next, elapsed))
    }

    /// Whether the profile was asked to go on without this charge, and has not answered.
    pub(super) fn is_pleading(&self, sequence: u32) -> bool {
        self.standing == Standing::Pleading && sequence == self.sequence
    }

    fn begin(&mut self, block: Block, elapsed: Duration) -> Charge {
        self.sequence += 1;
        self.due_at = self.boundary();
        self.begun = block;
        self.next = after(self.tariff, block, self.last_s);
        self.standing = Standing::Asked;
        self.asked_at = elapsed;
        Charge { sequence: self.sequence, begins: self.begun, next: self.next, tariff: self.tariff }
    }

    /// The seconds that a call of this talk time owes (R1): never more than has begun or is held, which is what can be billed.
    pub(super) fn owed_s(&self, talked: Duration) -> u32 {
        let last = match self.standing {
            Standing::Final | Standing::GivenUp => self.begun.until_s,
            Standing::Asked | Standing::Pleading | Standing::Granted => self.next.unwrap_or(self.begun).until_s,
        };
        self.tariff.billed_seconds(talked).clamp(self.begun.until_s, last)
    }

    /// What is held and captured, once a charge is answered.
    pub(super) fn held(&self) -> Held {
        let block = self.next.filter(|_| self.standing == Standing::Granted);
        Held { channel: true, block, captured: self.granted(), captured_s: self.granted_s }
    }

    /// Whether the block that has begun is the last that the call may be paid, whatever credit there is.
    pub(super) fn is_capped(&self) -> bool {
        self.next.is_none()
    }

    /// Where the call ends because it may not cost more; none without such a bound.
    pub(super) fn capped_at(&self) -> Option<Duration> {
        (self.last_s < u32::MAX).then(|| Duration::from_secs(self.last_s.max(self.begun.until_s).into()))
    }

    /// What a call of this talk time costs, ended now.
    pub(super) fn amount_owed(&self, talked: Duration) -> Micros {
        self.tariff.price(self.owed_s(talked))
    }

    /// What has begun so far costs.
    pub(super) fn amount(&self) -> Micros {
        self.tariff.price(self.begun.until_s)
    }
}

/// The block after this one, where the call may be paid so far.
fn after(tariff: Tariff, begun: Block, last_s: u32) -> Option<Block> {
    Some(tariff.next_block(begun.until_s)).filter(|next| next.until_s <= last_s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Currency;
    use rating::Terms;

    fn meter() -> Meter {
        let rate = Micros::new(20_000).to_decimal();
        Meter::start(Tariff::new(Terms::per_minute(rate, Currency::USD)).unwrap(), None).0
    }

    /// R1, R8: 30/6 at $0.02.
    #[test]
    fn the_blocks_of_a_call_follow_each_other_from_the_answer_on() {
        let mut meter = meter();
        assert_eq!(meter.boundary(), Duration::from_secs(30));
        for (sequence, end_s) in [(1, 36), (2, 42), (3, 48)] {
            assert!(meter.grant(sequence - 1));
            let Boundary::Begin(charge) = meter.cross(meter.boundary()) else {
                panic!("block {sequence} did not begin")
            };
            assert_eq!(
                (charge.sequence, charge.begins.until_s, charge.next.unwrap().until_s),
                (sequence, end_s, end_s + 6)
            );
        }
        assert_eq!(meter.amount(), Micros::from_cents(2));
    }

    /// Seconds at risk.
    #[test]
    fn what_has_begun_is_ungranted_until_the_ledger_says_so() {
        let mut meter = meter();
        assert_eq!(meter.ungranted(), (30, Micros::from_cents(1)));
        assert!(meter.grant(0));
        assert_eq!(meter.ungranted(), (0, Micros::ZERO));
        assert!(matches!(meter.cross(Duration::from_secs(30)), Boundary::Begin(_)));
        assert_eq!(meter.ungranted(), (6, Micros::from_cents(1)));
        // The ledger is away, and the profile takes the risk of the next increment.
        assert!(matches!(meter.cross(Duration::from_secs(36)), Boundary::Unknown { sequence: 1, .. }));
        assert!(meter.dare(1, Duration::from_secs(36)).is_some());
        assert_eq!(meter.ungranted(), (12, Micros::from_cents(1)));
        assert!(!meter.grant(1), "it is not the last one");
        assert_eq!(meter.ungranted(), (6, Micros::ZERO), "a cent pays for both");
        assert!(meter.refuse(2), "what began is captured, what comes next is not held");
        assert_eq!(meter.ungranted(), (0, Micros::ZERO));
    }

    #[test]
    fn an_answer_to_an_older_charge_changes_nothing() {
        let mut meter = meter();
        assert!(meter.grant(0) && !meter.grant(0) && !meter.refuse(0));
        assert!(matches!(meter.cross(Duration::from_secs(30)), Boundary::Begin(_)));
        assert!(!meter.refuse(0) && meter.refuse(1) && !meter.refuse(1));
        assert_eq!(meter.cross(Duration::from_secs(36)), Boundary::Exhausted);
    }

    /// RFC 8506 5.7: it speaks on while nobody answers, and not when the answer is no.
    #[test]
    fn a_refusal_ends_a_call_with_what_it_has_begun_at_risk_since() {
        let mut meter = meter();
        assert!(meter.grant(0));
        assert!(matches!(meter.cross(Duration::from_secs(30)), Boundary::Begin(_)));
        assert!(matches!(meter.cross(Duration::from_secs(36)), Boundary::Unknown { sequence: 1, .. }));
        assert!(meter.dare(1, Duration::from_secs(36)).is_some());
        assert!(meter.refuse(1), "the charge before the one that is waited for");
        assert_eq!(meter.held(), Held { channel: true, block: None, captured: Micros::from_cents(2), captured_s: 36 });
        assert_eq!(meter.cross(Duration::from_secs(42)), Boundary::Exhausted);
        assert!(!meter.prolong(1) && meter.prolong(2), "what it has begun last was paid after all");
    }

    #[test]
    fn a_charge_that_was_asked_late_may_be_answered_late() {
        let mut meter = meter();
        assert!(meter.grant(0));
        let late = Duration::from_millis(35_900);
        assert!(matches!(meter.cross(late), Boundary::Begin(_)));
        assert_eq!(meter.due_at(), Duration::from_secs(30), "it was due when the block before it ended");
        assert_eq!(meter.cross(Duration::from_secs(36)), Boundary::WaitUntil(Duration::from_millis(36_900)));
        assert!(matches!(meter.cross(Duration::from_millis(36_900)), Boundary::Unknown { sequence: 1, .. }));
        assert_eq!(meter.cross(Duration::from_millis(37_900)), Boundary::Unanswered);
    }

    /// R1: B(t), bounded by what is paid or held.
    #[test]
    fn a_call_owes_what_has_begun_and_never_more_than_is_held() {
        let mut meter = meter();
        assert_eq!(meter.owed_s(Duration::ZERO), 30);
        assert_eq!(meter.owed_s(Duration::from_secs(30)), 30);
        assert_eq!(meter.owed_s(Duration::from_millis(30_001)), 36);
        assert_eq!(meter.owed_s(Duration::from_secs(300)), 36);
        assert!(meter.refuse(0));
        assert_eq!(meter.owed_s(Duration::from_secs(31)), 30);
    }

    /// K4.
    #[test]
    fn money_that_comes_in_the_last_block_lets_the_next_one_begin() {
        let mut meter = meter();
        assert!(!meter.prolong(0), "it is not on its last block");
        assert!(meter.refuse(0) && !meter.prolong(1) && meter.prolong(0) && !meter.prolong(0));
        assert!(matches!(meter.cross(Duration::from_secs(30)), Boundary::Begin(_)));
    }
}
