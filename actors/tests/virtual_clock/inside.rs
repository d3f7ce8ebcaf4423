//! A PBX dials a number of ours (R11): connected inside, with both profiles' channels, and never through a carrier.

use domain::call_record::{CallDirection, CallRecord};
use domain::{E164, Micros, ReleaseCause};
use testkit::world::text::{header, method};
use testkit::world::{Beginning, FIRST, NUMBER_OF_SECOND, NUMBERS, OF_PBX, Weather, World, seeds};

const FOUL: Weather = Weather {
    lost_permille: 300,
    doubled_permille: 50,
    delay: std::time::Duration::from_millis(20),
    jitter: std::time::Duration::from_millis(40),
};

/// A world of two PBXs, both registered; the second answers like this.
fn two(beginning: Beginning, answers: &[(u64, u16)]) -> World {
    let mut world = World::new(beginning);
    for agent in [OF_PBX, second(&world)] {
        let now = world.now;
        let contact = format!("<sip:pbx@{}>", world.agents[agent].address);
        world.agents[agent].register(&format!("Contact: {contact}\r\nExpires: 3600\r\n"), now);
        world.post();
    }
    world.run_s(1);
    let second = second(&world);
    world.carrier_answers(second, answers);
    world
}

fn of_companies() -> Beginning {
    Beginning { companies: 2, ..Beginning::default() }
}

fn second(world: &World) -> usize {
    world.customers[1].agent
}

fn no_carrier_was_called(world: &World) {
    for carrier in FIRST..second(world) {
        assert_eq!(world.agents[carrier].heard_requests("INVITE"), 0, "it never leaves to a carrier");
    }
}

/// The two records of the only call: who called, and who was called.
fn records(world: &World) -> (CallRecord, CallRecord) {
    let mut records = world.records();
    records.sort_by_key(|record| record.direction);
    let [outbound, inbound] = <[CallRecord; 2]>::try_from(records).expect("two records");
    assert_eq!((outbound.direction, inbound.direction), (CallDirection::Outbound, CallDirection::Inbound));
    assert_eq!((outbound.partner, inbound.partner), (Some(inbound.id), Some(outbound.id)));
    assert_eq!((outbound.profile, inbound.profile), (world.customers[0].profile, world.customers[1].profile));
    (outbound, inbound)
}

/// R11, C1, I1; two companies are two batches of two ledgers' accounts (design 5).
#[test]
fn another_companys_number_is_connected_inside_and_costs_what_any_call_does() {
    for who_hangs_up in [OF_PBX, FIRST] {
        let mut world = two(of_companies(), &[(0, 180), (2_000, 200)]);
        let call = world.dial_number(NUMBER_OF_SECOND);
        world.run_s(40);
        no_carrier_was_called(&world);
        assert!(world.agents[OF_PBX].talks[&call].is_up);
        assert_eq!(world.channels_free(), 29, "one channel of who calls");
        assert_eq!(world.channels_free_of(1), 29, "one of who is called");
        let second = second(&world);
        let heard = world.agents[second].heard.iter().find(|(_, text)| method(text) == Some("INVITE")).unwrap();
        assert!(heard.1.starts_with("INVITE sip:12025550177@"), "I1: {}", heard.1);
        let from = header(&heard.1, "From").unwrap();
        assert!(from.starts_with("<sip:+1") && !from.contains("9905"), "O5: a number and no SIP user: {from}");

        let now = world.now.monotonic;
        let (agent, talk) = match who_hangs_up {
            OF_PBX => (OF_PBX, call.clone()),
            _ => (second, world.agents[second].talks.keys().next().unwrap().clone()),
        };
        world.agents[agent].give_up(&talk, now);
        world.post();
        world.run_s(300);
        let (outbound, inbound) = records(&world);
        assert_eq!((outbound.cause, inbound.cause), (ReleaseCause::Normal, ReleaseCause::Normal));
        assert_eq!(outbound.amount, Micros::from_cents(2), "as any call of 38 seconds");
        assert_eq!((inbound.amount, inbound.came_from), (Micros::ZERO, None), "who is called pays nothing (R2)");
        assert_eq!(inbound.callee, Some(NUMBER_OF_SECOND.parse::<E164>().unwrap()));
        assert!(
            outbound.attempts[0].carrier.is_none()
                && outbound.attempts[0].sip_call_id == inbound.attempts[0].sip_call_id
        );
        world.assert_all_is_over();
    }
}

/// R11: what stays in the company is free, and needs no credit.
#[test]
fn a_colleague_is_called_for_nothing() {
    let mut world = two(Beginning { profiles: 2, credit: 0, ..Beginning::default() }, &[(0, 180), (1_000, 200)]);
    let call = world.dial_number(NUMBER_OF_SECOND);
    world.run_s(100);
    no_carrier_was_called(&world);
    assert!(world.agents[OF_PBX].talks[&call].is_up);
    let now = world.now.monotonic;
    world.agents[OF_PBX].give_up(&call, now);
    world.post();
    world.run_s(300);
    let (outbound, inbound) = records(&world);
    assert_eq!((outbound.amount, inbound.amount, outbound.billed_s), (Micros::ZERO, Micros::ZERO, 0));
    world.assert_all_is_over();
}

