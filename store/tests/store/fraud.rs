//! Rules against fraud of profiles, what stopped and released them, whom they knew, and open breakers: all survive a restart.

use crate::world::*;
use domain::fraud::{BreakerLimits, FraudAction, FraudRule, FraudRules, SpendLimit, Suspension};
use domain::{CompanyId, Micros};
use std::time::Duration;
use store::{Acquaintance, Error, NewProfile, Signed};

fn cap(cents: i64) -> FraudRules {
    let limit = SpendLimit { amount: Micros::from_cents(cents), action: FraudAction::Refuse };
    FraudRules { daily_cap: Some(limit), ..FraudRules::default() }
}

fn signed(after: Duration) -> Signed<'static> {
    Signed { by: "alice", at: NOON + after }
}

/// D-16.
#[test]
fn the_cap_that_a_profile_was_made_with_follows_its_first_credit_once_and_one_that_was_given_does_not() {
    let mut world = World::new();
    let new = NewProfile { fraud_rules: cap(2_000), daily_cap_follows: true, ..world.new_profile() };
    let (profile, _) = world.store.create_profile(&new, &ha1, BY_OPERATOR).unwrap();
    assert!(world.store.follow_first_credit(profile.id, Micros::from_cents(5_000), BY_OPERATOR).unwrap());
    assert!(
        !world.store.follow_first_credit(profile.id, Micros::from_cents(9_000), BY_OPERATOR).unwrap(),
        "the second"
    );
    let world = world.restart();
    assert_eq!(world.store.profile(profile.id).unwrap().fraud.rules, cap(5_000));
    assert_eq!(world.store.set_fraud_rules(profile.id, &cap(1), BY_OPERATOR).unwrap().fraud.rules, cap(1));

    let mut world = World::new();
    let new = NewProfile { fraud_rules: cap(2_000), daily_cap_follows: true, ..world.new_profile() };
    let (given, _) = world.store.create_profile(&new, &ha1, BY_OPERATOR).unwrap();
    world.store.set_fraud_rules(given.id, &cap(100), BY_OPERATOR).unwrap();
    assert!(!world.store.follow_first_credit(given.id, Micros::from_cents(9_000), BY_OPERATOR).unwrap());
}

#[test]
fn a_suspension_survives_a_restart_until_somebody_releases_it_and_an_older_one_does_not_come_back() {
    let mut world = World::new();
    let id = world.profile().0.id;
    let suspension = Suspension { at: NOON, rule: FraudRule::Velocity, because: "9.00 in a minute".into() };
    world.store.suspend_for_fraud(id, &suspension, BY_OPERATOR).unwrap();
    let later = Suspension { at: NOON + Duration::from_secs(1), rule: FraudRule::IpChange, ..suspension.clone() };
    world.store.suspend_for_fraud(id, &later, BY_OPERATOR).unwrap();
    let world = world.restart();
    assert_eq!(world.store.profile(id).unwrap().fraud.suspension, Some(suspension), "what stopped it first");
    let released = world.store.release_profile(id, signed(Duration::from_secs(9))).unwrap();
    assert_eq!((released.fraud.suspension, released.released_by.as_deref()), (None, Some("alice")));
    assert_eq!(released.fraud.released_at, Some(NOON + Duration::from_secs(9)));
    world.store.suspend_for_fraud(id, &later, BY_OPERATOR).unwrap();
    assert_eq!(world.store.profile(id).unwrap().fraud.suspension, None, "it was written late");
}

#[test]
fn whom_a_profile_knew_survives_a_restart_with_when_it_was_last() {
    let mut world = World::new();
    let id = world.profile().0.id;
    let estonia = Acquaintance::Destination("+3725550123".parse().map(domain::Destination::of).unwrap());
    let network = Acquaintance::Network("192.0.2.0/24".parse().unwrap());
    world.store.saw(id, network, NOON).unwrap();
    world.store.saw(id, estonia, NOON + Duration::from_secs(5)).unwrap();
    world.store.saw(id, estonia, NOON).unwrap();
    let world = world.restart();
    let known = world.store.acquaintances(id).unwrap();
    assert_eq!(known, [(estonia, NOON + Duration::from_secs(5)), (network, NOON)]);
}

#[test]
fn a_breaker_stays_open_until_it_is_released_and_may_be_kept() {
    let world = World::new();
    world.store.open_breaker("USD", "90.00 USD in a minute", BY_OPERATOR).unwrap();
    world.store.open_breaker("USD", "99.00 USD in a minute", BY_OPERATOR).unwrap();
    world.store.keep_breaker("USD", signed(Duration::ZERO)).unwrap();
    let world = world.restart();
    let open = world.store.breakers().unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!((&*open[0].because, open[0].kept_by.as_deref()), ("90.00 USD in a minute", Some("alice")));
    world.store.release_breaker("USD", BY_OPERATOR).unwrap();
    assert_eq!(world.store.breakers().unwrap(), []);
    assert!(matches!(world.store.release_breaker("USD", BY_OPERATOR), Err(Error::NotFound { .. })));
}

#[test]
fn a_company_may_have_limits_of_its_own_until_they_are_reset() {
    let world = World::new();
    let company = world.company;
    let limits = BreakerLimits { per_hour: Some(Micros::from_cents(500)), times_usual: Some(7), ..Default::default() };
    world.store.set_breaker_limits(company, &BreakerLimits::default(), BY_OPERATOR).unwrap();
    world.store.set_breaker_limits(company, &limits, BY_OPERATOR).unwrap();
    let world = world.restart();
    assert_eq!(world.store.breaker_limits().unwrap(), [(company, limits)].into());
    assert_eq!(world.store.snapshot(NOON).unwrap().breaker_limits, [(company, limits)].into());
    world.store.reset_breaker_limits(company, BY_OPERATOR).unwrap();
    assert!(world.store.breaker_limits().unwrap().is_empty());
    let nobody = CompanyId::from_bits(1);
    assert!(matches!(world.store.set_breaker_limits(nobody, &limits, BY_OPERATOR), Err(Error::NotFound { .. })));
}
