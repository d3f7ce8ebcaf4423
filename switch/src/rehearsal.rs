//! A hypothetical call, admitted dry by the very machines that admit real ones: nothing is held, nobody is dialled, nothing is counted.
//!
//! The machines are copies that others lend ([`Want`]), the ledger's answers come from a copy of its balances; whoever runs a rehearsal
//! lends what it wants until there is a verdict. Decisions are [`crate::call`]'s, [`crate::profile`]'s and [`crate::carrier`]'s own.

mod hypothesis;

pub use hypothesis::{Hypothesis, Whom};

use crate::call::{self, Call, Opening, Stranger};
use crate::carrier::{self, Carrier};
use crate::profile::{self, Ask, Posting, Profile};
use crate::registration::Binding;
use domain::call_control::{LegEvent, LegFailure, LegId, LegOrder, OutgoingInvitation, Whereto};
use domain::credit::Outcome;
use domain::refusal::RefusalKind;
use domain::{CallId, CarrierId, Entropy, Machine, Now, ProfileId, Refusal, Trace};
use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

/// Steps of a rehearsal at most; a call with every carrier that it may try takes a fraction of them.
const STEPS_MAX: usize = 1_000;

/// What a rehearsal needs to go on.
#[derive(Clone, Debug)]
pub enum Want {
    /// A copy of this profile's machine; answered by [`Rehearsal::lend_profile`].
    Profile(ProfileId),
    /// A copy of this carrier's machine; answered by [`Rehearsal::lend_carrier`].
    Carrier(CarrierId),
    /// What the ledger would say; answered by [`Rehearsal::ledger_says`].
    Post(Box<Posting>),
    /// Whether ports for sound are free; answered by [`Rehearsal::sound_opens`].
    Sound(Sound),
    /// Whether the place of this invitation can be reached; answered by [`Rehearsal::reaches`].
    Reach(Box<OutgoingInvitation>),
}

/// For what ports are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sound {
    /// Two sides.
    Relay,
    /// A caller that hears itself.
    Echo,
}

/// What would become of the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It would be placed: this would be invited.
    Placed(Box<OutgoingInvitation>),
    /// It would be answered with its own sound.
    Echoed,
    /// It would be refused.
    Refused {
        /// The SIP status.
        status: u16,
        /// By the catalogue.
        kind: RefusalKind,
        /// For a person.
        sentence: Cow<'static, str>,
    },
}

/// What is to be looked at next.
#[derive(Debug)]
enum Work {
    Call(usize, call::Effect),
    Profile(ProfileId, profile::Effect),
    Carrier(carrier::Effect),
}

/// One hypothetical call.
#[derive(Debug)]
pub struct Rehearsal {
    now: Now,
    /// The call; and the one inside, where it calls one (R11), with the leg of the first that it is.
    calls: Vec<Call>,
    second_leg: LegId,
    /// Who is no caller of ours has no call.
    stranger: Option<Stranger>,
    binding: Option<Arc<Binding>>,
    own: SocketAddr,
    entropy: Entropy,
    profiles: BTreeMap<ProfileId, Profile>,
    carriers: BTreeMap<CarrierId, Carrier>,
    work: VecDeque<Work>,
    /// What is wanted, and the leg of which call wants it.
    wanting: Option<(Want, usize, LegId)>,
    /// Whether there are ports for the call; who is invited then, where it waits for them.
    has_sound: bool,
    waiting: Option<Box<OutgoingInvitation>>,
    verdict: Option<Verdict>,
    steps: usize,
}

impl Rehearsal {
    /// A call as it would be opened now. `own` is an address of ours, where calls inside come from.
    pub fn open(opening: Opening, own: SocketAddr, entropy: Entropy, now: Now) -> Rehearsal {
        let mut rehearsal = Rehearsal::empty(opening.binding.clone(), own, entropy, now);
        let refused = opening.gate.clone().filter(|_| {
            let invitation = &opening.invitation;
            !call::is_emergency(&opening.directory, &invitation.proof, &invitation.dialled)
        });
        match refused {
            Some(refusal) => rehearsal.turn_away(call::turned_away(&opening, refusal)),
            None => rehearsal.open_call(opening),
        }
        rehearsal
    }

