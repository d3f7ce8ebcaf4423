//! Who may call what: emergency, identity, numbers, echo, limits, before anything is held.

use crate::world::*;
use domain::call_control::{CallerId, LegId, LegOrder, Proof};
use domain::refusal::RefusalKind;
use domain::trace::Rule;
use domain::{CompanyId, Fact, Micros, ProfileId, Refusal, ReleaseCause};
use switch::directory::{CallerIdPolicy, Company, Country, CountryPlan, Profile};

fn refusal_of(world: &World, call: domain::CallId) -> (RefusalKind, String) {
    match world.last_to_caller(call) {
        LegOrder::Refuse(refusal) => (refusal.kind, refusal.sentence.to_string()),
        other => panic!("not refused: {other:?}"),
    }
}

/// O3: before E.164, channels, credit and rate limits; audited, never charged, never an INVITE upstream.
#[test]
fn an_emergency_call_is_refused_whatever_else_is_wrong_and_no_carrier_hears_of_it() {
    let poor = Profile { channels: 0, active: false, ..profile(profile_id(), SIP_USER) };
    let mut world = World::of(town().profile(poor), 0, 0);
    let gate = Some(Refusal::new(RefusalKind::Overloaded));
    for dialled in ["911", "+911", "+1911", "112", "9-1-1", "urn:service:sos.fire"] {
        let stranger = domain::call_control::Invitation { from_user: "101".to_string(), ..invitation(dialled) };
        let call = world.invite_through(stranger, gate.clone());
        assert_eq!(refusal_of(&world, call).0, RefusalKind::EmergencyNotCarried, "{dialled}");
        assert!(world.invited(call).is_empty());
        let record = world.record(call);
        assert_eq!((record.cause, record.status, record.amount), (ReleaseCause::EmergencyRefused, 503, Micros::ZERO));
        assert_eq!(record.refusal.as_deref(), Some("emergency_not_carried"));
        assert!(world.facts.iter().any(|fact| {
            matches!(fact, Fact::EmergencyRefused { call: of, dialled: said, .. } if *of == call && **said == *dialled)
        }));
    }
    world.assert_books_closed();
}

/// O3, D-20: the status is configurable.
#[test]
fn emergency_calls_can_be_refused_with_another_status() {
    let settings = switch::directory::CallSettings { emergency_status: 603, ..Default::default() };
    let mut world = World::of(town().settings(settings).profile(profile(profile_id(), SIP_USER)), 100, 0);
    let call = world.dial("911");
    assert!(matches!(
        world.last_to_caller(call),
        LegOrder::RefuseAs { status: 603, cause: ReleaseCause::EmergencyRefused, sentence: Some(_), .. }
    ));
    assert_eq!(world.record(call).refusal.as_deref(), Some("emergency_not_carried"));
}

/// O3: never a prefix match.
#[test]
fn a_number_that_merely_begins_with_911_is_an_ordinary_number() {
    let mut world = World::with_credit(100);
    let call = world.dial("+19115550123");
    assert_eq!(world.invited(call), [1]);
}

/// S4.
#[test]
fn from_must_be_the_sip_user_and_the_refusal_says_which() {
    let mut world = World::with_credit(100);
    let call = world.invite(domain::call_control::Invitation { from_user: "101".to_string(), ..invitation(CALLEE) });
    assert_eq!(
        refusal_of(&world, call),
        (RefusalKind::FromMismatch, "From says 101; this profile must send 99050000040027".to_string())
    );
    assert_eq!(world.record(call).status, 403);
    assert_eq!(world.record(call).cause, ReleaseCause::AuthFailed);
    world.assert_books_closed();
}

/// S5: candidates by source, then From selects.
#[test]
fn of_two_profiles_at_one_address_from_selects() {
    let other = ProfileId::from_bits(3);
    let town = town().profile(profile(profile_id(), SIP_USER)).profile(profile(other, "99050000040028"));
    let mut world = World::of(town, 100, 0);
    world.ledger.fund(
        money_of(domain::credit::Holder::World),
        money_of(domain::credit::Holder::Profile(other)),
        1_000_000,
    );
    let proof = Proof::Source(vec![profile_id(), other]);
    let from = |user: &str| domain::call_control::Invitation {
        proof: proof.clone(),
        from_user: user.to_string(),
        ..invitation(CALLEE)
    };
    let second = world.invite(from("99050000040028"));
    assert_eq!(world.calls[&second].record().profile, other);
    assert_eq!(world.invited(second), [1]);
    let nobody = world.invite(from("101"));
    assert_eq!(refusal_of(&world, nobody).0, RefusalKind::FromMismatch);
    assert_eq!(world.record(nobody).profile, profile_id());
}

/// S3: who is nobody's has no call and no record.
#[test]
fn a_proof_of_nobody_is_refused_without_a_record() {
    let mut world = World::with_credit(100);
    for proof in [Proof::Source(Vec::new()), Proof::Credentials(ProfileId::from_bits(77))] {
        world.invite(domain::call_control::Invitation { proof, ..invitation(CALLEE) });
    }
    let kinds: Vec<RefusalKind> = world.strangers.iter().map(|refusal| refusal.kind).collect();
    assert_eq!(kinds, [RefusalKind::IpNotAllowed, RefusalKind::BadCredentials]);
    assert!(world.calls.is_empty() && world.facts.is_empty());
}

