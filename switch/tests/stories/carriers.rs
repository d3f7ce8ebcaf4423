//! Stories of several carriers: limits, health, prices (O1, field lessons 17, 18, 22, 47).
//!
//! The rules of failover itself are in `hunting`.

use crate::world::*;
use domain::call_control::{LegEvent, LegFailure, LegId, LegOrder};
use domain::call_record::{AttemptCost, AttemptOutcome};
use domain::refusal::RefusalKind;
use domain::{CallId, CarrierId, Currency, Fact, Machine, Micros};
use rating::Deck;
use std::time::Duration;
use switch::Directory;
use switch::carrier::{self, Event, State};
use switch::directory::{CallSettings, Carrier};

impl World {
    /// A carrier hears something; it is born with the first.
    pub(crate) fn tell_carrier(&mut self, id: CarrierId, event: carrier::Event) {
        let (directory, now) = (self.directory.clone(), self.now);
        let mut effects = Vec::new();
        let machine = self.carriers.entry(id).or_insert_with(|| switch::Carrier::new(id, directory, now));
        machine.handle(event, now, &mut effects);
        self.carry_out_carrier(id, effects);
    }

    pub(crate) fn carry_out_carrier(&mut self, id: CarrierId, effects: Vec<carrier::Effect>) {
        for effect in effects {
            match effect {
                carrier::Effect::TellCall(call, event) => self.tell_call(call, event),
                carrier::Effect::Probe { number } => self.probes.push((id, number)),
                carrier::Effect::Publish(standing) => _ = self.standings.insert(id, standing),
                carrier::Effect::Tell(fact) => self.facts.push(fact),
            }
        }
    }
}

/// A town with these carriers.
fn town_of(settings: CallSettings, carriers: impl IntoIterator<Item = Carrier>) -> World {
    let settings = CallSettings { media_report_timeout: Duration::ZERO, ..settings };
    let town = Directory::builder().company(company()).settings(settings).profile(profile(profile_id(), SIP_USER));
    World::of(carriers.into_iter().fold(town, |town, carrier| town.carrier(carrier)), 10_000, 0)
}

fn outcomes(world: &World, call: CallId) -> Vec<AttemptOutcome> {
    world.record(call).attempts.iter().filter_map(|attempt| attempt.outcome).collect()
}

fn standing(world: &World, carrier: u128) -> &switch::carrier::Standing {
    &world.standings[&CarrierId::from_bits(carrier)]
}

fn asking(price: &str) -> rating::Schedule {
    let csv = format!("prefix,destination,rate_per_minute\n44,United Kingdom,{price}\n");
    Deck::parse_csv(csv.as_bytes(), Currency::USD, "buy").unwrap().into()
}

#[test]
fn the_third_call_goes_to_the_next_carrier_when_the_first_has_two_channels() {
    let mut world = town_of(CallSettings::default(), [Carrier { channels: Some(2), ..carrier(1) }, carrier(2)]);
    let first = world.answered_call(CALLEE);
    let ringing_call = world.dial(CALLEE);
    world.leg(ringing_call, FIRST, ringing());
    let third = world.dial(CALLEE);
    assert_eq!((world.invited(ringing_call), world.invited(third)), (vec![1], vec![2]));
    assert_eq!(standing(&world, 1).channels_in_use, 2);
    world.leg(third, LegId::CALLER, LegEvent::Cancelled);
    assert_eq!(outcomes(&world, third), [AttemptOutcome::SkippedChannels, AttemptOutcome::GivenUp]);
    world.leg(first, LegId::CALLER, hung_up());
    let fourth = world.dial(CALLEE);
    assert_eq!(world.invited(fourth), [1], "a channel is free as soon as its call is over");
    world.leg(ringing_call, FIRST, refused(486));
    world.leg(fourth, LegId::CALLER, LegEvent::Cancelled);
    assert_eq!(standing(&world, 1).channels_in_use, 0);
}

