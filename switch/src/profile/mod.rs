//! One profile as a machine: its channels and its credit, asked for by calls and kept by the ledger.
//!
//! A call's request becomes a batch; the ledger's answer becomes the call's answer. One batch of a call is with the ledger at a
//! time, so that its books are always known; different calls do not wait for each other. Prices are `rating`'s and the calls'
//! own; balances are the ledger's, and nothing is counted twice.
//!
//! **When credit runs out**, calls that ring are left alone (field lesson 4 asks to end those that can no longer start): each of
//! them holds its first block already, so each can start, and ends at the end of what it can pay. Calls that hold nothing are
//! refused before any carrier hears of them, so there is none that rings and cannot start.

mod answers;
mod batches;
mod books;
mod recharge;
mod request;

pub use recharge::RECHARGES_PER_HOUR_MAX;
pub use request::{Ask, Effect, Event, Held, Papers, Posting, Request};

use crate::call;
use crate::directory::{AutoRecharge, Directory};
use batches::Terms;
use books::{Accounts, Books, Draft, Posted};
use domain::call_record::CallRecord;
use domain::credit::{BatchId, Kind, Outcome, RefusedBecause, Unit};
use domain::fact::RechargeOutcome;
use domain::refusal::RefusalKind;
use domain::{CallId, Currency, Fact, Machine, Micros, Monotonic, Now, ProfileId, Refusal};
use recharge::Recharging;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Calls of one profile at most whose books are open: 300 that are up (C2), and many more that are being refused.
pub const CALLS_MAX: usize = 1_024;
/// Calls whose end is still remembered, so that a settlement asked for twice is answered twice and done once.
const SETTLED_MAX: usize = 64;
/// A batch without answer is submitted again after this time; the ledger knows it by its id.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Channels and credit of one profile.
#[derive(Debug)]
pub struct Profile {
    id: ProfileId,
    directory: Arc<Directory>,
    /// At most [`CALLS_MAX`] of calls that were reserved, and as many that are only to be settled.
    calls: BTreeMap<CallId, Books>,
    /// The last calls whose books were closed: amount and billed seconds.
    settled: VecDeque<(CallId, Micros, u32)>,
    recharge: Recharging,
    /// When to look for batches without answer; armed while there may be one.
    sweep_at: Option<Monotonic>,
}

impl Profile {
    /// The machine of this profile, with no call known. It reads the profile from `directory`, also after it is swapped.
    pub fn new(id: ProfileId, directory: Arc<Directory>) -> Profile {
        let (calls, settled, recharge) = (BTreeMap::new(), VecDeque::new(), Recharging::default());
        Profile { id, directory, calls, settled, recharge, sweep_at: None }
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
        match self.calls.get_mut(&call) {
            Some(books) if books.knows(request.number) => return,
            Some(books) => books.enqueue(request),
            None => self.on_first_request(request, now, effects),
        }
        self.proceed(call, now, effects);
    }

    fn on_first_request(&mut self, request: Request, now: Now, effects: &mut Vec<Effect>) {
        let call = request.call;
        let books = match &request.ask {
            Ask::Reserve { opened, .. } => match self.check_reservation() {
                Ok(()) => Books::open(call, accounts_of(opened)),
                Err(refusal) => {
                    return effects.push(Effect::TellCall(call, call::Event::ReservationRefused(refusal)));
                }
            },
            Ask::Settle { held, record, .. } => match self.settled.iter().find(|(settled, ..)| *settled == call) {
                Some((_, amount, billed_s)) => {
                    let (amount, billed_s) = (*amount, *billed_s);
                    return effects.push(Effect::TellCall(call, call::Event::Settled { amount, billed_s }));
                }
                None => Books::reopen(call, accounts_of(record), *held),
            },
            // Its books are lost with an earlier machine. The call ends, and settles with what it remembers itself.
            Ask::Charge { sequence, .. } => {
                return effects.push(Effect::TellCall(call, call::Event::ChargeRefused { sequence: *sequence }));
            }
            Ask::Extend { .. } => return,
        };
        if self.calls.len() >= 2 * CALLS_MAX {
            return self.settle_unwatched(books, request, now, effects);
        }
        let books = self.calls.entry(call).or_insert(books);
        books.enqueue(request);
    }

