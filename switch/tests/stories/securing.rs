//! How much a trunk wants its sound secured: what it takes of an offer, what it offers onwards, and what it refuses.
//!
//! How keys are offered and agreed is the legs'.

use crate::world::*;
use domain::Entropy;
use domain::call_control::{Invitation, LegEvent, LegFailure, LegOrder};
use domain::fax::FaxPolicy;
use domain::media::{Families, MediaDescription};
use domain::refusal::RefusalKind;
use domain::srtp::{CryptoLine, MasterKey, SrtpPolicy, Suite};
use switch::directory::{CallSettings, Carrier, Profile};

fn secure(transport: &str) -> MediaDescription {
    let key = MasterKey::mint(Suite::AesCm128HmacSha1_80, &mut Entropy::from_seed([1; 16]));
    let mut sound = sound();
    for stream in &mut sound.streams {
        stream.transport = transport.to_owned();
        stream.crypto = vec![CryptoLine { tag: 1, key }];
    }
    sound
}

fn world(srtp: SrtpPolicy, srtp_needs_tls: bool, carriers: [SrtpPolicy; 2]) -> World {
    let profile = Profile { srtp, ..profile(profile_id(), SIP_USER) };
    let settings =
        CallSettings { srtp_needs_tls, media_report_timeout: std::time::Duration::ZERO, ..Default::default() };
    let with = |number, srtp| Carrier { srtp, ..carrier(number) };
    let town = town().settings(settings).profile(profile);
    World::of(town.carrier(with(11, carriers[0])).carrier(with(12, carriers[1])), 100, 0)
}

fn calls(world: &mut World, offer: MediaDescription, is_signalling_secret: bool) -> domain::CallId {
    world.invite(Invitation { offer: Some(offer), is_signalling_secret, ..invitation("+12025550123") })
}

fn outcome(policy: SrtpPolicy, needs_tls: bool, offer: MediaDescription, is_secret: bool) -> Option<RefusalKind> {
    let mut world = world(policy, needs_tls, [SrtpPolicy::Off; 2]);
    let call = calls(&mut world, offer, is_secret);
    let refused = (world.invited(call).is_empty()).then(|| match world.last_to_caller(call) {
        LegOrder::Refuse(refusal) => refusal.kind,
        other => panic!("not refused: {other:?}"),
    });
    if let Some(kind) = refused {
        assert_eq!(world.record(call).refusal.as_deref(), Some(kind.as_str()));
        assert_eq!(kind.status(), 488);
        world.assert_books_closed();
    }
    refused
}

/// Must-show 5, RFC 8643.
#[test]
fn a_trunk_takes_of_an_offer_what_its_policy_says_and_refuses_with_its_reason() {
    use SrtpPolicy::{Off, Preferred, Required};
    let (required, off) = (Some(RefusalKind::SrtpRequired), Some(RefusalKind::SrtpOff));
    let unknown = || {
        let mut offer = secure("RTP/SAVP");
        offer.streams[0].crypto.clear();
        offer
    };
    for (policy, plain, optional, mandatory) in
        [(Off, None, None, off), (Preferred, None, None, None), (Required, required, None, None)]
    {
        assert_eq!(outcome(policy, false, sound(), false), plain, "{policy}");
        assert_eq!(outcome(policy, false, secure("RTP/AVP"), false), optional, "{policy}");
        assert_eq!(outcome(policy, false, secure("RTP/SAVP"), false), mandatory, "{policy}");
        assert_eq!(outcome(policy, false, unknown(), false), Some(RefusalKind::NoCommonCodec), "{policy}");
    }
}

/// Keys in the session description are no secret over UDP.
#[test]
fn where_keys_need_tls_required_refuses_keys_that_others_can_read_and_preferred_does_not_ask() {
    use SrtpPolicy::{Preferred, Required};
    assert_eq!(outcome(Required, true, secure("RTP/SAVP"), false), Some(RefusalKind::SrtpRequired));
    assert_eq!(outcome(Required, true, secure("RTP/SAVP"), true), None);
    assert_eq!(outcome(Preferred, true, secure("RTP/SAVP"), false), None);
}

#[test]
fn each_carrier_is_called_as_it_wants_and_one_that_cannot_be_called_in_secret_is_passed_over() {
    let mut world = world(SrtpPolicy::Off, true, [SrtpPolicy::Required, SrtpPolicy::Preferred]);
    let call = calls(&mut world, sound(), false);
    let next = |world: &mut World| {
        world.ordered(call).into_iter().find_map(|(leg, order)| match order {
            LegOrder::Invite(invitation) => Some((leg, invitation.srtp)),
            _ => None,
        })
    };
    // The first three carriers of the town want none.
    let mut invited = next(&mut world);
    while let Some((leg, SrtpPolicy::Off)) = invited {
        world.leg(call, leg, LegEvent::Failed(LegFailure::Transport));
        invited = next(&mut world);
    }
    let (leg, srtp) = invited.unwrap();
    assert_eq!(srtp, SrtpPolicy::Required);
    world.leg(call, leg, LegEvent::Failed(LegFailure::Insecure));
    assert_eq!(next(&mut world).map(|(_, srtp)| srtp), Some(SrtpPolicy::Preferred));
}

