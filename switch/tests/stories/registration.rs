//! One live binding per profile (S9, P2, P6, D-09, D-17; RFC 3261 10.3, field lesson 28).

use crate::world::profile_id;
use domain::fact::{RegistrationOutcome, Transport};
use domain::{Fact, Machine, Monotonic, Now, Wall};
use std::sync::Arc;
use std::time::Duration;
use switch::Registration;
use switch::registration::{Answer, Asked, Binding, Bound, Contact, Effect, Event, Expiries, FlowTag, Register};

struct Office {
    registration: Registration,
    now: Now,
    facts: Vec<Fact>,
    published: usize,
    probes: Vec<Arc<Binding>>,
    shared: Vec<Option<Arc<Binding>>>,
}

const PHONE: &str = "sip:99050000040027@192.0.2.7:5060;rinstance=1";
const OTHER: &str = "sip:99050000040027@198.51.100.9:5060";

fn register(uri: &str, expires_s: u32, call_id: &str, cseq: u32) -> Register {
    Register {
        transaction: u64::from(cseq),
        asked: Asked::Contacts(vec![Contact { uri: uri.into(), expires_s: None }]),
        expires_s: Some(expires_s),
        sip_call_id: call_id.into(),
        cseq,
        source: "192.0.2.7:5060".parse().unwrap(),
        local: "192.0.2.1:5060".parse().unwrap(),
        transport: Transport::Udp,
        flow: FlowTag(7),
        path: Arc::default(),
        behind_nat: false,
        credentials_generation: 3,
        user_agent: "pbx".into(),
    }
}

impl Office {
    fn new() -> Self {
        let now = Now { monotonic: Monotonic::from_micros(9), wall: Wall::from_unix_seconds(1_800_000_000) };
        Office {
            registration: Registration::new(profile_id(), Expiries::default()),
            now,
            facts: Vec::new(),
            published: 0,
            probes: Vec::new(),
            shared: Vec::new(),
        }
    }

    fn send(&mut self, register: Register) -> Answer {
        let transaction = register.transaction;
        let mut effects = Vec::new();
        self.registration.handle(Event::RegisterReceived(Box::new(register)), self.now, &mut effects);
        let mut answers = self.take(effects);
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0].0, transaction);
        answers.remove(0).1
    }

    fn take(&mut self, effects: Vec<Effect>) -> Vec<(u64, Answer)> {
        let mut answers = Vec::new();
        for effect in effects {
            match effect {
                Effect::Answer { transaction, answer, .. } => answers.push((transaction, answer)),
                Effect::Publish(binding) => {
                    assert_eq!(binding.as_ref(), self.registration.binding());
                    self.published += 1;
                }
                Effect::Share { binding, .. } => self.shared.push(binding),
                Effect::Probe(binding) => self.probes.push(binding),
                Effect::Tell(fact) => self.facts.push(fact),
            }
        }
        answers
    }

    fn advance(&mut self, duration: Duration) {
        self.now = self.now.after(duration);
        let mut effects = Vec::new();
        self.registration.expire(self.now, &mut effects);
        assert!(self.take(effects).is_empty());
    }

    fn outcomes(&self) -> Vec<RegistrationOutcome> {
        let outcome = |fact: &Fact| match fact {
            Fact::RegistrationChanged { outcome, .. } => Some(*outcome),
            _ => None,
        };
        self.facts.iter().filter_map(outcome).collect()
    }

    fn conflicts(&self) -> usize {
        self.facts.iter().filter(|fact| matches!(fact, Fact::RegistrationConflicted { .. })).count()
    }
}

fn bound(uri: &str, expires_s: u32) -> Answer {
    Answer::Ok(Some(Bound { contact: uri.into(), expires_s }))
}

/// S9, D-17: what is granted is echoed exactly.
#[test]
fn a_binding_lasts_45_seconds_behind_nat_and_an_hour_direct_at_most() {
    for (asked_s, behind_nat, granted_s) in
        [(3_600, true, 45), (45, true, 45), (30, true, 30), (7_200, false, 3_600), (120, false, 120), (30, false, 30)]
    {
        let mut office = Office::new();
        let answer = office.send(Register { behind_nat, ..register(PHONE, asked_s, "a", 1) });
        assert_eq!(answer, bound(PHONE, granted_s));
        office.advance(Duration::from_secs(u64::from(granted_s)) - Duration::from_micros(1));
        assert!(office.registration.binding().is_some());
        office.advance(Duration::from_micros(1));
        assert!(office.registration.binding().is_none() && office.registration.is_finished());
        assert_eq!(office.outcomes(), [RegistrationOutcome::Created, RegistrationOutcome::Expired]);
        assert_eq!(office.published, 2);
    }
}

#[test]
fn who_says_no_time_gets_the_longest() {
    let mut office = Office::new();
    let silent = Register { expires_s: None, ..register(PHONE, 0, "a", 1) };
    assert_eq!(office.send(silent.clone()), bound(PHONE, 3_600));
    let behind_nat = Register { behind_nat: true, cseq: 2, ..silent };
    assert_eq!(office.send(behind_nat), bound(PHONE, 45));
}

