//! What each profile may spend and speak unpaid: the cap of a day, the dearest call and minute, and calls without a ledger.
//!
//! What the terms are is drawn in `simulation::terms`; charges and talk times are `rules`'.

use super::books::CallBooks;
use super::rules::{Checked, wrong};
use super::{Audit, Invariant};
use crate::reckoning;
use crate::simulation::sharing::is_elsewhere;
use crate::world::{CallSeen, Terms, World};
use domain::call_record::CallRecord;
use domain::credit::{Account, Batch, Code, Holder, Kind, Memo, Outcome, RefusedBecause, Unit};
use domain::credit_failure::CreditFailure;
use domain::fraud::FraudAction;
use domain::{Micros, ProfileId, Wall, Zone};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What the first block of every call is billed for, and each one after it.
const FIRST_S: u32 = 30;
const INCREMENT_S: u32 = 6;

/// What was agreed with a profile.
fn terms_of(world: &World, profile: ProfileId) -> Terms {
    let place = world.customers.iter().position(|customer| customer.profile == profile);
    place.map(|place| world.beginning().terms_of(place)).unwrap_or_default()
}

/// The day that an instant is in, for companies that live in UTC.
fn day(at: Wall) -> u16 {
    Zone::utc().day_number(at)
}

fn is_profile(account: Account) -> bool {
    matches!(account.holder, Holder::Profile(_))
}

