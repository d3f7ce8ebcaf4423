//! Session descriptions under libfuzzer: read, negotiated, printed, read again.
#![no_main]

use leg::negotiation::{answer_back, answer_ourselves, offer_onwards};
use leg::sdp::{Origin, print, read};

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    let Ok(offer) = read(text) else { return };
    let ours: std::net::SocketAddr = ([203, 0, 113, 1], 20_000).into();
    let origin = Origin { session: 1, version: 1, address: ours.ip() };
    for description in [offer_onwards(&offer, ours), answer_ourselves(&offer, ours), answer_back(&offer, &offer, ours)] {
        if let Some(description) = description {
            let printed = print(&description, origin);
            assert!(read(printed.as_bytes()).is_ok());
        }
    }
});
