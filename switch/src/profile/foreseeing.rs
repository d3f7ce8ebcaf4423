//! When the credit of a profile will end the calls that talk, as far as warnings look ahead: what is available is spent, in thought, by all
//! of them together, tick by tick.
//!
//! Who is warned, and how, is the calls'. Nothing is foreseen where a recharge would pay.

use super::Profile;
use super::books::Books;
use super::request::{Ask, Effect};
use crate::call;
use domain::{CallId, Micros, Monotonic, Now};
use rating::{Block, Tariff};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// The seconds in which so much is spoken at so much a minute; none where nothing is being spent. What is held counts: it is spoken first.
pub fn seconds_left(posted: Micros, per_minute: Micros) -> Option<u64> {
    per_minute.is_positive().then(|| {
        let left = i128::from(posted.get().max(0)) * 60 / i128::from(per_minute.get());
        u64::try_from(left).unwrap_or(u64::MAX)
    })
}

/// What the calls that talk cost together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pace {
    /// Calls that talk and cost.
    calls: i64,
    /// Of all of them, in micros a minute.
    burn: i64,
    /// What all of them may cost more by rounding: one unit of its scale for each.
    rounding: i64,
    /// The longest block of any since there were none.
    longest_s: u32,
}

impl Pace {
    /// A call begins to talk.
    pub(super) fn enter(&mut self, tariff: Tariff) {
        self.calls += 1;
        self.burn += tariff.rate_per_minute().get();
        self.rounding += unit(tariff);
        self.longest_s = self.longest_s.max(tariff.increment_s());
    }

    /// It ended.
    pub(super) fn leave(&mut self, tariff: Tariff) {
        self.calls -= 1;
        self.burn -= tariff.rate_per_minute().get();
        self.rounding -= unit(tariff);
        if self.calls == 0 {
            *self = Pace::default();
        }
    }

    /// More than they can spend in so many seconds.
    fn spends_at_most(&self, seconds: u32) -> i64 {
        let minutes_up = i64::from(seconds.div_ceil(60));
        self.burn.saturating_mul(minutes_up).saturating_add(self.rounding)
    }
}

/// Decimal places of money (R5).
const MICROS_SCALE: u32 = 6;

/// The smallest amount of a tariff.
fn unit(tariff: Tariff) -> i64 {
    10_i64.pow(MICROS_SCALE.saturating_sub(tariff.scale()))
}

/// What there is for calls to hold, in thought.
#[derive(Clone, Copy, Debug)]
struct Purse {
    /// Their credit; none where a recharge brings whatever is needed.
    available: Option<Micros>,
    /// What the cap leaves of what begins before midnight, where it leaves less.
    room: Option<(Micros, Monotonic)>,
}

impl Purse {
    /// Whether a block that begins then can be held.
    fn take(&mut self, amount: Micros, begins_at: Monotonic) -> bool {
        let mut room = self.room.as_mut().filter(|(_, midnight)| begins_at < *midnight).map(|(room, _)| room);
        let is_there = |what: Option<&mut Micros>| what.is_none_or(|left| amount <= *left);
        if !is_there(self.available.as_mut()) || !is_there(room.as_deref_mut()) {
            return false;
        }
        self.available.iter_mut().chain(room).for_each(|left| *left -= amount);
        true
    }
}

/// A call that talks, in thought.
#[derive(Clone, Copy, Debug)]
struct Runner {
    call: CallId,
    tariff: Tariff,
    /// When it asks for more: the block that is held begins then. None where nothing is held.
    asks_at: Option<Monotonic>,
    /// The billed second up to which it is paid or held.
    paid_s: u32,
    /// Seconds of the block that begins then.
    held_s: u32,
}

impl Runner {
    fn of(books: &Books) -> Option<Runner> {
        let tariff = books.tariff.filter(|_| books.captured_s > 0 && !books.is_ending())?;
        let held: Option<Block> = books.block.map(|held| held.block);
        let paid_s = held.map_or(books.captured_s, |block| block.until_s);
        let held_s = paid_s - books.captured_s;
        Some(Runner { call: books.call, tariff, asks_at: held.map(|_| books.ends_at), paid_s, held_s })
    }
}

