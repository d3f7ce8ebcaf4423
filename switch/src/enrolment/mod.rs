//! Our registration towards one carrier that wants one, as a machine: when to register, for how long, and when to try again
//! (RFC 3261 10.2, RFC 5626 4.5).
//!
//! How a REGISTER is written and a challenge answered is not known here; calls do not wait for it: a carrier that calls may be handed to
//! without being registered says so by its answer.
//!
//! | Phase | Until |
//! |---|---|
//! | resting | it is wanted, or due again |
//! | asking | the answer to a REGISTER |

mod event;

pub use event::{Answer, Effect, Event, Standing, State};

use crate::directory::{Directory, EnrolmentTerms};
use domain::{CarrierId, Entropy, Fact, Machine, Monotonic, Now, TimerTable, Wall};
use std::sync::Arc;
use std::time::Duration;

/// The first pause after a failure, at most (RFC 5626 4.5, where no flow is left); doubled each time.
const PAUSE_FIRST: Duration = Duration::from_secs(30);
/// The first pause where the carrier does not know us: nothing will change before somebody changes the password, and the new one is
/// tried at once.
const PAUSE_UNKNOWN: Duration = Duration::from_secs(300);
/// The longest pause (RFC 5626 4.5).
const PAUSE_MAX: Duration = Duration::from_secs(1_800);
/// A carrier's `Retry-After` is heeded up to here.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);
/// Longer registrations than this are never asked for, whatever a 423 says.
const EXPIRES_MAX_S: u32 = 86_400;
/// Before the end of a registration there is time for one REGISTER that is lost altogether (64*T1), where it is long enough.
const MARGIN: Duration = Duration::from_secs(32);
/// A refresh comes no sooner than this after the last one, however short a registration is.
const REFRESH_MIN: Duration = Duration::from_secs(5);
/// A REGISTER that nobody has told anything about for so long is lost; its transaction ends after 64*T1.
const OVERDUE: Duration = Duration::from_secs(40);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    /// The next REGISTER.
    Due,
    /// Nothing was heard of the REGISTER under way.
    Overdue,
    /// What the carrier has granted is over.
    Expiry,
}

/// Our registration towards one carrier.
#[derive(Debug)]
pub struct Enrolment {
    carrier: CarrierId,
    directory: Arc<Directory>,
    chance: Entropy,
    /// What it is registered by; none where it is not to be.
    terms: Option<EnrolmentTerms>,
    state: State,
    since: Wall,
    contact: Option<Arc<str>>,
    service_route: Arc<[Arc<str>]>,
    expires_at: Option<(Monotonic, Wall)>,
    next_at: Option<Wall>,
    last_error: Option<Arc<str>>,
    /// The least that the carrier wants.
    min_expires_s: u32,
    /// REGISTERs that were ordered.
    number: u64,
    is_asking: bool,
    /// Whether the last REGISTER was answered 423: a second one in a row is a failure.
    was_too_brief: bool,
    failures: u32,
    is_leaving: bool,
    timers: TimerTable<Timer>,
}

impl Enrolment {
    /// It begins at once, where the carrier wants it.
    pub fn new(carrier: CarrierId, directory: Arc<Directory>, chance: Entropy, now: Now) -> Self {
        let mut enrolment = Enrolment {
            carrier,
            directory,
            chance,
            terms: None,
            state: State::Off,
            since: now.wall,
            contact: None,
            service_route: [].into(),
            expires_at: None,
            next_at: None,
            last_error: None,
            min_expires_s: 0,
            number: 0,
            is_asking: false,
            was_too_brief: false,
            failures: 0,
            is_leaving: false,
            timers: TimerTable::new(),
        };
        enrolment.begin(enrolment.wanted(), now);
        enrolment
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        Standing {
            state: self.state,
            since: self.since,
            contact: self.contact.clone(),
            expires_at: self.expires_at.map(|(_, wall)| wall),
            next_at: self.next_at,
            last_error: self.last_error.clone(),
            service_route: Arc::clone(&self.service_route),
        }
    }

    fn wanted(&self) -> Option<EnrolmentTerms> {
        let carrier = self.directory.carrier(self.carrier).filter(|carrier| carrier.enabled && !self.is_leaving)?;
        carrier.enrolment
    }