/// RFC 3261 22.2, 8.1.3.4: its challenge that we could not answer, and a redirection that is not followed, are no word about the call.
#[test]
fn what_a_carrier_says_of_our_business_with_it_goes_over_to_the_next_and_never_to_the_caller() {
    for status in [300, 302, 305, 401, 407] {
        let mut world = town_of(CallSettings::default(), [carrier(1), carrier(2)]);
        let call = world.dial(CALLEE);
        world.leg(call, FIRST, refused(status));
        assert_eq!(world.invited(call), [1, 2], "{status}");
        world.leg(call, LegId::CALLER, LegEvent::Cancelled);
        assert_eq!(outcomes(&world, call), [AttemptOutcome::Refused, AttemptOutcome::GivenUp], "{status}");
    }
}

/// Field lesson 22.
#[test]
fn a_carrier_gets_exactly_its_calls_in_any_second() {
    let limited = Carrier { calls_per_second: Some(3), ..carrier(1) };
    let mut world = town_of(CallSettings::default(), [limited, carrier(2)]);
    let mut went = Vec::new();
    // One call each 100 ms for three seconds.
    for _ in 0..30 {
        let call = world.dial(CALLEE);
        went.push(world.invited(call)[0]);
        world.leg(call, LegId::CALLER, LegEvent::Cancelled);
        world.advance(Duration::from_millis(100));
    }
    assert_eq!(went.iter().filter(|carrier| **carrier == 1).count(), 9, "{went:?}");
    for window in went.windows(10) {
        assert!(window.iter().filter(|carrier| **carrier == 1).count() <= 3, "{went:?}");
    }
}

#[test]
fn when_every_carrier_is_full_the_caller_hears_503_with_retry_after() {
    let mut world = town_of(CallSettings::default(), [Carrier { channels: Some(1), ..carrier(1) }]);
    world.answered_call(CALLEE);
    let call = world.dial(CALLEE);
    let LegOrder::Refuse(refusal) = world.last_to_caller(call) else { panic!("the caller was not refused") };
    assert_eq!((refusal.kind, refusal.kind.status()), (RefusalKind::CarriersFull, 503));
    assert!(refusal.retry_after_s.is_some());
    assert_eq!(outcomes(&world, call), [AttemptOutcome::SkippedChannels]);
}

/// Must-show 4: silence, at the carrier's own limit.
#[test]
fn a_carrier_that_says_nothing_is_left_after_four_seconds_and_one_that_says_100_after_its_own_patience() {
    let mut world = town_of(CallSettings::default(), [carrier(1), carrier(2)]);
    let silent = world.dial(CALLEE);
    world.advance(Duration::from_micros(3_999_999));
    assert_eq!(world.invited(silent), [1]);
    world.advance(Duration::from_micros(1));
    assert_eq!(world.invited(silent), [1, 2]);
    world.leg(silent, SECOND, refused(486));
    let trying = world.dial(CALLEE);
    world.leg(trying, FIRST, LegEvent::Trying);
    world.seconds(5);
    assert_eq!(world.invited(trying), [1]);
    world.seconds(1);
    assert_eq!(world.invited(trying), [1, 2]);
    world.leg(trying, SECOND, refused(486));
    assert_eq!(outcomes(&world, silent), [AttemptOutcome::NoResponse, AttemptOutcome::Refused]);
    assert_eq!(outcomes(&world, trying), [AttemptOutcome::NoProgress, AttemptOutcome::Refused]);
    assert_eq!(world.record(silent).attempts[0].ended_after_ms, Some(4_000));
}

#[test]
fn a_carrier_that_answers_503_with_retry_after_is_left_alone_for_so_long() {
    let mut world = town_of(CallSettings::default(), [carrier(1), carrier(2)]);
    let call = world.dial(CALLEE);
    world.leg(call, FIRST, LegEvent::Refused { status: 503, q850: None, retry_after_s: Some(20) });
    assert_eq!(world.invited(call), [1, 2]);
    world.seconds(19);
    let meanwhile = world.dial(CALLEE);
    assert_eq!(world.invited(meanwhile), [2]);
    world.leg(meanwhile, SECOND, refused(486));
    assert_eq!(outcomes(&world, meanwhile), [AttemptOutcome::SkippedResting, AttemptOutcome::Refused]);
    world.seconds(1);
    let later = world.dial(CALLEE);
    assert_eq!(world.invited(later), [1]);
}

