//! Profiles: what is created, changed and refused (P1, P3, P4, P7, A5, C2, S1).
//!
//! Passwords are in `passwords.rs`.

use crate::world::{BY_OPERATOR, NOON, World, ha1};
use domain::{CompanyId, Micros, ProfileId};
use store::{AutoRecharge, Error, ProfileAuth, ProfilePatch, ProfileState};

#[test]
fn a_profile_comes_back_after_a_restart_as_it_was_created_p1() {
    let mut world = World::new();
    let mut new = world.new_profile();
    new.auth = ProfileAuth {
        registration: true,
        sources: vec!["192.0.2.7:5060".parse().unwrap(), "[2001:db8::7]:5062".parse().unwrap()],
        certificates: vec!["pbx.example.com".parse().unwrap()],
    };
    new.contact = Some("sip:pbx.example.com:5061;transport=tls".parse().unwrap());
    new.caller_id = Some("+3725012345".parse().unwrap());
    new.auto_recharge = Some(AutoRecharge { amount: Micros::ONE, threshold: Micros::ZERO });
    new.require_plus = true;
    let (created, _) = world.store.create_profile(&new, &ha1, BY_OPERATOR).unwrap();
    assert_eq!((created.name.as_str(), created.currency.as_str()), ("Tallinn office", "USD"));
    assert_eq!((created.state, created.channels), (ProfileState::Active, 2));

    let world = world.restart();
    assert_eq!(world.store.profile(new.id).unwrap(), created);
    assert_eq!(world.store.profiles(Some(world.company)).unwrap(), vec![created.clone()]);
    assert_eq!(world.store.profiles(Some(CompanyId::from_bits(1))).unwrap(), []);
    assert_eq!(world.store.snapshot(NOON).unwrap().profiles[0].0, created);
}

#[test]
fn a_company_may_have_a_thousand_profiles_and_each_has_a_sip_user_of_its_own_a5_p2() {
    let mut world = World::new();
    let users: std::collections::BTreeSet<String> = (0..1_000).map(|_| world.profile().0.sip_user).collect();
    assert_eq!(users.len(), 1_000);
    assert_eq!(users.first().unwrap(), "99050000000001");
    assert_eq!(users.last().unwrap(), "99050000001000");
}

#[test]
fn sip_users_go_on_after_a_restart_where_they_stopped_p3() {
    let mut world = World::new();
    assert_eq!(world.profile().0.sip_user, "99050000000001");
    let mut world = world.restart();
    assert_eq!(world.profile().0.sip_user, "99050000000002");
}

#[test]
fn an_imported_sip_user_is_kept_and_a_taken_one_is_refused_with_its_owner_p3() {
    let mut world = World::new();
    let mut new = world.new_profile();
    new.sip_user = Some("990500000231".to_owned());
    let (imported, _) = world.store.create_profile(&new, &ha1, BY_OPERATOR).unwrap();
    assert_eq!(imported.sip_user, "990500000231");

    let mut again = world.new_profile();
    again.sip_user = Some("990500000231".to_owned());
    let refused = world.store.create_profile(&again, &ha1, BY_OPERATOR).unwrap_err();
    let owner = format!("SIP user 990500000231 is taken by {} (Tallinn office)", imported.id);
    assert_eq!(refused.to_string(), owner);

    for wrong in ["1234567", "123456789012345678901", "9905000002x1", ""] {
        again.sip_user = Some(wrong.to_owned());
        let refused = world.store.create_profile(&again, &ha1, BY_OPERATOR).unwrap_err();
        assert!(matches!(refused, Error::Invalid { field: "sip_user", .. }), "{wrong}: {refused}");
    }
}

#[test]
fn an_imported_sip_user_that_stands_in_the_way_is_stepped_over_p3() {
    let mut world = World::new();
    let mut new = world.new_profile();
    new.sip_user = Some("99050000000001".to_owned());
    world.store.create_profile(&new, &ha1, BY_OPERATOR).unwrap();
    assert_eq!(world.profile().0.sip_user, "99050000000002");
}

#[test]
fn a_profile_may_have_no_channels_and_three_hundred_but_not_more_p7_c2() {
    let mut world = World::new();
    for (channels, permitted) in [(0, true), (300, true), (10_000, true), (10_001, false), (u16::MAX, false)] {
        let mut new = world.new_profile();
        new.channels = channels;
        let created = world.store.create_profile(&new, &ha1, BY_OPERATOR);
        assert_eq!(created.is_ok(), permitted, "{channels}");
        if let Err(refused) = created {
            assert_eq!(refused.to_string(), format!("channels: {channels} is out of range: expected 0 to 10000"));
        }
    }
}

