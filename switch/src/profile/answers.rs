//! What the ledger's answer to a call's batch means: told to the call, tried once more in another way, or final.
//!
//! Batches are made in `batches`; recharges by themselves are answered in the parent.

use super::Profile;
use super::batches::{self, ATTEMPTS_MAX};
use super::books::{Accounts, Books, Channel, Draft, HeldBlock, Link, Part, Posted};
use super::request::{Ask, Effect, Posting};
use super::upkeep::UNAVAILABLE_AGAIN_AFTER;
use crate::call;
use domain::call_record::CallDirection;
use domain::credit::{Account, Balance, BatchRefusal, Code, Kind, Outcome, RefusedBecause};
use domain::fact::RechargeOutcome;
use domain::refusal::RefusalKind;
use domain::{CallId, Fact, Micros, Now, Refusal};
use std::sync::Arc;

impl Profile {
    /// The ledger answered the batch that it has of this call.
    pub(super) fn on_call_answered(&mut self, call: CallId, outcome: Outcome, now: Now, effects: &mut Vec<Effect>) {
        let Some(posted) = self.calls.get_mut(&call).and_then(|books| books.posted.take()) else { return };
        match first_outcome(outcome) {
            Outcome::Unavailable => self.on_unavailable(call, posted, now, effects),
            Outcome::Applied(balances) => {
                let accounts = self.calls.get_mut(&call).map(|books| {
                    books.available = available(books.accounts, &balances);
                    books.accounts
                });
                self.hear_counted(&balances, now, effects);
                self.on_applied(call, posted, now, effects);
                self.earmark(call);
                self.watch_balance(accounts, &balances, now, effects);
                self.proceed(call, now, effects);
                self.feed(now, effects);
                self.foresee(now, effects);
            }
            Outcome::Refused(refusal) => {
                let Posted { mut draft, posting, .. } = posted;
                draft.attempt += 1;
                self.on_refused(call, draft, &posting, refusal, now, effects);
                self.earmark(call);
                self.proceed(call, now, effects);
                self.feed(now, effects);
                self.foresee(now, effects);
            }
            Outcome::Replayed(_) => {}
        }
    }

    /// Nothing is known to be done: the same is asked again later. A caller does not wait for that; a call that is up speaks on
    /// for what was granted (design 5, point 8).
    fn on_unavailable(&mut self, call: CallId, mut posted: Posted, now: Now, effects: &mut Vec<Effect>) {
        if matches!(posted.draft.request.ask, Ask::Reserve { .. }) && !posted.draft.told {
            posted.draft.told = true;
            let refusal = self.ledger_away();
            effects.push(Effect::TellCall(call, call::Event::ReservationRefused(refusal)));
        }
        self.tell_unanswered(call, &mut posted, effects);
        posted.again_at = now.monotonic + UNAVAILABLE_AGAIN_AFTER;
        self.arm_sweep(posted.again_at);
        if let Some(books) = self.calls.get_mut(&call) {
            books.posted = Some(posted);
        }
    }

    fn on_applied(&mut self, call: CallId, posted: Posted, now: Now, effects: &mut Vec<Effect>) {
        let Posted { draft, posting, .. } = posted;
        if draft.link == Link::Linked {
            self.recharge.succeed(now);
            self.say_recharged(RechargeOutcome::Ok, &posting, effects);
            self.forget_warnings(effects);
        }
        let Some(books) = self.calls.get_mut(&call) else { return };
        match &draft.request.ask {
            Ask::Reserve { first, .. } => {
                books.channel = Channel::Held(Channel::FIRST);
                books.block = first.map(|block| HeldBlock { block, lapsed: false, day: draft.day });
                if !draft.told {
                    effects.push(Effect::TellCall(call, call::Event::Reserved));
                }
            }
            Ask::Charge { sequence, begins, next, .. } => {
                books.retake_channel();
                // What an earlier charge still wanted held has begun by now, at risk: it is paid by this one.
                books.starving = None;
                let before = books.captured;
                if draft.part != Part::Next {
                    match draft.collect {
                        Some(part) => books.write_off(*begins, part, effects),
                        None => books.capture(*begins, effects),
                    }
                    books.cover(*begins, effects);
                }
                let held = next.filter(|_| draft.part != Part::Final);
                held.into_iter().for_each(|block| books.cover(block, effects));
                books.block = held.map(|block| HeldBlock { block, lapsed: false, day: draft.day });
                let (sequence, captured) = (*sequence, books.captured);
                let event = if !draft.told || (draft.part == Part::Next && !books.is_given_up) {
                    call::Event::ChargeGranted { sequence, captured }
                } else {
                    call::Event::FinalUnitPaid { captured }
                };
                effects.push(Effect::TellCall(call, event));
                let spent = books.captured - before;
                if draft.part == Part::Final && draft.collect.is_none() {
                    self.starve(call, Draft { attempt: draft.attempt + 1, ..draft });
                }
                self.earmark(call);
                self.spent(spent, before, now, effects);
            }
            Ask::Extend { .. } => books.retake_channel(),
            Ask::Continue { .. } => {}
            Ask::Settle { owed_s, .. } => {
                let before = books.captured;
                if let Some(block) = batches::begun_unpaid(books, *owed_s) {
                    books.capture(block, effects);
                }
                let spent = books.captured - before;
                self.close(call, effects);
                self.spent(spent, before, now, effects);
            }
        }
    }

