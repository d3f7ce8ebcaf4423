//! Whose name a TLS connection must bear before a message is sent over it, and what a peer says of itself in the Via of its requests
//! (RFC 5922 4, RFC 5923 6).
//!
//! Opening connections is `opening`'s, keeping them `connections`'.

use crate::desk::Desk;
use bytes::Bytes;
use sip::endpoint::Transport;
use sip::{Host, Message, Uri};
use std::net::{IpAddr, SocketAddr};

/// Whom a message is for that goes to `address` over TLS. A request that opens a dialog says so itself: the domain of its next hop. Inside a
/// dialog that is whatever the peer calls the box that it speaks from, so the domain by which the address was configured counts first.
/// Where there is neither, the address.
pub(super) fn wanted_name(bytes: &Bytes, address: SocketAddr, desk: &Desk) -> String {
    let configured = desk.server_name(address);
    let Ok(message) = Message::parse(bytes.clone()) else { return configured };
    let is_configured = configured.parse::<IpAddr>().is_err();
    if is_configured && (!message.is_request() || message.to_tag().is_some()) {
        return configured;
    }
    domain_of(&message).unwrap_or(configured)
}

/// The domain of who is to have a message: of a request the next hop, of a response who sent the request.
fn domain_of(message: &Message) -> Option<String> {
    let domain = |host: Option<Host<'_>>| match host? {
        Host::Name(name) => Some(name.trim_end_matches('.').to_ascii_lowercase()),
        Host::V4(_) | Host::V6(_) => None,
    };
    if !message.is_request() {
        return domain(message.top_via().ok().map(|via| via.host()));
    }
    match message.routes().next() {
        Some(route) => domain(route.ok()?.uri().host()),
        None => domain(message.uri().ok().and_then(|uri: Uri<'_>| uri.host())),
    }
}

/// Where a peer listens whose request says `alias`: at the port of its Via, on the address that it comes from. `is_its_own` says whether its
/// certificate bears the domain in its Via; an address there must be the one that it comes from. None where it says nothing of the
/// kind (RFC 5923 6, 9.1).
pub(super) fn alias_of(bytes: &Bytes, peer: IpAddr, is_its_own: impl Fn(&str) -> bool) -> Option<SocketAddr> {
    let request = Message::parse(bytes.clone()).ok().filter(Message::is_request)?;
    let via = request.top_via().ok()?;
    via.params().get("alias")?;
    let is_its_own = match via.host() {
        Host::Name(name) => is_its_own(&name.trim_end_matches('.').to_ascii_lowercase()),
        Host::V4(ip) => IpAddr::V4(ip) == peer.to_canonical(),
        Host::V6(ip) => IpAddr::V6(ip) == peer.to_canonical(),
    };
    is_its_own.then(|| SocketAddr::new(peer, via.port().unwrap_or(Transport::Tls.default_port())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, via: &str, more: &str) -> Bytes {
        format!(
            "OPTIONS {uri} SIP/2.0\r\nVia: SIP/2.0/TLS {via}\r\nMax-Forwards: 70\r\nFrom: <sip:a@b.invalid>;tag=1\r\n\
             To: <sip:a@b.invalid>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n{more}Content-Length: 0\r\n\r\n"
        )
        .into()
    }

    /// RFC 5922 4.
    #[test]
    fn a_connection_must_bear_the_domain_of_the_next_hop() {
        let (desk, address) = (Desk::default(), "192.0.2.7:5061".parse().unwrap());
        let wanted = |bytes: &Bytes| wanted_name(bytes, address, &desk);
        assert_eq!(
            wanted(&request("sip:1@PBX.example.com:5061;transport=tls", "us:5061;branch=z9hG4bKa", "")),
            "pbx.example.com"
        );
        assert_eq!(wanted(&request("sip:1@192.0.2.7:5061", "us:5061;branch=z9hG4bKa", "")), "192.0.2.7");
        let routed =
            request("sip:1@pbx.example.com", "us:5061;branch=z9hG4bKa", "Route: <sip:edge.example.net;lr>\r\n");
        assert_eq!(wanted(&routed), "edge.example.net");
        let response = "SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS pbx.example.com:5070;branch=z9hG4bKa\r\nFrom: <sip:a@b.invalid>;tag=1\r\n\
             To: <sip:a@b.invalid>;tag=2\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(wanted(&Bytes::from(response)), "pbx.example.com");
    }

    /// RFC 5923 6, 9.1.
    #[test]
    fn an_alias_is_believed_where_the_certificate_covers_it() {
        let peer: IpAddr = "192.0.2.7".parse().unwrap();
        let alias = |via: &str| alias_of(&request("sip:us", via, ""), peer, |domain| domain == "pbx.example.com");
        let at = |port| Some(SocketAddr::new(peer, port));
        assert_eq!(alias("pbx.example.com:5070;branch=z9hG4bKa;alias"), at(5_070));
        assert_eq!(alias("PBX.example.com;branch=z9hG4bKa;alias"), at(5_061));
        assert_eq!(alias("192.0.2.7:5062;alias;branch=z9hG4bKa"), at(5_062));
        assert_eq!(alias("192.0.2.8:5062;alias;branch=z9hG4bKa"), None, "an address of somebody else");
        assert_eq!(alias("other.example.com;branch=z9hG4bKa;alias"), None, "a domain of somebody else");
        assert_eq!(alias("pbx.example.com:5070;branch=z9hG4bKa"), None, "it wants none");
    }
}
