//! One profile as a machine: its channels and its credit, asked for by calls and kept by the ledger.
//!
//! A call's request becomes a batch; the ledger's answer becomes the call's answer. One batch of a call is with the ledger at a
//! time, so that its books are always known; different calls do not wait for each other. Prices are `rating`'s and the calls'
//! own; balances are the ledger's, and nothing is counted twice.
//!
//! **When credit runs out**, calls that ring are left alone: each of them holds its first block already, so each can start, and ends
//! at the end of what it can pay. One that cannot start any more, because its hold is gone and the money too, is ended (field lesson
//! 4). Calls that talk are on their final unit, and are prolonged as soon as there is money again (`sharing`).

mod answers;
mod batches;
mod books;
mod counting;
mod foreseeing;
mod guarding;
mod recharge;
mod request;
mod risk;
mod sharing;
mod upkeep;

pub use foreseeing::seconds_left;
pub use recharge::{LOW_CREDIT, RECHARGES_PER_HOUR_MAX};
pub use request::{Ask, Effect, Event, Held, Papers, Posting, Request};

use crate::call;
use crate::directory::{AutoRecharge, Directory};
use crate::fraud::Watch;
use crate::overload::{RETRY_AFTER_RATE_S, Window};
use batches::Terms;
use books::{Accounts, Books, Draft, Posted};
use counting::Known;
use domain::call_record::{CallDirection, CallRecord};
use domain::credit::{BatchId, Outcome};
use domain::refusal::RefusalKind;
use domain::{CallId, Machine, Micros, Monotonic, Now, ProfileId, Refusal, TimerTable, WarnBefore};
use foreseeing::Pace;
use recharge::Recharging;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use upkeep::{Timer, UNANSWERED_AGAIN_AFTER};

/// Calls of one profile at most whose books are open: 300 that are up (C2), and many more that are being refused.
pub const CALLS_MAX: usize = 1_024;
/// Calls whose end is still remembered, so that a settlement asked for twice is answered twice and done once.
const SETTLED_MAX: usize = 64;
/// Channels and credit of one profile. A copy is for [`crate::rehearsal`].
#[derive(Clone, Debug)]
pub struct Profile {
    id: ProfileId,
    directory: Arc<Directory>,
    /// At most [`CALLS_MAX`] of calls that were reserved, and as many that are only to be settled.
    calls: BTreeMap<CallId, Books>,
    /// The last calls whose books were closed: amount and billed seconds.
    settled: VecDeque<(CallId, Micros, u32)>,
    recharge: Recharging,
    /// What the ledger said last that is available; none where that is not known.
    available: Option<Micros>,
    /// Whether it was told that this is little.
    is_low: bool,
    /// Whether some call may be on its final unit.
    has_starving: bool,
    /// What the calls that talk cost together.
    pace: Pace,
    /// Whether some call may have been told when it ends.
    has_foreseen: bool,
    /// Calls of its PBX that were let in during the last second.
    window: Window,
    /// What its calls hold, and have asked for.
    earmarked: Micros,
    /// What is known to count against the cap of a day, of the last even and the last odd one.
    known: [Option<Known>; 2],
    watch: Watch,
    timers: TimerTable<Timer>,
}

impl Profile {
    /// The machine of this profile, with no call known. It reads the profile from `directory`, also after it is swapped.
    pub fn new(id: ProfileId, directory: Arc<Directory>) -> Profile {
        let (calls, settled, recharge) = (BTreeMap::new(), VecDeque::new(), Recharging::default());
        Profile {
            id,
            directory,
            calls,
            settled,
            recharge,
            available: None,
            is_low: false,
            has_starving: false,
            pace: Pace::default(),
            has_foreseen: false,
            window: Window::default(),
            earmarked: Micros::ZERO,
            known: [None; 2],
            watch: Watch::default(),
            timers: TimerTable::new(),
        }
    }

    /// Which profile.
    pub fn id(&self) -> ProfileId {
        self.id
    }

    /// Calls that it knows: live ones and those whose books are still open.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// Channels that its calls hold here.
    pub fn channels_in_use(&self) -> usize {
        self.calls.values().filter(|books| matches!(books.channel, books::Channel::Held(_))).count()
    }

