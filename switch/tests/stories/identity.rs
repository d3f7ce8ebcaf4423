//! Whom the called side sees, and what else it is told: caller IDs (L1-L7), trust (RFC 3325), headers that pass.

use crate::world::*;
use domain::call_control::{CallerId, Invitation, LegOrder, OutgoingInvitation};
use domain::fact::CallerIdChange;
use domain::{CallId, CompanyId, Fact, HeaderLine, HeaderPolicy, ProfileId, ReleaseCause};
use switch::directory::{CallerIdPolicy, CallerIds, CarrierManners, Manners, Number, Spoofed};

const LANDLINE: &str = "+4930123456";
const BRITISH: &str = "+442079460199";

fn number(number: &str, profile: Option<ProfileId>, caller_id_allowed: bool) -> Number {
    Number { number: number.parse().unwrap(), company: company_id(), profile, caller_id_allowed }
}

fn of(change: impl FnOnce(&mut switch::directory::Profile)) -> World {
    let mut own = profile(profile_id(), SIP_USER);
    change(&mut own);
    let builder = town()
        .profile(own)
        .number(number(BRITISH, Some(profile_id()), true))
        .number(number("+12025550177", Some(profile_id()), false))
        .landline(LANDLINE.parse().unwrap(), company_id())
        .landline("+12025550144".parse().unwrap(), CompanyId::from_bits(99));
    World::of(builder, 1_000, 0)
}

fn with_rules(rules: CallerIds) -> World {
    of(|own| own.manners.caller_ids = rules)
}

fn sent(world: &mut World, call: CallId) -> OutgoingInvitation {
    let ordered = world.ordered(call).into_iter();
    let mut invited = ordered.filter_map(|(_, order)| match order {
        LegOrder::Invite(invitation) => Some(*invitation),
        _ => None,
    });
    invited.next().expect("somebody was called")
}

fn shown(world: &mut World, invitation: Invitation) -> CallerId {
    let call = world.invite(invitation);
    sent(world, call).caller_id
}

fn the(number: &str) -> CallerId {
    CallerId::Number(number.parse().unwrap())
}

fn change_told(world: &World) -> Option<(CallerIdChange, bool)> {
    world.facts.iter().find_map(|fact| match fact {
        Fact::CallerIdChanged { change, anonymous, .. } => Some((*change, *anonymous)),
        _ => None,
    })
}

/// L1, L4, L5: by any of the three headers a PBX may ask for a number of its profile, or for a verified landline of its company.
#[test]
fn a_pbx_may_ask_for_numbers_that_are_its_own() {
    for wanted in [BRITISH, LANDLINE, CALLER_ID] {
        for asking in [
            Invitation { preferred_identity: Some(wanted.to_owned()), ..invitation(CALLEE) },
            Invitation { asserted_identity: Some(wanted.to_owned()), ..invitation(CALLEE) },
            Invitation { remote_party: Some(wanted.trim_start_matches('+').to_owned()), ..invitation(CALLEE) },
        ] {
            let mut world = of(|_| {});
            assert_eq!(shown(&mut world, asking), the(wanted));
            assert_eq!(change_told(&world), None);
        }
    }
}

/// L3, L5: a stranger's number, another company's landline, a number that is not fit for it, an extension.
#[test]
fn a_caller_id_that_is_not_ones_own_is_replaced_and_told() {
    for wanted in ["+12025550111", "+12025550144", "+12025550177", "101"] {
        let mut world = of(|_| {});
        let asking = Invitation { asserted_identity: Some(wanted.to_owned()), ..invitation(CALLEE) };
        assert_eq!(shown(&mut world, asking), the(CALLER_ID), "{wanted}");
        assert_eq!(change_told(&world), Some((CallerIdChange::NotAllowed, false)));
    }
}

/// L5.
#[test]
fn a_caller_id_that_is_not_ones_own_is_refused_where_the_profile_says_so() {
    let mut world = with_rules(CallerIds { spoofed: Spoofed::Refuse, ..CallerIds::default() });
    let call = world.invite(Invitation { asserted_identity: Some("+12025550111".to_owned()), ..invitation(CALLEE) });
    let record = world.record(call);
    assert_eq!((record.status, record.refusal.as_deref()), (403, Some("cli_not_allowed")));
    assert_eq!(record.cause, ReleaseCause::CallerIdRefused);
    assert!(record.sentence.as_ref().unwrap().contains("+12025550111"));
    assert!(world.invited(call).is_empty(), "no carrier hears of it");
}

