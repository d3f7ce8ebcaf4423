//! Where a profile asks its guard against fraud: at reservations, at charges, and when something was spent.
//!
//! What is suspicious, and what follows, is `crate::fraud`'s to say.

use super::Profile;
use super::books::{Books, Part};
use super::request::{Ask, Effect};
use crate::call;
use crate::directory::{Company, Directory, Profile as Entry};
use crate::fraud::{Memory, Prospect, Standing, Surroundings};
use domain::call_record::{CallDirection, CallRecord};
use domain::fraud::FraudAction;
use domain::refusal::RefusalKind;
use domain::trace::{Rule, Step, Value, Verdict};
use domain::{CallId, Currency, Destination, Micros, Monotonic, Now, ProfileId, Refusal, Zone};
use rating::Block;
use std::net::IpAddr;
use std::sync::Arc;

/// Who is guarded, as the directory has it: held on to while the guard looks.
struct Guarded {
    entry: Arc<Entry>,
    company: Arc<Company>,
}

impl Guarded {
    fn of(id: ProfileId, directory: &Directory) -> Option<Guarded> {
        let entry = Arc::clone(directory.profile(id)?);
        let company = Arc::clone(directory.company(entry.company)?);
        Some(Guarded { entry, company })
    }

    fn around(&self, held: Micros, now: Now) -> Surroundings<'_> {
        let Guarded { entry, company } = self;
        Surroundings { profile: entry.id, terms: &entry.fraud, zone: &company.zone, held, now }
    }

    /// The company's own country, which is never new.
    fn home(&self, directory: &Directory) -> Option<Destination> {
        directory.country(self.company.country).and_then(|plan| Destination::from_code(&plan.calling_code))
    }
}

impl Profile {
    /// The machine with what an earlier one has spent, and whom it knew.
    pub fn remembering(mut self, memory: &Memory, now: Now) -> Profile {
        self.on_recalled(memory, now);
        self
    }

    /// How it stands with its rules against fraud; none where the directory does not know it.
    pub fn standing(&mut self, now: Now) -> Option<Standing> {
        let guarded = Guarded::of(self.id, &self.directory)?;
        let mut standing = self.watch.standing(guarded.around(self.earmarked, now));
        let today = guarded.company.zone.day_number(now.wall);
        if let (Some(counted), Some(_)) = (self.known_on(today), guarded.entry.fraud.rules.daily_cap) {
            standing.spent = counted - self.held_on(today);
        }
        Some(standing)
    }

    pub(super) fn on_recalled(&mut self, memory: &Memory, now: Now) {
        if let Some((day, amount)) = memory.counted.filter(|(day, _)| self.known_on(*day).is_none()) {
            self.counted(day, amount);
        }
        let zone = Guarded::of(self.id, &self.directory).map_or_else(Zone::utc, |it| it.company.zone.clone());
        self.watch.recall(memory, &zone, now);
    }

    pub(super) fn on_registered_from(&mut self, source: IpAddr, now: Now, effects: &mut Vec<Effect>) {
        if let Some(guarded) = Guarded::of(self.id, &self.directory) {
            self.watch.registered(source, guarded.around(self.earmarked, now), effects);
        }
    }

    /// Other rules: a cap that was raised prolongs calls that have come to it.
    pub(super) fn on_directory_swapped(&mut self, directory: Arc<Directory>, now: Now, effects: &mut Vec<Effect>) {
        self.directory = directory;
        self.feed(now, effects);
    }

    /// Whether a call of its PBX may be placed; incoming ones always may.
    pub(super) fn check_fraud(
        &mut self,
        first: Option<Block>,
        opened: &CallRecord,
        source: IpAddr,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let Some(guarded) = Guarded::of(self.id, &self.directory) else { return Ok(()) };
        if opened.direction == CallDirection::Inbound {
            return Ok(());
        }
        let prospect = Prospect {
            destination: opened.callee.map(Destination::of),
            home: guarded.home(&self.directory),
            name: &opened.destination,
            rate: opened.rate_per_minute,
            first: first.map_or(Micros::ZERO, |block| block.amount),
            currency: opened.currency,
            source,
        };
        self.watch.judge(&prospect, guarded.around(self.earmarked, now), effects)
    }