/// D-17: 423 only for more than nothing and less than the minimum; the old binding stays.
#[test]
fn less_than_thirty_seconds_is_too_brief() {
    let mut office = Office::new();
    office.send(register(PHONE, 60, "a", 1));
    for expires_s in [1, 29] {
        let answer = office.send(register(PHONE, expires_s, "a", 2));
        let Answer::TooBrief { refusal, min_expires_s } = answer else { panic!("{answer:?}") };
        assert_eq!((refusal.kind.status(), min_expires_s), (423, 30));
    }
    assert!(office.registration.binding().is_some());
}

/// Field lesson 28.
#[test]
fn refreshing_for_hours_never_shortens_what_is_granted() {
    let mut office = Office::new();
    for cseq in 1..1_000 {
        let answer = office.send(Register { behind_nat: true, ..register(PHONE, 3_600, "a", cseq) });
        assert_eq!(answer, bound(PHONE, 45));
        office.advance(Duration::from_millis(40_123));
    }
    assert_eq!(office.outcomes()[1..], vec![RegistrationOutcome::Refreshed; 998]);
    assert_eq!(office.conflicts(), 0);
}

/// P2, D-09.
#[test]
fn a_second_pbx_replaces_the_first_and_the_conflict_is_told() {
    let mut office = Office::new();
    office.send(register(PHONE, 60, "a", 1));
    let source = "198.51.100.9:5060".parse().unwrap();
    assert_eq!(office.send(Register { source, ..register(OTHER, 60, "b", 1) }), bound(OTHER, 60));
    assert_eq!(&*office.registration.binding().unwrap().contact, OTHER);
    assert_eq!(office.conflicts(), 1);
    assert!(office.facts.iter().any(|fact| {
        matches!(fact, Fact::RegistrationConflicted { replaced, by, .. }
            if replaced.to_string() == "192.0.2.7:5060" && *by == source)
    }));
}

/// P2: a PBX that moved, restarted or sits behind a NAT that did is no second one.
#[test]
fn the_same_pbx_with_another_port_or_another_call_id_is_no_conflict() {
    let mut office = Office::new();
    office.send(register(PHONE, 60, "a", 1));
    office.send(Register { source: "192.0.2.7:61000".parse().unwrap(), ..register(PHONE, 60, "a", 2) });
    office.send(Register { source: "192.0.2.7:62000".parse().unwrap(), ..register(PHONE, 60, "b", 1) });
    office.send(Register { source: "192.0.2.7:62000".parse().unwrap(), ..register(OTHER, 60, "c", 1) });
    assert_eq!(office.conflicts(), 0);
    office.advance(Duration::from_secs(60));
    let elsewhere = "203.0.113.5:5060".parse().unwrap();
    office.send(Register { source: elsewhere, ..register(PHONE, 60, "d", 1) });
    assert_eq!(office.conflicts(), 0, "the old binding had run out");
}

/// RFC 3261 10.3, 7.
#[test]
fn within_a_call_id_an_older_request_changes_nothing() {
    let mut office = Office::new();
    office.send(register(PHONE, 60, "a", 5));
    for (cseq, expires_s) in [(5, 60), (4, 60), (4, 0)] {
        assert_eq!(office.send(register(PHONE, expires_s, "a", cseq)), Answer::OutOfOrder);
    }
    assert!(office.registration.binding().is_some());
    assert_eq!(office.send(register(PHONE, 0, "other", 1)), Answer::Ok(None));
}

#[test]
fn a_pbx_unregisters_by_contact_or_by_star() {
    let mut office = Office::new();
    office.send(register(PHONE, 60, "a", 1));
    assert_eq!(office.send(register(OTHER, 0, "a", 2)), bound(PHONE, 60));
    assert_eq!(office.send(register(PHONE, 0, "a", 3)), Answer::Ok(None));
    office.send(register(PHONE, 60, "b", 1));
    let star = |expires_s, cseq| Register { asked: Asked::RemoveAll, expires_s, ..register(PHONE, 0, "b", cseq) };
    assert!(matches!(office.send(star(Some(60), 2)), Answer::BadRequest(_)));
    assert!(matches!(office.send(star(None, 2)), Answer::BadRequest(_)));
    assert!(office.registration.binding().is_some());
    assert_eq!(office.send(star(Some(0), 2)), Answer::Ok(None));
    assert!(office.registration.binding().is_none());
    assert_eq!(office.send(star(Some(0), 3)), Answer::Ok(None));
}

/// The contact's own expires parameter wins over the header (RFC 3261 10.2.1.1); of several contacts the first that is kept.
#[test]
fn of_several_contacts_the_first_that_is_not_removed_is_bound() {
    let mut office = Office::new();
    let contact = |uri: &str, expires_s| Contact { uri: uri.into(), expires_s };
    let asked = Asked::Contacts(vec![contact(PHONE, Some(0)), contact(OTHER, Some(50)), contact("sip:c", None)]);
    assert_eq!(office.send(Register { asked, ..register(PHONE, 60, "a", 1) }), bound(OTHER, 50));
}