    fn begin(&mut self, terms: Option<EnrolmentTerms>, now: Now) {
        self.terms = terms;
        self.failures = 0;
        self.min_expires_s = 0;
        self.was_too_brief = false;
        self.is_asking = false;
        self.last_error = None;
        self.timers.clear();
        self.enter(if terms.is_some() { State::Registering } else { State::Off }, now);
        self.next_at = None;
        if terms.is_some() {
            self.timers.arm(Timer::Due, now.monotonic);
        }
    }

    fn enter(&mut self, state: State, now: Now) {
        if self.state != state {
            self.state = state;
            self.since = now.wall;
        }
        if state != State::Registered {
            self.contact = None;
            self.service_route = [].into();
            self.expires_at = None;
        }
    }

    /// The account, or whether it is wanted, has changed: the carrier forgets what it kept, and learns the new.
    fn on_directory_swapped(&mut self, directory: Arc<Directory>, now: Now, effects: &mut Vec<Effect>) {
        self.directory = directory;
        self.reconsider(now, effects);
    }

    fn on_leave_ordered(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.is_leaving = true;
        self.reconsider(now, effects);
    }

    fn reconsider(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let wanted = self.wanted();
        if wanted == self.terms {
            return;
        }
        // A REGISTER under way may have been granted too.
        if self.state == State::Registered || self.is_asking {
            self.number += 1;
            effects.push(Effect::Register { number: self.number, expires_s: 0 });
            self.say(false, "it is not to be registered there any more", effects);
        }
        self.begin(wanted, now);
        effects.push(Effect::Publish(self.standing()));
    }

    fn register(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Some(terms) = self.terms else { return };
        self.number += 1;
        self.is_asking = true;
        self.next_at = None;
        self.timers.arm(Timer::Overdue, now.monotonic + OVERDUE);
        let expires_s = terms.expires_s.max(self.min_expires_s);
        effects.push(Effect::Register { number: self.number, expires_s });
    }

    fn on_answered(&mut self, number: u64, answer: Answer, now: Now, effects: &mut Vec<Effect>) {
        if !self.take(number) {
            return;
        }
        match answer {
            Answer::Granted { expires_s: 0, .. } => {
                self.fail("it answered 200 and keeps no Contact of ours", PAUSE_FIRST, now, effects)
            }
            Answer::Granted { expires_s, contact, service_route } => {
                // Each answer says it anew, and one that says nothing takes it back (RFC 3608 6.1).
                self.service_route = service_route;
                self.on_granted(expires_s, contact, now, effects);
            }
            Answer::TooBrief { min_expires_s } if !self.was_too_brief && self.may_raise_to(min_expires_s) => {
                self.was_too_brief = true;
                self.min_expires_s = min_expires_s;
                self.register(now, effects);
            }
            Answer::TooBrief { min_expires_s } => {
                let because = format!("it refuses every interval with 423, and wants {min_expires_s} s at least");
                self.fail(&because, PAUSE_FIRST, now, effects);
            }
            Answer::Refused { status, retry_after_s: Some(seconds) } => {
                let pause = Duration::from_secs(seconds.into()).clamp(REFRESH_MIN, RETRY_AFTER_MAX);
                self.fail_until(&format!("it refused with {status}"), pause, now, effects);
            }
            Answer::Refused { status, .. } => {
                let is_unknown = matches!(status, 401 | 403 | 404 | 407);
                let pause = if is_unknown { PAUSE_UNKNOWN } else { PAUSE_FIRST };
                self.fail(&format!("it refused with {status}"), pause, now, effects);
            }
        }
        effects.push(Effect::Publish(self.standing()));
    }

    fn may_raise_to(&self, min_expires_s: u32) -> bool {
        let asked = self.terms.map_or(0, |terms| terms.expires_s.max(self.min_expires_s));
        (asked + 1..=EXPIRES_MAX_S).contains(&min_expires_s)
    }

    fn on_failed(&mut self, number: u64, because: &str, now: Now, effects: &mut Vec<Effect>) {
        if self.take(number) {
            self.fail(because, PAUSE_FIRST, now, effects);
            effects.push(Effect::Publish(self.standing()));
        }
    }

