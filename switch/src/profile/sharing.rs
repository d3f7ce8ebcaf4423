//! How calls of one profile share its last money: whoever ends first is fed first, and who cannot start any more is not let ring on.
//!
//! What a charge is, and what its refusal means to the call, is decided in `answers`.

use super::Profile;
use super::batches::ATTEMPTS_MAX;
use super::books::{Books, Draft, Link, Part};
use super::request::{Ask, Effect};
use crate::call;
use domain::refusal::RefusalKind;
use domain::{CallId, Micros, Now, Refusal};

impl Profile {
    /// A call on its final unit is still refused what comes after it.
    pub(super) fn starve(&mut self, call: CallId, draft: Draft) {
        if let Some(books) = self.calls.get_mut(&call) {
            books.starving = Some(draft);
            self.has_starving = true;
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
        let (available, room) = (self.available, self.cap_room(now));
        let hungry = self.calls.values().filter_map(|books| Some((books.ends_at, books.call, books.hunger()?)));
        let fed = hungry.filter(|(.., needed)| available.is_none_or(|available| *needed <= available));
        let fed = fed.filter(|(.., needed)| room.is_none_or(|room| *needed <= room));
        let Some((_, call, _)) = fed.min_by_key(|(ends_at, call, _)| (*ends_at, *call)) else { return };
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