#[test]
fn a_carrier_that_fails_three_times_is_skipped_until_one_call_finds_it_alive() {
    let mut world = town_of(CallSettings::default(), [carrier(1), carrier(2)]);
    for _ in 0..3 {
        let call = world.dial(CALLEE);
        world.leg(call, FIRST, LegEvent::Failed(LegFailure::Transport));
        world.leg(call, LegId::CALLER, LegEvent::Cancelled);
    }
    assert_eq!(standing(&world, 1).state, State::Down);
    assert_eq!(standing(&world, 1).last_error.as_deref(), Some("nothing can be sent to its address"));
    let turned = |world: &World| {
        let turns = world.facts.iter().filter_map(|fact| match fact {
            Fact::CarrierTurned { carrier, is_up, .. } => Some((carrier.to_string(), *is_up)),
            _ => None,
        });
        turns.collect::<Vec<_>>()
    };
    assert_eq!(turned(&world), [("carrier1".to_string(), false)]);
    let while_down = world.dial(CALLEE);
    assert_eq!(world.invited(while_down), [2]);
    world.seconds(30);
    let (trial, beside) = (world.dial(CALLEE), world.dial(CALLEE));
    assert_eq!((world.invited(trial), world.invited(beside)), (vec![1], vec![2]), "one call finds out");
    world.leg(trial, FIRST, refused(486));
    assert_eq!(standing(&world, 1).state, State::Up);
    assert_eq!(turned(&world).last(), Some(&("carrier1".to_string(), true)));
    let after = world.dial(CALLEE);
    assert_eq!(world.invited(after), [1]);
}

#[test]
fn when_all_carriers_are_down_they_are_tried_all_the_same() {
    let mut world = town_of(CallSettings::default(), [carrier(1), carrier(2)]);
    for _ in 0..3 {
        let call = world.dial(CALLEE);
        world.leg(call, FIRST, LegEvent::Failed(LegFailure::Transport));
        world.leg(call, SECOND, LegEvent::Failed(LegFailure::Transport));
    }
    assert_eq!((standing(&world, 1).state, standing(&world, 2).state), (State::Down, State::Down));
    let call = world.dial(CALLEE);
    assert_eq!(world.invited(call), [1]);
    let third = LegId(3);
    world.leg(call, third, ringing());
    world.leg(call, third, answered());
    world.leg(call, third, hung_up());
    let skipped = AttemptOutcome::SkippedDown;
    assert_eq!(outcomes(&world, call), [skipped, skipped, AttemptOutcome::Answered]);
    assert_eq!(standing(&world, 1).state, State::Up);
    world.assert_books_closed();
}

#[test]
fn a_carrier_that_leaves_options_unanswered_goes_down_and_its_first_answer_brings_it_back() {
    let asked = Carrier { probe_every: Some(Duration::from_secs(30)), ..carrier(1) };
    let mut world = town_of(CallSettings::default(), [asked, carrier(2)]);
    let id = CarrierId::from_bits(1);
    let directory = world.directory.clone();
    // It wakes with the switch.
    world.tell_carrier(id, Event::DirectorySwapped(directory));
    world.advance(Duration::ZERO);
    assert_eq!(world.probes, [(id, 1)]);
    world.advance(Duration::from_millis(40));
    world.tell_carrier(id, Event::ProbeAnswered { number: 1, status: 404 });
    assert_eq!(standing(&world, 1).round_trip, Some(Duration::from_millis(40)));
    // Three are lost.
    world.seconds(30 + 4 + 30 + 4 + 30 + 3);
    assert_eq!((world.probes.len(), standing(&world, 1).state), (4, State::Up));
    world.seconds(1);
    assert_eq!(standing(&world, 1).state, State::Down);
    assert_eq!(standing(&world, 1).last_error.as_deref(), Some("it did not answer OPTIONS in time"));
    world.seconds(29);
    let call = world.dial(CALLEE);
    assert_eq!((world.invited(call), world.probes.len()), (vec![2], 4));
    world.seconds(1);
    // The fifth is lost as well: twice as long a rest.
    world.seconds(4 + 59);
    assert_eq!(world.probes.len(), 5);
    world.seconds(1);
    world.tell_carrier(id, Event::ProbeAnswered { number: 5, status: 200 });
    assert_eq!(standing(&world, 1).state, State::Down, "what was given up is not waited for");
    world.tell_carrier(id, Event::ProbeAnswered { number: 6, status: 200 });
    assert_eq!(standing(&world, 1).state, State::Up);
}

