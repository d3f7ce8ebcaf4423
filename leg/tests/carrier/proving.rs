//! A carrier that asks who we are: its challenges are answered once for each request, and unasked from then on.

use crate::world::{SDP, World, account};
use domain::call_control::{LegEvent, LegOrder, SessionWord};
use domain::media::Direction;
use domain::{Machine, ReleaseCause};
use leg::{Account, Event};
use sip::{Message, Method};
use std::sync::Arc;

fn challenge(header: &str, nonce: &str, algorithm: &str) -> String {
    format!("{header}: Digest realm=\"carrier\", nonce=\"{nonce}\", algorithm={algorithm}, qop=\"auth\"\r\n")
}

fn proof(request: &Message) -> String {
    let value = request.proxy_authorizations().chain(request.authorizations()).next().expect("a proof");
    String::from_utf8(value.to_vec()).unwrap()
}

/// RFC 3261 22.2 and 22.3, RFC 7616 3.4.
#[test]
fn a_challenged_invite_is_sent_once_more_with_its_proof_and_the_ack_bears_the_same() {
    for (algorithm, digits) in [("MD5", 32), ("SHA-256", 64)] {
        let mut world = World::new(Some(account()));
        assert_eq!(world.last(Method::Invite).proxy_authorizations().count(), 0, "nobody has asked");
        world.answer(Method::Invite, 407, &challenge("Proxy-Authenticate", "abc", algorithm), "");
        let invite = world.last(Method::Invite);
        assert_eq!(invite.cseq().unwrap().number, 2);
        assert_eq!(invite.from_tag(), Some("0123456789abcdef"));
        assert_eq!(invite.to_tag(), None, "it opens the dialog anew");
        let shown = proof(invite);
        for part in ["username=\"acme\"", "uri=\"sip:+12025550123@198.51.100.7:5060\"", "nc=00000001", "qop=auth"] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
        let response = shown.split("response=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(response.len(), digits);
        assert!(world.told.is_empty(), "nobody hears of the challenge: {:?}", world.told);
        world.answer(Method::Invite, 200, "", SDP);
        assert!(matches!(world.told[..], [LegEvent::Answered { .. }]));
        let ack = world.last(Method::Ack);
        assert_eq!((ack.cseq().unwrap().number, proof(ack)), (2, shown));
    }
}

#[test]
fn a_bye_is_proven_unasked_with_the_next_count_and_once_more_where_the_nonce_was_stale() {
    let mut world = World::new(Some(account()));
    world.answer(Method::Invite, 401, &challenge("WWW-Authenticate", "abc", "MD5"), "");
    world.answer(Method::Invite, 200, "", SDP);
    world.hear(Event::Ordered(LegOrder::Release(ReleaseCause::Normal)));
    let bye = world.last(Method::Bye);
    assert_eq!(bye.cseq().unwrap().number, 3);
    assert!(proof(bye).contains("nc=00000002") && proof(bye).contains("nonce=\"abc\""), "{}", proof(bye));
    let stale = challenge("WWW-Authenticate", "def", "MD5").replace("qop", "stale=TRUE, qop");
    world.answer(Method::Bye, 401, &stale, "");
    let bye = world.last(Method::Bye);
    assert_eq!(bye.cseq().unwrap().number, 4);
    assert!(proof(bye).contains("nc=00000001") && proof(bye).contains("nonce=\"def\""), "{}", proof(bye));
    assert!(!world.leg.is_finished());
    world.answer(Method::Bye, 200, "", "");
    assert!(world.leg.is_finished());
}

/// RFC 7616 5.3: who asks chooses the realm, and could guess the password by the answer.
#[test]
fn a_challenge_of_another_realm_than_the_pinned_is_not_answered() {
    let pinned = |realm: &str| {
        let account = Account { realm: Some(realm.into()), auth_user: "line 7".into(), ..(*account()).clone() };
        let mut world = World::new(Some(Arc::new(account)));
        let other = challenge("Proxy-Authenticate", "abc", "MD5").replace("\"carrier\"", "\"elsewhere\"");
        let both = other + &challenge("Proxy-Authenticate", "def", "MD5");
        world.answer(Method::Invite, 407, &both, "");
        world
    };
    let world = pinned("carrier");
    let shown = proof(world.last(Method::Invite));
    for part in ["username=\"line 7\"", "realm=\"carrier\"", "nonce=\"def\""] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let world = pinned("Carrier");
    assert_eq!(world.went_to(Method::Invite).len(), 1, "a realm is compared letter by letter");
    assert!(matches!(world.told[..], [LegEvent::Refused { status: 407, .. }]), "{:?}", world.told);
}

/// RFC 3261 22.2, RFC 3262 4: a PRACK is proven unasked, and where its challenge is a new one, once more: the same RAck, the next CSeq.
#[test]
fn a_prack_that_is_challenged_anew_is_sent_once_more_with_its_proof() {
    for (status, header) in [(401, "WWW-Authenticate"), (407, "Proxy-Authenticate")] {
        let mut world = World::new(Some(account()));
        world.answer(Method::Invite, status, &challenge(header, "abc", "MD5"), "");
        world.answer(Method::Invite, 183, "Require: 100rel\r\nRSeq: 7\r\n", SDP);
        let first = world.last(Method::Prack).clone();
        assert!(proof(&first).contains("nc=00000002") && proof(&first).contains("nonce=\"abc\""), "{}", proof(&first));
        world.answer(Method::Prack, status, &challenge(header, "def", "MD5"), "");
        let again = world.last(Method::Prack).clone();
        let numbers = (first.cseq().unwrap().number, again.cseq().unwrap().number);
        assert_eq!(numbers.1, numbers.0 + 1);
        assert_eq!(again.rack().unwrap(), first.rack().unwrap(), "it acknowledges the same");
        assert_eq!((again.to_tag(), again.uri().unwrap().as_str()), (Some("theirs"), "sip:carrier@198.51.100.7:5060"));
        assert!(proof(&again).contains("nonce=\"def\""), "{}", proof(&again));
        world.answer(Method::Prack, status, &challenge(header, "ghi", "MD5"), "");
        assert_eq!(world.went_to(Method::Prack).len(), 2, "each request once");
        // The dialog counts on from there.
        world.answer(Method::Invite, 200, "", SDP);
        world.hear(Event::Ordered(LegOrder::Release(ReleaseCause::Normal)));
        assert_eq!(world.last(Method::Bye).cseq().unwrap().number, numbers.1 + 1);
        assert_eq!(world.told.len(), 2, "ringing and the answer: {:?}", world.told);
    }
}

/// RFC 3261 22.2: whatever is sent inside the dialog.
#[test]
fn a_change_and_a_key_that_are_challenged_are_sent_once_more() {
    let mut world = World::new(Some(account()));
    world.answer(Method::Invite, 200, "Allow: INVITE, ACK, BYE, CANCEL, INFO\r\n", SDP);
    let keys = SessionWord::Keys { content_type: "application/dtmf".to_owned(), body: b"5".to_vec() };
    for (word, method) in [(SessionWord::Flow(Direction::SendOnly), Method::Invite), (keys, Method::Info)] {
        world.hear(Event::Ordered(LegOrder::Session(word)));
        let first = world.last(method.clone()).clone();
        world.answer(
            method.clone(),
            407,
            &challenge("Proxy-Authenticate", first.cseq().unwrap().number.to_string().as_str(), "MD5"),
            "",
        );
        let again = world.last(method.clone());
        assert_eq!(again.cseq().unwrap().number, first.cseq().unwrap().number + 1, "{method:?}");
        assert_eq!(again.body(), first.body(), "{method:?}");
        assert!(proof(again).contains("username=\"acme\""), "{method:?}");
        world.answer(method.clone(), 200, "", if method == Method::Invite { SDP } else { "" });
    }
    assert!(matches!(world.told[..], [LegEvent::Answered { .. }]), "nobody hears of it: {:?}", world.told);
}

/// RFC 3261 13.2.2.4: a second answer of a fork is hung up on in its own dialog, also where that BYE is challenged; the first goes on.
#[test]
fn a_challenged_bye_to_another_branch_of_a_fork_does_not_end_the_call() {
    let mut world = World::new(Some(account()));
    let invite = world.last(Method::Invite).clone();
    world.answer(Method::Invite, 200, "", SDP);
    world.answer_as(&invite, 200, "other", "", SDP);
    let bye = world.last(Method::Bye).clone();
    assert_eq!(bye.to_tag(), Some("other"));
    world.answer(Method::Bye, 407, &challenge("Proxy-Authenticate", "abc", "MD5"), "");
    let again = world.last(Method::Bye).clone();
    assert_eq!((again.to_tag(), again.cseq().unwrap().number), (Some("other"), bye.cseq().unwrap().number + 1));
    assert!(proof(&again).contains("nonce=\"abc\""));
    world.answer(Method::Bye, 200, "", "");
    assert!(!world.leg.is_finished(), "the call goes on");
    assert!(matches!(world.told[..], [LegEvent::Answered { .. }]), "{:?}", world.told);
}

/// A wrong password must not become a storm.
#[test]
fn a_carrier_that_does_not_believe_us_is_asked_once_and_no_more() {
    let mut world = World::new(Some(account()));
    world.answer(Method::Invite, 407, &challenge("Proxy-Authenticate", "abc", "MD5"), "");
    world.answer(Method::Invite, 407, &challenge("Proxy-Authenticate", "def", "MD5"), "");
    assert!(matches!(world.told[..], [LegEvent::Refused { status: 407, .. }]), "{:?}", world.told);
    assert_eq!(world.went_to(Method::Invite).len(), 2);
    assert!(world.leg.is_finished());
}

#[test]
fn without_an_account_and_for_what_we_do_not_speak_the_challenge_is_a_refusal() {
    let unknown = challenge("Proxy-Authenticate", "abc", "SHA-512-256");
    for (account, lines) in [(None, challenge("Proxy-Authenticate", "abc", "MD5")), (Some(account()), unknown)] {
        let mut world = World::new(account);
        world.answer(Method::Invite, 407, &lines, "");
        assert!(matches!(world.told[..], [LegEvent::Refused { status: 407, .. }]), "{:?}", world.told);
    }
}

#[test]
fn a_call_that_is_given_up_answers_no_challenge() {
    let mut world = World::new(Some(account()));
    world.hear(Event::Ordered(LegOrder::Release(ReleaseCause::Cancelled)));
    world.answer(Method::Invite, 407, &challenge("Proxy-Authenticate", "abc", "MD5"), "");
    assert_eq!(world.went_to(Method::Invite).len(), 1);
    assert!(world.leg.is_finished());
}

#[test]
fn a_password_never_prints_itself() {
    assert_eq!(format!("{:?}", account()), "Account(acme)");
}