/// P6: what is left, where it is only asked for.
#[test]
fn a_query_tells_what_is_left_and_changes_nothing() {
    let mut office = Office::new();
    let query = |cseq| Register { asked: Asked::Query, expires_s: None, ..register(PHONE, 0, "a", cseq) };
    assert_eq!(office.send(query(1)), Answer::Ok(None));
    office.send(register(PHONE, 60, "a", 2));
    office.advance(Duration::from_millis(19_500));
    assert_eq!(office.send(query(3)), bound(PHONE, 41));
    let binding = office.registration.binding().unwrap();
    assert_eq!((binding.cseq, binding.granted_s, binding.credentials_generation), (2, 60, 3));
}

#[test]
fn a_connection_that_is_gone_takes_its_binding_with_it_and_no_other() {
    let mut office = Office::new();
    office.send(Register { transport: Transport::Tcp, ..register(PHONE, 60, "a", 1) });
    for (flow, stays) in [(FlowTag(8), true), (FlowTag(7), false)] {
        let mut effects = Vec::new();
        office.registration.handle(Event::FlowClosed(flow), office.now, &mut effects);
        office.take(effects);
        assert_eq!(office.registration.binding().is_some(), stays);
    }
}

#[test]
fn a_binding_survives_a_restart_for_the_time_that_was_left() {
    let mut office = Office::new();
    office.send(register(PHONE, 60, "a", 1));
    let kept = Arc::clone(office.registration.binding().unwrap());
    // Another process: its monotonic clock starts anew.
    let wall = office.now.wall + Duration::from_secs(20);
    let reborn = Now { monotonic: Monotonic::from_micros(0), wall };
    let registration = Registration::restored(profile_id(), Expiries::default(), kept.clone(), reborn);
    assert_eq!(registration.deadline(), Some(Monotonic::from_micros(40_000_000)));
    let late = Now { wall: wall + Duration::from_secs(40), ..reborn };
    assert!(Registration::restored(profile_id(), Expiries::default(), kept, late).binding().is_none());
}

/// Probes every 25 s.
fn probing() -> Office {
    let expiries = Expiries { probe_every: Some(Duration::from_secs(25)), ..Expiries::default() };
    Office { registration: Registration::new(profile_id(), expiries), ..Office::new() }
}

impl Office {
    /// What became of the last question.
    fn probed(&mut self, is_answered: bool) {
        let binding = self.probes.last().unwrap().clone();
        let mut effects = Vec::new();
        self.registration.handle(Event::Probed { binding, is_answered }, self.now, &mut effects);
        assert!(self.take(effects).is_empty());
    }
}

/// S14, RFC 5626 4.4.
#[test]
fn a_pbx_behind_nat_is_asked_every_25_seconds_and_others_are_not() {
    let mut office = probing();
    office.send(Register { behind_nat: true, ..register(PHONE, 45, "a", 1) });
    office.advance(Duration::from_secs(24));
    assert_eq!(office.probes.len(), 0);
    office.advance(Duration::from_secs(1));
    assert_eq!(office.probes.len(), 1);
    let mut office = probing();
    office.send(register(PHONE, 3_600, "a", 1));
    office.advance(Duration::from_secs(60));
    let tcp = Register { behind_nat: true, transport: Transport::Tcp, ..register(PHONE, 3_600, "b", 2) };
    office.send(tcp);
    office.advance(Duration::from_secs(60));
    assert_eq!(office.probes.len(), 0, "what is reached directly, and connections, need no question");
}

#[test]
fn a_pbx_that_answered_and_falls_silent_is_registered_no_more() {
    let mut office = probing();
    let register = |cseq| Register { behind_nat: true, ..register(PHONE, 45, "a", cseq) };
    office.send(register(1));
    office.advance(Duration::from_secs(25));
    office.probed(false);
    assert!(
        office.registration.binding().is_some(),
        "one that never answers such questions is judged by its refreshes alone"
    );
    office.send(register(2));
    office.advance(Duration::from_secs(25));
    office.probed(true);
    office.send(register(3));
    office.advance(Duration::from_secs(25));
    office.send(register(4));
    office.probed(false);
    assert!(office.registration.binding().is_some(), "it was refreshed after it was asked");
    office.advance(Duration::from_secs(25));
    office.probed(false);
    assert!(office.registration.binding().is_none());
    assert_eq!(office.outcomes().last(), Some(&RegistrationOutcome::Expired));
}

/// A registration over a connection is refreshed before the connection is closed for its silence.
#[test]
fn a_connection_is_registered_for_less_than_it_may_be_silent() {
    let mut office = Office::new();
    let tls = Register { transport: Transport::Tls, behind_nat: true, ..register(PHONE, 3_600, "a", 1) };
    assert_eq!(office.send(tls), bound(PHONE, 840));
}
