//! The simulated world of one company: calls and profiles on a virtual clock, with the plain ledger between them.
//!
//! What happens in it is told by the stories.

use crate::ledger::Ledger;
pub(crate) use crate::town::*;
use domain::call_control::{Invitation, LegEvent, LegId, LegOrder, Whereto};
use domain::call_record::CallRecord;
use domain::credit::{Account, Holder, Outcome, Unit};
use domain::{
    CallId, CarrierId, Currency, Entropy, Fact, Machine, Micros, Monotonic, Now, ProfileId, Refusal, ReleaseCause, Wall,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use switch::directory::{AutoRecharge, Builder, Directory};
use switch::fraud::Memo;
use switch::profile::{self, Papers, Posting, Profile};
use switch::registration::Binding;
use switch::{call, call::Call, carrier};

pub(crate) const CALLEE: &str = "+442079460123";
pub(crate) const DEAR: &str = "+3725550123";

/// Whether and when the ledger answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// At once.
    Prompt,
    /// Not at all: batches wait.
    Silent,
    /// It says that it cannot.
    Away,
}

pub(crate) struct World {
    pub(crate) now: Now,
    pub(crate) directory: Arc<Directory>,
    pub(crate) calls: BTreeMap<CallId, Call>,
    pub(crate) profiles: BTreeMap<ProfileId, Profile>,
    pub(crate) carriers: BTreeMap<CarrierId, switch::Carrier>,
    /// How they stand.
    pub(crate) standings: BTreeMap<CarrierId, carrier::Standing>,
    /// OPTIONS that were ordered.
    pub(crate) probes: Vec<(CarrierId, u64)>,
    /// Whose PBX is registered, and where.
    pub(crate) bindings: BTreeMap<ProfileId, Arc<Binding>>,
    pub(crate) ledger: Ledger,
    pub(crate) mood: Mood,
    /// Batches that a silent ledger has not looked at.
    pub(crate) waiting: VecDeque<(ProfileId, Posting)>,
    pub(crate) orders: Vec<(CallId, LegId, LegOrder)>,
    pub(crate) echoes: Vec<CallId>,
    /// Callers that were warned, and when.
    pub(crate) warned: Vec<(CallId, Monotonic)>,
    pub(crate) facts: Vec<Fact>,
    /// What profiles want to be kept.
    pub(crate) memos: Vec<Memo>,
    /// The final records, as the ledger would hand them to the store.
    pub(crate) records: Vec<CallRecord>,
    /// Opened records, newest last.
    pub(crate) opened: Vec<CallRecord>,
    /// Refusals of callers that nobody knows.
    pub(crate) strangers: Vec<Refusal>,
    /// Whether the relay tells its counts when asked.
    pub(crate) relay_counts: Option<((u64, u64), (u64, u64))>,
    /// Profiles and carriers whose mailboxes are full.
    pub(crate) busy_profiles: BTreeSet<ProfileId>,
    pub(crate) busy_carriers: BTreeSet<CarrierId>,
    /// Why there are no ports for sound, where there are none.
    pub(crate) no_sound: Option<Refusal>,
    /// Why no new paid calls are placed, where they are not.
    pub(crate) breaker: Option<Refusal>,
    entropy: Entropy,
}

pub(crate) fn ringing() -> LegEvent {
    LegEvent::Ringing { status: 180, media: None }
}

pub(crate) fn answered() -> LegEvent {
    LegEvent::Answered { media: sound() }
}

pub(crate) fn refused(status: u16) -> LegEvent {
    LegEvent::Refused { status, q850: None, retry_after_s: None }
}

pub(crate) fn hung_up() -> LegEvent {
    LegEvent::Released(ReleaseCause::Normal)
}

/// The first attempt at a carrier.
pub(crate) const FIRST: LegId = LegId(1);
pub(crate) const SECOND: LegId = LegId(2);

impl World {
    /// A world with one profile that has this much credit, in cents.
    pub(crate) fn with_credit(cents: i64) -> World {
        World::of(town().profile(profile(profile_id(), SIP_USER)), cents, 0)
    }

    /// With auto-recharge of so many cents at so many cents, from a company with so many.
    pub(crate) fn with_recharge(cents: i64, amount: i64, threshold: i64, company_cents: i64) -> World {
        let auto = AutoRecharge { amount: Micros::from_cents(amount), threshold: Micros::from_cents(threshold) };
        let profile = switch::directory::Profile { auto_recharge: Some(auto), ..profile(profile_id(), SIP_USER) };
        World::of(town().profile(profile), cents, company_cents)
    }

