//! What a carrier sends: a number of ours, its profile's PBX, and every way in which there is no conversation (I1, I4, I5, I7, I8,
//! I9, C1, S7, W9).

use crate::world::*;
use domain::call_control::{CallerId, Invitation, LegEvent, LegFailure, LegId, LegOrder, Pbx, Proof, Whereto};
use domain::call_record::CallDirection;
use domain::fact::Transport;
use domain::refusal::RefusalKind;
use domain::{CallId, CarrierId, Fact, Micros, ProfileId, ReleaseCause, Wall};
use std::sync::Arc;
use switch::call::Event;
use switch::directory::{Directory, IncomingTo, Number};
use switch::registration::{Binding, Elsewhere, FlowTag};

const CONTACT: &str = "sip:99050000040027@10.0.0.7:5060;rinstance=459608bf8eeb29ef";
const CALLER: &str = "+447824500000";
/// The leg towards the PBX.
const PBX: LegId = LegId(1);

fn from_outside(dialled: &str) -> Invitation {
    Invitation {
        proof: Proof::Carrier(CarrierId::from_bits(2)),
        source: "203.0.113.1:5060".parse().unwrap(),
        dialled: dialled.to_owned(),
        from_user: CALLER.to_owned(),
        sip_call_id: "carrier-call".to_owned(),
        ..invitation(dialled)
    }
}

fn binding() -> Arc<Binding> {
    let now = Wall::from_unix_seconds(1_800_000_000);
    Arc::new(Binding {
        contact: CONTACT.into(),
        source: "192.0.2.7:40000".parse().unwrap(),
        local: "192.0.2.1:5060".parse().unwrap(),
        transport: Transport::Tcp,
        path: [Arc::from("<sip:edge.example.net;lr>")].into(),
        flow: FlowTag(7),
        behind_nat: true,
        sip_call_id: "r".into(),
        cseq: 1,
        credentials_generation: 0,
        user_agent: "pbx".into(),
        granted_s: 45,
        since: now,
        refreshed_at: now,
        expires_at: now,
        elsewhere: None,
    })
}

/// A world whose PBX is registered, with no credit at all.
fn registered() -> World {
    let mut world = World::with_credit(0);
    world.bindings.insert(profile_id(), binding());
    world
}

fn of_profile(change: impl FnOnce(&mut switch::directory::Profile)) -> World {
    let mut profile = profile(profile_id(), SIP_USER);
    change(&mut profile);
    World::of(town().profile(profile), 0, 0)
}

/// The PBX that was invited, and who is shown to it.
fn called(world: &mut World, call: CallId) -> (Pbx, CallerId) {
    for (leg, order) in world.ordered(call) {
        if let LegOrder::Invite(invitation) = order {
            assert_eq!(leg, PBX);
            let Whereto::Pbx(pbx) = invitation.whereto else { panic!("a carrier was called") };
            return (pbx, invitation.caller_id);
        }
    }
    panic!("nobody was called")
}

fn refusal(world: &World, call: CallId) -> (u16, Option<String>, ReleaseCause) {
    let record = world.record(call);
    (record.status, record.refusal.clone(), record.cause)
}

/// I1, I5, W9, C1: free, on one channel, whatever the credit.
#[test]
fn a_number_rings_where_its_pbx_registered_and_the_call_costs_nothing() {
    let mut world = registered();
    // Carriers write numbers with and without +.
    let call = world.invite(from_outside(CALLER_ID.trim_start_matches('+')));
    let (pbx, caller_id) = called(&mut world, call);
    assert_eq!((&*pbx.contact, pbx.to_user), (CONTACT, None));
    assert_eq!((pbx.peer, pbx.flow, pbx.transport), (binding().source, FlowTag(7), Transport::Tcp));
    assert_eq!(pbx.local, Some(binding().local));
    assert_eq!(caller_id, CallerId::Number(CALLER.parse().unwrap()));
    assert_eq!(world.channels_taken(), 1);

    world.leg(call, PBX, ringing());
    world.leg(call, PBX, answered());
    assert_eq!(world.opened.last().map(|record| record.answered_at.is_some()), Some(true), "kept, should the node die");
    world.seconds(100);
    assert_eq!(world.channels_taken(), 1, "the lease is extended");
    world.leg(call, PBX, hung_up());
    world.assert_books_closed();
    let record = world.record(call);
    assert_eq!((record.direction, record.cause, record.status), (CallDirection::Inbound, ReleaseCause::Normal, 200));
    assert_eq!((record.amount, record.billed_s, record.talked_ms), (Micros::ZERO, 0, 100_000));
    assert_eq!(record.callee, Some(CALLER_ID.parse().unwrap()));
    assert_eq!(record.caller_id, Some(CALLER.parse().unwrap()));
    assert_eq!(record.came_from.as_ref().map(|named| &*named.carrier_name), Some("carrier2"));
    assert_eq!(record.attempts.len(), 1);
    assert_eq!(record.attempts[0].carrier, None);
    let told = |fact: &Fact| matches!(fact, Fact::CallAnswered { direction: CallDirection::Inbound, .. });
    assert!(world.facts.iter().any(told));
    assert!(!world.facts.iter().any(|fact| matches!(fact, Fact::CarrierAttempted { .. })), "a PBX is no carrier");
}