impl Profile {
    /// Tells the calls that talk when they will end, where that has changed and is near enough for a warning.
    pub(super) fn foresee(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Some(earliest_s) = self.warn_before().earliest() else { return };
        // While it is not known what there is, what was said before stands.
        let Some(available) = self.available else { return };
        let ahead_s = u32::from(earliest_s) + 2 * self.pace.longest_s;
        // What may not be spent today is as good as not there until midnight, and no recharge brings it.
        let room = self.room_today(now).filter(|room| *room < available);
        let is_plenty = room.unwrap_or(available).get() > self.pace.spends_at_most(ahead_s);
        let is_recharged = !is_plenty && self.is_recharged(now);
        if is_plenty || room.is_none() && is_recharged {
            return self.unsay(effects);
        }
        let horizon = now.monotonic + Duration::from_secs(ahead_s.into());
        let purse = Purse {
            available: Some(available).filter(|_| !is_recharged),
            room: room.and_then(|room| Some((room, self.midnight(now)?))),
        };
        let mut ends = self.spend(purse, horizon).into_iter().peekable();
        for books in self.calls.values_mut() {
            let until_s = ends.next_if(|(call, _)| *call == books.call).map(|(_, until_s)| until_s);
            if books.told_end_s != until_s {
                books.told_end_s = until_s;
                effects.push(Effect::TellCall(books.call, call::Event::EndForeseen { until_s }));
                self.has_foreseen = true;
            }
        }
    }

    /// There is no end in sight, or nobody knows it any more.
    pub(super) fn unsay(&mut self, effects: &mut Vec<Effect>) {
        if std::mem::take(&mut self.has_foreseen) {
            let told = self.calls.values_mut().filter_map(|books| books.told_end_s.take().map(|_| books.call));
            effects.extend(told.map(|call| Effect::TellCall(call, call::Event::EndForeseen { until_s: None })));
        }
    }

    /// Credit came: calls that were warned may be warned again.
    pub(super) fn forget_warnings(&mut self, effects: &mut Vec<Effect>) {
        self.unsay(effects);
        let talking = self.calls.values().filter(|books| books.captured_s > 0);
        effects.extend(talking.map(|books| Effect::TellCall(books.call, call::Event::CreditAdded)));
    }

    /// The calls that end until then, in their order, each with the last billed second that will be paid.
    fn spend(&self, mut purse: Purse, horizon: Monotonic) -> Vec<(CallId, u32)> {
        let mut runners: Vec<Runner> = self.calls.values().filter_map(Runner::of).collect();
        let last = runners.iter().filter(|runner| runner.asks_at.is_none());
        let mut ends: Vec<(CallId, u32)> = last.map(|runner| (runner.call, runner.paid_s)).collect();
        let asking = runners.iter().enumerate().filter_map(|(index, runner)| Some(Reverse((runner.asks_at?, index))));
        let mut queue: BinaryHeap<Reverse<(Monotonic, usize)>> = asking.collect();
        while let Some(Reverse((asks_at, index))) = queue.pop().filter(|Reverse((asks_at, _))| *asks_at < horizon) {
            let Some(runner) = runners.get_mut(index) else { break };
            let next = runner.tariff.next_block(runner.paid_s);
            let begins_at = asks_at + Duration::from_secs(runner.held_s.into());
            if purse.take(next.amount, begins_at) {
                queue.push(Reverse((begins_at, index)));
                runner.held_s = next.until_s - runner.paid_s;
                runner.paid_s = next.until_s;
            } else {
                ends.push((runner.call, runner.paid_s));
            }
        }
        ends.sort_unstable();
        ends
    }
}

impl Books {
    /// What it costs, as its charge says.
    pub(super) fn learn_tariff(&mut self, ask: &Ask, pace: &mut Pace) {
        if let (Ask::Charge { tariff, .. }, None) = (ask, self.tariff) {
            self.tariff = Some(*tariff);
            pace.enter(*tariff);
        }
    }
}
