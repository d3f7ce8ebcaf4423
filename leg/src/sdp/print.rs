//! From a [`MediaDescription`] to text. The addresses printed are the description's: `negotiation` has put ours there.

use crate::put;
use domain::media::{Direction, MediaDescription, Stream, StreamKind};
use std::net::IpAddr;

/// The `o=` line of our side of one session (RFC 8866 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The same for the life of the dialog.
    pub session: u64,
    /// Raised by one with every changed description.
    pub version: u64,
    /// Where our side receives sound.
    pub address: IpAddr,
}

/// Prints a description as `application/sdp`. What cannot stand in a line (CR, LF, NUL) is dropped from values that came
/// from the other leg.
///
/// Plain pushes, not the formatting machinery: this stands in every message that sets up a call.
pub fn print(description: &MediaDescription, origin: Origin) -> String {
    let mut text = String::with_capacity(512);
    text.push_str("v=0\r\no=- ");
    put::number(&mut text, origin.session);
    text.push(' ');
    put::number(&mut text, origin.version);
    text.push(' ');
    put_address(&mut text, origin.address);
    text.push_str("\r\ns=-\r\nc=");
    put_address(&mut text, origin.address);
    text.push_str("\r\nt=0 0\r\n");
    for stream in &description.streams {
        print_stream(&mut text, stream, origin.address);
    }
    text
}

fn print_stream(text: &mut String, stream: &Stream, session_address: IpAddr) {
    let kind = match &stream.kind {
        StreamKind::Audio => "audio",
        StreamKind::Other(kind) => kind.as_str(),
    };
    text.push_str("m=");
    put_clean(text, kind);
    text.push(' ');
    put::number(text, stream.receives_at.map_or(0, |address| address.port().into()));
    text.push(' ');
    put_clean(text, &stream.transport);
    for format in &stream.formats {
        text.push(' ');
        put::number(text, format.payload_type.into());
    }
    for token in &stream.format_tokens {
        text.push(' ');
        put_clean(text, token);
    }
    text.push_str("\r\n");
    let Some(receives_at) = stream.receives_at else { return };
    if receives_at.ip() != session_address {
        text.push_str("c=");
        put_address(text, receives_at.ip());
        text.push_str("\r\n");
    }
    for format in &stream.formats {
        if let Some(rtpmap) = &format.rtpmap {
            put_of_format(text, "a=rtpmap:", format.payload_type, rtpmap);
        }
        for parameters in &format.fmtp {
            put_of_format(text, "a=fmtp:", format.payload_type, parameters);
        }
    }
    for attribute in &stream.fax {
        text.push_str("a=");
        put_clean(text, attribute);
        text.push_str("\r\n");
    }
    for line in &stream.crypto {
        super::crypto::print(text, line);
    }
    put_numbered(text, "a=ptime:", stream.ptime_ms);
    put_numbered(text, "a=maxptime:", stream.maxptime_ms);
    put_numbered(text, "a=rtcp:", stream.receives_rtcp_at.map(|rtcp| rtcp.port()));
    text.push_str(match stream.direction {
        Direction::SendRecv => "a=sendrecv\r\n",
        Direction::SendOnly => "a=sendonly\r\n",
        Direction::RecvOnly => "a=recvonly\r\n",
        Direction::Inactive => "a=inactive\r\n",
    });
}

/// An attribute of one format: its payload type, and what is said of it.
fn put_of_format(text: &mut String, attribute: &str, payload_type: u8, value: &str) {
    text.push_str(attribute);
    put::number(text, payload_type.into());
    text.push(' ');
    put_clean(text, value);
    text.push_str("\r\n");
}

/// An attribute with a number, where there is one.
fn put_numbered(text: &mut String, attribute: &str, number: Option<u16>) {
    if let Some(number) = number {
        text.push_str(attribute);
        put::number(text, number.into());
        text.push_str("\r\n");
    }
}

/// `IN IP4 192.0.2.1`
fn put_address(text: &mut String, address: IpAddr) {
    text.push_str(if address.is_ipv4() { "IN IP4 " } else { "IN IP6 " });
    put::ip(text, address);
}

fn put_clean(text: &mut String, value: &str) {
    let is_clean = |byte: u8| !matches!(byte, b'\r' | b'\n' | 0);
    match value.bytes().all(is_clean) {
        true => text.push_str(value),
        false => text.extend(value.chars().filter(|c| !matches!(c, '\r' | '\n' | '\0'))),
    }
}
