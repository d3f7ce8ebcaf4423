//! Session descriptions of a telephone with one G.711 stream (RFC 8866, RFC 3264): printed and read.
//!
//! What a switch must understand of SDP lives in `leg`; this is the stranger's own, so that a mistake of one is seen by the other.

use crate::g711::Law;
use std::net::{IpAddr, SocketAddr};

/// The content type.
pub const SDP: &str = "application/sdp";

/// What the other side said about its sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// Where it wants sound.
    pub address: SocketAddr,
    /// The first law in its list that is ours too.
    pub law: Law,
}

/// An offer of both laws, or an answer with one.
pub fn print(local: SocketAddr, laws: &[Law], version: u64) -> String {
    let family = if local.is_ipv4() { "IP4" } else { "IP6" };
    let (ip, port) = (local.ip(), local.port());
    let numbers: String = laws.iter().map(|law| format!(" {}", law.payload_type())).collect();
    let maps: String = laws
        .iter()
        .map(|law| match law {
            Law::Mu => "a=rtpmap:0 PCMU/8000\r\n",
            Law::A => "a=rtpmap:8 PCMA/8000\r\n",
        })
        .collect();
    format!(
        "v=0\r\no=- {version} {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP{numbers}\r\n{maps}a=ptime:20\r\na=sendrecv\r\n"
    )
}

/// Reads the first stream of sound; none where there is none that we can speak.
pub fn read(body: &[u8]) -> Option<Spoken> {
    let text = std::str::from_utf8(body).ok()?;
    let mut session_ip = None;
    let mut audio: Option<(u16, Law)> = None;
    let mut audio_ip = None;
    for line in text.lines() {
        if let Some(address) = line.strip_prefix("c=") {
            let ip: Option<IpAddr> = address.split(' ').nth(2).and_then(|ip| ip.trim().parse().ok());
            match audio {
                Some(_) => audio_ip = ip,
                None => session_ip = ip,
            }
        } else if let Some(media) = line.strip_prefix("m=") {
            if audio.is_some() {
                break;
            }
            audio = audio_of(media);
        }
    }
    let (port, law) = audio?;
    Some(Spoken { address: SocketAddr::new(audio_ip.or(session_ip)?, port), law })
}

fn audio_of(media: &str) -> Option<(u16, Law)> {
    let mut words = media.split_ascii_whitespace();
    if words.next()? != "audio" {
        return None;
    }
    let port: u16 = words.next()?.split('/').next()?.parse().ok().filter(|port| *port != 0)?;
    // The transport is skipped: RTP/AVP and RTP/AVPF sound alike.
    let law = words.skip(1).find_map(|number| Law::of_payload_type(number.parse().ok()?))?;
    Some((port, law))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_telephone_prints_the_other_reads() {
        let local = "127.0.0.1:4000".parse().unwrap();
        let offer = print(local, &[Law::A, Law::Mu], 1);
        assert_eq!(read(offer.as_bytes()), Some(Spoken { address: local, law: Law::A }));
    }

    #[test]
    fn the_streams_own_address_counts_before_the_sessions() {
        let text =
            "v=0\r\nc=IN IP4 192.0.2.1\r\nm=video 9 RTP/AVP 31\r\nm=audio 7 RTP/AVP 96 0\r\nc=IN IP4 192.0.2.2\r\n";
        assert_eq!(read(text.as_bytes()).unwrap().address, "192.0.2.2:7".parse().unwrap());
        assert_eq!(read(b"v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 0 RTP/AVP 0\r\n"), None, "a refused stream");
        assert_eq!(read(b"v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 7 RTP/AVP 96\r\n"), None, "no law of ours");
    }
}