/// O5: many PBXs put their own SIP user there, which is no wish and is never shown.
#[test]
fn the_sip_user_is_no_wish() {
    for spoofed in [Spoofed::Replace, Spoofed::Refuse] {
        let mut world = with_rules(CallerIds { spoofed, ..CallerIds::default() });
        let asking = Invitation { asserted_identity: Some(SIP_USER.to_owned()), ..invitation(CALLEE) };
        assert_eq!(shown(&mut world, asking), the(CALLER_ID));
        assert_eq!(change_told(&world), None);
    }
}

/// L2, D-24.
#[test]
fn a_call_shows_the_number_of_the_country_that_it_goes_to() {
    let by_prefix = vec![("44".parse().unwrap(), BRITISH.parse().unwrap())];
    let rules = CallerIds { by_prefix, ..CallerIds::default() };
    let mut world = with_rules(rules.clone());
    assert_eq!(shown(&mut world, invitation(CALLEE)), the(BRITISH));
    assert_eq!(shown(&mut world, invitation("+12025550123")), the(CALLER_ID));
    let asking = Invitation { preferred_identity: Some(LANDLINE.to_owned()), ..invitation(CALLEE) };
    assert_eq!(shown(&mut world, asking), the(LANDLINE), "what the PBX asks for goes first");
}

/// L7.
#[test]
fn a_number_that_is_gone_gives_way_to_the_default_and_then_to_nobody() {
    let by_prefix = vec![("44".parse().unwrap(), "+442079460155".parse().unwrap())];
    let rules = CallerIds { by_prefix, ..CallerIds::default() };
    let mut world = with_rules(rules);
    assert_eq!(shown(&mut world, invitation(CALLEE)), the(CALLER_ID));
    assert_eq!(change_told(&world), Some((CallerIdChange::NumberGone, false)));

    let mut world = of(|own| own.caller_id = CallerIdPolicy::Number("+12025550188".parse().unwrap()));
    assert_eq!(shown(&mut world, invitation(CALLEE)), CallerId::Anonymous);
    assert_eq!(change_told(&world), Some((CallerIdChange::NumberGone, true)));
}

/// L6, RFC 3325 7: who is trusted is told the number of who stays unknown; who is not is told nothing.
#[test]
fn only_a_trusted_carrier_is_told_who_stays_unknown() {
    for trusted in [false, true] {
        for withheld in [false, true] {
            let mut own = profile(profile_id(), SIP_USER);
            own.manners.caller_ids.withheld = withheld;
            let mut carrier = carrier(0);
            carrier.manners = CarrierManners { trusted, ..CarrierManners::default() };
            let mut world = World::of(town().profile(own).carrier(carrier), 1_000, 0);
            let call = world.invite(Invitation { anonymous: !withheld, ..invitation(CALLEE) });
            let sent = sent(&mut world, call);
            assert_eq!(sent.caller_id, CallerId::Anonymous);
            assert_eq!(sent.manner.asserted, trusted.then(|| CALLER_ID.parse().unwrap()));
        }
    }
}

fn line(name: &str, value: &str) -> HeaderLine {
    HeaderLine { name: name.into(), value: value.into() }
}

/// Lesson 31: what comes in is taken by the caller's policy, and what goes out is sent by the carrier's.
#[test]
fn headers_pass_where_both_trunks_let_them() {
    let mut own = profile(profile_id(), SIP_USER);
    own.manners = Manners {
        headers: HeaderPolicy { strip: vec!["X-Secret".into()], ..HeaderPolicy::default() }.into(),
        ..Manners::default()
    };
    let mut carrier = carrier(0);
    carrier.manners.headers =
        HeaderPolicy { allow: vec!["X-*".into(), "Diversion".into()], add: vec![line("X-Us", "1")], strip: Vec::new() }
            .into();
    let mut world = World::of(town().profile(own).carrier(carrier), 1_000, 0);
    let headers = vec![
        line("User-to-User", "00"),
        line("X-Secret", "9"),
        line("X-Tenant", "7"),
        line("Diversion", "<sip:+12025550111@x>"),
        line("Subject", "lunch"),
    ];
    let call = world.invite(Invitation { headers, ..invitation(CALLEE) });
    let sent = sent(&mut world, call).manner.headers;
    let names: Vec<&str> = sent.iter().map(|line| &*line.name).collect();
    assert_eq!(names, ["User-to-User", "X-Tenant", "Diversion", "X-Us"]);
}