/// C1, I9: whoever is called, from outside or inside, takes one of the same channels; and nobody pays for what was refused.
#[test]
fn a_called_profile_whose_channels_are_taken_is_busy_whoever_calls() {
    let mut world = two(Beginning { channels: 1, ..of_companies() }, &[(0, 180), (1_000, 200)]);
    let outside = world.call_in(FIRST, "+447824500000", NUMBER_OF_SECOND);
    world.run_s(5);
    assert!(world.agents[FIRST].talks[&outside].is_up);
    let inside = world.dial_number(NUMBER_OF_SECOND);
    world.run_s(5);
    assert_eq!(world.agents[OF_PBX].talks[&inside].status, Some(486));
    assert_eq!(world.channels_free(), 1, "what who called held is returned");
    let now = world.now.monotonic;
    world.agents[FIRST].give_up(&outside, now);
    world.post();
    world.run_s(300);
    assert!(world.records().iter().any(|it| it.refusal.as_deref() == Some("callee_channels_full")));
    assert_eq!(world.credit(), Micros::new(10_000_000));
    world.assert_all_is_over();
}

/// Every way in which there is no conversation, as who called hears it.
#[test]
fn what_the_called_pbx_says_inside_is_heard_by_who_calls() {
    for (answer, heard, cause) in [
        (486, 486, ReleaseCause::Busy),
        (603, 603, ReleaseCause::Rejected),
        (404, 404, ReleaseCause::InvalidNumber),
        (503, 480, ReleaseCause::Rejected),
        (407, 480, ReleaseCause::Rejected),
    ] {
        let mut world = two(of_companies(), &[(0, 180), (1_000, answer)]);
        let call = world.dial_number(NUMBER_OF_SECOND);
        world.run_s(300);
        assert_eq!(world.agents[OF_PBX].talks[&call].status, Some(heard), "{answer}");
        let (outbound, inbound) = records(&world);
        assert_eq!((outbound.cause, inbound.cause), (cause, cause), "{answer}");
        no_carrier_was_called(&world);
        world.assert_all_is_over();
    }
}

/// I9.
#[test]
fn a_pbx_that_is_not_registered_is_not_reached_inside_either() {
    let mut world = World::new(of_companies());
    let call = world.dial_number(NUMBER_OF_SECOND);
    world.run_s(300);
    assert_eq!(world.agents[OF_PBX].talks[&call].status, Some(480));
    let (outbound, inbound) = records(&world);
    assert_eq!(inbound.refusal.as_deref(), Some("pbx_not_registered"));
    assert_eq!(outbound.sentence, inbound.sentence, "who calls is told why");
    no_carrier_was_called(&world);
    world.assert_all_is_over();
}

/// Nobody answers, or the PBX is gone: the second call says why, the first does not.
#[test]
fn a_pbx_that_is_silent_inside_is_given_up_as_silent() {
    let mut world = two(of_companies(), &[]);
    let second = second(&world);
    world.agents[second].is_silent = true;
    let call = world.dial_number(NUMBER_OF_SECOND);
    world.run_s(300);
    assert_eq!(world.agents[OF_PBX].talks[&call].status, Some(480));
    let (outbound, inbound) = records(&world);
    assert_eq!((outbound.cause, inbound.cause), (ReleaseCause::NoAnswer, ReleaseCause::NoAnswer));
    assert_eq!(outbound.sentence.as_deref(), Some("The called PBX does not answer"));
    world.assert_all_is_over();
}

/// RFC 3261 9.1.
#[test]
fn a_caller_that_gives_up_inside_stops_the_ringing() {
    let mut world = two(of_companies(), &[(0, 180)]);
    let call = world.dial_number(NUMBER_OF_SECOND);
    world.run_s(5);
    let now = world.now.monotonic;
    world.agents[OF_PBX].give_up(&call, now);
    world.post();
    world.run_s(300);
    let second = second(&world);
    assert_eq!(world.agents[second].heard_requests("CANCEL"), 1);
    let (outbound, inbound) = records(&world);
    assert_eq!((outbound.cause, inbound.cause), (ReleaseCause::Cancelled, ReleaseCause::Cancelled));
    world.assert_all_is_over();
}

/// RFC 5393: a number of the very PBX that dials it.
#[test]
fn a_pbx_that_dials_its_own_number_is_told_of_the_loop() {
    let mut world = two(of_companies(), &[]);
    let call = world.dial_number(NUMBERS[0]);
    world.run_s(300);
    assert_eq!(world.agents[OF_PBX].talks[&call].status, Some(482));
    assert_eq!(world.record().refusal.as_deref(), Some("loop_detected"));
    no_carrier_was_called(&world);
    world.assert_all_is_over();
}

/// A network that loses a third of everything changes nothing about the books.
#[test]
fn calls_inside_end_with_clean_books_whatever_the_network_loses() {
    for seed in seeds(60) {
        let beginning = Beginning { seed, weather: FOUL, ..of_companies() };
        let mut world = two(beginning, &[(0, 180), (2_000, 200)]);
        let call = world.dial_number(NUMBER_OF_SECOND);
        world.run_s(20 + seed % 40);
        let now = world.now.monotonic;
        let second = second(&world);
        let at_second = world.agents[second].talks.keys().next().cloned();
        match at_second {
            Some(talk) if seed % 2 == 0 => world.agents[second].give_up(&talk, now),
            _ => world.agents[OF_PBX].give_up(&call, now),
        }
        world.post();
        world.run_s(600);
        world.assert_books_balance();
        no_carrier_was_called(&world);
        assert_eq!(world.node.open_books(), 0, "seed {seed}");
    }
}
