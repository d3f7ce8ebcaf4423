//! What is done to every message and every stream that chance or a fuzzer makes: all that can be asked of it, and what must hold.
//!
//! Where the bytes come from does not live here: see `mutations.rs` and the fuzz targets.

use bytes::{Bytes, BytesMut};
use sip::message::Contact;
use sip::{Frame, Framer, Message, Name, Reason, Response, Uri, limits};

/// Reads a message, asks it everything, answers it, and checks what must hold whatever it was.
pub(crate) fn message(bytes: &[u8]) {
    let message = match Message::parse(Bytes::copy_from_slice(bytes)) {
        Ok(message) => message,
        Err(malformed) => {
            assert!(!malformed.sentence.is_empty());
            assert!(malformed.sentence.len() < 300, "a sentence does not grow with the message");
            match malformed.remains {
                Some(remains) => *remains,
                None => return,
            }
        }
    };
    ask_everything(&message);
    if message.is_request() {
        answer(&message);
    }
}

/// Calls every accessor; what they say is compared with nothing, they only must end.
fn ask_everything(message: &Message) {
    let lines = message.lines().count();
    assert!(lines <= limits::HEADERS_MAX);
    if let Err(complaint) = message.check() {
        assert!(complaint.sentence.ends_with('.'));
    }
    if let Ok(uri) = message.uri() {
        ask_uri(&uri);
    }
    for via in message.vias().flatten() {
        let _ =
            (via.branch(), via.rfc3261_branch(), via.rport(), via.received(), via.maddr(), via.params().iter().count());
    }
    let lists = [Name::Route, Name::RecordRoute, Name::PAssertedIdentity, Name::PPreferredIdentity, Name::Diversion];
    let singles = [Name::From, Name::To, Name::ReferTo];
    let addresses = lists.into_iter().flat_map(|name| message.addresses(name)).flatten();
    let addresses = addresses.chain(singles.into_iter().filter_map(|name| message.address(name).ok().flatten()));
    for address in addresses {
        let _ = (address.display_text(), address.tag(), address.expires_s(), address.params().iter().count());
        ask_uri(address.uri());
    }
    for contact in message.contacts().flatten() {
        if let Contact::Address(address) = contact {
            let _ = (address.display(), address.expires_s());
        }
    }
    for reason in message.reasons().flatten() {
        let _ = (reason.q850(), reason.params.get("text").map(|text| text.unquoted().len()));
    }
    let _ =
        (message.call_id(), message.cseq(), message.rack(), message.rseq(), message.max_forwards(), message.privacy());
    let _ = (message.expires_s(), message.min_expires_s(), message.min_se_s(), message.session_expires_s());
    let _ = (message.retry_after_s(), message.is_content("application/sdp"), message.supports("timer"));
    for name in [Name::Require, Name::ProxyRequire, Name::Supported, Name::Allow, Name::Accept] {
        assert!(message.headers(name).count() <= limits::VALUES_MAX);
        assert!(message.tokens(name).all(|token| !token.is_empty()));
    }
    // A value never holds the end of its line: nothing that is copied can end another's.
    for (_, name, value) in message.lines() {
        assert!(!name.is_empty() && !value.iter().any(|byte| matches!(byte, b'\r' | b'\n')));
    }
    assert!(message.body().len() <= message.as_bytes().len());
}

fn ask_uri(uri: &Uri<'_>) {
    let _ = (
        uri.user_unescaped(),
        uri.password(),
        uri.host().map(|host| host.to_string()),
        uri.param("lr"),
        uri.transport(),
    );
    assert!(uri.params().count() <= limits::PARAMS_MAX);
    assert!(uri.headers().count() <= limits::PARAMS_MAX);
    assert!(uri.is_equivalent(uri), "{uri} is itself");
    let again = Uri::parse(uri.as_str().as_bytes()).expect("what was read once is read again");
    assert!(uri.is_equivalent(&again) && again.is_equivalent(uri));
}

/// Prints an answer; it must be a message with exactly the lines that it was given.
fn answer(request: &Message) {
    let mut buffer = BytesMut::new();
    let source = "198.51.100.1:5060".parse().expect("an address");
    Response::to(request, 400, "Bad\r\nRequest").tag("t").received_from(source).print(&mut buffer).end();
    let length = buffer.len();
    assert!(length <= request.as_bytes().len() * 2 + 256, "an answer of {length} bytes");
    match Message::parse(buffer.freeze()) {
        Ok(answer) => {
            let copied = [Name::From, Name::To, Name::CallId, Name::CSeq]
                .into_iter()
                .filter(|name| request.header(*name).is_some());
            let vias = request.lines().filter(|(name, ..)| *name == Name::Via).count();
            assert_eq!(answer.lines().count(), copied.count() + vias + 1);
            assert_eq!(answer.header(Name::CallId), request.header(Name::CallId));
            assert_eq!(answer.status(), Some(400));
        }
        // A line at its limit grows beyond it by what an answer adds.
        Err(malformed) => assert_eq!(malformed.reason, Reason::TooLarge, "{malformed}"),
    }
}

/// Cuts a stream in one piece and in many; both must yield the same messages.
pub(crate) fn framing(bytes: &[u8], mut piece: impl FnMut() -> usize) {
    let whole = cut(std::iter::once(bytes));
    let mut rest = bytes;
    let pieces = std::iter::from_fn(|| {
        let (piece, after) = rest.split_at_checked(piece().max(1)).unwrap_or((rest, &[]));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    });
    assert_eq!(whole, cut(pieces));
    assert!(whole.0.iter().map(Bytes::len).sum::<usize>() <= bytes.len());
}

/// The messages of a stream, and why it ended badly, if it did.
fn cut<'b>(pieces: impl Iterator<Item = &'b [u8]>) -> (Vec<Bytes>, Option<Reason>) {
    let mut framer = Framer::new();
    let mut messages = Vec::new();
    for piece in pieces {
        framer.push(piece);
        loop {
            match framer.next_frame() {
                Ok(Some(Frame::Message(bytes))) => messages.push(bytes),
                Ok(Some(Frame::Ping | Frame::Pong)) => {}
                Ok(None) => break,
                Err(unframeable) => {
                    assert_eq!(framer.next_frame(), Err(unframeable.clone()), "a stream that failed stays failed");
                    assert_eq!(framer.pending(), 0);
                    return (messages, Some(unframeable.reason));
                }
            }
        }
        assert!(framer.pending() <= limits::MESSAGE_BYTES_MAX);
    }
    (messages, None)
}