    fn on_refused(
        &mut self,
        call: CallId,
        draft: Draft,
        posting: &Posting,
        refusal: BatchRefusal,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        if draft.attempt >= ATTEMPTS_MAX {
            return self.give_up(call, draft, self.ledger_away(), now, effects);
        }
        match refusal.because {
            RefusedBecause::HoldNotOpen => self.on_lapsed(call, draft, posting, refusal, now, effects),
            RefusedBecause::InsufficientFunds { account, available } => {
                let short = Short { account, available: Micros::new(available), transfer: refusal.transfer };
                self.on_short(call, draft, posting, short, now, effects);
            }
            RefusedBecause::AboveLimit if is_of_the_cap(posting, refusal) => self.on_capped(call, draft, now, effects),
            // Somebody recharged in the meantime: without it, then.
            RefusedBecause::AboveLimit => self.submit(call, Draft { link: Link::Tried, ..draft }, now, effects),
            // An earlier machine of this profile used the id: the next one is free.
            RefusedBecause::DifferentBody => self.submit(call, draft, now, effects),
            RefusedBecause::TooLarge
            | RefusedBecause::ForeignAccount
            | RefusedBecause::MismatchedAccounts
            | RefusedBecause::NegativeAmount
            | RefusedBecause::HoldExists
            | RefusedBecause::CaptureExceedsHold
            | RefusedBecause::Overflow => self.give_up(call, draft, self.ledger_away(), now, effects),
        }
    }

    /// A hold of a living call was closed by another node: it is taken again, or what it was for is posted.
    fn on_lapsed(
        &mut self,
        call: CallId,
        draft: Draft,
        posting: &Posting,
        refusal: BatchRefusal,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let learnt = self.calls.get_mut(&call).is_some_and(|books| books.lapse(&draft, posting, refusal));
        self.cancel_unpayable_starts(effects);
        if learnt {
            self.submit(call, draft, now, effects);
        } else {
            self.give_up(call, draft, self.ledger_away(), now, effects);
        }
    }

    /// Less is available than is needed.
    fn on_short(
        &mut self,
        call: CallId,
        mut draft: Draft,
        posting: &Posting,
        short: Short,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let Some((accounts, is_ending)) = self.calls.get(&call).map(|books| (books.accounts, books.is_ending())) else {
            return;
        };
        if short.account == accounts.channels() {
            return self.on_channel_taken(call, draft, now, effects);
        }
        if short.account == accounts.money() {
            // Only the first refusal says what there is: later ones count the recharge in.
            draft.available.get_or_insert(short.available);
            self.available = Some(short.available);
        }
        if short.account == accounts.company_money() {
            self.recharge.fail(now);
            self.say_recharged(RechargeOutcome::CompanyEmpty, posting, effects);
        } else if draft.link == Link::Untried && !is_ending && self.may_link(&draft, now) {
            return self.submit(call, Draft { link: Link::Linked, ..draft }, now, effects);
        }
        let transfer = posting.batch.transfers.get(short.transfer).map(|transfer| transfer.kind);
        let is_post = matches!(transfer, Some(Kind::Post { .. }));
        match draft.request.ask {
            Ask::Reserve { .. } => {
                let refusal = short_of_credit(&draft);
                self.give_up(call, draft, refusal, now, effects);
            }
            // What has begun had lapsed, and there is nothing left to pay it with.
            Ask::Charge { begins, .. } if is_post && self.is_risked(call, begins) => {
                self.collect(call, draft, begins, short.available, now, effects);
            }
            Ask::Charge { .. } | Ask::Settle { .. } if is_post => self.on_unpayable(call, draft, now, effects),
            // It stays on its final unit.
            Ask::Charge { .. } if draft.part == Part::Next => self.starve(call, draft),
            Ask::Charge { .. } => self.on_exhausted(call, draft, now, effects),
            Ask::Continue { .. } | Ask::Extend { .. } | Ask::Settle { .. } => {
                self.give_up(call, draft, self.ledger_away(), now, effects);
            }
        }
    }

