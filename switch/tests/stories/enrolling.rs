//! Stories of registering towards a carrier (RFC 3261 10.2, RFC 5626 4.5), on a virtual clock: refresh, failures, 423, changes, the end.

use domain::{CarrierId, Entropy, Fact, Machine, Now};
use std::sync::Arc;
use std::time::Duration;
use switch::Directory;
use switch::directory::{Carrier, EnrolmentTerms};
use switch::enrolment::{Answer, Effect, Enrolment, Event, Standing, State};

const ID: CarrierId = CarrierId::from_bits(1);
const CONTACT: &str = "sip:acme@203.0.113.1:5060";

/// An enrolment, its clock, and what it ordered: the number and the seconds of each REGISTER.
struct Office {
    machine: Enrolment,
    now: Now,
    sent: Vec<(u64, u32)>,
    facts: Vec<bool>,
}

fn directory(terms: Option<(u32, u64)>, enabled: bool) -> Arc<Directory> {
    let enrolment = terms.map(|(expires_s, version)| EnrolmentTerms { expires_s, version });
    let carrier = Carrier { enrolment, enabled, ..Carrier::new(ID, "north") };
    Arc::new(Directory::builder().carrier(carrier).build().0)
}

impl Office {
    fn new(seed: u8) -> Office {
        let now = Now::default();
        let chance = Entropy::from_seed([seed; 16]);
        let machine = Enrolment::new(ID, directory(Some((3_600, 1)), true), chance, now);
        let mut office = Office { machine, now, sent: Vec::new(), facts: Vec::new() };
        office.wait(Duration::ZERO);
        office
    }

    fn tell(&mut self, event: Event) {
        let mut effects = Vec::new();
        self.machine.handle(event, self.now, &mut effects);
        self.keep(effects);
    }

    fn keep(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Register { number, expires_s } => self.sent.push((number, expires_s)),
                Effect::Publish(_) => {}
                Effect::Tell(Fact::CarrierEnrolled { is_registered, .. }) => self.facts.push(is_registered),
                Effect::Tell(other) => panic!("{other:?}"),
            }
        }
    }

    fn answer(&mut self, answer: Answer) {
        let number = self.sent.last().unwrap().0;
        self.tell(Event::Answered { number, answer });
    }

    fn grant(&mut self, expires_s: u32) {
        self.grant_by(expires_s, &[]);
    }

    fn grant_by(&mut self, expires_s: u32, service_route: &[&str]) {
        let service_route = service_route.iter().map(|hop| Arc::from(*hop)).collect();
        self.answer(Answer::Granted { expires_s, contact: CONTACT.into(), service_route });
    }

    fn fail(&mut self) {
        let number = self.sent.last().unwrap().0;
        self.tell(Event::Failed { number, because: "it did not answer REGISTER".into() });
    }

    fn refuse(&mut self, status: u16, retry_after_s: Option<u32>) {
        self.answer(Answer::Refused { status, retry_after_s });
    }

    fn wait(&mut self, duration: Duration) {
        let end = self.now.after(duration);
        while let Some(due) = self.machine.deadline().filter(|due| *due <= end.monotonic) {
            self.now = self.now.after(due.since(self.now.monotonic));
            let mut effects = Vec::new();
            self.machine.expire(self.now, &mut effects);
            self.keep(effects);
        }
        self.now = end;
    }

    /// Waits for the next REGISTER; how long that took.
    fn until_next(&mut self) -> Duration {
        let (began, sent) = (self.now.monotonic, self.sent.len());
        while self.sent.len() == sent {
            let due = self.machine.deadline().expect("something is due");
            self.wait(due.since(self.now.monotonic));
        }
        self.now.monotonic.since(began)
    }

    fn standing(&self) -> Standing {
        self.machine.standing()
    }
}

