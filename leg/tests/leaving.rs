//! How a leg ends that is told to end and finds its peer dead in one instant.
//!
//! The ordinary ways to end are in the simulation and in `called.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on shall stop")]

mod phone;

use bytes::Bytes;
use domain::call_control::{LegOrder, SessionWord};
use domain::media::Direction;
use domain::srtp::SrtpPolicy;
use domain::{Machine, Now, ReleaseCause};
use leg::{Effect, Event, Sent};
use phone::{Phone, calls, described, source};
use sip::Message;
use sip::endpoint::{ClientTransactionId, Destination, Owner, TransactionId};

fn comes_of(phone: &mut Phone, event: Event) -> Vec<Effect> {
    let mut effects = Vec::new();
    phone.leg.handle(event, Now::default(), &mut effects);
    effects
}

/// The one request that leaves.
fn request(effects: Vec<Effect>, wanted: Sent) -> Bytes {
    let mut requests = effects.into_iter().filter_map(|effect| match effect {
        Effect::Request { sent, request, .. } if sent == wanted => Some(request),
        _ => None,
    });
    requests.next().unwrap_or_else(|| panic!("no {wanted:?} leaves"))
}

/// The request is on its way: by which transaction.
fn goes(phone: &mut Phone, sent: Sent, request: &Bytes) -> ClientTransactionId {
    let destination = Destination::back_to(&source());
    let id = phone.endpoint.request(Owner(1), request, destination, Now::default(), &mut Vec::new()).unwrap();
    comes_of(phone, Event::RequestSent(sent, id));
    id
}

/// Found by the simulation: both legs refresh their sessions at once, nobody answers either, and each is told to end because the other one is dead.
#[test]
fn a_leg_that_is_told_to_end_as_its_own_request_fails_says_bye_and_gives_its_dialog_back() {
    let mut phone = calls(SrtpPolicy::Off, &described("RTP/AVP", ""));
    phone.is_answered();
    phone.acknowledges(phone.invite, "");
    let hold = Event::Ordered(LegOrder::Session(SessionWord::Flow(Direction::SendOnly)));
    let invite = request(comes_of(&mut phone, hold), Sent::Change);
    let change = goes(&mut phone, Sent::Change, &invite);
    let release = Event::Ordered(LegOrder::Release(ReleaseCause::SessionExpired));
    let bye = request(comes_of(&mut phone, release), Sent::Bye);
    // The BYE has no transaction yet.
    let failed = Event::TransactionFailed { transaction: TransactionId::Client(change), timed_out: true };
    assert!(comes_of(&mut phone, failed).is_empty());
    let transaction = goes(&mut phone, Sent::Bye, &bye);
    let answer = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 203.0.113.1:5060;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=a\r\n\
         To: <sip:a@b>;tag=b\r\nCall-ID: c\r\nCSeq: 3 BYE\r\nContent-Length: 0\r\n\r\n";
    let message = Message::parse(Bytes::from(answer)).unwrap();
    let ended = comes_of(&mut phone, Event::ResponseArrived { transaction, message, source: source() });
    assert!(matches!(ended[..], [Effect::UnbindDialog { .. }]), "{ended:?}");
    assert!(phone.leg.is_finished());
}
