//! Whom a certificate names, and whether that is who was to be reached (RFC 5922).
//!
//! Whether the certificate is to be believed at all is rustls's to say.

use domain::CertificateName;
use std::net::IpAddr;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

/// Names of one certificate by which a client may be known, at most: more than anybody needs, and few to look up for each call.
const IDENTITIES_MAX: usize = 32;

/// The names of one certificate, and how long it is good.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    /// Hosts of `sip:` and `sips:` URIs without a user (RFC 5922 7.1), in lower case.
    sip_domains: Vec<String>,
    /// DNS names, in lower case; may begin with `*.`.
    dns: Vec<String>,
    ips: Vec<IpAddr>,
    /// When it stops being good, as Unix time.
    pub(crate) ends_unix_s: i64,
}

impl Named {
    /// Reads a certificate in DER.
    pub(crate) fn in_certificate(der: &[u8]) -> Result<Named, String> {
        let (_, certificate) =
            X509Certificate::from_der(der).map_err(|error| format!("the certificate cannot be read: {error}"))?;
        let mut named = Named { ends_unix_s: certificate.validity().not_after.timestamp(), ..Named::default() };
        let alternatives = certificate
            .subject_alternative_name()
            .map_err(|error| format!("the certificate's alternative names cannot be read: {error}"))?;
        for name in alternatives.iter().flat_map(|names| &names.value.general_names) {
            match name {
                GeneralName::DNSName(name) => named.dns.push(name.to_ascii_lowercase()),
                GeneralName::URI(uri) => named.sip_domains.extend(sip_domain(uri)),
                GeneralName::IPAddress(bytes) => named.ips.extend(ip_of(bytes)),
                _ => {}
            }
        }
        Ok(named)
    }

    /// Whether it names this host: an address by itself; a domain by the SIP URIs of the certificate, or by its DNS names where it has
    /// none (RFC 5922 7.1). Against 7.2 a DNS name may begin with `*.` for one label: several large carriers have no other.
    pub(crate) fn covers(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        if let Ok(ip) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            return self.ips.contains(&ip.to_canonical());
        }
        if !self.sip_domains.is_empty() {
            return self.sip_domains.contains(&host);
        }
        self.dns.iter().any(|name| match name.strip_prefix("*.") {
            Some(parent) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
            None => *name == host,
        })
    }

    /// Its names, for a person.
    pub(crate) fn shown(&self) -> String {
        let ips = self.ips.iter().map(ToString::to_string);
        let names: Vec<String> = self.sip_domains.iter().chain(&self.dns).cloned().chain(ips).take(8).collect();
        if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
    }

    /// The domains by which a client with this certificate can be known (RFC 5922 7.1): those of its SIP URIs, or else its DNS names without
    /// wildcards; at most [`IDENTITIES_MAX`]. Its common name is none.
    pub(crate) fn domains(&self) -> Vec<CertificateName> {
        let names = if self.sip_domains.is_empty() { &self.dns } else { &self.sip_domains };
        names.iter().filter_map(|name| name.parse().ok()).take(IDENTITIES_MAX).collect()
    }

    /// The names by which a peer with this certificate can be known: SIP domains, then DNS names without wildcards, then addresses.
    pub(crate) fn identities(&self) -> Vec<String> {
        let dns = self.dns.iter().filter(|name| !name.starts_with("*."));
        let ips = self.ips.iter().map(ToString::to_string);
        self.sip_domains.iter().chain(dns).cloned().chain(ips).collect()
    }
}

/// The host of a SIP URI that names a domain and nobody in it (RFC 5922 7.1).
fn sip_domain(uri: &str) -> Option<String> {
    let uri = sip::Uri::parse(uri.as_bytes()).ok()?;
    (uri.scheme().is_sip() && uri.user().is_none())
        .then(|| uri.host().map(|host| host.to_string()))?
        .map(|host| host.to_ascii_lowercase())
}

fn ip_of(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, SanType};

    fn certificate(names: Vec<SanType>) -> Named {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.subject_alt_names = names;
        let key = KeyPair::generate().unwrap();
        Named::in_certificate(params.self_signed(&key).unwrap().der()).unwrap()
    }

    fn dns(name: &str) -> SanType {
        SanType::DnsName(name.try_into().unwrap())
    }

    fn uri(uri: &str) -> SanType {
        SanType::URI(uri.try_into().unwrap())
    }

    /// RFC 5922 7.1.
    #[test]
    fn a_sip_uri_in_the_certificate_outranks_its_dns_names() {
        let named = certificate(vec![uri("sip:Example.com"), dns("edge1.example.net")]);
        assert!(named.covers("example.com"));
        assert!(!named.covers("edge1.example.net"), "RFC 5922 7.1: DNS names count only without SIP URIs");
        let user = certificate(vec![uri("sip:alice@example.com"), dns("sip.example.com")]);
        assert!(!user.covers("example.com"), "a URI with a user names that user and no domain");
        assert!(user.covers("sip.example.com"));
    }

    #[test]
    fn a_dns_name_covers_itself_and_a_wildcard_one_label() {
        let named = certificate(vec![dns("sip.example.com"), dns("*.pstn.example.net")]);
        for covered in ["sip.example.com", "SIP.EXAMPLE.COM", "sip.example.com.", "acme.pstn.example.net"] {
            assert!(named.covers(covered), "{covered}");
        }
        for other in ["example.com", "x.sip.example.com", "pstn.example.net", "a.b.pstn.example.net", ""] {
            assert!(!named.covers(other), "{other}");
        }
    }

    #[test]
    fn an_address_is_covered_by_itself_alone() {
        let named = certificate(vec![
            SanType::IpAddress("192.0.2.1".parse().unwrap()),
            SanType::IpAddress("::1".parse().unwrap()),
        ]);
        assert!(named.covers("192.0.2.1") && named.covers("::1") && named.covers("[::1]"));
        assert!(!named.covers("192.0.2.2"));
        assert!(!certificate(vec![dns("192.0.2.1")]).covers("192.0.2.1"), "a DNS name is no address");
    }

    /// RFC 5922 7.1, 7.2.
    #[test]
    fn a_client_is_known_by_sip_domains_or_else_by_whole_dns_names() {
        let known = |names| certificate(names).domains().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(known(vec![uri("sip:PBX.example.com"), dns("edge1.example.net")]), ["pbx.example.com"]);
        let ip = SanType::IpAddress("192.0.2.1".parse().unwrap());
        assert_eq!(known(vec![dns("*.example.com"), dns("PBX.example.com"), ip]), ["pbx.example.com"]);
        assert_eq!(known(vec![uri("sip:alice@example.com"), dns("b.example.com")]), ["b.example.com"]);
        assert!(known(vec![uri("sip:192.0.2.1"), uri("https://example.com/")]).is_empty());
        // A common name is not taken: rcgen's own is "rcgen self signed cert".
        assert!(known(Vec::new()).is_empty());
        let many = (0..100).map(|number| dns(&format!("n{number}.example.com"))).collect();
        assert_eq!(known(many).len(), IDENTITIES_MAX);
    }

    #[test]
    fn what_is_no_certificate_is_told_in_a_sentence() {
        assert!(Named::in_certificate(b"not DER").unwrap_err().starts_with("the certificate cannot be read"));
    }
}