    /// No channel is free. A living call whose channel had lapsed goes on without one.
    fn on_channel_taken(&mut self, call: CallId, draft: Draft, now: Now, effects: &mut Vec<Effect>) {
        if let Ask::Reserve { opened, .. } = &draft.request.ask {
            let refusal = self.channels_full(opened.direction);
            return self.give_up(call, draft, refusal, now, effects);
        }
        if let Some(books) = self.calls.get_mut(&call) {
            books.channel = Channel::None;
        }
        self.submit(call, draft, now, effects);
    }

    /// The final unit (R8): what begins is captured all the same, and nothing is held after it.
    fn on_exhausted(&mut self, call: CallId, mut draft: Draft, now: Now, effects: &mut Vec<Effect>) {
        tell_exhausted(call, &mut draft, effects);
        self.submit(call, Draft { part: Part::Final, link: Link::Tried, ..draft }, now, effects);
        self.cancel_unpayable_starts(effects);
    }

    fn on_unpayable(&mut self, call: CallId, mut draft: Draft, now: Now, effects: &mut Vec<Effect>) {
        tell_exhausted(call, &mut draft, effects);
        if let Some(books) = self.calls.get_mut(&call) {
            books.block = None;
        }
        if matches!(draft.request.ask, Ask::Settle { .. }) {
            self.submit(call, draft, now, effects);
        }
    }

    /// More would count against the cap of a day than may: as with credit, a call that asks to be placed is refused, and one that is up ends
    /// with its last paid second.
    fn on_capped(&mut self, call: CallId, mut draft: Draft, now: Now, effects: &mut Vec<Effect>) {
        self.learn_full(&draft);
        match &draft.request.ask {
            Ask::Reserve { first, opened, .. } => {
                let refusal = self.refused_by_cap(*first, opened.currency, now, effects);
                self.give_up(call, draft, refusal, now, effects);
            }
            Ask::Charge { .. } if draft.part == Part::Next => self.starve(call, draft),
            Ask::Charge { .. } => {
                self.tell_capped(call, now, effects);
                tell_exhausted(call, &mut draft, effects);
                self.submit(call, Draft { part: Part::Final, ..draft }, now, effects);
            }
            Ask::Continue { .. } | Ask::Extend { .. } | Ask::Settle { .. } => {}
        }
    }

    /// Nothing more can be tried: the call is told so. A record is kept all the same, with nothing moved.
    fn give_up(&mut self, call: CallId, draft: Draft, refusal: Refusal, now: Now, effects: &mut Vec<Effect>) {
        let told = match &draft.request.ask {
            Ask::Reserve { .. } => Some(call::Event::ReservationRefused(refusal)),
            Ask::Charge { sequence, begins, .. } => {
                if let Some(books) = self.calls.get_mut(&call).filter(|books| books.risked.contains(begins)) {
                    books.starving = None;
                    books.write_off(*begins, Micros::ZERO, effects);
                    books.cover(*begins, effects);
                }
                Some(call::Event::ChargeRefused { sequence: *sequence })
            }
            Ask::Continue { .. } | Ask::Extend { .. } => None,
            Ask::Settle { .. } => return self.keep_record_only(call, draft, now, effects),
        };
        effects.extend(told.filter(|_| !draft.told).map(|event| Effect::TellCall(call, event)));
    }

    fn keep_record_only(&mut self, call: CallId, draft: Draft, now: Now, effects: &mut Vec<Effect>) {
        let Some(books) = self.calls.get_mut(&call) else { return };
        let (channel, block) = (std::mem::replace(&mut books.channel, Channel::None), books.block.take());
        if channel == Channel::None && block.is_none() {
            self.close(call, effects);
        } else {
            self.submit(call, draft, now, effects);
        }
    }

    /// The books are closed: nothing is held for this call any more, and its record is kept.
    fn close(&mut self, call: CallId, effects: &mut Vec<Effect>) {
        if let Some(mut books) = self.calls.remove(&call) {
            books.forget_risk(effects);
            self.earmarked -= books.earmarked;
            books.tariff.into_iter().for_each(|tariff| self.pace.leave(tariff));
            self.remember(call, books.captured, books.captured_s);
            let (amount, billed_s) = (books.captured, books.captured_s);
            effects.push(Effect::TellCall(call, call::Event::Settled { amount, billed_s }));
        }
    }