/// N9.
#[test]
fn two_numbers_ring_at_one_profile_and_the_pbx_can_tell_them_apart() {
    let other = "+442079460999";
    let number = Number {
        number: other.parse().unwrap(),
        company: company_id(),
        profile: Some(profile_id()),
        caller_id_allowed: true,
    };
    let mut world = World::of(town().profile(profile(profile_id(), SIP_USER)).number(number), 0, 0);
    world.bindings.insert(profile_id(), binding());
    for dialled in [CALLER_ID, other] {
        let call = world.invite(from_outside(dialled));
        let callee = world.calls[&call].record().callee;
        assert_eq!(callee.map(|number| number.to_string()).as_deref(), Some(dialled));
    }
}

/// I4.
#[test]
fn to_names_the_sip_user_where_the_profile_wants_that() {
    let mut world = of_profile(|profile| profile.incoming_to = IncomingTo::SipUsername);
    world.bindings.insert(profile_id(), binding());
    let call = world.invite(from_outside(CALLER_ID));
    assert_eq!(called(&mut world, call).0.to_user.as_deref(), Some(SIP_USER));
}

/// I7.
#[test]
fn a_pbx_with_ip_authentication_is_called_at_its_address() {
    let mut world = of_profile(|profile| profile.sources = vec!["192.0.2.9:5062".parse().unwrap()]);
    let call = world.invite(from_outside(CALLER_ID));
    let (pbx, _) = called(&mut world, call);
    assert_eq!((&*pbx.contact, pbx.peer), ("sip:192.0.2.9:5062", "192.0.2.9:5062".parse().unwrap()));
    assert_eq!((pbx.transport, pbx.flow, pbx.local), (Transport::Udp, FlowTag::default(), None));

    world.bindings.insert(profile_id(), binding());
    let call = world.invite(from_outside(CALLER_ID));
    assert_eq!(&*called(&mut world, call).0.contact, CONTACT, "where it is registered, it is called there");
}

/// A node of which nothing is heard passes nothing on: its PBX is not waited for.
#[test]
fn a_pbx_at_a_node_that_is_lost_is_refused_at_once_or_called_at_its_address() {
    let at_second = |is_lost| {
        let (source, transport) = ("192.0.2.7:40000".parse().unwrap(), Transport::Tcp);
        let there = Elsewhere { node: "second".into(), source, transport, is_lost };
        Arc::new(Binding { elsewhere: Some(Arc::new(there)), ..(*binding()).clone() })
    };
    let mut world = World::with_credit(0);
    world.bindings.insert(profile_id(), at_second(true));
    let call = world.invite(from_outside(CALLER_ID));
    assert_eq!(refusal(&world, call), (480, Some("pbx_not_registered".to_owned()), ReleaseCause::NoAnswer));
    let trace = &world.record(call).trace;
    assert!(trace.contains("registered at node second, which is lost"), "{trace}");

    let mut world = of_profile(|profile| profile.sources = vec!["192.0.2.9:5062".parse().unwrap()]);
    world.bindings.insert(profile_id(), at_second(true));
    let call = world.invite(from_outside(CALLER_ID));
    assert_eq!(called(&mut world, call).0.peer, "192.0.2.9:5062".parse().unwrap());
    world.bindings.insert(profile_id(), at_second(false));
    let call = world.invite(from_outside(CALLER_ID));
    assert_eq!(&*called(&mut world, call).0.contact, CONTACT, "once it is heard of, its PBX is called there");
}

/// I7: a contact that an operator gave counts before the address, and the trace says which it was.
#[test]
fn a_pbx_with_a_static_contact_is_called_there() {
    const FIXED: &str = "sip:pbx.example.com;transport=tls";
    let mut world = of_profile(|profile| {
        profile.sources = vec!["192.0.2.9:5062".parse().unwrap()];
        profile.contact = Some(FIXED.into());
    });
    let call = world.invite(from_outside(CALLER_ID));
    let (pbx, _) = called(&mut world, call);
    assert_eq!((&*pbx.contact, pbx.peer.port(), pbx.local), (FIXED, 0, None), "where that is, the desk finds");
    let seen = |call: CallId, world: &World| world.calls[&call].trace().to_text();
    assert!(seen(call, &world).contains(FIXED), "{}", seen(call, &world));

    world.bindings.insert(profile_id(), binding());
    let call = world.invite(from_outside(CALLER_ID));
    assert_eq!(&*called(&mut world, call).0.contact, CONTACT, "where it is registered, it is called there");
}

