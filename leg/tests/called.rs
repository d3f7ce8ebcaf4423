//! What a carrier is sent: who is shown, what is offered, how far the call may go.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod outgoing;

use domain::call_control::{CalledUser, CallerId, Compat, LegEvent, LegFailure, LegOrder, OutgoingInvitation};
use domain::{HeaderLine, Machine, Now, ReleaseCause};
use leg::{CalledLeg, CarrierTarget, Effect, Event, PbxTarget, Sent, Target, sdp};
use outgoing::{destination, identity};
use sip::Message;
use sip::endpoint::Transport;
use std::sync::Arc;

const OFFER: &str =
    "v=0\r\nc=IN IP4 192.0.2.10\r\nm=audio 12000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";

fn order(caller_id: CallerId) -> OutgoingInvitation {
    outgoing::order(caller_id, OFFER)
}

fn invite(order: &OutgoingInvitation) -> (CalledLeg, Vec<Effect>) {
    let carrier = CarrierTarget::at(destination());
    invite_at(&Target::Carrier(carrier), order)
}

fn pbx(to_user: Option<&str>) -> Target {
    Target::Pbx(PbxTarget {
        destination: destination(),
        contact: "sip:99050000040027@10.0.0.7:5062;rinstance=1".into(),
        user: CalledUser::Number,
        to_user: to_user.map(Into::into),
        path: [Arc::from("<sip:edge.example.net;lr>")].into(),
    })
}

fn invite_at(target: &Target, order: &OutgoingInvitation) -> (CalledLeg, Vec<Effect>) {
    outgoing::invite(order, target, identity(Transport::Udp, false))
}

fn sent(effects: &[Effect]) -> Message {
    let request = effects.iter().find_map(|effect| match effect {
        Effect::Request { sent: Sent::Invite, request, .. } => Some(request.clone()),
        _ => None,
    });
    Message::parse(request.expect("an INVITE")).unwrap()
}

/// O5, and the loop protection of RFC 3261 16.3.
#[test]
fn the_carrier_sees_the_number_that_was_chosen_and_one_hop_less() {
    let (_, effects) = invite(&order(CallerId::Number("+12025550100".parse().unwrap())));
    let invite = sent(&effects);
    assert_eq!(invite.from().unwrap().uri().as_str(), "sip:+12025550100@sip.example.net");
    assert_eq!(invite.uri().unwrap().as_str(), "sip:+12025550123@198.51.100.7:5060");
    assert_eq!(invite.asserted_identities().count(), 0, "who is not trusted is told no asserted identity");
    assert_eq!(invite.max_forwards().unwrap(), Some(41));
    let body = std::str::from_utf8(invite.body()).unwrap();
    assert!(body.contains("c=IN IP4 203.0.113.1") && body.contains("m=audio 20000 RTP/AVP 0 101"), "{body}");
}

/// I1, I4, I5.
#[test]
fn a_pbx_is_called_by_its_contact_with_the_number_and_sees_who_calls() {
    let caller = CallerId::Number("+447824500000".parse().unwrap());
    let (_, effects) = invite_at(&pbx(None), &order(caller));
    let invite = sent(&effects);
    assert_eq!(invite.uri().unwrap().as_str(), "sip:12025550123@10.0.0.7:5062;rinstance=1");
    assert_eq!(invite.to().unwrap().uri().as_str(), "sip:12025550123@sip.example.net");
    assert_eq!(invite.from().unwrap().uri().as_str(), "sip:+447824500000@sip.example.net");
    assert_eq!(invite.contact().unwrap().uri().as_str(), "sip:+447824500000@203.0.113.1:5060");
    let sent_to = effects.iter().find_map(|effect| match effect {
        Effect::Request { destination, .. } => Some(destination.addr),
        _ => None,
    });
    assert_eq!(sent_to, Some(destination().addr), "where its messages come from, not where its Contact says");
}

/// I4, I5.
#[test]
fn a_pbx_that_wants_to_sees_its_own_user_in_to_and_of_an_anonymous_caller_nothing() {
    let (_, effects) = invite_at(&pbx(Some("99050000040027")), &order(CallerId::Anonymous));
    let invite = sent(&effects);
    assert_eq!(invite.uri().unwrap().as_str(), "sip:12025550123@10.0.0.7:5062;rinstance=1");
    assert_eq!(invite.to().unwrap().uri().as_str(), "sip:99050000040027@sip.example.net");
    assert_eq!(invite.from().unwrap().uri().as_str(), "sip:anonymous@anonymous.invalid");
    assert_eq!(invite.contact().unwrap().uri().as_str(), "sip:203.0.113.1:5060");
    assert_eq!(invite.asserted_identities().count(), 0);
}