/// RFC 3261 20.43: who has its sound where we have none is told so, with what would be right.
#[test]
fn sound_at_a_version_of_ip_that_this_node_has_no_address_of_is_refused_with_its_reason() {
    let at = |ip: &str| {
        let mut offer = sound();
        offer.streams[0].receives_at = Some(std::net::SocketAddr::new(ip.parse().unwrap(), 4_000));
        offer
    };
    let (v4, v6) = (Families { v4: true, v6: false }, Families { v4: false, v6: true });
    for (families, ip, refused) in [
        (v4, "192.0.2.9", false),
        (v4, "2001:db8::9", true),
        (v6, "192.0.2.9", true),
        (Families::BOTH, "2001:db8::9", false),
        // A held offer of RFC 2543 names nobody: its signalling came by IPv4.
        (v4, "::", false),
        (v6, "0.0.0.0", true),
    ] {
        let settings = CallSettings { media_families: families, ..Default::default() };
        let mut world = World::of(town().settings(settings).profile(profile(profile_id(), SIP_USER)), 100, 0);
        let call = calls(&mut world, at(ip), false);
        let kind = (world.invited(call).is_empty()).then(|| match world.last_to_caller(call) {
            LegOrder::Refuse(refusal) => refusal.kind,
            other => panic!("not refused: {other:?}"),
        });
        assert_eq!(kind, refused.then_some(RefusalKind::MediaFamily), "{families:?} {ip}");
    }
    assert_eq!((RefusalKind::MediaFamily.status(), RefusalKind::MediaFamily.warning_code()), (488, 301));
}

#[test]
fn a_carrier_that_is_reached_where_there_is_no_sound_is_passed_over() {
    let mut world = world(SrtpPolicy::Off, false, [SrtpPolicy::Off; 2]);
    let call = calls(&mut world, sound(), false);
    let orders = world.ordered(call);
    let first =
        orders.into_iter().find_map(|(leg, order)| matches!(order, LegOrder::Invite(_)).then_some(leg)).unwrap();
    world.leg(call, first, LegEvent::Failed(LegFailure::NoMediaAddress));
    assert_eq!(world.invited(call).len(), 1, "the next one is invited");
}

/// Fax over T.38 in the first INVITE: by the policy of the caller's trunk, and past carriers that take none.
#[test]
fn a_fax_is_placed_where_trunk_and_carrier_take_it_and_refused_with_488_where_none_does() {
    use SrtpPolicy::{Off, Required};
    let fax = || {
        let mut offer = sound();
        let stream = &mut offer.streams[0];
        stream.kind = domain::media::StreamKind::Other("image".to_owned());
        (stream.transport, stream.format_tokens) = ("udptl".to_owned(), vec!["t38".to_owned()]);
        stream.formats.clear();
        offer
    };
    let (relay, refuse) = (FaxPolicy::Relay, FaxPolicy::Refuse);
    for (trunk, srtp, carriers, expected) in [
        (relay, Off, [(relay, Off), (relay, Off)], Some(11)),
        (relay, Off, [(refuse, Off), (relay, Off)], Some(12)),
        (relay, Off, [(relay, Required), (relay, Off)], Some(12)),
        (relay, Off, [(refuse, Off), (relay, Required)], None),
        (refuse, Off, [(relay, Off), (relay, Off)], None),
        (relay, Required, [(relay, Off), (relay, Off)], None),
    ] {
        let profile = Profile { srtp, t38: trunk, ..profile(profile_id(), SIP_USER) };
        let settings = CallSettings { srtp_needs_tls: false, ..Default::default() };
        let carriers_of = |(number, (t38, srtp))| Carrier { t38, srtp, ..carrier(number) };
        let town = town_of([11, 12].into_iter().zip(carriers).map(carriers_of).collect());
        let mut world = World::of(town.settings(settings).profile(profile), 100, 0);
        let call = calls(&mut world, fax(), false);
        assert_eq!(world.invited(call).first().copied(), expected, "{trunk} {srtp} {carriers:?}");
        if expected.is_none() {
            let LegOrder::Refuse(refusal) = world.last_to_caller(call) else { panic!("not refused") };
            assert_eq!(refusal.kind, RefusalKind::NoCommonCodec);
            assert!(refusal.sentence.contains("send it as sound (G.711)"), "{}", refusal.sentence);
        }
    }
}