    fn empty(binding: Option<Arc<Binding>>, own: SocketAddr, entropy: Entropy, now: Now) -> Rehearsal {
        Rehearsal {
            now,
            calls: Vec::new(),
            second_leg: LegId::CALLER,
            stranger: None,
            binding,
            own,
            entropy,
            profiles: BTreeMap::new(),
            carriers: BTreeMap::new(),
            work: VecDeque::new(),
            wanting: None,
            has_sound: false,
            waiting: None,
            verdict: None,
            steps: 0,
        }
    }

    /// What is needed next; none once there is a verdict.
    pub fn wants(&mut self) -> Option<Want> {
        while self.verdict.is_none() && self.wanting.is_none() {
            self.steps += 1;
            let work = self.work.pop_front().filter(|_| self.steps < STEPS_MAX);
            match work {
                Some(Work::Call(part, effect)) => self.on_call_ordered(part, effect),
                Some(Work::Profile(id, effect)) => self.on_profile_ordered(id, effect),
                Some(Work::Carrier(effect)) => self.on_carrier_ordered(effect),
                // Every call asks for something until it is placed or refused.
                None => self.refuse(Refusal::new(RefusalKind::Overloaded)),
            }
        }
        self.wanting.as_ref().map(|(want, ..)| want.clone())
    }

    /// The verdict, once nothing is wanted.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// The call as far as it came; none of a stranger, or where the node would take no calls.
    pub fn call(&self) -> Option<&Call> {
        self.calls.first()
    }

    /// The call that it would make inside.
    pub fn second(&self) -> Option<&Call> {
        self.calls.get(1)
    }

    /// Which rule saw what.
    pub fn trace(&self) -> &Trace {
        match (&self.stranger, self.calls.first()) {
            (None, Some(call)) => call.trace(),
            (Some(stranger), _) => &stranger.trace,
            (None, None) => const { &Trace::EMPTY },
        }
    }

    /// Lends a copy of a profile's machine.
    pub fn lend_profile(&mut self, profile: Profile) {
        if let Some((Want::Profile(id), ..)) = self.wanting {
            self.wanting = None;
            self.profiles.insert(id, profile);
        }
    }

    /// Lends a copy of a carrier's machine.
    pub fn lend_carrier(&mut self, carrier: Carrier) {
        if let Some((Want::Carrier(id), ..)) = self.wanting {
            self.wanting = None;
            self.carriers.insert(id, carrier);
        }
    }

    /// What the ledger would say to the batch.
    pub fn ledger_says(&mut self, outcome: Outcome) {
        let posting = match self.wanting.take() {
            Some((Want::Post(posting), ..)) => posting,
            other => return self.wanting = other,
        };
        let batch = posting.batch.id;
        let asked = self.profiles.keys().copied().collect::<Vec<_>>();
        for id in asked {
            self.tell_profile(id, profile::Event::LedgerAnswered { batch, outcome: outcome.clone() });
        }
    }

    /// Whether the place can be reached; why not.
    pub fn reaches(&mut self, reached: Result<(), LegFailure>) {
        let (invitation, part, leg) = match self.wanting.take() {
            Some((Want::Reach(invitation), part, leg)) => (invitation, part, leg),
            other => return self.wanting = other,
        };
        match reached {
            Ok(()) => self.verdict = Some(Verdict::Placed(invitation)),
            Err(failure) => self.tell_call(part, call::Event::Leg(leg, LegEvent::Failed(failure))),
        }
    }

