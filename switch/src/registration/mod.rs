//! The registration of one profile as a machine: one live binding, newest wins (S9, P2, D-09, D-17; RFC 3261 10.3), whichever node of the
//! house it came to.
//!
//! Credentials are checked before; URIs, flows and the detection of NAT are the front door's, and opaque here.

mod event;
mod sharing;

pub use event::{Answer, Asked, Binding, Bound, Contact, Effect, Elsewhere, Event, FlowTag, Register};

use domain::fact::{RegistrationOutcome, Transport};
use domain::refusal::RefusalKind;
use domain::trace::{Rule, Trace, Value};
use domain::{Fact, Machine, Monotonic, Now, ProfileId, Refusal};
use std::sync::Arc;
use std::time::Duration;

/// How long bindings are granted (S9, D-17).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiries {
    /// Seconds that a binding lasts at most behind NAT.
    pub behind_nat_max_s: u32,
    /// Seconds that a binding lasts at most where the PBX is reached directly.
    pub direct_max_s: u32,
    /// Seconds that a binding lasts at most over a connection, NAT or not: refreshed before the connection is closed for its silence.
    pub stream_max_s: u32,
    /// Seconds that may be asked for at least.
    pub min_s: u32,
    /// How often a binding behind NAT over UDP is asked whether it lives (RFC 5626 4.4, OPTIONS in place of STUN); none for never.
    pub probe_every: Option<Duration>,
}

impl Default for Expiries {
    /// 45 s behind NAT, shorter than the shortest UDP mappings; an hour directly; over connections 840 s, the longest pause between
    /// keep-alives (RFC 5626 4.4.1); not below 30 s.
    fn default() -> Self {
        Expiries { behind_nat_max_s: 45, direct_max_s: 3_600, stream_max_s: 840, min_s: 30, probe_every: None }
    }
}

/// The registration of one profile.
#[derive(Debug)]
pub struct Registration {
    profile: ProfileId,
    expiries: Expiries,
    binding: Option<Arc<Binding>>,
    /// When the binding runs out; armed while there is one.
    expires: Option<Monotonic>,
    /// When the binding is asked next whether it lives.
    probe: Option<Monotonic>,
    /// Whether this binding has ever answered when it was asked: only then its silence means something.
    has_answered: bool,
}

impl Registration {
    /// Nothing registered.
    pub fn new(profile: ProfileId, expiries: Expiries) -> Registration {
        Registration { profile, expiries, binding: None, expires: None, probe: None, has_answered: false }
    }

    /// A binding that was kept over a restart, unless it has run out since.
    pub fn restored(profile: ProfileId, expiries: Expiries, binding: Arc<Binding>, now: Now) -> Registration {
        let left = binding.expires_at.since(now.wall);
        if left.is_zero() {
            return Registration::new(profile, expiries);
        }
        let mut registration = Registration::new(profile, expiries);
        registration.arm_probe(&binding, now);
        registration.expires = Some(now.monotonic + left);
        registration.binding = Some(binding);
        registration
    }

    /// Whose.
    pub fn profile(&self) -> ProfileId {
        self.profile
    }

    /// The live binding (P6).
    pub fn binding(&self) -> Option<&Arc<Binding>> {
        self.binding.as_ref()
    }

    fn on_register_received(&mut self, register: Register, now: Now, effects: &mut Vec<Effect>) {
        let transaction = register.transaction;
        let mut trace = Trace::new();
        let answer = match &register.asked {
            Asked::Query => Answer::Ok(self.bound_now(now)),
            _ if self.is_out_of_order(&register) => {
                let last = self.binding.as_ref().map(|binding| Value::Count(binding.cseq.into()));
                trace.failed(RefusalKind::OutOfOrder, Value::Count(register.cseq.into()), last);
                self.refuse(&register, Answer::OutOfOrder, effects)
            }
            Asked::RemoveAll if register.expires_s == Some(0) => self.remove(register.transport, now, effects),
            Asked::RemoveAll => {
                let sentence = "Contact: * is for removing every binding, and needs Expires: 0";
                trace.failed(RefusalKind::MalformedRequest, sentence, Value::None);
                self.refuse(&register, Answer::BadRequest(sentence), effects)
            }
            Asked::Contacts(_) => {
                trace.passed(Rule::RegistrationOrder, Value::Count(register.cseq.into()), Value::None);
                self.on_contacts(&register, now, &mut trace, effects)
            }
        };
        effects.push(Effect::Answer { transaction, answer, trace });
    }

