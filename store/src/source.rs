//! Where calls come from that need no password: a carrier's further sources, and the rule that no source is two things.
//!
//! Who calls from where is found in `switch`'s directory.

use crate::{Error, Result, carrier, profile};
use domain::CertificateName;
use rusqlite::Connection;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// A source that a carrier calls from besides its own addresses: an IP address, or exactly one port there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InboundSource {
    /// Any port there.
    Address(IpAddr),
    /// Exactly this.
    Exact(SocketAddr),
}

/// Why a text is no source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is not a source of calls: expected an IP address, alone or with a port, such as 192.0.2.1, 192.0.2.1:5060 or [2001:db8::1]:5060"
)]
pub struct NotASource(pub String);

impl InboundSource {
    /// The address.
    pub const fn ip(self) -> IpAddr {
        match self {
            InboundSource::Address(ip) => ip,
            InboundSource::Exact(address) => address.ip(),
        }
    }
}

impl fmt::Display for InboundSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InboundSource::Address(ip) => ip.fmt(f),
            InboundSource::Exact(address) => address.fmt(f),
        }
    }
}

impl FromStr for InboundSource {
    type Err = NotASource;
    fn from_str(text: &str) -> std::result::Result<Self, NotASource> {
        let exact = || text.parse().ok().filter(|address: &SocketAddr| address.port() != 0).map(InboundSource::Exact);
        let usable = |source: &InboundSource| !source.ip().is_unspecified() && !source.ip().is_multicast();
        let source = text.parse().ok().map(InboundSource::Address).or_else(exact).filter(usable);
        source.ok_or_else(|| NotASource(text.chars().take(64).collect()))
    }
}

/// The addresses and ports that a carrier surely calls from. What a host name means is known only when it is resolved.
fn exact_sources(carrier: &carrier::Carrier) -> impl Iterator<Item = SocketAddr> + '_ {
    let addresses = carrier.addresses.iter().chain(&carrier.terms.outbound_proxy).filter_map(carrier::Address::exact);
    let further = carrier.inbound_sources.iter().filter_map(|source| match source {
        InboundSource::Exact(address) => Some(*address),
        InboundSource::Address(_) => None,
    });
    addresses.chain(further)
}

fn taken(source: SocketAddr, other: String) -> Error {
    Error::Conflict { what: "source address", value: source.to_string(), other }
}

/// A carrier's calls may not come from where a PBX needs no password: nobody could tell which of them calls.
pub(crate) fn check_carrier(connection: &Connection, carrier: &carrier::Carrier) -> Result<()> {
    let profiles = profile::all_with_ha1(connection)?;
    let mut at_profiles =
        profiles.iter().flat_map(|(profile, _)| profile.auth.sources.iter().map(move |it| (it, profile)));
    let exact: Vec<SocketAddr> = exact_sources(carrier).collect();
    match at_profiles.find(|(source, _)| exact.contains(source)) {
        Some((source, profile)) => Err(taken(*source, format!("{} (IP authentication)", profile.id))),
        None => Ok(()),
    }
}

/// The same, seen from a profile.
pub(crate) fn check_profile(connection: &Connection, sources: &[SocketAddr]) -> Result<()> {
    if sources.is_empty() {
        return Ok(());
    }
    for carrier in carrier::all(connection)? {
        if let Some(source) = exact_sources(&carrier).find(|source| sources.contains(source)) {
            // Which one is no business of a company.
            return Err(taken(source, "a carrier".to_owned()));
        }
    }
    Ok(())
}

/// A name in a certificate is one profile's or one carrier's: `own` is the identity of the one that is to have these.
pub(crate) fn check_certificates(connection: &Connection, names: &[CertificateName], own: &str) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let profiles = profile::all_with_ha1(connection)?.into_iter();
    let of_profiles = profiles.map(|(profile, _)| (profile.id.to_string(), profile.auth.certificates));
    let carriers = carrier::all(connection)?.into_iter();
    let of_carriers = carriers.map(|carrier| (carrier.id.to_string(), carrier.certificates));
    for (other, taken) in of_profiles.chain(of_carriers).filter(|(other, _)| other != own) {
        if let Some(name) = names.iter().find(|name| taken.contains(name)) {
            return Err(Error::Conflict { what: "certificate name", value: name.to_string(), other });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_an_address_alone_or_with_a_port() {
        for text in ["192.0.2.1", "192.0.2.1:5060", "2001:db8::1", "[2001:db8::1]:5060"] {
            assert_eq!(text.parse::<InboundSource>().unwrap().to_string(), text);
        }
        for text in ["", "sip.example.net", "192.0.2.1:0", "0.0.0.0", "224.0.0.1:5060", "192.0.2.0/24", "[2001:db8::1]"]
        {
            assert!(text.parse::<InboundSource>().is_err(), "{text}");
        }
    }
}