    /// A carrier is not told how many there are (I9).
    fn channels_full(&self, direction: CallDirection) -> Refusal {
        let retry_after_s = self.directory.settings().retry_after_s;
        match self.directory.profile(self.id).map(|profile| profile.channels) {
            Some(0) | None => Refusal::new(RefusalKind::ProfileInactive),
            Some(_) if direction == CallDirection::Inbound => Refusal::new(RefusalKind::CalleeChannelsFull),
            Some(1) => Refusal::saying(
                RefusalKind::ChannelsFull,
                "The one channel of the profile is taken; hang up the call or buy more channels",
            )
            .retry_after_s(retry_after_s),
            Some(count) => Refusal::saying(
                RefusalKind::ChannelsFull,
                format!("All {count} channels of the profile are taken; hang up a call or buy more channels"),
            )
            .retry_after_s(retry_after_s),
        }
    }

    /// Looks at what a batch left available, and recharges where that is little (K6).
    pub(super) fn watch_balance(
        &mut self,
        accounts: Option<Accounts>,
        balances: &[(Account, Balance)],
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let Some(accounts) = accounts else { return };
        if let Some(available) = available(accounts, balances) {
            self.available = Some(available);
            self.recharge_where_low(accounts, available, now, effects);
            self.tell_where_low(accounts, available, effects);
        }
    }
}

/// What a batch left the profile available, where it said.
fn available(accounts: Accounts, balances: &[(Account, Balance)]) -> Option<Micros> {
    let money = balances.iter().find(|(account, _)| *account == accounts.money());
    money.map(|(_, balance)| Micros::new(balance.available()))
}

/// Whether it was the cap of a day that refused.
fn is_of_the_cap(posting: &Posting, refusal: BatchRefusal) -> bool {
    posting.batch.transfers.get(refusal.transfer).is_some_and(|transfer| transfer.code == Code::DailyCap)
}

/// What is missing, and at which transfer.
#[derive(Clone, Copy, Debug)]
struct Short {
    account: Account,
    available: Micros,
    transfer: usize,
}

pub(super) fn tell_exhausted(call: CallId, draft: &mut Draft, effects: &mut Vec<Effect>) {
    if let Ask::Charge { sequence, .. } = draft.request.ask
        && !std::mem::replace(&mut draft.told, true)
    {
        effects.push(Effect::TellCall(call, call::Event::ChargeRefused { sequence }));
    }
}

impl Books {
    /// A block is paid.
    pub(super) fn capture(&mut self, block: rating::Block, effects: &mut Vec<Effect>) {
        let (sequence, amount) = (self.ticks, block.amount);
        self.captured += amount;
        self.captured_s = block.until_s;
        self.ticks += 1;
        effects.push(Effect::Tell(Fact::ChargeTicked {
            call: self.call,
            profile: self.accounts.profile,
            sequence,
            amount,
            total: self.captured,
            currency: self.accounts.currency,
            until_s: self.captured_s,
            deck: self.opened.as_ref().and_then(|record| Some(Arc::clone(&record.priced.as_ref()?.deck))),
            available: self.available,
        }));
    }

    /// A channel that had lapsed is held again.
    fn retake_channel(&mut self) {
        if let Channel::Lapsed(number) = self.channel {
            self.channel = Channel::Held(Channel::after(number));
        }
    }
}

/// The outcome that a batch had, however often it was asked for.
pub(super) fn first_outcome(mut outcome: Outcome) -> Outcome {
    while let Outcome::Replayed(first) = outcome {
        outcome = *first;
    }
    outcome
}

/// 402, with what the first block costs and what there is (K2, K3, R8).
fn short_of_credit(draft: &Draft) -> Refusal {
    let available = draft.available.unwrap_or_default();
    let Ask::Reserve { first: Some(first), opened, .. } = &draft.request.ask else {
        return Refusal::new(RefusalKind::NoCredit);
    };
    if !available.is_positive() {
        return Refusal::new(RefusalKind::NoCredit);
    }
    let (seconds, amount, currency) = (first.until_s, first.amount, opened.currency);
    Refusal::saying(
        RefusalKind::BelowFirstBlock,
        format!(
            "The first {seconds} s of this call cost {amount} {currency} and the profile has {available}; add credit"
        ),
    )
}