    /// No room to remember it: the batch goes to the ledger, and the call hears at once that it did.
    fn settle_unwatched(&mut self, books: Books, request: Request, now: Now, effects: &mut Vec<Effect>) {
        let call = request.call;
        let posting = batches::posting(&books, &Draft::new(request), self.terms(now));
        let (amount, billed_s) = match &posting.papers {
            Papers::Ended(record) => (record.amount, record.billed_s),
            Papers::Opened(_) | Papers::None => (books.captured, books.captured_s),
        };
        effects.push(Effect::Submit(posting));
        effects.push(Effect::TellCall(call, call::Event::Settled { amount, billed_s }));
    }

    fn check_reservation(&self) -> Result<(), Refusal> {
        match self.directory.profile(self.id) {
            Some(profile) if profile.active => {}
            Some(_) | None => return Err(RefusalKind::ProfileInactive.into()),
        }
        if self.calls.len() >= CALLS_MAX {
            let retry_after_s = self.directory.settings().retry_after_s;
            return Err(Refusal::new(RefusalKind::Overloaded).retry_after_s(retry_after_s));
        }
        Ok(())
    }

    /// Turns the next request of a call into a batch, if the ledger has none of it.
    fn proceed(&mut self, call: CallId, now: Now, effects: &mut Vec<Effect>) {
        if let Some(request) = self.calls.get_mut(&call).and_then(Books::next_request) {
            self.submit(call, Draft::new(request), now, effects);
        }
    }