/// I5; RFC 3325 3: only a carrier in our trust domain is believed what it asserts.
#[test]
fn who_wants_to_stay_unknown_is_shown_to_nobody() {
    let number = || CallerId::Number(CALLER.parse().unwrap());
    let plain = from_outside(CALLER_ID);
    let asserted = Some(CALLER.to_owned());
    for (invitation, shown) in [
        (Invitation { anonymous: true, ..plain.clone() }, CallerId::Anonymous),
        (
            Invitation { from_user: "Anonymous".to_owned(), asserted_identity: asserted.clone(), ..plain.clone() },
            CallerId::Anonymous,
        ),
        (Invitation { from_user: "unavailable".to_owned(), ..plain.clone() }, CallerId::Anonymous),
        (
            Invitation { from_user: "pbx".to_owned(), asserted_identity: asserted.clone(), ..plain.clone() },
            CallerId::Anonymous,
        ),
        (Invitation { from_user: "447824500000".to_owned(), ..plain }, number()),
    ] {
        let mut world = registered();
        let from = invitation.from_user.clone();
        let call = world.invite(invitation);
        assert_eq!(called(&mut world, call).1, shown, "{from}");
    }
    let mut trusted = carrier(2);
    trusted.manners.trusted = true;
    let builder = town_of(vec![trusted]).profile(profile(profile_id(), SIP_USER));
    let mut world = World::of(builder, 0, 0);
    world.bindings.insert(profile_id(), binding());
    let call = world.invite(Invitation {
        from_user: "pbx".to_owned(),
        asserted_identity: asserted,
        ..from_outside(CALLER_ID)
    });
    assert_eq!(called(&mut world, call).1, number(), "a trusted carrier's word");
}

/// I8: nobody's number has no owner, and leaves no record.
#[test]
fn a_number_of_nobody_is_not_found() {
    let nobodys = Number {
        number: "+12025550188".parse().unwrap(),
        company: company_id(),
        profile: None,
        caller_id_allowed: true,
    };
    let mut world = World::of(town().profile(profile(profile_id(), SIP_USER)).number(nobodys), 0, 0);
    for (dialled, kind) in [
        ("+12025550188", RefusalKind::NumberUnassigned),
        ("+12025550187", RefusalKind::NumberUnassigned),
        ("alice", RefusalKind::NotANumber),
        ("0012025550199", RefusalKind::NotE164),
    ] {
        world.invite(from_outside(dialled));
        let refused = world.strangers.pop().unwrap_or_else(|| panic!("{dialled} was taken"));
        assert_eq!((refused.kind, refused.kind.status()), (kind, 404), "{dialled}");
    }
    assert!(world.calls.is_empty() && world.records.is_empty());
}

/// I9, P7: each is refused before the PBX hears of it, and no channel stays taken.
#[test]
fn a_profile_that_cannot_be_called_is_refused_in_words_that_blame_nobody_else() {
    let refused = |mut world: World| {
        let call = world.invite(from_outside(CALLER_ID));
        assert!(!world.ordered(call).iter().any(|(_, order)| matches!(order, LegOrder::Invite(_))));
        world.assert_books_closed();
        refusal(&world, call)
    };
    let named = |reason: &str| Some(reason.to_owned());
    assert_eq!(refused(World::with_credit(0)), (480, named("pbx_not_registered"), ReleaseCause::NoAnswer));
    let inactive = of_profile(|profile| profile.active = false);
    // A 503 would tell the carrier that the whole trunk has failed.
    assert_eq!(refused(inactive), (480, named("profile_inactive"), ReleaseCause::NoChannel));
    let company = switch::directory::Company { suspended: true, ..company() };
    let suspended = Directory::builder().company(company).profile(profile(profile_id(), SIP_USER)).number(Number {
        number: CALLER_ID.parse().unwrap(),
        company: company_id(),
        profile: Some(profile_id()),
        caller_id_allowed: true,
    });
    assert_eq!(refused(World::of(suspended, 0, 0)), (403, named("org_suspended"), ReleaseCause::AuthFailed));
}

/// I9, C1: both directions share the channels.
#[test]
fn the_second_call_is_busy_where_the_one_channel_is_taken_whoever_took_it() {
    let mut world = World::of(
        town().profile(switch::directory::Profile { channels: 1, ..profile(profile_id(), SIP_USER) }),
        1_000,
        0,
    );
    world.bindings.insert(profile_id(), binding());
    let outbound = world.answered_call(CALLEE);
    let inbound = world.invite(from_outside(CALLER_ID));
    assert_eq!(refusal(&world, inbound), (486, Some("callee_channels_full".to_owned()), ReleaseCause::Busy));
    world.leg(outbound, LegId::CALLER, hung_up());

    let inbound = world.invite(from_outside(CALLER_ID));
    world.leg(inbound, PBX, answered());
    let outbound = world.dial(CALLEE);
    assert_eq!(refusal(&world, outbound), (503, Some("channels_full".to_owned()), ReleaseCause::NoChannel));
    world.leg(inbound, LegId::CALLER, hung_up());
    world.assert_books_closed();
}