    pub(crate) fn of(town: Builder, cents: i64, company_cents: i64) -> World {
        let (directory, faults) = town.build();
        assert!(faults.is_empty(), "{faults:?}");
        let mut world = World {
            now: Now { monotonic: Monotonic::from_micros(5_000_000), wall: Wall::from_unix_seconds(1_800_000_000) },
            directory: Arc::new(directory),
            calls: BTreeMap::new(),
            profiles: BTreeMap::new(),
            carriers: BTreeMap::new(),
            standings: BTreeMap::new(),
            probes: Vec::new(),
            bindings: BTreeMap::new(),
            ledger: Ledger::default(),
            mood: Mood::Prompt,
            waiting: VecDeque::new(),
            orders: Vec::new(),
            echoes: Vec::new(),
            warned: Vec::new(),
            facts: Vec::new(),
            memos: Vec::new(),
            records: Vec::new(),
            opened: Vec::new(),
            strangers: Vec::new(),
            relay_counts: None,
            busy_profiles: BTreeSet::new(),
            busy_carriers: BTreeSet::new(),
            no_sound: None,
            breaker: None,
            entropy: Entropy::from_seed([9; 16]),
        };
        let profiles: Vec<_> = world.directory.profiles().map(|profile| (profile.id, profile.channels)).collect();
        for (id, channels) in profiles {
            world.ledger.fund(channels_of(Holder::World), channels_of(Holder::Profile(id)), i64::from(channels));
        }
        world.top_up(cents);
        world.ledger.fund(money_of(Holder::World), money_of(Holder::Company), company_cents * 10_000);
        world
    }

    /// Credit for the profile.
    pub(crate) fn top_up(&mut self, cents: i64) {
        self.ledger.fund(money_of(Holder::World), money_of(Holder::Profile(profile_id())), cents * 10_000);
    }

    /// Credit for the profile, and the news of it.
    pub(crate) fn allocate(&mut self, cents: i64) {
        self.top_up(cents);
        self.tell_profile(profile_id(), profile::Event::CreditAdded);
    }

    /// Credit for the company, and the news of it.
    pub(crate) fn top_up_company(&mut self, cents: i64) {
        self.ledger.fund(money_of(Holder::World), money_of(Holder::Company), cents * 10_000);
        self.tell_profile(profile_id(), profile::Event::CompanyToppedUp);
    }

    /// What the profile has posted and what of it is held.
    pub(crate) fn credit(&self) -> (Micros, Micros) {
        let balance = self.ledger.balance(money_of(Holder::Profile(profile_id())));
        (Micros::new(balance.posted), Micros::new(balance.held))
    }

    pub(crate) fn company_credit(&self) -> Micros {
        Micros::new(self.ledger.balance(money_of(Holder::Company)).posted)
    }

    pub(crate) fn channels_taken(&self) -> i64 {
        self.ledger.balance(channels_of(Holder::Profile(profile_id()))).held
    }

    pub(crate) fn dial(&mut self, dialled: &str) -> CallId {
        self.invite(invitation(dialled))
    }

    pub(crate) fn invite(&mut self, invitation: Invitation) -> CallId {
        self.invite_through(invitation, None)
    }

    pub(crate) fn invite_through(&mut self, invitation: Invitation, gate: Option<Refusal>) -> CallId {
        let id = CallId::mint(self.now.wall, &mut self.entropy);
        let directory = self.directory.clone();
        let binding = call::called_profile(&directory, &invitation).and_then(|id| self.bindings.get(&id).cloned());
        let breaker = self.breaker.clone();
        self.open(call::Opening { id, invitation, directory, binding, partner: None, gate, breaker });
        id
    }

    /// Opens a call that has a name already.
    pub(crate) fn open(&mut self, opening: call::Opening) {
        let (id, mut effects) = (opening.id, Vec::new());
        match Call::open(opening, self.now, &mut effects) {
            Ok(call) => _ = self.calls.insert(id, call),
            Err(stranger) => self.strangers.push(stranger.refusal),
        }
        self.carry_out(id, effects);
    }

    /// A call that rings and is answered at the first carrier.
    pub(crate) fn answered_call(&mut self, dialled: &str) -> CallId {
        let call = self.dial(dialled);
        self.leg(call, FIRST, ringing());
        self.leg(call, FIRST, answered());
        call
    }

    pub(crate) fn leg(&mut self, call: CallId, leg: LegId, event: LegEvent) {
        self.tell_call(call, call::Event::Leg(leg, event));
    }