    fn submit(&mut self, call: CallId, draft: Draft, now: Now, effects: &mut Vec<Effect>) {
        let terms = self.terms(now);
        let Some(books) = self.calls.get_mut(&call) else { return };
        let posting = batches::posting(books, &draft, terms);
        effects.push(Effect::Submit(posting.clone()));
        books.posted = Some(Posted { draft, posting, asked_at: now.monotonic });
        self.arm_sweep(now);
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

/// A recharge by itself, and what machine and ledger need of each other besides.
impl Profile {
    /// Recharges where this little is available (K6), unless that is on its way already.
    fn recharge_where_low(&mut self, accounts: Accounts, available: Micros, now: Now, effects: &mut Vec<Effect>) {
        let Some(auto) = self.auto_recharge().filter(|auto| available <= auto.threshold) else { return };
        if self.recharge.is_allowed(now) {
            self.post_recharge(accounts, auto, now, effects);
        }
    }

    fn post_recharge(&mut self, accounts: Accounts, auto: AutoRecharge, now: Now, effects: &mut Vec<Effect>) {
        effects.extend(self.recharge.post(accounts, auto, now).map(Effect::Submit));
        self.arm_sweep(now);
    }

    fn on_recharge_answered(&mut self, batch: BatchId, outcome: Outcome, now: Now, effects: &mut Vec<Effect>) {
        let Some((posting, _)) = self.recharge.posted.take_if(|(posting, _)| posting.batch.id == batch) else { return };
        let applied = match answers::first_outcome(outcome) {
            Outcome::Unavailable => {
                self.recharge.posted = Some((posting, now.monotonic));
                return self.arm_sweep(now);
            }
            Outcome::Applied(balances) => {
                self.recharge.succeed(now);
                self.say_recharged(RechargeOutcome::Ok, &posting, effects);
                // Still at the threshold: once more.
                self.watch(self.accounts(), &balances, now, effects);
                true
            }
            Outcome::Refused(refusal) => {
                if matches!(refusal.because, RefusedBecause::InsufficientFunds { .. }) {
                    self.recharge.fail(now);
                    self.say_recharged(RechargeOutcome::CompanyEmpty, &posting, effects);
                } else {
                    // Somebody else was faster, and the profile has enough.
                    self.recharge.forgive();
                }
                false
            }
            Outcome::Replayed(_) => return,
        };
        self.say_posted(&posting, applied, effects);
    }

    /// A recharge that failed is tried again at once; where enough is available by now, the ledger refuses it.
    fn on_company_topped_up(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !self.recharge.is_owed() {
            return;
        }
        self.recharge.forgive();
        if let (Some(accounts), Some(auto)) = (self.accounts(), self.auto_recharge())
            && self.recharge.is_allowed(now)
        {
            self.post_recharge(accounts, auto, now, effects);
        }
    }

    /// Whether a recharge may stand in front of this draft's batch.
    fn may_link(&mut self, draft: &Draft, now: Now) -> bool {
        batches::needed(&draft.request).is_some() && self.auto_recharge().is_some() && self.recharge.is_allowed(now)
    }

    /// Asks again whatever the ledger has not answered for too long; it knows each batch by its id.
    fn on_sweep(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let is_overdue = |asked_at: Monotonic| asked_at + ASK_AGAIN_AFTER <= now.monotonic;
        let posted = self.calls.values_mut().filter_map(|books| books.posted.as_mut());
        let waiting = posted.map(|posted| (&posted.posting, &mut posted.asked_at));
        let recharge = self.recharge.posted.as_mut().map(|(posting, asked_at)| (&*posting, asked_at));
        let mut next: Option<Monotonic> = None;
        for (posting, asked_at) in waiting.chain(recharge) {
            if is_overdue(*asked_at) {
                *asked_at = now.monotonic;
                effects.push(Effect::Submit(posting.clone()));
            }
            let due = *asked_at + ASK_AGAIN_AFTER;
            next = Some(next.map_or(due, |next| next.min(due)));
        }
        self.sweep_at = next;
    }

    fn arm_sweep(&mut self, now: Now) {
        self.sweep_at.get_or_insert(now.monotonic + ASK_AGAIN_AFTER);
    }

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
        }
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

    fn say_recharged(&self, outcome: RechargeOutcome, posting: &Posting, effects: &mut Vec<Effect>) {
        if let Some(Kind::PostIfAvailableAtMost { amount, .. }) =
            posting.batch.transfers.first().map(|first| first.kind)
        {
            let (profile, amount) = (self.id, Micros::new(amount));
            effects.push(Effect::Tell(Fact::AutoRecharged { profile, outcome, amount }));
        }
    }

    fn say_posted(&self, posting: &Posting, applied: bool, effects: &mut Vec<Effect>) {
        let Some(first) = posting.batch.transfers.first() else { return };
        let Some(currency) = currency_of(posting).or_else(|| self.accounts().map(|accounts| accounts.currency)) else {
            return;
        };
        let amount = if applied { moved(posting) } else { Micros::ZERO };
        effects.push(Effect::Tell(Fact::LedgerPosted { code: first.code, applied, amount, currency }));
    }
}

/// The money that a batch moves by posts and captures; channels are only ever held.
fn moved(posting: &Posting) -> Micros {
    let amount = |kind: Kind| match kind {
        Kind::Post { amount, .. } | Kind::PostIfAvailableAtMost { amount, .. } | Kind::Capture { amount, .. } => amount,
        Kind::Hold { .. } | Kind::Release { .. } | Kind::Extend { .. } => 0,
    };
    posting.batch.transfers.iter().map(|transfer| Micros::new(amount(transfer.kind))).sum()
}

/// The currency that a batch names, where it names one.
fn currency_of(posting: &Posting) -> Option<Currency> {
    posting.batch.transfers.iter().find_map(|transfer| match transfer.kind {
        Kind::Post { debit, .. } | Kind::PostIfAvailableAtMost { debit, .. } | Kind::Hold { debit, .. } => {
            match debit.unit {
                Unit::Money(currency) => Some(currency),
                Unit::BundleSeconds | Unit::Channels => None,
            }
        }
        Kind::Capture { .. } | Kind::Release { .. } | Kind::Extend { .. } => None,
    })
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
            Event::DirectorySwapped(directory) => self.directory = directory,
            Event::CompanyToppedUp => self.on_company_topped_up(now, effects),
        }
    }

    fn deadline(&self) -> Option<Monotonic> {
        self.sweep_at.into_iter().chain(self.recharge.forgets_at()).min()
    }

    fn expire(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.sweep_at.is_some_and(|at| at <= now.monotonic) {
            self.on_sweep(now, effects);
        }
        self.recharge.forget(now);
    }

    /// Without calls, and without a recharge that is under way, owed, or to be counted.
    fn is_finished(&self) -> bool {
        self.calls.is_empty() && self.recharge.is_idle()
    }
}
