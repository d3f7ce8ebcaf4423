//! Offer and answer (RFC 3264) as far as a relay needs them: which stream is carried, and how one leg's description
//! becomes the other's with our addresses in it.
//!
//! Codecs are not chosen here: what the two sides agree on is passed through. Their numbers are not: each side finds its own, and the relay
//! puts one side's in the place of the other's (field lesson 39).

use crate::flow::Flow;
use crate::formats::answered_as;
use domain::media::{Direction, Family, Format, MediaDescription, Security, Stream, StreamKind};
use std::net::{IpAddr, SocketAddr};

/// Transports that are carried; the secure ones with a key that can be used. Which of them a trunk takes is its policy's
/// ([`MediaDescription::permitted`]).
const RTP: [&str; 4] = ["RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF"];

/// The stream of an offer that is carried: the first sound stream over RTP that is not refused.
pub fn carried(offer: &MediaDescription) -> Option<&Stream> {
    offer.streams.iter().find(|stream| is_carried(stream))
}

/// Whether sound of ours at `ours` can go where the stream is received: by the same version of IP, or nowhere for now (RFC 2543's hold).
pub(crate) fn is_reached_from(stream: &Stream, ours: IpAddr) -> bool {
    let is_of_ours = |ip: IpAddr| ip.is_unspecified() || Family::of(ip) == Family::of(ours);
    stream.receives_at.is_none_or(|at| is_of_ours(at.ip()))
}

fn is_carried(stream: &Stream) -> bool {
    stream.kind == StreamKind::Audio
        && stream.receives_at.is_some()
        && !stream.formats.is_empty()
        && RTP.contains(&stream.transport.as_str())
        && stream.security() != Security::Unknown
}

/// The offer for the called side: the caller's sound, or else its fax, alone, received at `ours`. None where there is neither.
pub fn offer_onwards(offer: &MediaDescription, ours: SocketAddr) -> Option<MediaDescription> {
    let stream = match carried(offer) {
        Some(sound) => received_at(sound, ours),
        None => fax_received_at(fax(offer)?, ours),
    };
    Some(MediaDescription { streams: vec![stream] })
}

/// What is offered for a caller that leaves the offer to us (RFC 3261 13.2.1): the codecs that every telephone network takes, and keys.
/// Where sound is received is the leg's to say; until then at the discard port of no address.
pub fn late_offer() -> MediaDescription {
    let format = |payload_type, rtpmap: &str, fmtp: &[&str]| Format {
        payload_type,
        rtpmap: Some(rtpmap.to_owned()),
        fmtp: fmtp.iter().map(|one| (*one).to_owned()).collect(),
    };
    MediaDescription {
        streams: vec![Stream {
            kind: StreamKind::Audio,
            transport: "RTP/AVP".to_owned(),
            receives_at: Some(SocketAddr::from(([0, 0, 0, 0], 9))),
            receives_rtcp_at: None,
            direction: Direction::SendRecv,
            crypto: Vec::new(),
            formats: vec![
                format(8, "PCMA/8000", &[]),
                format(0, "PCMU/8000", &[]),
                format(101, "telephone-event/8000", &["0-15"]),
            ],
            format_tokens: Vec::new(),
            fax: Vec::new(),
            ptime_ms: Some(20),
            maxptime_ms: None,
        }],
    }
}

/// The answer to `offer` in the words of the other leg's `answer`, received at `ours`: as many streams as were offered, all
/// but the carried one refused (RFC 3264 6). None where the other leg refused the sound or shares no format.
pub fn answer_back(offer: &MediaDescription, answer: &MediaDescription, ours: SocketAddr) -> Option<MediaDescription> {
    let Some(offered) = carried(offer) else { return fax_answered(offer, answer, ours) };
    let answered = carried(answer)?;
    let mut stream = received_at(answered, ours);
    // By codec, not by number: each side numbers formats as it likes.
    stream.formats = answered_as(&answered.formats, &offered.formats);
    stream.transport = offered.transport.clone();
    if stream.formats.is_empty() {
        return None;
    }
    Some(in_the_shape_of(offer, stream))
}

/// Our own answer to `offer`, for sound that we return ourselves: its preferred codec, and keys (RFC 4733) with it.
pub fn answer_ourselves(offer: &MediaDescription, ours: SocketAddr) -> Option<MediaDescription> {
    let offered = carried(offer)?;
    let mut stream = received_at(offered, ours);
    let is_keys = |format: &Format| {
        format.rtpmap.as_deref().is_some_and(|map| map.to_ascii_lowercase().starts_with("telephone-event/"))
    };
    let sound = stream.formats.iter().find(|format| !is_keys(format))?.clone();
    let keys = stream.formats.iter().find(|format| is_keys(format)).cloned();
    stream.formats = std::iter::once(sound).chain(keys).collect();
    stream.direction = Flow::said_by(offered).reversed().direction();
    Some(in_the_shape_of(offer, stream))
}

/// The stream of an offer that carries fax: the first over UDPTL that is not refused, where no sound is carried (ITU-T T.38 D.2).
pub(crate) fn fax(offer: &MediaDescription) -> Option<&Stream> {
    offer.streams.iter().find(|stream| stream.is_fax()).filter(|_| carried(offer).is_none())
}

/// The answer to an offer of fax in the words of the other machine's; none where it does not take it.
pub(crate) fn fax_answered(
    offer: &MediaDescription,
    answer: &MediaDescription,
    ours: SocketAddr,
) -> Option<MediaDescription> {
    let (offered, taken) = (fax(offer)?, fax(answer)?);
    let (transport, format_tokens) = (offered.transport.clone(), offered.format_tokens.clone());
    let stream = Stream { transport, format_tokens, ..fax_received_at(taken, ours) };
    Some(in_the_shape_of(offer, stream))
}

/// What stands for fax in a description of ours, in the words of the other leg's.
pub(crate) fn fax_received_at(fax: &Stream, ours: SocketAddr) -> Stream {
    Stream { ptime_ms: None, maxptime_ms: None, direction: Direction::SendRecv, ..received_at(fax, ours) }
}

pub(crate) fn received_at(stream: &Stream, ours: SocketAddr) -> Stream {
    // RTCP goes to the next port on our side, so RFC 3605's attribute is not passed on. Nor are keys: each leg has its own.
    Stream { receives_at: Some(ours), receives_rtcp_at: None, crypto: Vec::new(), ..stream.clone() }
}

/// A description with as many streams as `offer`: the carried one, or else the fax, as given, all others refused (RFC 3264 6).
pub(crate) fn in_the_shape_of(offer: &MediaDescription, carried_stream: Stream) -> MediaDescription {
    let mut carried_stream = Some(carried_stream);
    let is_fax = carried(offer).is_none();
    let is_chosen = |offered: &Stream| if is_fax { offered.is_fax() } else { is_carried(offered) };
    let streams = offer.streams.iter().map(|offered| match is_chosen(offered) {
        true => carried_stream.take().unwrap_or_else(|| refused(offered)),
        false => refused(offered),
    });
    MediaDescription { streams: streams.collect() }
}

fn refused(offered: &Stream) -> Stream {
    Stream { receives_at: None, receives_rtcp_at: None, crypto: Vec::new(), ..offered.clone() }
}
