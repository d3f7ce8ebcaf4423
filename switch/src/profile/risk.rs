//! Calls that speak on unpaid while the ledger is away, within a stated risk (RFC 8506 5.7), and what becomes of it afterwards.
//!
//! Nothing is granted here that a balance could pay for: each increment that begins unpaid has its own charge, which waits for the
//! ledger behind the others of its call. When it is back they are asked in order, so what was spoken is held and captured as ever; where
//! there is too little credit, what there is is taken and the rest is written off. No balance goes below zero by it.

use super::Profile;
use super::answers::tell_exhausted;
use super::books::{Books, Draft, Part, Posted};
use super::request::{Ask, Effect};
use crate::call;
use domain::credit_failure::CreditFailure;
use domain::fact::RiskOutcome;
use domain::{CallId, Fact, Micros, Now};
use rating::Block;

impl Profile {
    /// A call has spoken what it has paid, and the ledger has not answered its charge.
    pub(super) fn on_plea(&mut self, call: CallId, sequence: u32, next: Block, now: Now, effects: &mut Vec<Effect>) {
        let event = match self.may_continue(call, next) {
            true => call::Event::RiskTaken { sequence },
            false => call::Event::RiskRefused { sequence },
        };
        if let (call::Event::RiskTaken { .. }, Some(books)) = (&event, self.calls.get_mut(&call)) {
            books.heard_at = now.monotonic;
            books.risk(next, effects);
        }
        effects.push(Effect::TellCall(call, event));
    }

    /// Within what the operator answers for: so long, and with the other calls of the profile so much. What living calls have lost already
    /// counts: it does not come back.
    fn may_continue(&self, call: CallId, next: Block) -> bool {
        let policy = self.directory.profile(self.id).map(|profile| profile.credit_failure);
        let (Some(CreditFailure::Continue { for_s, risk }), Some(books)) = (policy, self.calls.get(&call)) else {
            return false;
        };
        if books.has(next) {
            return true;
        }
        let risked: Micros = self.calls.values().map(Books::at_risk).sum();
        next.until_s.saturating_sub(books.paid_until_s()) <= for_s && risked + next.amount <= risk
    }

    /// The ledger said that it cannot answer a charge: a call that is not to wait for it is told so. It ends with what has begun, also
    /// where it was on its final unit before and credit comes after all.
    pub(super) fn tell_unanswered(&mut self, call: CallId, posted: &mut Posted, effects: &mut Vec<Effect>) {
        let policy = self.directory.profile(self.id).map(|profile| profile.credit_failure);
        if let (Some(CreditFailure::Terminate), Ask::Charge { sequence, .. }, Some(books)) =
            (policy, &posted.draft.request.ask, self.calls.get_mut(&call))
        {
            books.is_given_up = true;
            if !std::mem::replace(&mut posted.draft.told, true) {
                effects.push(Effect::TellCall(call, call::Event::ChargeUnanswered { sequence: *sequence }));
            }
        }
    }

    /// Whether this block has begun unpaid.
    pub(super) fn is_risked(&self, call: CallId, block: Block) -> bool {
        self.calls.get(&call).is_some_and(|books| books.risked.contains(&block))
    }

    /// There is too little credit for a block that was spoken at risk: what there is is taken, and the call ends.
    pub(super) fn collect(
        &mut self,
        call: CallId,
        mut draft: Draft,
        begins: Block,
        available: Micros,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        tell_exhausted(call, &mut draft, effects);
        let part = available.max(Micros::ZERO).min(begins.amount);
        self.submit(call, Draft { collect: Some(part), part: Part::Final, ..draft }, now, effects);
    }
}

impl Books {
    /// What it has spoken that is not paid so far, or that nobody pays.
    fn at_risk(&self) -> Micros {
        self.risked.iter().map(|block| block.amount).sum::<Micros>() + self.written_off
    }

    /// Up to which second what was spoken is paid or held.
    fn paid_until_s(&self) -> u32 {
        let held = self.block.filter(|held| !held.lapsed).map_or(0, |held| held.block.until_s);
        self.captured_s.max(held)
    }

    /// Whether the block is held already, or taken the risk for.
    fn has(&self, block: Block) -> bool {
        self.risked.contains(&block) || self.block.is_some_and(|held| held.block == block && !held.lapsed)
    }

    fn risk(&mut self, block: Block, effects: &mut Vec<Effect>) {
        if !self.has(block) {
            self.risked.push(block);
            self.tell_risk(RiskOutcome::Taken, block.amount, effects);
        }
    }

    /// The block is held or paid, or nobody pays it: it is no risk any more.
    pub(super) fn cover(&mut self, block: Block, effects: &mut Vec<Effect>) {
        if let Some(place) = self.risked.iter().position(|risked| *risked == block) {
            self.risked.remove(place);
            let lost = std::mem::take(&mut self.lost);
            let covered = block.amount - lost;
            for (outcome, amount) in [(RiskOutcome::Covered, covered), (RiskOutcome::WrittenOff, lost)] {
                if amount.is_positive() {
                    self.tell_risk(outcome, amount, effects);
                }
            }
        }
    }

    /// The call ended before what it was let to begin unpaid: nothing of that was spoken.
    pub(super) fn forget_risk(&mut self, effects: &mut Vec<Effect>) {
        while let Some(block) = self.risked.last().copied() {
            self.cover(block, effects);
        }
    }

    /// Of a block that was spoken only this part is paid.
    pub(super) fn write_off(&mut self, block: Block, part: Micros, effects: &mut Vec<Effect>) {
        self.lost = block.amount - part;
        self.written_off += self.lost;
        self.capture(Block { amount: part, ..block }, effects);
    }

    fn tell_risk(&self, outcome: RiskOutcome, amount: Micros, effects: &mut Vec<Effect>) {
        let (call, profile, currency) = (self.call, self.accounts.profile, self.accounts.currency);
        effects.push(Effect::Tell(Fact::CreditRisked { call, profile, outcome, amount, currency }));
    }
}