    fn on_requested(&mut self, request: Request, now: Now, effects: &mut Vec<Effect>) {
        let call = request.call;
        if let Ask::Continue { sequence, next } = request.ask {
            return self.on_plea(call, sequence, next, now, effects);
        }
        match self.calls.get_mut(&call) {
            Some(books) if books.knows(request.number) => return,
            Some(books) => {
                books.learn_tariff(&request.ask, &mut self.pace);
                books.enqueue(request, now);
            }
            None => self.on_first_request(request, now, effects),
        }
        self.proceed(call, now, effects);
    }

    fn on_first_request(&mut self, request: Request, now: Now, effects: &mut Vec<Effect>) {
        let call = request.call;
        let books = match &request.ask {
            Ask::Reserve { first, opened, source } => match self
                .check_reservation(opened.direction, now)
                .and_then(|()| self.check_fraud(*first, opened, *source, now, effects))
            {
                Ok(()) => Books::open(call, accounts_of(opened)),
                Err(refusal) => {
                    return effects.push(Effect::TellCall(call, call::Event::ReservationRefused(refusal)));
                }
            },
            Ask::Settle { record, .. } => match self.settled.iter().find(|(settled, ..)| *settled == call) {
                Some((_, amount, billed_s)) => {
                    let (amount, billed_s) = (*amount, *billed_s);
                    return effects.push(Effect::TellCall(call, call::Event::Settled { amount, billed_s }));
                }
                None => Books::reopen(call, accounts_of(record), request.held),
            },
            // A plea is answered before.
            Ask::Continue { .. } => return,
            Ask::Charge { .. } | Ask::Extend { .. } => match self.accounts() {
                Some(accounts) => Books::reopen(call, accounts, request.held),
                None => return,
            },
        };
        if self.calls.len() >= 2 * CALLS_MAX {
            return self.settle_unwatched(books, request, now, effects);
        }
        let books = self.calls.entry(call).or_insert(books);
        books.learn_tariff(&request.ask, &mut self.pace);
        books.enqueue(request, now);
        self.arm_audit(now);
    }

    /// No room to remember it: the batch goes to the ledger, and the call hears at once that it did.
    fn settle_unwatched(&mut self, books: Books, request: Request, now: Now, effects: &mut Vec<Effect>) {
        let call = request.call;
        let posting = batches::posting(&books, &Draft::new(request, now.wall), self.terms(now));
        let (amount, billed_s) = match &posting.papers {
            Papers::Ended(record) => (record.amount, record.billed_s),
            Papers::Opened(_) | Papers::None => (books.captured, books.captured_s),
        };
        effects.push(Effect::Submit(posting));
        effects.push(Effect::TellCall(call, call::Event::Settled { amount, billed_s }));
    }

    /// What is refused before the ledger is asked. The calls of a carrier are not counted by the second: what one PBX may is no
    /// failure of the trunk that they come by, and every one of them needs a channel.
    fn check_reservation(&mut self, direction: CallDirection, now: Now) -> Result<(), Refusal> {
        let calls_per_second = match self.directory.profile(self.id) {
            Some(profile) if profile.active => profile.calls_per_second,
            Some(_) | None => return Err(RefusalKind::ProfileInactive.into()),
        };
        if self.calls.len() >= CALLS_MAX {
            let retry_after_s = self.directory.settings().retry_after_s;
            return Err(Refusal::new(RefusalKind::Overloaded).retry_after_s(retry_after_s));
        }
        let limit = calls_per_second.filter(|_| direction == CallDirection::Outbound);
        match limit.is_none_or(|limit| self.window.enter(limit, now.monotonic)) {
            true => Ok(()),
            false => Err(Refusal::new(RefusalKind::ProfileCpsExceeded).retry_after_s(RETRY_AFTER_RATE_S)),
        }
    }

    /// Turns the next request of a call into a batch, if the ledger has none of it.
    fn proceed(&mut self, call: CallId, now: Now, effects: &mut Vec<Effect>) {
        if let Some(draft) = self.calls.get_mut(&call).and_then(Books::next_draft) {
            self.submit(call, draft, now, effects);
        }
    }

