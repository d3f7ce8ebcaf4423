//! From an INVITE to an [`Invitation`]: what a PBX or a carrier asks for, in call-control words.
//!
//! Whether it may have that is `switch`'s to decide; whose it is was proven before.

use crate::presenting;
use crate::sdp::{self, SdpFault};
use domain::call_control::{Invitation, Proof};
use domain::media::MediaDescription;
use sip::message::NameAddr;
use sip::uri::Scheme;
use sip::{Message, Uri};
use std::net::SocketAddr;

/// Characters at most of a user part or a display name that are looked at; longer ones are cut.
const TEXT_CHARS_MAX: usize = 128;

/// Reads an INVITE. What cannot be read is empty: the rules of `switch` then refuse it with their own words.
///
/// The second value is what is wrong with its session description, where it has one that cannot be used.
pub fn read(invite: &Message, proof: Proof, source: SocketAddr) -> (Invitation, Option<SdpFault>) {
    let (offer, fault) = match offer_in(invite) {
        Ok(offer) => (offer, None),
        Err(fault) => (None, Some(fault)),
    };
    let from = invite.from().ok();
    let preferred = invite.preferred_identities().find_map(Result::ok);
    let asserted = invite.asserted_identities().find_map(Result::ok);
    let invitation = Invitation {
        dialled: match dialled_in(invite) {
            // A carrier may call the trunk, and name the number in To only.
            nobody if nobody.is_empty() && matches!(proof, Proof::Carrier(_)) => called_in(invite),
            dialled => dialled,
        },
        proof,
        source,
        certificate: None,
        from_user: from.as_ref().map(|from| user_of(from.uri())).unwrap_or_default(),
        from_display: from.map(|from| cut(&from.display_text())).unwrap_or_default(),
        preferred_identity: preferred.map(|identity| user_of(identity.uri())),
        asserted_identity: asserted.map(|identity| user_of(identity.uri())),
        remote_party: presenting::remote_party(invite).map(|(user, _)| user),
        anonymous: presenting::is_anonymous(invite),
        diverted_from: presenting::diverted_from(invite),
        headers: presenting::passable(invite),
        offer,
        // What carried it is the leg's to say.
        is_signalling_secret: false,
        sip_call_id: invite.call_id().unwrap_or_default().to_owned(),
    };
    (invitation, fault)
}

/// What an INVITE dials; empty where its Request-URI cannot be read.
pub fn dialled_in(invite: &Message) -> String {
    invite.uri().map(|uri| dialled(&uri)).unwrap_or_default()
}

/// Whom an INVITE names in To.
fn called_in(invite: &Message) -> String {
    invite.to().map(|to| user_of(to.uri())).unwrap_or_default()
}

/// Whom an INVITE wants that calls us by a Contact of ours: P-Called-Party-ID says it (RFC 7315 4.2), or else To.
pub fn wanted_in(invite: &Message) -> String {
    let party = invite.header_named("P-Called-Party-ID").and_then(|value| NameAddr::parse(value).ok());
    party.map_or_else(|| called_in(invite), |party| user_of(party.uri()))
}

/// The session description of a message, where it carries one.
pub(crate) fn offer_in(message: &Message) -> Result<Option<MediaDescription>, SdpFault> {
    if message.body().is_empty() || !message.is_content(sdp::CONTENT_TYPE) {
        return Ok(None);
    }
    sdp::read(message.body()).map(Some)
}

/// The user part where the scheme has one, otherwise the whole URI (`urn:service:sos`).
fn dialled(uri: &Uri<'_>) -> String {
    match uri.scheme() {
        Scheme::Sip | Scheme::Sips | Scheme::Tel => user_of(uri),
        Scheme::Urn | Scheme::Other(_) => cut(uri.as_str()),
    }
}

/// The user part, unescaped, without the parameters that RFC 3261 19.1.6 puts behind a telephone number.
pub(crate) fn user_of(uri: &Uri<'_>) -> String {
    let user = uri.user_unescaped();
    let text = String::from_utf8_lossy(&user);
    cut(text.split(';').next().unwrap_or_default())
}

fn cut(text: &str) -> String {
    // Of the short, which are nearly all, nothing needs to be counted.
    if text.len() <= TEXT_CHARS_MAX {
        return text.to_owned();
    }
    text.chars().take(TEXT_CHARS_MAX).collect()
}