    /// Whether ports for sound are free; why not.
    pub fn sound_opens(&mut self, opened: Result<(), Refusal>) {
        let (sound, part, leg) = match self.wanting.take() {
            Some((Want::Sound(sound), part, leg)) => (sound, part, leg),
            other => return self.wanting = other,
        };
        match (opened, sound, self.waiting.take()) {
            (Ok(()), Sound::Echo, _) => self.verdict = Some(Verdict::Echoed),
            (Ok(()), Sound::Relay, invitation) => {
                self.has_sound = true;
                self.wanting = invitation.map(|invitation| (Want::Reach(invitation), part, leg));
            }
            // Of two calls the second asked for them.
            (Err(refusal), ..) => {
                self.tell_call(self.calls.len().saturating_sub(1), call::Event::SoundRefused(refusal))
            }
        }
    }

    /// The mailbox of who is asked is full: the call hears what it would hear.
    pub fn too_busy(&mut self) {
        let (part, event) = match self.wanting.take() {
            Some((Want::Profile(_), part, _)) => (part, call::Event::profile_too_busy()),
            Some((Want::Carrier(_), part, leg)) => (part, call::Event::carrier_too_busy(leg)),
            other => return self.wanting = other,
        };
        // What was to be asked is not.
        self.work.pop_front();
        self.tell_call(part, event);
    }

    fn open_call(&mut self, opening: Opening) {
        let part = self.calls.len();
        let mut effects = Vec::new();
        match Call::open(opening, self.now, &mut effects) {
            Ok(call) => {
                self.calls.push(call);
                self.work.extend(effects.into_iter().map(|effect| Work::Call(part, effect)));
            }
            Err(stranger) if part == 0 => self.turn_away(stranger),
            Err(Stranger { refusal, .. }) => self.tell_first(refused_inside(refusal)),
        }
    }

    fn turn_away(&mut self, stranger: Stranger) {
        self.refuse(stranger.refusal.clone());
        self.stranger = Some(stranger);
    }

    fn refuse(&mut self, refusal: Refusal) {
        let (status, kind) = (refusal.kind.status(), refusal.kind);
        self.verdict = Some(Verdict::Refused { status, kind, sentence: refusal.sentence });
    }

    fn tell_call(&mut self, part: usize, event: call::Event) {
        let Some(call) = self.calls.get_mut(part) else { return };
        let mut effects = Vec::new();
        call.handle(event, self.now, &mut effects);
        self.work.extend(effects.into_iter().map(|effect| Work::Call(part, effect)));
    }

    fn tell_first(&mut self, event: LegEvent) {
        self.tell_call(0, call::Event::Leg(self.second_leg, event));
    }

    fn tell_profile(&mut self, id: ProfileId, event: profile::Event) {
        let Some(profile) = self.profiles.get_mut(&id) else { return };
        let mut effects = Vec::new();
        profile.handle(event, self.now, &mut effects);
        self.work.extend(effects.into_iter().map(|effect| Work::Profile(id, effect)));
    }

    fn on_call_ordered(&mut self, part: usize, effect: call::Effect) {
        match effect {
            call::Effect::Leg(LegId::CALLER, order) => self.on_caller_told(part, order),
            call::Effect::Leg(leg, LegOrder::Invite(invitation)) => self.on_invite(part, leg, invitation),
            call::Effect::AnswerWithEcho => self.wanting = Some((Want::Sound(Sound::Echo), part, LegId::CALLER)),
            call::Effect::AskProfile(id, request) if matches!(request.ask, Ask::Reserve { .. }) => {
                if self.profiles.contains_key(&id) {
                    self.tell_profile(id, profile::Event::Requested(request));
                } else {
                    self.wanting = Some((Want::Profile(id), part, LegId::CALLER));
                    self.work.push_front(Work::Call(part, call::Effect::AskProfile(id, request)));
                }
            }
            call::Effect::AskCarrier(id, ask) => self.on_carrier_asked(part, id, ask),
            // What a refused call settles was never held; facts are of what happens.
            call::Effect::AskProfile(..)
            | call::Effect::Leg(..)
            | call::Effect::ReportMedia
            | call::Effect::WarnCaller
            | call::Effect::Tell(_) => {}
        }
    }

