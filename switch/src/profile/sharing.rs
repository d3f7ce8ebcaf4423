//! How calls of one profile share its last money: whoever ends first is fed first, and who cannot start any more is not let ring on.
//!
//! What a charge is, and what its refusal means to the call, is decided in `answers`.

use super::Profile;
use super::batches::ATTEMPTS_MAX;
use super::books::{Books, Draft, Link, Part};
use super::request::{Ask, Effect};
use super::upkeep::Timer;
use crate::call;
use domain::refusal::RefusalKind;
use domain::{CallId, Micros, Monotonic, Now, Refusal};

/// So long before its end a call on its final unit is asked for a last time: longer than a ledger takes to answer.
const LAST_ASKED_BEFORE_US: u64 = 1_000_000;

impl Profile {
    /// A call on its final unit is still refused what comes after it.
    pub(super) fn starve(&mut self, call: CallId, draft: Draft) {
        let Some(books) = self.calls.get_mut(&call).filter(|books| !books.is_given_up) else { return };
        let last_asked_at = last_asked_at(books);
        let is_asked = draft.is_last;
        books.starving = Some(draft);
        self.has_starving = true;
        if !is_asked {
            self.arm(Timer::LastAsk, last_asked_at);
        }
    }

    /// A call is about to end for want of credit, or of room under the cap. What is known of both may be old: another node was told of a
    /// top-up, or a call there has given something back. So it is asked for once more, whatever is known.
    pub(super) fn on_last_ask(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let mut next: Option<Monotonic> = None;
        let mut is_due = false;
        for books in self.calls.values_mut() {
            let asked_at = last_asked_at(books);
            let Some(draft) = books.starving.as_mut().filter(|draft| !draft.is_last) else { continue };
            if asked_at <= now.monotonic {
                (draft.is_last, is_due) = (true, true);
            } else {
                next = Some(next.map_or(asked_at, |next| next.min(asked_at)));
            }
        }
        if let Some(next) = next {
            self.arm(Timer::LastAsk, next);
        }
        if is_due {
            self.available = None;
            self.doubt();
            self.feed(now, effects);
        }
    }

    /// Money came from outside, nobody knows how much: whoever starves is asked for again at once.
    pub(super) fn on_credit_added(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.available = None;
        self.forget_warnings(effects);
        self.feed(now, effects);
    }

    /// Asks again for the next block of a call on its final unit, where it may be there by now: of those that can be paid, for the one that
    /// ends first. One at a time: the answer says what is left for the others.
    pub(super) fn feed(&mut self, now: Now, effects: &mut Vec<Effect>) {
        // Looked for only where there may be one: this is asked at every tick.
        if !self.has_starving || self.calls.values().any(Books::is_being_fed) {
            return;
        }
        self.has_starving = self.calls.values().any(|books| books.starving.is_some());
        let hungry = self.calls.values().filter_map(|books| Some((books, books.hunger()?)));
        let fed = hungry.filter(|(_, needed)| self.available.is_none_or(|available| *needed <= available));
        let fed = fed.filter(|(books, needed)| {
            let day = books.starving.as_ref().and_then(|draft| draft.day);
            day.and_then(|day| self.room_on(day)).is_none_or(|room| *needed <= room)
        });
        let first = fed.map(|(books, _)| (books.ends_at, books.call)).min();
        let Some((_, call)) = first else { return };
        if let Some(draft) = self.calls.get_mut(&call).and_then(|books| books.starving.take()) {
            self.submit(call, Draft { part: Part::Next, link: Link::Untried, ..draft }, now, effects);
        }
    }

    /// A call that rings holds its first block and can start, whatever its siblings spend. Where that hold was closed by another node and
    /// there is too little to pay the block at the answer, it can no longer start: it ends while its caller can still do something else.
    pub(super) fn cancel_unpayable_starts(&mut self, effects: &mut Vec<Effect>) {
        let Some(available) = self.available else { return };
        let unpayable = self.calls.values().filter(|books| {
            let start = books.unpaid_start();
            start.is_some_and(|block| block.amount > available)
        });
        effects.extend(unpayable.map(|books| {
            let refusal = Refusal::saying(RefusalKind::NoCredit, CANNOT_START);
            Effect::TellCall(books.call, call::Event::ReservationRefused(refusal))
        }));
    }
}

/// When a call on its final unit is asked for a last time.
fn last_asked_at(books: &Books) -> Monotonic {
    Monotonic::from_micros(books.ends_at.as_micros().saturating_sub(LAST_ASKED_BEFORE_US))
}

/// What the caller of such a call is told.
const CANNOT_START: &str = "What was held for the first block of this call is gone, and the credit of the profile does not cover it any more; add credit";

impl Books {
    /// What it needs to go on, where it is on its final unit and nothing else is under way.
    fn hunger(&self) -> Option<Micros> {
        let draft = self.starving.as_ref().filter(|draft| self.is_quiet() && draft.attempt + 1 < ATTEMPTS_MAX)?;
        match &draft.request.ask {
            Ask::Charge { next, .. } => next.map(|block| block.amount),
            Ask::Reserve { .. } | Ask::Continue { .. } | Ask::Extend { .. } | Ask::Settle { .. } => None,
        }
    }

    fn is_being_fed(&self) -> bool {
        self.posted.as_ref().is_some_and(|posted| posted.draft.part == Part::Next)
    }
}