    pub(crate) fn tell_call(&mut self, id: CallId, event: call::Event) {
        let mut effects = Vec::new();
        if let Some(call) = self.calls.get_mut(&id) {
            call.handle(event, self.now, &mut effects);
        }
        self.carry_out(id, effects);
    }

    fn carry_out(&mut self, id: CallId, effects: Vec<call::Effect>) {
        let (mut reports, mut echoes, mut asked) = (false, false, Vec::new());
        for effect in effects {
            match effect {
                call::Effect::Leg(leg, order) => self.orders.push((id, leg, order)),
                call::Effect::AnswerWithEcho => echoes = true,
                call::Effect::ReportMedia => reports = true,
                call::Effect::WarnCaller => self.warned.push((id, self.now.monotonic)),
                call::Effect::AskProfile(profile, request)
                    if self.busy_profiles.contains(&profile) && matches!(request.ask, profile::Ask::Reserve { .. }) =>
                {
                    self.tell_call(id, call::Event::profile_too_busy());
                }
                call::Effect::AskProfile(profile, request) => {
                    self.tell_profile(profile, profile::Event::Requested(request));
                }
                call::Effect::AskCarrier(carrier, ask) => asked.push((carrier, ask)),
                call::Effect::Tell(fact) => self.facts.push(fact),
            }
        }
        // A carrier answers later, never in between.
        for (carrier, ask) in asked {
            match ask {
                carrier::Ask::Seize { leg, .. } if self.busy_carriers.contains(&carrier) => {
                    self.tell_call(id, call::Event::carrier_too_busy(leg));
                }
                ask => self.tell_carrier(carrier, carrier::Event::Asked(ask)),
            }
        }
        if let (true, Some(refusal)) = (echoes, self.no_sound.clone()) {
            self.tell_call(id, call::Event::SoundRefused(refusal));
        } else if echoes {
            self.echoes.push(id);
            self.tell_call(id, call::Event::EchoAnswered);
        }
        if let (true, Some((packets, lost))) = (reports, self.relay_counts) {
            self.tell_call(id, call::Event::MediaReported { packets, lost });
        }
    }

    pub(crate) fn tell_profile(&mut self, id: ProfileId, event: profile::Event) {
        let directory = self.directory.clone();
        let mut effects = Vec::new();
        self.profiles.entry(id).or_insert_with(|| Profile::new(id, directory)).handle(event, self.now, &mut effects);
        self.carry_out_profile(id, effects);
    }

    fn carry_out_profile(&mut self, id: ProfileId, effects: Vec<profile::Effect>) {
        for effect in effects {
            match effect {
                profile::Effect::Submit(posting) => self.submit(id, posting),
                profile::Effect::TellCall(call, event) => self.tell_call(call, event),
                profile::Effect::Remember(memo) => self.memos.push(memo),
                profile::Effect::Tell(fact) => self.facts.push(fact),
            }
        }
    }

    fn submit(&mut self, profile: ProfileId, posting: Posting) {
        match self.mood {
            Mood::Prompt => self.post(profile, posting),
            Mood::Silent => self.waiting.push_back((profile, posting)),
            Mood::Away => self.say_unavailable(profile, &posting),
        }
    }

    pub(crate) fn post(&mut self, profile: ProfileId, posting: Posting) {
        let (batch, papers) = (posting.batch.id, posting.papers.clone());
        let outcome = self.ledger.post(posting);
        if matches!(outcome, Outcome::Applied(_)) {
            match papers {
                Papers::None => {}
                Papers::Opened(record) => self.opened.push((*record).clone()),
                Papers::Ended(record) => self.records.push((*record).clone()),
            }
        }
        self.tell_profile(profile, profile::Event::LedgerAnswered { batch, outcome });
    }

    /// The ledger answers again, what has waited first.
    /// A silent ledger answers what it was asked first.
    pub(crate) fn ledger_answers_one(&mut self) {
        let (profile, posting) = self.waiting.pop_front().expect("the ledger was asked nothing");
        self.post(profile, posting);
    }

    /// A silent ledger says of what it was asked first that it cannot.
    pub(crate) fn ledger_cannot_answer(&mut self) {
        let (profile, posting) = self.waiting.pop_front().expect("the ledger was asked nothing");
        self.say_unavailable(profile, &posting);
    }

    fn say_unavailable(&mut self, profile: ProfileId, posting: &Posting) {
        let batch = posting.batch.id;
        self.tell_profile(profile, profile::Event::LedgerAnswered { batch, outcome: Outcome::Unavailable });
    }