    /// What may still be held today; none where no cap binds, or nothing is known.
    pub(super) fn room_today(&self, now: Now) -> Option<Micros> {
        let entry = self.directory.profile(self.id)?;
        entry.fraud.rules.daily_cap?;
        self.room_on(self.directory.company(entry.company)?.zone.day_number(now.wall))
    }

    /// When the next day of the company begins.
    pub(super) fn midnight(&self, now: Now) -> Option<Monotonic> {
        let company = self.directory.company(self.directory.profile(self.id)?.company)?;
        Some(now.monotonic + company.zone.day(now.wall).until.since(now.wall))
    }

    /// Why a call is not placed for which there is no room under the cap of the day.
    pub(super) fn refused_by_cap(
        &mut self,
        first: Option<Block>,
        currency: Currency,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> Refusal {
        let Some(guarded) = Guarded::of(self.id, &self.directory) else { return RefusalKind::DailyCap.into() };
        let first = first.map_or(Micros::ZERO, |block| block.amount);
        self.watch.cap_refuses(first, currency, guarded.around(self.earmarked, now), effects)
    }

    /// A charge whose next block would pass the cap of the day is the call's last: what has begun is paid, and the call ends with it.
    pub(super) fn tell_capped(&mut self, call: CallId, now: Now, effects: &mut Vec<Effect>) {
        if let Some(guarded) = Guarded::of(self.id, &self.directory) {
            self.watch.cap_reached(guarded.around(self.earmarked, now), effects);
        }
        let seen = "as much as the profile may spend today".into();
        let refusal = Some(RefusalKind::DailyCap);
        let step = Step { rule: Rule::Credit, verdict: Verdict::Warned, seen, wanted: Value::None, refusal };
        effects.push(Effect::TellCall(call, call::Event::Noted(Box::new(step))));
    }

    /// So much counts, and a cap that only tells has less.
    pub(super) fn tell_beyond_cap(&mut self, counted: Micros, now: Now, effects: &mut Vec<Effect>) {
        let cap = self.directory.profile(self.id).and_then(|entry| entry.fraud.rules.daily_cap);
        if cap.is_some_and(|cap| cap.action == FraudAction::Alert && counted > cap.amount)
            && let Some(guarded) = Guarded::of(self.id, &self.directory)
        {
            self.watch.cap_passed(guarded.around(self.earmarked, now), effects);
        }
    }

    /// So much was captured for a call, and so much in all for it before.
    pub(super) fn spent(&mut self, amount: Micros, before: Micros, now: Now, effects: &mut Vec<Effect>) {
        if let Some(guarded) = Guarded::of(self.id, &self.directory).filter(|_| amount.is_positive()) {
            self.watch.spend(amount, before, guarded.around(self.earmarked, now), effects);
        }
    }

    /// Counts anew what is held for a call and asked to be.
    pub(super) fn earmark(&mut self, call: CallId) {
        if let Some(books) = self.calls.get_mut(&call) {
            let earmarked = books.wanted();
            self.earmarked = self.earmarked - books.earmarked + earmarked;
            books.earmarked = earmarked;
        }
    }
}

impl Books {
    /// What is held for it, and what it has asked the ledger to hold.
    fn wanted(&self) -> Micros {
        let held = self.block.map_or(Micros::ZERO, |held| held.block.amount);
        let asked = self.posted.as_ref().and_then(|posted| match &posted.draft.request.ask {
            Ask::Reserve { first, .. } => *first,
            Ask::Charge { next, .. } => next.filter(|_| posted.draft.part != Part::Final),
            Ask::Continue { .. } | Ask::Extend { .. } | Ask::Settle { .. } => None,
        });
        held + asked.map_or(Micros::ZERO, |block| block.amount)
    }
}