#[test]
fn it_registers_at_once_and_refreshes_with_time_to_spare() {
    for seed in 0..50 {
        let mut office = Office::new(seed);
        assert_eq!((office.sent.clone(), office.standing().state), (vec![(1, 3_600)], State::Registering));
        for granted in [3_600, 60, 600] {
            office.grant(granted);
            let standing = office.standing();
            assert_eq!((standing.state, standing.contact.as_deref()), (State::Registered, Some(CONTACT)));
            let (pause, granted) = (office.until_next().as_secs_f64(), f64::from(granted));
            // A tenth and the margin of 32 s (or half, where it is so short), and a tenth of chance.
            let latest = granted - (granted / 10.0).max((granted / 2.0).min(32.0));
            assert!((latest - granted / 10.0..=latest).contains(&pause), "seed {seed}: {granted} s: after {pause} s");
            assert_eq!(office.standing().state, State::Registered, "seed {seed}: it stays so while it is refreshed");
        }
        assert_eq!(office.facts, [true], "seed {seed}");
    }
}

/// RFC 3608 6.1.
#[test]
fn the_service_route_is_as_the_last_answer_said_and_ends_with_the_registration() {
    let mut office = Office::new(1);
    let route = |office: &Office| office.standing().service_route.join(" ");
    office.grant_by(60, &["<sip:edge.example;lr>", "<sip:core.example;lr>"]);
    assert_eq!(route(&office), "<sip:edge.example;lr> <sip:core.example;lr>");
    office.until_next();
    office.grant_by(60, &["<sip:other.example;lr>"]);
    assert_eq!(route(&office), "<sip:other.example;lr>");
    office.until_next();
    office.grant(60);
    assert_eq!(route(&office), "", "an answer that names none takes it back");
    office.until_next();
    office.grant_by(60, &["<sip:edge.example;lr>"]);
    office.wait(Duration::from_secs(61));
    assert_eq!((office.standing().state, route(&office)), (State::Failed, String::new()));
}

/// RFC 5626 4.5.
#[test]
fn failures_are_tried_again_after_pauses_that_double_up_to_half_an_hour() {
    for seed in 0..50 {
        let mut office = Office::new(seed);
        for (failure, most) in [30, 60, 120, 240, 480, 960, 1_800, 1_800, 1_800].into_iter().enumerate() {
            office.fail();
            assert_eq!(office.standing().state, State::Failed);
            let pause = office.until_next().as_secs_f64();
            let most = f64::from(most);
            assert!((most / 2.0..=most).contains(&pause), "seed {seed}: failure {failure}: after {pause} s");
        }
        office.grant(3_600);
        assert_eq!(office.standing().last_error, None);
        office.until_next();
        office.fail();
        let pause = office.until_next();
        assert!(pause <= Duration::from_secs(30), "seed {seed}: what succeeds begins anew: {pause:?}");
        assert_eq!(
            office.facts,
            [false, true, true],
            "the same failure is told once, and one that costs nothing as what it is"
        );
    }
}

#[test]
fn a_registration_that_cannot_be_refreshed_is_tried_again_before_it_ends_and_then_it_is_over() {
    let mut office = Office::new(7);
    office.grant(600);
    office.until_next();
    let mut tries = 0;
    while office.standing().state == State::Registered {
        office.fail();
        office.until_next();
        tries += 1;
        assert!(tries < 20, "it never ended");
    }
    assert!(tries >= 2, "it was tried {tries} times while it lasted");
    assert_eq!((office.standing().state, office.standing().contact), (State::Failed, None));
    assert_eq!(office.facts.last(), Some(&false));
}

/// RFC 3261 10.2.8.
#[test]
fn a_carrier_that_wants_longer_registrations_gets_them_once() {
    let mut office = Office::new(1);
    office.answer(Answer::TooBrief { min_expires_s: 7_200 });
    assert_eq!(office.sent, [(1, 3_600), (2, 7_200)]);
    office.grant(7_200);
    office.until_next();
    assert_eq!(office.sent.last(), Some(&(3, 7_200)), "it is remembered");
    for hostile in [7_201, 7_202] {
        office.answer(Answer::TooBrief { min_expires_s: hostile });
    }
    assert_eq!(office.sent.len(), 4, "a second 423 in a row is a failure");
    let mut office = Office::new(1);
    office.answer(Answer::TooBrief { min_expires_s: u32::MAX });
    assert_eq!((office.sent.len(), office.standing().state), (1, State::Failed));
}