impl Audit {
    /// How many calls came to which bound.
    pub(in crate::simulation) fn reached(&self) -> BTreeMap<&'static str, u32> {
        self.reached.iter().map(|(bound, calls)| (*bound, calls.len() as u32)).collect()
    }

    fn reach(&mut self, bound: &'static str, call: u128) {
        self.reached.entry(bound).or_default().insert(call);
    }

    /// The ledger said whether there was credit for what a call asked.
    pub(super) fn note_credit(&mut self, batch: &Batch, outcome: &Outcome) {
        if let Outcome::Refused(refusal) = outcome
            && batch.transfers.get(refusal.transfer).is_some_and(|transfer| transfer.code == Code::DailyCap)
        {
            self.reach("refused by the cap of the day", batch.id.subject);
        }
        let Some(books) = self.calls.get_mut(&batch.id.subject) else { return };
        match outcome {
            Outcome::Refused(refusal) => {
                books.is_short |= matches!(refusal.because, RefusedBecause::InsufficientFunds { .. });
            }
            Outcome::Applied(_) => {
                let is_money = |kind: Kind| matches!(kind, Kind::Hold { hold, .. } if !hold.is_channel());
                books.is_short &= !batch.transfers.iter().any(|transfer| is_money(transfer.kind));
            }
            Outcome::Replayed(_) | Outcome::Unavailable => {}
        }
    }

    /// The node heard that a charge cannot be answered: who does not wait for the ledger ends with the block that has begun.
    pub(super) fn on_unanswered(&mut self, batch: &Batch, world: &World) {
        let Some(books) = self.calls.get_mut(&batch.id.subject) else { return };
        let policy = books.profile.map(|profile| terms_of(world, profile).credit_failure);
        let is_settlement = matches!(batch.memo, Some(Memo::CallEnded(_)));
        let begun = batch.transfers.iter().filter_map(|transfer| match transfer.kind {
            Kind::Capture { hold, .. } if !hold.is_channel() => Some(hold.number),
            _ => None,
        });
        if let (Some(CreditFailure::Terminate), Some(begun_s), false) = (policy, begun.max(), is_settlement) {
            books.ends_s = Some(books.ends_s.map_or(begun_s, |ends_s| ends_s.min(begun_s)));
            self.reach("not to wait for the ledger", batch.id.subject);
        }
    }

    /// For how long a call was heard to talk by now; none for one that was not answered in this life.
    fn talked(&self, books: &CallBooks, world: &World) -> Option<(Duration, bool)> {
        let wire = books.wire.as_ref().filter(|wire| self.wires.is_of_life(wire))?;
        let answered = self.wires.answered(wire)?.monotonic;
        let ended = self.wires.ended(books);
        Some((ended.unwrap_or(world.now).monotonic.since(answered), ended.is_none()))
    }

    /// Who talks has paid for it, or may speak on unpaid: one call for so long, the calls of a profile for so much. Late timers
    /// are nobody's credit, so they are taken off.
    pub(super) fn check_unpaid(&mut self, world: &World, calls: &[CallSeen]) -> Checked {
        let mut risked: BTreeMap<ProfileId, i64> = BTreeMap::new();
        for call in calls {
            let books = &self.calls[&call.id.bits()];
            let Some((talked, is_up)) = self.talked(books, world).filter(|_| books.held_until_s > 0) else { continue };
            let talked_us = talked.saturating_sub(world.lateness_max).as_micros() as i64;
            let policy = terms_of(world, call.profile).credit_failure;
            let for_s = match policy {
                CreditFailure::Continue { for_s, .. } => for_s,
                CreditFailure::Terminate | CreditFailure::Retry => 0,
            };
            let until_s = books.ends_s.unwrap_or(books.held_until_s + for_s);
            if is_up && talked_us > i64::from(until_s) * 1_000_000 {
                let what = format!(
                    "{} has talked for {talked:?} and should have ended at {until_s} s: {} s were held, {policy:?}",
                    Audit::name(call.id.bits()),
                    books.held_until_s
                );
                return wrong(Invariant::NobodySpeaksUnpaid, what);
            }
            let is_at_risk = talked_us > i64::from(books.held_until_s) * 1_000_000;
            if !books.is_short && books.records == 0 && matches!(policy, CreditFailure::Continue { .. }) {
                let spoken = reckoning::price(reckoning::begun_s(talked_us), world.rate_per_minute());
                *risked.entry(call.profile).or_default() += (spoken - books.captured - books.held()).max(0);
            }
            if is_at_risk {
                self.reach("spoken at risk", call.id.bits());
            }
        }
        for (profile, risked) in risked {
            if let CreditFailure::Continue { risk, .. } = terms_of(world, profile).credit_failure
                && risked > risk.get()
            {
                let what = format!("calls of {profile} have spoken {risked} micros unpaid, its risk is {}", risk.get());
                return wrong(Invariant::NobodySpeaksUnpaid, what);
            }
        }
        Ok(())
    }

    /// What is held counts on the day in which it begins, after the ledger was asked whether there is room. Unasked counts what has
    /// to be paid anyhow: a first block that was held before midnight and begins after it, and what was spoken at risk.
    pub(super) fn check_counting(&mut self, batch: &Batch, world: &World) -> Checked {
        let call = batch.id.subject;
        let counts = || batch.transfers.iter().filter(|transfer| transfer.code == Code::DailyCap);
        let is_moved = counts().any(|transfer| matches!(transfer.kind, Kind::Post { debit, .. } if is_profile(debit)));
        for transfer in counts() {
            let Kind::Post { credit, amount, .. } = transfer.kind else { continue };
            let (Holder::Profile(profile), Unit::Day(day)) = (credit.holder, credit.unit) else { continue };
            let terms = terms_of(world, profile);
            let is_alert = terms.daily_cap.is_none_or(|cap| cap.action == FraudAction::Alert);
            let is_risk = matches!(terms.credit_failure, CreditFailure::Continue { .. });
            let is_first = is_moved && self.calls.get(&call).is_some_and(|books| books.captured == 0);
            if !is_alert && !is_risk && !is_first {
                let what = format!("{} counts {amount} micros, and the cap was not asked", Audit::name(call));
                return wrong(Invariant::DaysAreWithinTheCap, what);
            }
            *self.unasked.entry((profile, day)).or_default() += amount;
            if is_first && !is_alert {
                self.reach("answered on another day", call);
            }
        }
        self.check_day(batch, world)
    }

    /// Each block counts on the day in which it begins: known where nobody was late and no clock was set.
    fn check_day(&self, batch: &Batch, world: &World) -> Checked {
        let call = batch.id.subject;
        let Some(books) = self.calls.get(&call).filter(|books| !books.had_slow_ledger) else { return Ok(()) };
        for two in batch.transfers.windows(2) {
            let (Kind::PostIfAvailableAtMost { credit, .. }, Kind::Hold { hold, .. }) = (two[0].kind, two[1].kind)
            else {
                continue;
            };
            let (Unit::Day(counted), false) = (credit.unit, hold.is_channel()) else { continue };
            let answered = books.wire.as_ref().and_then(|wire| self.wires.answered(wire));
            let begins = match answered.filter(|_| hold.number > FIRST_S) {
                Some(answered) => answered.wall + Duration::from_secs(u64::from(hold.number - INCREMENT_S)),
                None => batch.at,
            };
            if !(day(begins)..=day(begins + world.lateness_max)).contains(&counted) {
                let what = format!("{}: what begins at {begins} counts on day {counted}", Audit::name(call));
                return wrong(Invariant::DaysAreWithinTheCap, what);
            }
        }
        Ok(())
    }

    /// For each profile with a cap: what counts is what was captured and is held, on the ledger as by what was seen, and no day has
    /// more than the cap. Nobody else counts anything. And no call costs more than it may.
    pub(super) fn check_days(&self, world: &World) -> Checked {
        for (place, customer) in world.customers.iter().enumerate() {
            let Terms { daily_cap, caps, .. } = world.beginning().terms_of(place);
            if daily_cap.is_none() && caps.max_call_cost.is_none() {
                continue;
            }
            let mut days: BTreeMap<u16, i64> = BTreeMap::new();
            for (call, books) in self.calls.iter().chain(&self.elsewhere) {
                if books.profile != Some(customer.profile) {
                    continue;
                }
                let spent = books.captured + books.held();
                if let Some(most) = caps.max_call_cost.filter(|most| spent > most.get() && !is_elsewhere(*call)) {
                    let what = format!("{} costs {spent} micros, {} at most", Audit::name(*call), most.get());
                    return wrong(Invariant::CallsAreWithinTheCaps, what);
                }
                if daily_cap.is_some() && books.counted.values().sum::<i64>() != spent {
                    let (call, counted) = (Audit::name(*call), &books.counted);
                    let what = format!("{call} has {spent} micros captured and held, and {counted:?} count");
                    return wrong(Invariant::DaysAreWithinTheCap, what);
                }
                books.counted.iter().for_each(|(day, amount)| *days.entry(*day).or_default() += amount);
            }
            let known: BTreeSet<u16> = days.keys().copied().collect();
            for day in known {
                let account = Account {
                    company: customer.company,
                    holder: Holder::Profile(customer.profile),
                    unit: Unit::Day(day),
                };
                let (counted, stands) = (days[&day], world.node.ledger().balance(account).posted);
                if counted != stands {
                    let what = format!("{stands} micros stand on day {day} of {}, {counted} were seen", customer.user);
                    return wrong(Invariant::DaysAreWithinTheCap, what);
                }
                let unasked = self.unasked.get(&(customer.profile, day)).copied().unwrap_or_default();
                if let Some(cap) = daily_cap.filter(|cap| cap.action != FraudAction::Alert)
                    && counted > cap.amount.get() + unasked
                {
                    let most = cap.amount.get();
                    let what = format!(
                        "{counted} micros count on day {day} of {}, its cap is {most}; {unasked} were not asked",
                        customer.user
                    );
                    return wrong(Invariant::DaysAreWithinTheCap, what);
                }
            }
        }
        Ok(())
    }
}