#[test]
fn a_contact_that_cannot_be_called_fails_the_leg_before_anything_is_sent() {
    let target = Target::Pbx(PbxTarget {
        destination: destination(),
        contact: "tel:+12025550100".into(),
        user: CalledUser::Number,
        to_user: None,
        path: Arc::default(),
    });
    let (leg, effects) = invite_at(&target, &order(CallerId::Anonymous));
    assert!(leg.is_finished());
    assert!(matches!(effects[..], [Effect::Tell(LegEvent::Failed(LegFailure::Transport))]));
}

/// L6.
#[test]
fn an_anonymous_caller_is_named_nowhere() {
    let (_, effects) = invite(&order(CallerId::Anonymous));
    let invite = sent(&effects);
    assert_eq!(invite.from().unwrap().uri().as_str(), "sip:anonymous@anonymous.invalid");
    assert!(invite.privacy().id);
    assert_eq!(invite.asserted_identities().count(), 0);
}

#[test]
fn an_offer_that_cannot_be_carried_fails_the_leg_before_anything_is_sent() {
    let mut order = order(CallerId::Anonymous);
    order.offer = sdp::read(OFFER.replace("RTP/AVP", "RTP/SAVP").as_bytes()).unwrap();
    let (leg, effects) = invite(&order);
    assert!(leg.is_finished());
    assert!(matches!(effects[..], [Effect::Tell(LegEvent::Failed(LegFailure::UnusableAnswer))]));
}

/// RFC 3261 9.1: the endpoint must know the transaction first.
#[test]
fn a_leg_that_is_given_up_at_once_is_cancelled_as_soon_as_its_invite_has_a_name() {
    let (mut leg, effects) = invite(&order(CallerId::Anonymous));
    let mut endpoint = sip::endpoint::Endpoint::new(Default::default(), domain::Entropy::from_seed([1; 16]));
    let Some(Effect::Request { request, destination, .. }) =
        effects.iter().find(|effect| matches!(effect, Effect::Request { .. }))
    else {
        panic!("no request");
    };
    let owner = sip::endpoint::Owner(1);
    let id = endpoint.request(owner, request, *destination, Now::default(), &mut Vec::new()).unwrap();
    let mut told = Vec::new();
    leg.handle(Event::Ordered(LegOrder::Release(ReleaseCause::Cancelled)), Now::default(), &mut told);
    assert!(told.is_empty(), "there is nothing to cancel yet");
    leg.handle(Event::RequestSent(Sent::Invite, id), Now::default(), &mut told);
    assert!(matches!(told[..], [Effect::Cancel { transaction, .. }] if transaction == id));
}

/// RFC 3327 5.4, RFC 3261 8.1.1.8.
#[test]
fn a_pbx_behind_proxies_is_called_by_their_route() {
    let (_, effects) = invite_at(&pbx(None), &order(CallerId::Anonymous));
    let invite = sent(&effects);
    let routes: Vec<_> = invite.routes().map(|route| route.unwrap().uri().as_str().to_owned()).collect();
    assert_eq!(routes, ["sip:edge.example.net;lr"]);
}

#[test]
fn the_contact_names_the_transport_and_is_sips_where_the_peer_is() {
    for (transport, is_sips, contact) in [
        (Transport::Udp, false, "sip:203.0.113.1:5060"),
        (Transport::Tcp, false, "sip:203.0.113.1:5060;transport=tcp"),
        (Transport::Tls, false, "sip:203.0.113.1:5060;transport=tls"),
        (Transport::Wss, false, "sip:203.0.113.1:5060;transport=ws"),
        (Transport::Tls, true, "sips:203.0.113.1:5060"),
        (Transport::Wss, true, "sips:203.0.113.1:5060;transport=ws"),
    ] {
        let identity = identity(transport, is_sips);
        let (_, effects) = outgoing::invite(&order(CallerId::Anonymous), &pbx(None), identity);
        assert_eq!(sent(&effects).contact().unwrap().uri().as_str(), contact);
    }
}

/// The INVITE as it leaves, byte for byte.
fn printed(effects: &[Effect]) -> String {
    let request = effects.iter().find_map(|effect| match effect {
        Effect::Request { sent: Sent::Invite, request, .. } => Some(request.clone()),
        _ => None,
    });
    String::from_utf8(request.expect("an INVITE").to_vec()).unwrap()
}