#[test]
fn who_does_not_know_us_is_left_alone_for_longer_and_retry_after_is_heeded() {
    for status in [401, 403, 404] {
        let mut office = Office::new(3);
        office.refuse(status, None);
        let pause = office.until_next();
        assert!((150..=300).contains(&pause.as_secs()), "{status}: {pause:?}");
    }
    let mut office = Office::new(3);
    office.refuse(503, Some(77));
    assert_eq!(office.until_next(), Duration::from_secs(77));
    office.refuse(503, Some(u32::MAX));
    assert_eq!(office.until_next(), Duration::from_secs(3_600), "whatever it says");
    office.refuse(503, Some(0));
    assert_eq!(office.until_next(), Duration::from_secs(5), "and never a storm");
}

#[test]
fn a_200_that_keeps_nothing_of_ours_is_no_registration() {
    let mut office = Office::new(3);
    office.answer(Answer::Granted { expires_s: 0, contact: "".into(), service_route: [].into() });
    assert_eq!(office.standing().state, State::Failed);
    assert!(office.standing().last_error.is_some_and(|why| why.contains("no Contact")));
}

#[test]
fn a_new_password_is_tried_at_once_and_the_old_contact_taken_back() {
    let mut office = Office::new(3);
    office.grant(3_600);
    office.tell(Event::DirectorySwapped(directory(Some((3_600, 1)), true)));
    assert_eq!(office.sent.len(), 1, "nothing that matters has changed");
    office.tell(Event::DirectorySwapped(directory(Some((1_800, 2)), true)));
    office.wait(Duration::ZERO);
    assert_eq!(office.sent, [(1, 3_600), (2, 0), (3, 1_800)]);
    office.tell(Event::Answered {
        number: 2,
        answer: Answer::Granted { expires_s: 60, contact: CONTACT.into(), service_route: [].into() },
    });
    assert_eq!(office.standing().state, State::Registering, "what took it back says nothing of the new one");
    office.refuse(403, None);
    office.tell(Event::DirectorySwapped(directory(Some((1_800, 3)), true)));
    office.wait(Duration::ZERO);
    assert_eq!(office.sent.last(), Some(&(4, 1_800)), "who is not registered has nothing to take back");
}

#[test]
fn a_carrier_that_is_switched_off_and_a_node_that_stops_leave_nothing_behind() {
    for last in [Event::DirectorySwapped(directory(Some((3_600, 1)), false)), Event::LeaveOrdered] {
        let mut office = Office::new(3);
        office.grant(3_600);
        office.tell(last);
        assert_eq!(office.sent.last(), Some(&(2, 0)));
        assert_eq!((office.standing().state, office.machine.deadline()), (State::Off, None));
        assert_eq!(office.facts, [true, false]);
    }
    let mut office = Office::new(3);
    office.tell(Event::LeaveOrdered);
    assert_eq!(office.sent.last(), Some(&(2, 0)), "what is under way may have been granted");
    office.tell(Event::DirectorySwapped(directory(Some((3_600, 9)), true)));
    office.wait(Duration::from_secs(100));
    assert_eq!(office.sent.len(), 2, "a node that stops registers nothing any more");
}

#[test]
fn a_register_that_nobody_says_anything_about_is_not_waited_for_for_ever() {
    let mut office = Office::new(3);
    office.wait(Duration::from_secs(41));
    assert_eq!(office.standing().state, State::Failed);
    office.until_next();
    assert_eq!(office.sent.len(), 2);
    office.tell(Event::Answered {
        number: 1,
        answer: Answer::Granted { expires_s: 60, contact: CONTACT.into(), service_route: [].into() },
    });
    assert_eq!(office.standing().state, State::Failed, "an answer to what was given up is none");
}