    /// RFC 3261 10.3, 7: within a Call-ID, a request must be newer than the one that made the binding.
    fn is_out_of_order(&self, register: &Register) -> bool {
        self.binding
            .as_ref()
            .is_some_and(|binding| binding.sip_call_id == register.sip_call_id && register.cseq <= binding.cseq)
    }

    fn on_contacts(&mut self, register: &Register, now: Now, trace: &mut Trace, effects: &mut Vec<Effect>) -> Answer {
        let Asked::Contacts(contacts) = &register.asked else { return Answer::Ok(self.bound_now(now)) };
        let wanted = |contact: &Contact| contact.expires_s.or(register.expires_s);
        let Some(kept) = contacts.iter().find(|contact| wanted(contact) != Some(0)) else {
            return self.on_removed(register, contacts, now, effects);
        };
        let Expiries { behind_nat_max_s, direct_max_s, stream_max_s, .. } = self.expiries;
        let longest = match (register.transport, register.behind_nat) {
            (Transport::Udp, true) => behind_nat_max_s,
            (Transport::Udp, false) => direct_max_s,
            // The connection itself keeps a NAT open, as long as something goes over it.
            _ => direct_max_s.min(stream_max_s),
        };
        let asked_s = wanted(kept).unwrap_or(longest);
        if asked_s < self.expiries.min_s {
            trace.failed(RefusalKind::IntervalTooBrief, Value::Seconds(asked_s), Value::Seconds(self.expiries.min_s));
            return self.too_brief(register, asked_s, effects);
        }
        trace.passed(Rule::RegistrationInterval, Value::Seconds(asked_s), Value::Seconds(asked_s.min(longest)));
        self.bind(register, kept, asked_s.min(longest), now, effects)
    }

    /// Every contact of the request is to be removed; ours may be among them.
    fn on_removed(&mut self, register: &Register, contacts: &[Contact], now: Now, effects: &mut Vec<Effect>) -> Answer {
        let ours = self.binding.as_ref().is_some_and(|binding| contacts.iter().any(|gone| gone.uri == binding.contact));
        if ours { self.remove(register.transport, now, effects) } else { Answer::Ok(self.bound_now(now)) }
    }