/// RFC 5922 7.1: who is known by its certificate calls as who is known by its address; the trace says which name it was.
#[test]
fn a_name_in_a_certificate_is_the_first_step_of_the_trace() {
    let mut world = World::with_credit(100);
    let known = |proof| domain::call_control::Invitation {
        proof,
        certificate: Some("pbx.example.com".into()),
        ..invitation(CALLEE)
    };
    let call = world.invite(known(Proof::Source(vec![profile_id()])));
    assert_eq!(world.invited(call), [1]);
    let first = world.calls[&call].trace().steps()[0].clone();
    assert_eq!((first.rule, first.seen.to_string().as_str()), (Rule::Certificate, "pbx.example.com"));
    assert_eq!(first.wanted.to_string(), SIP_USER);
    let other = world.invite(domain::call_control::Invitation {
        from_user: "99050000040028".to_owned(),
        ..known(Proof::Source(vec![profile_id()]))
    });
    assert_eq!(refusal_of(&world, other).0, RefusalKind::FromMismatch, "the name of one profile is not another's");
    world.invite(known(Proof::Source(Vec::new())));
    assert_eq!(world.strangers.last().map(|refusal| refusal.kind), Some(RefusalKind::CertificateUnknown));
}

/// S6, R11, D-16: through the whole switch.
#[test]
fn what_is_no_full_international_number_is_refused_with_a_hint() {
    let mut world = World::with_credit(100);
    for (dialled, kind, status) in [
        ("alice", RefusalKind::NotANumber, 404),
        ("00442079460123", RefusalKind::NotE164, 404),
        ("2025550123", RefusalKind::NumberIncomplete, 484),
        ("+3515550123", RefusalKind::NoRoute, 404),
    ] {
        let call = world.dial(dialled);
        assert_eq!(refusal_of(&world, call).0, kind, "{dialled}");
        assert_eq!(world.record(call).status, status);
        assert!(world.invited(call).is_empty());
    }
    world.assert_books_closed();
}

#[test]
fn a_number_that_no_carrier_serves_has_no_route() {
    let town = switch::Directory::builder().company(company()).profile(profile(profile_id(), SIP_USER));
    let mut world = World::of(town, 100, 0);
    let call = world.dial(CALLEE);
    assert_eq!(refusal_of(&world, call).1, "No carrier is configured for +442079460123");
}

/// P7.
#[test]
fn a_profile_without_subscription_cannot_call_not_even_the_echo_test() {
    let idle = Profile { channels: 0, active: false, ..profile(profile_id(), SIP_USER) };
    let mut world = World::of(town().profile(idle), 100, 0);
    for dialled in [CALLEE, "*43"] {
        let call = world.dial(dialled);
        assert_eq!(refusal_of(&world, call).0, RefusalKind::ProfileInactive);
    }
    world.assert_books_closed();
}

#[test]
fn a_suspended_company_cannot_call() {
    let suspended = Company { suspended: true, ..company() };
    let town = switch::Directory::builder().company(suspended).carrier(carrier(1));
    let mut world = World::of(town.profile(profile(profile_id(), SIP_USER)), 100, 0);
    let call = world.dial(CALLEE);
    assert_eq!(refusal_of(&world, call).0, RefusalKind::OrgSuspended);
}

#[test]
fn a_gate_that_is_closed_refuses_before_anything_is_held() {
    let mut world = World::with_credit(100);
    let refusal = Refusal::new(RefusalKind::CpsExceeded).retry_after_s(2);
    let call = world.invite_through(invitation(CALLEE), Some(refusal.clone()));
    assert_eq!(*world.last_to_caller(call), LegOrder::Refuse(refusal));
    assert_eq!(world.record(call).cause, ReleaseCause::Overload);
    world.assert_books_closed();
}

#[test]
fn a_call_without_sound_to_carry_is_refused() {
    let mut world = World::with_credit(100);
    for offer in [None, Some(domain::media::MediaDescription::default())] {
        for dialled in [CALLEE, "*43"] {
            let call = world.invite(domain::call_control::Invitation { offer: offer.clone(), ..invitation(dialled) });
            assert_eq!(refusal_of(&world, call).0, RefusalKind::NoCommonCodec);
        }
    }
}

/// K9, O2, O2b: free, no credit, still one channel.
#[test]
fn the_echo_test_is_answered_without_credit_and_takes_a_channel() {
    let mut world = World::with_credit(0);
    let code = world.dial("*43");
    let number = world.dial("+1 760 555 0100");
    assert_eq!(world.echoes, [code, number]);
    assert_eq!(world.channels_taken(), 2);
    world.seconds(100);
    assert_eq!(world.channels_taken(), 2);
    world.leg(code, LegId::CALLER, hung_up());
    world.leg(number, LegId::CALLER, hung_up());
    let record = world.record(code);
    assert_eq!((record.status, record.amount, record.billed_s, record.talked_ms), (200, Micros::ZERO, 0, 100_000));
    assert_eq!(record.cause, ReleaseCause::Normal);
    world.assert_books_closed();
}