/// I6: the reference message of requirements 1.11, byte for byte but for what differs from call to call. Its print has no Call-ID
/// and no Content-Length, which every INVITE must have; Via is the endpoint's.
#[test]
fn a_classic_pbx_gets_exactly_the_reference_message() {
    let mut order = order(CallerId::Number("+447824500000".parse().unwrap()));
    order.manner.compat = Compat::Classic;
    order.manner.asserted = Some("+447824500000".parse().unwrap());
    let (_, effects) = invite_at(&pbx(None), &order);
    let message = printed(&effects);
    let (head, body) = message.split_once("\r\n\r\n").unwrap();
    let expected = [
        "INVITE sip:12025550123@10.0.0.7:5062;rinstance=1 SIP/2.0",
        "From: <sip:+447824500000@sip.example.net>;tag=0123456789abcdef",
        "To: <sip:12025550123@sip.example.net>",
        "Call-ID: ours@203.0.113.1",
        "CSeq: 1 INVITE",
        "Max-Forwards: 30",
        "User-Agent: Tandem",
        "Allow: INVITE,ACK,CANCEL,OPTIONS,BYE",
        "Contact: <sip:+447824500000@203.0.113.1:5060;transport=udp>",
        "Content-Type: application/sdp",
        &format!("Content-Length: {}", body.len()),
    ];
    assert_eq!(head, expected.join("\r\n"));
}

/// I6, I5: nothing more is said of an anonymous caller, and no more hops than are left.
#[test]
fn a_classic_message_of_an_anonymous_caller_names_nobody() {
    let mut order = order(CallerId::Anonymous);
    order.manner.compat = Compat::Classic;
    let (_, effects) = invite_at(&pbx(None), &order);
    let message = printed(&effects);
    assert!(message.contains("\r\nContact: <sip:203.0.113.1:5060;transport=udp>\r\n"), "{message}");
    assert!(!message.contains("Privacy") && !message.contains("P-Asserted-Identity"), "{message}");
}

/// I2, I3.
#[test]
fn a_business_account_is_called_by_its_extension_or_by_the_pbxs_own_user() {
    for (user, called) in [
        (CalledUser::Extension("301".into()), "sip:301@10.0.0.7:5062;rinstance=1"),
        (CalledUser::Extension("*9#+".into()), "sip:*9%23+@10.0.0.7:5062;rinstance=1"),
        (CalledUser::Own("1".into()), "sip:99050000040027@10.0.0.7:5062;rinstance=1"),
    ] {
        let Target::Pbx(pbx) = pbx(None) else { unreachable!("a PBX") };
        let target = Target::Pbx(PbxTarget { user, ..pbx });
        let (_, effects) = invite_at(&target, &order(CallerId::Anonymous));
        let invite = sent(&effects);
        assert_eq!(invite.uri().unwrap().as_str(), called);
        assert_eq!(invite.to().unwrap().uri().as_str(), "sip:12025550123@sip.example.net", "I4: To names the number");
    }
    let nameless = Target::Pbx(PbxTarget {
        destination: destination(),
        contact: "sip:192.0.2.7:5060".into(),
        user: CalledUser::Own("99050000040027".into()),
        to_user: None,
        path: Arc::default(),
    });
    let (_, effects) = invite_at(&nameless, &order(CallerId::Anonymous));
    assert_eq!(sent(&effects).uri().unwrap().as_str(), "sip:99050000040027@192.0.2.7:5060");
}

/// L6, RFC 3325 7: the number of who stays unknown is for the trust domain, with the order to keep it.
#[test]
fn a_trusted_carrier_is_told_who_stays_unknown_and_to_keep_it() {
    let mut order = order(CallerId::Anonymous);
    order.manner.asserted = Some("+12025550100".parse().unwrap());
    let (_, effects) = invite(&order);
    let invite = sent(&effects);
    assert_eq!(invite.from().unwrap().uri().as_str(), "sip:anonymous@anonymous.invalid");
    let asserted = invite.asserted_identities().next().unwrap().unwrap();
    assert_eq!(asserted.uri().as_str(), "sip:+12025550100@sip.example.net");
    assert!(invite.privacy().id);
}

/// Lesson 31: what makes a dialog does not pass even where the call ordered it.
#[test]
fn lines_that_pass_are_printed_and_lines_that_never_may_are_not() {
    let line = |name: &str, value: &str| HeaderLine { name: name.into(), value: value.into() };
    let mut order = order(CallerId::Anonymous);
    order.manner.headers = vec![
        line("User-to-User", "56a390f3d2b7310023a2;encoding=hex"),
        line("Diversion", "<sip:+12025550111@sip.example.net>;reason=unconditional"),
        line("Route", "<sip:evil.example;lr>"),
        line("v", "SIP/2.0/UDP evil.example"),
        line("Contact", "<sip:evil.example>"),
    ];
    let (_, effects) = invite(&order);
    let invite = sent(&effects);
    assert_eq!(invite.header_named("User-to-User"), Some(&b"56a390f3d2b7310023a2;encoding=hex"[..]));
    assert!(invite.header_named("Diversion").is_some());
    assert_eq!((invite.routes().count(), invite.vias().count(), invite.contacts().count()), (0, 0, 1));
}
