//! What a caller offers: whether it can be carried, how it must be secured, and who takes it (fax, versions of IP).
//!
//! How descriptions are written and answered is the legs'.

use super::admitting::Place;
use crate::directory::Directory;
use domain::Refusal;
use domain::call_control::{Invitation, Proof};
use domain::fax::FaxPolicy;
use domain::media::{MediaDescription, Mismatch, Security, Stream};
use domain::refusal::RefusalKind;
use domain::srtp::SrtpPolicy;
use domain::trace::{Rule, Trace, Value};
use std::collections::VecDeque;

/// What the caller offers, as far as its trunk takes it. An INVITE without an offer cannot be carried: there would be nothing to
/// offer the called side.
pub(super) fn offer(
    directory: &Directory,
    invitation: &Invitation,
    srtp: SrtpPolicy,
    t38: FaxPolicy,
    trace: &mut Trace,
) -> Result<MediaDescription, Refusal> {
    let Some(offer) = &invitation.offer else {
        let sentence = "The INVITE has no session description; send the offer in the INVITE";
        trace.failed(RefusalKind::NoCommonCodec, "no session description", "an offer of sound");
        return Err(Refusal::saying(RefusalKind::NoCommonCodec, sentence));
    };
    let permitted = offer.permitted(srtp).map_err(mismatched).inspect_err(|refusal| {
        trace.failed_at(Rule::Srtp, refusal.kind, secured(offer), policy(srtp));
    })?;
    check_family(directory, invitation, &permitted, trace)?;
    if permitted.fax().is_some() {
        return match (t38, srtp) {
            (FaxPolicy::Relay, SrtpPolicy::Off | SrtpPolicy::Preferred) => {
                trace.passed(Rule::Codec, FAX, Value::None);
                Ok(permitted)
            }
            (FaxPolicy::Refuse, _) | (_, SrtpPolicy::Required) => {
                trace.failed(RefusalKind::NoCommonCodec, FAX, "an offer of sound");
                let sentence = "Fax over T.38 does not pass this trunk; send it as sound (G.711)";
                Err(Refusal::saying(RefusalKind::NoCommonCodec, sentence))
            }
        };
    }
    let Some(sound) = permitted.audio() else {
        trace.failed(RefusalKind::NoCommonCodec, "no sound", "an offer of sound");
        return Err(RefusalKind::NoCommonCodec.into());
    };
    trace.passed(Rule::Codec, codec(sound), Value::None);
    if srtp == SrtpPolicy::Required && directory.settings().srtp_needs_tls && !invitation.is_signalling_secret {
        let sentence = "SRTP is required here, and its keys came where others can read them; call over TLS";
        trace.failed(RefusalKind::SrtpRequired, "keys in the clear", "TLS");
        return Err(Refusal::saying(RefusalKind::SrtpRequired, sentence));
    }
    trace.passed(Rule::Srtp, secured(&permitted), policy(srtp));
    Ok(permitted)
}

/// Fax in the place of sound, for the trace.
const FAX: &str = "fax over T.38";

/// The places that take what is offered: fax from the beginning does not pass everywhere, and has no keys (RFC 4568 is RTP's).
pub(super) fn places_for(
    offer: &MediaDescription,
    places: VecDeque<Place>,
    trace: &mut Trace,
) -> Result<VecDeque<Place>, Refusal> {
    if offer.fax().is_none() {
        return Ok(places);
    }
    let takes_fax = |place: &Place| match place {
        Place::Carrier(carrier) => carrier.t38 == FaxPolicy::Relay && carrier.srtp != SrtpPolicy::Required,
        Place::Pbx { manner, .. } => manner.t38 == FaxPolicy::Relay,
        // Its own call looks at it.
        Place::Inside => true,
    };
    let places: VecDeque<Place> = places.into_iter().filter(takes_fax).collect();
    if places.is_empty() {
        trace.failed(RefusalKind::NoCommonCodec, FAX, "a called side that takes it");
        let sentence = "The called side takes no fax over T.38; send it as sound (G.711)";
        return Err(Refusal::saying(RefusalKind::NoCommonCodec, sentence));
    }
    Ok(places)
}

/// Sound is carried from and to addresses of one version of IP. Within this switch it has been looked at already.
fn check_family(
    directory: &Directory,
    invitation: &Invitation,
    offer: &MediaDescription,
    trace: &mut Trace,
) -> Result<(), Refusal> {
    let families = directory.settings().media_families;
    let family = offer.family(invitation.source.ip());
    if families.has(family) || matches!(invitation.proof, Proof::Inside(_)) {
        return Ok(());
    }
    trace.failed(RefusalKind::MediaFamily, family.as_str(), families.as_str());
    let (seen, wanted) = (family.as_str(), families.as_str());
    let sentence = format!("The offer has its sound at {seen}, and this node has media addresses of {wanted} only");
    Err(Refusal::saying(RefusalKind::MediaFamily, sentence))
}

/// The codec that is offered first, for the trace.
pub(super) fn codec(sound: &Stream) -> Value {
    let Some(format) = sound.formats.first() else { return Value::None };
    match (format.payload_type, &format.rtpmap) {
        (0, _) => "PCMU/8000".into(),
        (8, _) => "PCMA/8000".into(),
        (9, _) => "G722/8000".into(),
        (_, Some(rtpmap)) => Value::from(rtpmap.clone()),
        (payload_type, None) => Value::Count(payload_type.into()),
    }
}

/// How the sound is secured, for the trace.
fn secured(description: &MediaDescription) -> &'static str {
    match description.audio().map(Stream::security) {
        Some(Security::Plain) => "plain RTP",
        Some(Security::Optional) => "RTP, or SRTP by SDES",
        Some(Security::Mandatory) => "SRTP by SDES",
        Some(Security::Unknown) => "SRTP by other means",
        None => "no sound",
    }
}

fn policy(srtp: SrtpPolicy) -> &'static str {
    match srtp {
        SrtpPolicy::Off => "srtp = off",
        SrtpPolicy::Preferred => "srtp = preferred",
        SrtpPolicy::Required => "srtp = required",
    }
}

fn mismatched(mismatch: Mismatch) -> Refusal {
    match mismatch {
        Mismatch::PlainOnly => RefusalKind::SrtpRequired.into(),
        Mismatch::SecureOnly => RefusalKind::SrtpOff.into(),
        Mismatch::NoKnownSuite => {
            let sentence =
                "The offer has SRTP with no key that can be used; offer a=crypto with AES_CM_128_HMAC_SHA1_80";
            Refusal::saying(RefusalKind::NoCommonCodec, sentence)
        }
    }
}