    fn bind(
        &mut self,
        register: &Register,
        contact: &Contact,
        granted_s: u32,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> Answer {
        let old = self.binding.take();
        let same = old.filter(|old| {
            let is_same = old.contact == contact.uri || old.sip_call_id == register.sip_call_id;
            if !is_same && old.seen_from() != register.source {
                let (profile, replaced, by) = (self.profile, old.seen_from(), register.source);
                effects.push(Effect::Tell(Fact::RegistrationConflicted { profile, replaced, by }));
            }
            is_same
        });
        let lasts = Duration::from_secs(u64::from(granted_s));
        let binding = Arc::new(Binding {
            contact: contact.uri.clone(),
            source: register.source,
            local: register.local,
            transport: register.transport,
            flow: register.flow,
            path: register.path.clone(),
            behind_nat: register.behind_nat,
            sip_call_id: register.sip_call_id.clone(),
            cseq: register.cseq,
            credentials_generation: register.credentials_generation,
            user_agent: register.user_agent.clone(),
            granted_s,
            since: same.as_ref().map_or(now.wall, |old| old.since),
            refreshed_at: now.wall,
            expires_at: now.wall + lasts,
            elsewhere: None,
        });
        self.expires = Some(now.monotonic + lasts);
        self.has_answered &= same.as_ref().is_some_and(|old| old.source == binding.source);
        self.arm_probe(&binding, now);
        self.binding = Some(binding.clone());
        effects.push(Effect::Publish(Some(Arc::clone(&binding))));
        effects.push(Effect::Share { binding: Some(binding), at: now.wall });
        let outcome = if same.is_some() { RegistrationOutcome::Refreshed } else { RegistrationOutcome::Created };
        self.say(outcome, register.transport, effects);
        // Exactly what was granted (field lesson 28).
        Answer::Ok(Some(Bound { contact: contact.uri.clone(), expires_s: granted_s }))
    }

    fn arm_probe(&mut self, binding: &Binding, now: Now) {
        let is_wanted = binding.behind_nat && binding.transport == Transport::Udp;
        self.probe = self.expiries.probe_every.filter(|_| is_wanted).map(|every| now.monotonic + every);
    }

    /// A PBX that answered before and does not any more cannot be reached: better the caller hears so at once.
    fn on_probed(&mut self, probed: &Binding, is_answered: bool, now: Now, effects: &mut Vec<Effect>) {
        let Some(binding) = &self.binding else { return };
        if (&binding.contact, binding.source) != (&probed.contact, probed.source) {
            return;
        }
        if is_answered {
            self.has_answered = true;
        // What was refreshed since the question lives, whatever became of the question.
        } else if self.has_answered && binding.cseq == probed.cseq {
            self.unbind(RegistrationOutcome::Expired, probed.transport, now, effects);
        }
    }

    fn remove(&mut self, transport: Transport, now: Now, effects: &mut Vec<Effect>) -> Answer {
        if self.binding.is_some() {
            self.unbind(RegistrationOutcome::Removed, transport, now, effects);
        }
        Answer::Ok(None)
    }

    fn unbind(&mut self, outcome: RegistrationOutcome, transport: Transport, now: Now, effects: &mut Vec<Effect>) {
        self.forget(effects);
        effects.push(Effect::Share { binding: None, at: now.wall });
        self.say(outcome, transport, effects);
    }

    fn too_brief(&self, register: &Register, asked_s: u32, effects: &mut Vec<Effect>) -> Answer {
        self.say(RegistrationOutcome::IntervalTooBrief, register.transport, effects);
        let min_expires_s = self.expiries.min_s;
        let sentence = format!("{asked_s} seconds is too brief; register for at least {min_expires_s} seconds");
        let refusal = Refusal::saying(RefusalKind::IntervalTooBrief, sentence);
        Answer::TooBrief { refusal, min_expires_s }
    }

    fn refuse(&self, register: &Register, answer: Answer, effects: &mut Vec<Effect>) -> Answer {
        self.say(RegistrationOutcome::Rejected, register.transport, effects);
        answer
    }

    /// What is bound, with the seconds that are left, rounded up.
    fn bound_now(&self, now: Now) -> Option<Bound> {
        let (binding, expires) = (self.binding.as_ref()?, self.expires?);
        let left = expires.since(now.monotonic);
        let expires_s = left.as_secs() as u32 + u32::from(left.subsec_nanos() > 0);
        Some(Bound { contact: binding.contact.clone(), expires_s })
    }

    /// A connection is gone: nobody can be reached over it.
    fn on_flow_closed(&mut self, flow: FlowTag, now: Now, effects: &mut Vec<Effect>) {
        if let Some(transport) = self.binding.as_ref().filter(|binding| binding.flow == flow).map(|lost| lost.transport)
        {
            self.unbind(RegistrationOutcome::Expired, transport, now, effects);
        }
    }

    fn say(&self, outcome: RegistrationOutcome, transport: Transport, effects: &mut Vec<Effect>) {
        effects.push(Effect::Tell(Fact::RegistrationChanged { profile: self.profile, outcome, transport }));
    }
}

impl Machine for Registration {
    type Event = Event;
    type Effect = Effect;

    fn handle(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        match event {
            Event::RegisterReceived(register) => self.on_register_received(*register, now, effects),
            Event::FlowClosed(flow) => self.on_flow_closed(flow, now, effects),
            Event::Probed { binding, is_answered } => self.on_probed(&binding, is_answered, now, effects),
            Event::Heard { binding: Some(binding), .. } => self.on_heard(binding, now, effects),
            Event::Heard { binding: None, at } => self.on_heard_none(at, effects),
            Event::Recalled(binding) => self.on_recalled(binding, now, effects),
        }
    }

    fn deadline(&self) -> Option<Monotonic> {
        self.expires.into_iter().chain(self.probe).min()
    }

    fn expire(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let due = self.expires.is_some_and(|expires| expires <= now.monotonic);
        match self.binding.as_ref().filter(|_| due) {
            Some(binding) if binding.is_ours() => {
                self.unbind(RegistrationOutcome::Expired, binding.transport, now, effects);
            }
            // Its own node says so too.
            Some(_) => self.forget(effects),
            None => {}
        }
        if let (Some(binding), Some(at)) = (&self.binding, self.probe)
            && at <= now.monotonic
        {
            effects.push(Effect::Probe(binding.clone()));
            self.probe = self.expiries.probe_every.map(|every| now.monotonic + every);
        }
    }

    /// Without a binding there is nothing to remember.
    fn is_finished(&self) -> bool {
        self.binding.is_none()
    }
}
