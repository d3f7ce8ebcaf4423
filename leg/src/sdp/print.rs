//! From a [`MediaDescription`] to text. The addresses printed are the description's: `negotiation` has put ours there.

use domain::media::{Direction, MediaDescription, Stream, StreamKind};
use std::fmt::Write;
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
pub fn print(description: &MediaDescription, origin: Origin) -> String {
    let mut text = String::with_capacity(512);
    let family = family_of(origin.address);
    // Writing into a String cannot fail.
    let _ = write!(
        text,
        "v=0\r\no=- {} {} IN {family} {}\r\ns=-\r\nc=IN {family} {}\r\nt=0 0\r\n",
        origin.session, origin.version, origin.address, origin.address
    );
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
    let port = stream.receives_at.map_or(0, |address| address.port());
    let _ = write!(text, "m={} {port} {}", clean(kind), clean(&stream.transport));
    for format in &stream.formats {
        let _ = write!(text, " {}", format.payload_type);
    }
    for token in &stream.format_tokens {
        let _ = write!(text, " {}", clean(token));
    }
    text.push_str("\r\n");
    let Some(receives_at) = stream.receives_at else { return };
    if receives_at.ip() != session_address {
        let _ = write!(text, "c=IN {} {}\r\n", family_of(receives_at.ip()), receives_at.ip());
    }
    for format in &stream.formats {
        if let Some(rtpmap) = &format.rtpmap {
            let _ = write!(text, "a=rtpmap:{} {}\r\n", format.payload_type, clean(rtpmap));
        }
        for parameters in &format.fmtp {
            let _ = write!(text, "a=fmtp:{} {}\r\n", format.payload_type, clean(parameters));
        }
    }
    if let Some(ptime) = stream.ptime_ms {
        let _ = write!(text, "a=ptime:{ptime}\r\n");
    }
    if let Some(maxptime) = stream.maxptime_ms {
        let _ = write!(text, "a=maxptime:{maxptime}\r\n");
    }
    if let Some(rtcp) = stream.receives_rtcp_at {
        let _ = write!(text, "a=rtcp:{}\r\n", rtcp.port());
    }
    let direction = match stream.direction {
        Direction::SendRecv => "sendrecv",
        Direction::SendOnly => "sendonly",
        Direction::RecvOnly => "recvonly",
        Direction::Inactive => "inactive",
    };
    let _ = write!(text, "a={direction}\r\n");
}

fn family_of(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "IP4" } else { "IP6" }
}

fn clean(value: &str) -> impl std::fmt::Display + '_ {
    struct Clean<'a>(&'a str);
    impl std::fmt::Display for Clean<'_> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            if !self.0.contains(['\r', '\n', '\0']) {
                return f.write_str(self.0);
            }
            self.0.chars().filter(|c| !matches!(c, '\r' | '\n' | '\0')).try_for_each(|c| f.write_char(c))
        }
    }
    Clean(value)
}