    pub(crate) fn ledger_recovers(&mut self) {
        self.mood = Mood::Prompt;
        while !self.waiting.is_empty() {
            self.ledger_answers_one();
        }
    }

    /// Time passes; every timer fires at its instant.
    pub(crate) fn advance(&mut self, duration: Duration) {
        let end = self.now.monotonic + duration;
        while let Some(due) = self.deadline().filter(|due| *due <= end) {
            self.now = self.now.after(due.since(self.now.monotonic));
            self.fire();
        }
        self.now = self.now.after(end.since(self.now.monotonic));
    }

    pub(crate) fn seconds(&mut self, seconds: u64) {
        self.advance(Duration::from_secs(seconds));
    }

    /// Time passes without any timer being looked at: a machine that stalls.
    pub(crate) fn stall(&mut self, duration: Duration) {
        self.now = self.now.after(duration);
    }

    fn deadline(&self) -> Option<Monotonic> {
        let calls = self.calls.values().filter(|call| !call.is_finished()).filter_map(Machine::deadline);
        let carriers = self.carriers.values().filter_map(Machine::deadline);
        calls.chain(self.profiles.values().filter_map(Machine::deadline)).chain(carriers).min()
    }

    /// Fires whatever is due.
    pub(crate) fn fire(&mut self) {
        let ids: Vec<CallId> = self.calls.keys().copied().collect();
        for id in ids {
            let mut effects = Vec::new();
            if let Some(call) = self.calls.get_mut(&id).filter(|call| !call.is_finished()) {
                call.expire(self.now, &mut effects);
            }
            self.carry_out(id, effects);
        }
        let ids: Vec<ProfileId> = self.profiles.keys().copied().collect();
        for id in ids {
            let mut effects = Vec::new();
            if let Some(profile) = self.profiles.get_mut(&id) {
                profile.expire(self.now, &mut effects);
            }
            self.carry_out_profile(id, effects);
        }
        let ids: Vec<CarrierId> = self.carriers.keys().copied().collect();
        for id in ids {
            let mut effects = Vec::new();
            if let Some(carrier) = self.carriers.get_mut(&id) {
                carrier.expire(self.now, &mut effects);
            }
            self.carry_out_carrier(id, effects);
        }
    }

    /// What was ordered of this call's legs since the last time, in order.
    pub(crate) fn ordered(&mut self, call: CallId) -> Vec<(LegId, LegOrder)> {
        let (mine, others) = self.orders.drain(..).partition(|(id, ..)| *id == call);
        self.orders = others;
        let mine: Vec<(CallId, LegId, LegOrder)> = mine;
        mine.into_iter().map(|(_, leg, order)| (leg, order)).collect()
    }

    /// The one record of this call.
    pub(crate) fn record(&self, call: CallId) -> &CallRecord {
        let mine: Vec<&CallRecord> = self.records.iter().filter(|record| record.id == call).collect();
        assert_eq!(mine.len(), 1, "{call} has {} records", mine.len());
        mine[0]
    }

    /// Which carriers were invited for this call, in order, by the orders that were not taken yet.
    pub(crate) fn invited(&self, call: CallId) -> Vec<u128> {
        let mine = self.orders.iter().filter(|(id, ..)| *id == call);
        mine.filter_map(|(_, _, order)| {
            let LegOrder::Invite(invitation) = order else { return None };
            let Whereto::Carrier(carrier) = &invitation.whereto else { return None };
            Some(carrier.bits())
        })
        .collect()
    }

    /// What the caller of this call was told last.
    pub(crate) fn last_to_caller(&self, call: CallId) -> &LegOrder {
        let mine = self.orders.iter().rev().find(|(id, leg, _)| *id == call && *leg == LegId::CALLER);
        &mine.expect("nothing was told to the caller").2
    }

    /// Nothing is held, and every call has exactly one record whose amount is what was captured.
    pub(crate) fn assert_books_closed(&self) {
        assert!(self.ledger.holds().is_empty(), "still held: {:?}", self.ledger.holds());
        assert_eq!(self.channels_taken(), 0);
        for id in self.calls.keys() {
            let record = self.record(*id);
            assert_eq!(record.amount, self.ledger.charged(id.bits()), "{record:?}");
            assert_eq!(self.ledger.records(id.bits()), 1);
        }
    }
}

pub(crate) fn money_of(holder: Holder) -> Account {
    Account { company: company_id(), holder, unit: Unit::Money(Currency::USD) }
}

pub(crate) fn channels_of(holder: Holder) -> Account {
    Account { company: company_id(), holder, unit: Unit::Channels }
}