    /// Who has not been lent has nothing to hear but whether it may be tried.
    fn on_carrier_asked(&mut self, part: usize, id: CarrierId, ask: carrier::Ask) {
        match (self.carriers.get_mut(&id), &ask) {
            (Some(carrier), _) => {
                let mut effects = Vec::new();
                carrier.handle(carrier::Event::Asked(ask), self.now, &mut effects);
                self.work.extend(effects.into_iter().map(Work::Carrier));
            }
            (None, carrier::Ask::Seize { leg, .. }) => {
                self.wanting = Some((Want::Carrier(id), part, *leg));
                self.work.push_front(Work::Call(part, call::Effect::AskCarrier(id, ask)));
            }
            (None, carrier::Ask::Concluded { .. } | carrier::Ask::Left { .. }) => {}
        }
    }

    fn on_caller_told(&mut self, part: usize, order: LegOrder) {
        let told = match order {
            LegOrder::Refuse(refusal) => refused_inside(refusal),
            LegOrder::RefuseAs { status, cause, kind, sentence } => {
                LegEvent::RefusedInside { status, cause, kind, sentence }
            }
            _ => return,
        };
        match (part, told) {
            (0, LegEvent::RefusedInside { status, kind, sentence, .. }) => {
                let sentence = sentence.unwrap_or(Cow::Borrowed(kind.sentence()));
                self.verdict = Some(Verdict::Refused { status, kind, sentence });
            }
            (_, told) => self.tell_first(told),
        }
    }

    fn on_invite(&mut self, part: usize, leg: LegId, invitation: Box<OutgoingInvitation>) {
        if invitation.whereto != Whereto::Inside {
            let want = if self.has_sound { Want::Reach(invitation) } else { self.await_sound(invitation) };
            self.wanting = Some((want, part, leg));
            return;
        }
        let Some(first) = self.calls.first() else { return };
        self.second_leg = leg;
        let id = CallId::mint(self.now.wall, &mut self.entropy);
        let opening = call::opening_inside(first, &invitation, id, self.own, self.binding.clone());
        self.open_call(opening);
    }

    fn await_sound(&mut self, invitation: Box<OutgoingInvitation>) -> Want {
        self.waiting = Some(invitation);
        Want::Sound(Sound::Relay)
    }

    fn on_profile_ordered(&mut self, id: ProfileId, effect: profile::Effect) {
        match effect {
            profile::Effect::Submit(posting) if posting.batch.id.subject == id.bits() => {}
            profile::Effect::Submit(posting) => {
                self.wanting = Some((Want::Post(Box::new(posting)), 0, LegId::CALLER));
            }
            profile::Effect::TellCall(call, event) => self.tell_call_named(call, event),
            profile::Effect::Remember(_) | profile::Effect::Tell(_) => {}
        }
    }

    fn on_carrier_ordered(&mut self, effect: carrier::Effect) {
        if let carrier::Effect::TellCall(call, event) = effect {
            self.tell_call_named(call, event);
        }
    }

    fn tell_call_named(&mut self, id: CallId, event: call::Event) {
        if let Some(part) = self.calls.iter().position(|call| call.id() == id) {
            self.tell_call(part, event);
        }
    }
}

fn refused_inside(refusal: Refusal) -> LegEvent {
    let (status, cause, kind) = (refusal.kind.status(), refusal.kind.cause(), refusal.kind);
    LegEvent::RefusedInside { status, cause, kind, sentence: Some(refusal.sentence) }
}

impl Rehearsal {
    /// One of nobody whom we know: it was over before it began.
    pub fn of_stranger(status: u16, stranger: Stranger, own: SocketAddr, now: Now) -> Rehearsal {
        let mut rehearsal = Rehearsal::empty(None, own, Entropy::from_seed([0; 16]), now);
        rehearsal.turn_away(stranger);
        if let Some(Verdict::Refused { status: told, .. }) = &mut rehearsal.verdict {
            *told = status;
        }
        rehearsal
    }
}