/// Field lesson 17: the cost is that of who answered.
#[test]
fn a_call_costs_what_the_carrier_asks_that_answered_it() {
    let cheap = Carrier { buy_deck: asking("0.004"), ..carrier(1) };
    let dear = Carrier { buy_deck: asking("0.018"), ..carrier(2) };
    let mut world = town_of(CallSettings::default(), [cheap, dear]);
    let call = world.dial(CALLEE);
    world.leg(call, FIRST, refused(503));
    world.leg(call, SECOND, ringing());
    world.seconds(24);
    world.leg(call, SECOND, answered());
    world.seconds(60);
    world.leg(call, LegId::CALLER, hung_up());
    let usd = Currency::USD;
    let cost = |rate, amount| {
        Some(AttemptCost { rate_per_minute: Micros::new(rate), amount: Micros::new(amount), currency: usd })
    };
    let record = world.record(call);
    let bought = asking("0.018");
    let bought = bought.at(domain::Wall::from_unix_seconds(0)).unwrap();
    let tariff = bought.lookup(CALLEE.parse().unwrap()).unwrap().tariff;
    let amount = tariff.price(tariff.billed_seconds(Duration::from_secs(60))).get();
    assert_eq!(record.attempts[0].cost, cost(4_000, 0));
    assert_eq!(record.attempts[1].cost, cost(18_000, amount));
    assert!(amount >= 18_000, "{amount}");
    // Field lesson 45: 24 s of ringing cost nothing.
    assert_eq!(record.attempts[1].ended_after_ms, Some(24_000));
    assert_eq!(record.talked_ms, 60_000);
    world.assert_books_closed();
}

#[test]
fn a_route_at_a_loss_is_skipped_and_a_call_that_has_no_other_is_refused_unless_losses_are_allowed() {
    let loss = || Carrier { buy_deck: asking("0.03"), ..carrier(1) };
    let mut world = town_of(CallSettings::default(), [loss(), carrier(2)]);
    let call = world.dial(CALLEE);
    assert_eq!(world.invited(call), [2]);
    world.leg(call, SECOND, refused(486));
    assert_eq!(outcomes(&world, call), [AttemptOutcome::SkippedLoss, AttemptOutcome::Refused]);

    let mut world = town_of(CallSettings::default(), [loss()]);
    let call = world.dial(CALLEE);
    assert!(world.invited(call).is_empty());
    assert_eq!(world.record(call).refusal.as_deref(), Some("route_at_loss"));

    let settings = CallSettings { loss_allowed: true, ..CallSettings::default() };
    let mut world = town_of(settings, [loss()]);
    let call = world.dial(CALLEE);
    assert_eq!(world.invited(call), [1]);
}

/// O1, field lesson 18: no setting makes the called person's answer a reason to ring somebody else.
#[test]
fn busy_and_declined_are_never_retried_whatever_a_carrier_is_set_to() {
    let everything = switch::directory::Statuses::none().with_class(4).with_class(5).with_class(6);
    let eager = Carrier { failover: Some(everything), ..carrier(1) };
    let mut world = town_of(CallSettings::default(), [eager, carrier(2)]);
    for status in [480, 486, 600, 603] {
        let call = world.dial(CALLEE);
        world.leg(call, FIRST, refused(status));
        assert_eq!(world.invited(call), [1], "{status}");
    }
    let call = world.dial(CALLEE);
    world.leg(call, FIRST, refused(404));
    assert_eq!(world.invited(call), [1, 2]);
}