/// S7.
#[test]
fn a_pbx_that_asks_us_for_a_password_fails_the_call_and_is_told_how_to_mend_it() {
    for status in [401, 407] {
        let mut world = registered();
        let call = world.invite(from_outside(CALLER_ID));
        world.leg(call, PBX, refused(status));
        assert_eq!(refusal(&world, call), (480, Some("pbx_challenged_us".to_owned()), ReleaseCause::Rejected));
        let sentence = world.record(call).sentence.clone().unwrap();
        assert!(sentence.contains("asks us for a password"), "{sentence}");
        world.assert_books_closed();
    }
}

#[test]
fn what_the_pbx_says_about_the_person_passes_and_what_it_says_about_itself_does_not() {
    for (event, status, cause) in [
        (refused(486), 486, ReleaseCause::Busy),
        (refused(603), 603, ReleaseCause::Rejected),
        (refused(503), 480, ReleaseCause::Rejected),
        (refused(302), 480, ReleaseCause::Rejected),
        (LegEvent::Failed(LegFailure::Timeout), 480, ReleaseCause::NoAnswer),
        (LegEvent::Failed(LegFailure::Transport), 480, ReleaseCause::NoAnswer),
        (LegEvent::Failed(LegFailure::UnusableAnswer), 488, ReleaseCause::IncompatibleMedia),
    ] {
        let mut world = registered();
        let call = world.invite(from_outside(CALLER_ID));
        world.leg(call, PBX, event.clone());
        assert_eq!(refusal(&world, call), (status, None, cause), "{event:?}");
        world.assert_books_closed();
    }
}

#[test]
fn a_caller_that_gives_up_while_it_rings_leaves_nothing_behind() {
    let mut world = registered();
    let call = world.invite(from_outside(CALLER_ID));
    world.leg(call, PBX, ringing());
    world.leg(call, LegId::CALLER, LegEvent::Cancelled);
    let orders = world.ordered(call);
    assert!(orders.contains(&(PBX, LegOrder::Release(ReleaseCause::Cancelled))), "{orders:?}");
    world.tell_call(call, Event::LegClosed(PBX));
    assert_eq!(refusal(&world, call), (487, None, ReleaseCause::Cancelled));
    world.assert_books_closed();
}

/// A PBX that says nothing is given up after seconds; one that works on it may take as long as a phone may ring.
#[test]
fn a_pbx_that_gives_no_sign_of_life_is_given_up_and_one_that_does_may_ring_for_long() {
    let mut world = registered();
    let silent = world.invite(from_outside(CALLER_ID));
    world.seconds(6);
    assert_eq!(refusal(&world, silent), (480, None, ReleaseCause::NoAnswer));
    assert_eq!(world.record(silent).sentence.as_deref(), Some("The called PBX does not answer"));

    let working = world.invite(from_outside(CALLER_ID));
    world.leg(working, PBX, LegEvent::Trying);
    world.seconds(179);
    assert_eq!(world.channels_taken(), 1);
    world.seconds(1);
    assert_eq!(refusal(&world, working), (480, None, ReleaseCause::NoAnswer));
    assert_eq!(world.record(working).sentence.as_deref(), Some("Nobody answered within the ring timeout"));
    world.seconds(40);
    world.assert_books_closed();
}

#[test]
fn a_profile_that_is_gone_has_no_number() {
    let gone = Number {
        number: CALLER_ID.parse().unwrap(),
        company: company_id(),
        profile: Some(ProfileId::from_bits(77)),
        caller_id_allowed: true,
    };
    let mut world = World::of(Directory::builder().company(company()).number(gone), 0, 0);
    world.invite(from_outside(CALLER_ID));
    assert_eq!(world.strangers[0].kind, RefusalKind::NumberUnassigned);
}

/// Live calls show which way they go, and the carrier that they came from.
#[test]
fn a_live_call_says_which_way_it_goes() {
    let mut world = registered();
    let call = world.invite(from_outside(CALLER_ID));
    let live = world.calls[&call].live(world.now).unwrap();
    assert_eq!((live.direction, live.carrier.as_deref()), (CallDirection::Inbound, Some("carrier2")));
    assert!(!world.calls[&call].is_ringing());
    world.leg(call, PBX, ringing());
    assert!(world.calls[&call].is_ringing());
    assert_eq!(world.calls[&call].carrier().map(|carrier| &*carrier.name), Some("carrier2"));
}