/// No carrier is asked for a minute that is dearer than the profile permits.
pub(super) fn check_rate(world: &World, call: &CallSeen) -> Checked {
    let (rate, caps) = (world.rate_per_minute(), terms_of(world, call.profile).caps);
    match caps.max_rate {
        Some(most) if rate > most.get() => {
            let what =
                format!("a carrier is invited for {} at {rate} micros, {most:?} at most", Audit::name(call.id.bits()));
            wrong(Invariant::CallsAreWithinTheCaps, what)
        }
        _ => Ok(()),
    }
}

/// What a record says of a bound that its call came to.
fn bound_of(record: &CallRecord) -> Option<&'static str> {
    match record.refusal.as_deref() {
        Some("max_rate") => Some("too dear a minute"),
        Some("max_call_cost") => Some("too dear a call"),
        _ if record.written_off.is_positive() => Some("written off"),
        _ => None,
    }
}

impl Audit {
    /// Only what was spoken at risk may be written off, and no more than that.
    pub(super) fn check_written_off(&mut self, record: &CallRecord, world: &World) -> Checked {
        bound_of(record).into_iter().for_each(|bound| self.reach(bound, record.id.bits()));
        let most = match terms_of(world, record.profile).credit_failure {
            CreditFailure::Continue { risk, .. } => risk,
            CreditFailure::Terminate | CreditFailure::Retry => Micros::ZERO,
        };
        if record.written_off <= most {
            return Ok(());
        }
        wrong(Invariant::NobodySpeaksUnpaid, format!("{most} may be written off: {record:#?}"))
    }
}