    fn take(&mut self, number: u64) -> bool {
        let is_awaited = self.is_asking && number == self.number;
        if is_awaited {
            self.is_asking = false;
            self.timers.disarm(Timer::Overdue);
        }
        is_awaited
    }

    fn on_granted(&mut self, expires_s: u32, contact: Arc<str>, now: Now, effects: &mut Vec<Effect>) {
        let granted = Duration::from_secs(expires_s.min(EXPIRES_MAX_S).into());
        let was_registered = self.state == State::Registered;
        self.enter(State::Registered, now);
        self.contact = Some(contact);
        self.expires_at = Some((now.monotonic + granted, now.wall + granted));
        self.failures = 0;
        self.was_too_brief = false;
        self.last_error = None;
        self.timers.arm(Timer::Expiry, now.monotonic + granted);
        // A tenth of it, and the margin; with up to a tenth of chance, so that what began together does not stay together.
        let ahead = (granted / 10).max(MARGIN.min(granted / 2));
        let pause = granted.saturating_sub(ahead).saturating_sub(self.chance_of(granted / 10));
        self.arm_due(pause.max(REFRESH_MIN.min(granted / 2)), now);
        if !was_registered {
            self.say(true, "it keeps our Contact", effects);
        }
    }

    /// As RFC 5626 4.5 has it: the pause doubles, and half of it is left to chance.
    fn fail(&mut self, because: &str, first: Duration, now: Now, effects: &mut Vec<Effect>) {
        let most = first.saturating_mul(1 << self.failures.min(16)).min(PAUSE_MAX);
        let pause = most / 2 + self.chance_of(most / 2);
        self.fail_until(because, pause, now, effects);
    }

    fn fail_until(&mut self, because: &str, mut pause: Duration, now: Now, effects: &mut Vec<Effect>) {
        self.failures = self.failures.saturating_add(1);
        self.was_too_brief = false;
        let is_news = self.last_error.as_deref() != Some(because);
        self.last_error = Some(because.into());
        match self.expires_at {
            // What is granted stays: it is refreshed once more before it ends.
            Some((until, _)) => {
                let left = until.since(now.monotonic);
                pause = pause.min((left / 2).max(REFRESH_MIN));
            }
            None => self.enter(State::Failed, now),
        }
        self.arm_due(pause, now);
        if is_news {
            self.say(self.state == State::Registered, because, effects);
        }
    }

    fn chance_of(&mut self, most: Duration) -> Duration {
        Duration::from_millis(self.chance.below(u64::try_from(most.as_millis()).unwrap_or(u64::MAX).saturating_add(1)))
    }

    fn arm_due(&mut self, pause: Duration, now: Now) {
        self.next_at = Some(now.wall + pause);
        self.timers.arm(Timer::Due, now.monotonic + pause);
    }

    fn on_expired(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.enter(State::Failed, now);
        self.say(false, "what it granted is over, and it was not refreshed", effects);
        effects.push(Effect::Publish(self.standing()));
    }

    fn say(&self, is_registered: bool, because: &str, effects: &mut Vec<Effect>) {
        if let Some(carrier) = self.directory.carrier(self.carrier) {
            let (carrier, because) = (Arc::clone(&carrier.name), because.into());
            effects.push(Effect::Tell(Fact::CarrierEnrolled { carrier, is_registered, because }));
        }
    }
}

impl Machine for Enrolment {
    type Event = Event;
    type Effect = Effect;

    fn handle(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        match event {
            Event::Answered { number, answer } => self.on_answered(number, answer, now, effects),
            Event::Failed { number, because } => self.on_failed(number, &because, now, effects),
            Event::DirectorySwapped(directory) => self.on_directory_swapped(directory, now, effects),
            Event::LeaveOrdered => self.on_leave_ordered(now, effects),
        }
    }

    fn deadline(&self) -> Option<Monotonic> {
        self.timers.deadline()
    }

    fn expire(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while let Some(timer) = self.timers.pop_due(now.monotonic) {
            match timer {
                Timer::Due => self.register(now, effects),
                Timer::Overdue => self.on_failed(self.number, "nothing was heard of a REGISTER", now, effects),
                Timer::Expiry => self.on_expired(now, effects),
            }
        }
    }

    /// An enrolment is never finished: others hold its address.
    fn is_finished(&self) -> bool {
        false
    }
}