#[test]
fn only_what_is_given_changes_and_what_may_be_empty_can_be_emptied_p4() {
    let mut world = World::new();
    let (before, _) = world.profile();
    let number = "+3725012345".parse().unwrap();
    let patch = ProfilePatch {
        name: Some("Tartu".to_owned()),
        caller_id: Some(Some(number)),
        auto_recharge: Some(Some(AutoRecharge { amount: Micros::ONE, threshold: Micros::CENT })),
        ..ProfilePatch::default()
    };
    let changed = world.store.update_profile(before.id, &patch, BY_OPERATOR).unwrap();
    assert_eq!((changed.name.as_str(), changed.caller_id, changed.channels), ("Tartu", Some(number), 2));
    assert_eq!(changed.sip_user, before.sip_user);

    let patch = ProfilePatch {
        caller_id: Some(None),
        state: Some(ProfileState::Suspended),
        channels: Some(0),
        require_plus: Some(true),
        auth: Some(ProfileAuth::default()),
        ..ProfilePatch::default()
    };
    let changed = world.store.update_profile(before.id, &patch, BY_OPERATOR).unwrap();
    assert_eq!((changed.caller_id, changed.state, changed.channels), (None, ProfileState::Suspended, 0));
    assert!(changed.auto_recharge.is_some() && changed.require_plus && !changed.auth.registration);
    assert_eq!(world.store.profile(before.id).unwrap(), changed);

    let patch = ProfilePatch { auto_recharge: Some(None), ..ProfilePatch::default() };
    assert_eq!(world.store.update_profile(before.id, &patch, BY_OPERATOR).unwrap().auto_recharge, None);
}

#[test]
fn what_a_profile_may_not_have_is_refused_with_what_would_be_right() {
    let mut world = World::new();
    let (profile, _) = world.profile();
    let patch = ProfilePatch::default;
    let sources = |texts: &[&str]| {
        let sources = texts.iter().map(|text| text.parse().unwrap()).collect();
        ProfilePatch { auth: Some(ProfileAuth { registration: true, sources, ..ProfileAuth::default() }), ..patch() }
    };
    let recharge = |amount, threshold| ProfilePatch {
        auto_recharge: Some(Some(AutoRecharge { amount: Micros::new(amount), threshold: Micros::new(threshold) })),
        ..patch()
    };
    let cases = [
        (
            ProfilePatch { name: Some(" ".to_owned()), ..patch() },
            "name: expected 1 to 100 printable characters, found 1",
        ),
        (
            sources(&["0.0.0.0:5060"]),
            "auth.sources: 0.0.0.0:5060 is no source of a PBX: expected address and port such as 192.0.2.7:5060",
        ),
        (sources(&["192.0.2.7:5060", "192.0.2.7:5060"]), "auth.sources: 192.0.2.7:5060 stands twice"),
        (recharge(0, 0), "auto_recharge.amount: 0.00 is not an amount to recharge with: expected more than 0"),
        (recharge(1, -1), "auto_recharge.threshold: -0.000001 is not a balance to recharge at: expected 0 or more"),
    ];
    for (patch, sentence) in cases {
        assert_eq!(world.store.update_profile(profile.id, &patch, BY_OPERATOR).unwrap_err().to_string(), sentence);
    }
    assert_eq!(world.store.profile(profile.id).unwrap(), profile);
}

#[test]
fn a_profile_of_nobody_and_one_that_is_not_there_are_refused() {
    let mut world = World::new();
    let mut new = world.new_profile();
    new.company = CompanyId::from_bits(1);
    let refused = world.store.create_profile(&new, &ha1, BY_OPERATOR).unwrap_err().to_string();
    assert_eq!(refused, "there is no company comp_00000000000000000000000000000001");

    let missing = world.store.profile(ProfileId::from_bits(1)).unwrap_err().to_string();
    assert_eq!(missing, "there is no profile prof_00000000000000000000000000000001");

    let (taken, _) = world.profile();
    let again = store::NewProfile { id: taken.id, ..world.new_profile() };
    assert!(matches!(world.store.create_profile(&again, &ha1, BY_OPERATOR), Err(Error::Conflict { what: "id", .. })));
}