/// C1: echo tests count as well.
#[test]
fn the_channel_after_the_last_is_refused_with_cause_34() {
    let narrow = Profile { channels: 2, ..profile(profile_id(), SIP_USER) };
    let mut world = World::of(town().profile(narrow), 100, 0);
    let first = world.dial(CALLEE);
    world.dial("*43");
    let third = world.dial(CALLEE);
    let LegOrder::Refuse(refusal) = world.last_to_caller(third) else { panic!("not refused") };
    assert_eq!((refusal.kind, refusal.kind.cause().q850()), (RefusalKind::ChannelsFull, 34));
    assert!(refusal.retry_after_s.is_some());
    assert_eq!(refusal.sentence, "All 2 channels of the profile are taken; hang up a call or buy more channels");
    assert!(world.invited(third).is_empty());
    // A channel that is given back is free at once.
    world.leg(first, LegId::CALLER, domain::call_control::LegEvent::Cancelled);
    let fourth = world.dial(CALLEE);
    assert_eq!(world.invited(fourth), [1]);
}

/// Exactly the excess, with its own reason and a time to try again; a second later there is room again. An emergency call is not asked.
#[test]
fn a_pbx_that_places_more_calls_a_second_than_its_profile_may_has_the_excess_refused() {
    let hasty = Profile { calls_per_second: Some(3), ..profile(profile_id(), SIP_USER) };
    let mut world = World::of(town().profile(hasty), 100, 0);
    for _ in 0..2 {
        let calls: Vec<_> = (0..5).map(|_| world.dial(CALLEE)).collect();
        let refusal_to = |call: &domain::CallId| {
            world.orders.iter().find_map(|(id, leg, order)| match order {
                LegOrder::Refuse(refusal) if id == call && *leg == LegId::CALLER => {
                    Some((refusal.kind, refusal.retry_after_s))
                }
                _ => None,
            })
        };
        let refused = calls.iter().filter_map(refusal_to);
        assert_eq!(refused.collect::<Vec<_>>(), [(RefusalKind::ProfileCpsExceeded, Some(1)); 2]);
        let emergency = world.dial("911");
        assert_eq!(refusal_of(&world, emergency).0, RefusalKind::EmergencyNotCarried);
        world.seconds(1);
    }
}

/// O5, L1, L5, L6.
#[test]
fn the_called_side_sees_the_profiles_number_or_nobody_and_never_the_sip_user() {
    let shown = |policy: CallerIdPolicy, preferred: Option<&str>, anonymous: bool| {
        let profile = Profile { caller_id: policy, ..profile(profile_id(), SIP_USER) };
        let vouched = "+12025550100".parse().unwrap();
        let mut world = World::of(town().profile(profile).landline(vouched, company_id()), 100, 0);
        let call = world.invite(domain::call_control::Invitation {
            preferred_identity: preferred.map(str::to_string),
            anonymous,
            ..invitation(CALLEE)
        });
        let orders = world.ordered(call);
        let Some((_, LegOrder::Invite(invitation))) = orders.first() else { panic!("not invited") };
        invitation.caller_id.clone()
    };
    let number = |text: &str| CallerId::Number(text.parse().unwrap());
    let default = CallerIdPolicy::Number("+12025550100".parse().unwrap());
    assert_eq!(shown(default, None, false), number("+12025550100"));
    assert_eq!(shown(default, Some(CALLER_ID), false), number(CALLER_ID));
    assert_eq!(shown(default, Some("+12025550111"), false), number("+12025550100"));
    assert_eq!(shown(default, Some(SIP_USER), false), number("+12025550100"));
    assert_eq!(shown(default, None, true), CallerId::Anonymous);
    assert_eq!(shown(CallerIdPolicy::None, Some(CALLER_ID), false), CallerId::Anonymous);
}

/// O3: per company country.
#[test]
fn emergency_numbers_are_those_of_the_companys_country() {
    let british = Company { country: Country::assigned(*b"GB"), id: CompanyId::from_bits(1), ..company() };
    let plan = CountryPlan { calling_code: "44".to_string(), emergency: vec!["999".to_string(), "112".to_string()] };
    let town = switch::Directory::builder()
        .company(british)
        .country(Country::assigned(*b"GB"), plan)
        .profile(profile(profile_id(), SIP_USER))
        .carrier(carrier(1));
    let mut world = World::of(town, 100, 0);
    let emergency = world.dial("999");
    assert_eq!(refusal_of(&world, emergency).0, RefusalKind::EmergencyNotCarried);
    let foreign = world.dial("911");
    assert_eq!(refusal_of(&world, foreign).0, RefusalKind::NotE164);
    // Ten digits are a number here, not an American one without its code.
    let ten = world.dial("2025550123");
    assert_eq!(refusal_of(&world, ten).0, RefusalKind::NoRoute);
}
