//! What a profile does by the clock: asks again what the ledger has not answered, and closes the books of calls that were lost.
//!
//! What is asked, and what answers mean, is decided elsewhere.

use super::Profile;
use super::books::Books;
use super::request::{Ask, Effect, Held, Request};
use domain::{CallId, Fact, Micros, Monotonic, Now, ReleaseCause};
use std::sync::Arc;
use std::time::Duration;

/// After the ledger has said that it cannot answer, the same batch is submitted again; it knows the batch by its id.
pub(super) const UNAVAILABLE_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// The same where it has said nothing at all. Much longer than any ledger takes: what it has refused it may forget, and a
/// second copy of a refused reservation that is still on its way then would be judged anew.
pub(super) const UNANSWERED_AGAIN_AFTER: Duration = Duration::from_secs(10);
/// Beyond its lease a call is given this long to be heard of, as other nodes give it (design 5, point 7).
const LEASE_GRACE: Duration = Duration::from_secs(5);

/// What a profile waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// Some batch may be due to be asked again.
    Sweep,
    /// Some call may be lost.
    Audit,
    /// Some call on its final unit is about to end.
    LastAsk,
}

impl Profile {
    /// Asks again whatever the ledger has not answered for too long.
    pub(super) fn on_sweep(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let posted = self.calls.values_mut().filter_map(|books| books.posted.as_mut());
        let waiting = posted.map(|posted| (&posted.posting, &mut posted.again_at));
        let recharge = self.recharge.posted.as_mut().map(|(posting, again_at)| (&*posting, again_at));
        let mut next: Option<Monotonic> = None;
        for (posting, again_at) in waiting.chain(recharge) {
            if *again_at <= now.monotonic {
                *again_at = now.monotonic + UNANSWERED_AGAIN_AFTER;
                effects.push(Effect::Submit(posting.clone()));
            }
            next = Some(next.map_or(*again_at, |next| next.min(*again_at)));
        }
        if let Some(next) = next {
            self.timers.arm(Timer::Sweep, next);
        }
    }

    /// A sweep at this instant at the latest.
    pub(super) fn arm_sweep(&mut self, at: Monotonic) {
        self.arm(Timer::Sweep, at);
    }

    /// A timer is due at this instant at the latest.
    pub(super) fn arm(&mut self, timer: Timer, at: Monotonic) {
        if self.timers.due(timer).is_none_or(|due| due > at) {
            self.timers.arm(timer, at);
        }
    }

    /// Closes the books of calls that are not heard of any more: each living call extends its lease, so these were lost with
    /// their runner. They pay what was captured, and everything else is given back.
    pub(super) fn on_audit(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let patience = self.directory.settings().channel_lease + LEASE_GRACE;
        let is_lost = |books: &Books| books.is_quiet() && books.heard_at + patience <= now.monotonic;
        let lost: Vec<CallId> = self.calls.values().filter(|books| is_lost(books)).map(|books| books.call).collect();
        for call in lost {
            self.on_call_lost(call, now, effects);
        }
        self.arm_audit(now);
    }

    /// While there are calls, one look in the time of a lease.
    pub(super) fn arm_audit(&mut self, now: Now) {
        if !self.calls.is_empty() && self.timers.due(Timer::Audit).is_none() {
            self.timers.arm(Timer::Audit, now.monotonic + self.directory.settings().channel_lease);
        }
    }

    fn on_call_lost(&mut self, call: CallId, now: Now, effects: &mut Vec<Effect>) {
        let Some(books) = self.calls.get_mut(&call) else { return };
        let Some(mut opened) = books.opened.take() else {
            // An earlier machine had its record, and is lost as well: its holds are left to their leases.
            let lost = self.calls.remove(&call);
            self.earmarked -= lost.as_ref().map_or(Micros::ZERO, |books| books.earmarked);
            lost.and_then(|books| books.tariff).into_iter().for_each(|tariff| self.pace.leave(tariff));
            return;
        };
        let talked = Duration::from_secs(u64::from(books.captured_s));
        let record = Arc::make_mut(&mut opened);
        record.cause = ReleaseCause::InternalError;
        record.ended_at = now.wall;
        record.talked_ms = if record.answered_at.is_some() { u64::from(books.captured_s) * 1_000 } else { 0 };
        effects.push(Effect::Tell(Fact::CallEnded {
            call,
            profile: self.id,
            direction: record.direction,
            cause: record.cause,
            refusal: None,
            status: record.status,
            talked: record.answered_at.map(|_| talked),
            amount: books.captured,
            currency: record.currency,
            sip_call_id: record.sip_call_id.as_str().into(),
            called_sip_call_id: None,
        }));
        let ask = Ask::Settle { owed_s: books.captured_s, record: opened };
        books.enqueue(Request { call, number: books.next_number(), held: Held::default(), ask }, now);
        self.proceed(call, now, effects);
    }
}