    fn submit(&mut self, call: CallId, mut draft: Draft, now: Now, effects: &mut Vec<Effect>) {
        let mut terms = self.terms(now);
        (terms.counting, draft.day) = self.counting(&draft, now);
        let Some(books) = self.calls.get_mut(&call) else { return };
        let posting = batches::posting(books, &draft, terms);
        effects.push(Effect::Submit(posting.clone()));
        let again_at = now.monotonic + UNANSWERED_AGAIN_AFTER;
        books.posted = Some(Posted { draft, posting, again_at });
        self.earmark(call);
        self.arm_sweep(again_at);
    }

    fn on_ledger_answered(&mut self, batch: BatchId, outcome: Outcome, now: Now, effects: &mut Vec<Effect>) {
        if batch.subject == self.id.bits() {
            return self.on_recharge_answered(batch, outcome, now, effects);
        }
        let call = CallId::from_bits(batch.subject);
        let awaited = self.calls.get(&call).and_then(|books| books.posted.as_ref());
        if awaited.is_some_and(|posted| posted.posting.batch.id == batch) {
            self.on_call_answered(call, outcome, now, effects);
        }
    }
}

/// What the parts of the machine need of each other.
impl Profile {
    fn remember(&mut self, call: CallId, amount: Micros, billed_s: u32) {
        if self.settled.len() == SETTLED_MAX {
            self.settled.pop_front();
        }
        self.settled.push_back((call, amount, billed_s));
    }

    fn terms(&self, now: Now) -> Terms {
        Terms {
            at: now.wall,
            until: now.wall + self.directory.settings().channel_lease,
            recharge: self.auto_recharge(),
            counting: None,
        }
    }

    /// When callers of this profile are warned.
    fn warn_before(&self) -> WarnBefore {
        self.directory.warn_before(self.id)
    }

    fn auto_recharge(&self) -> Option<AutoRecharge> {
        let auto = self.directory.profile(self.id)?.auto_recharge?;
        auto.amount.is_positive().then_some(auto)
    }

    /// The profile's accounts as the directory has them now.
    fn accounts(&self) -> Option<Accounts> {
        let profile = self.directory.profile(self.id)?;
        let company = self.directory.company(profile.company)?;
        Some(Accounts { company: company.id, profile: self.id, currency: company.currency })
    }

    fn ledger_away(&self) -> Refusal {
        Refusal::new(RefusalKind::LedgerUnavailable).retry_after_s(self.directory.settings().retry_after_s)
    }
}

fn accounts_of(record: &CallRecord) -> Accounts {
    Accounts { company: record.company, profile: record.profile, currency: record.currency }
}

impl Machine for Profile {
    type Event = Event;
    type Effect = Effect;

    fn handle(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        match event {
            Event::Requested(request) => self.on_requested(*request, now, effects),
            Event::LedgerAnswered { batch, outcome } => self.on_ledger_answered(batch, outcome, now, effects),
            Event::DirectorySwapped(directory) => self.on_directory_swapped(directory, now, effects),
            Event::CompanyToppedUp => self.on_company_topped_up(now, effects),
            Event::CreditAdded => self.on_credit_added(now, effects),
            Event::RegisteredFrom(source) => self.on_registered_from(source, now, effects),
            Event::Recalled(memory) => self.on_recalled(&memory, now),
        }
    }

    fn deadline(&self) -> Option<Monotonic> {
        self.timers.deadline().into_iter().chain(self.recharge.forgets_at()).min()
    }

    fn expire(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while let Some(timer) = self.timers.pop_due(now.monotonic) {
            match timer {
                Timer::Sweep => self.on_sweep(now, effects),
                Timer::Audit => self.on_audit(now, effects),
                Timer::LastAsk => self.on_last_ask(now, effects),
            }
        }
        self.recharge.forget(now);
    }

    /// Without calls, and without a recharge that is under way, owed, or to be counted.
    fn is_finished(&self) -> bool {
        self.calls.is_empty() && self.recharge.is_idle()
    }
}
