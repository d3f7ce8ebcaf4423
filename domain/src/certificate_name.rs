//! A name by which a peer is known whose client certificate bears it (RFC 5922 7.1): a domain, and no person in it.
//!
//! Reading certificates and verifying them does not live here.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A domain in the alternative names of a certificate, `pbx.example.com`, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CertificateName(Arc<str>);

/// Why a text is no such name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is not a name that identifies a peer: expected the domain in its certificate's alternative names (DNS or sip: URI), such as pbx.example.com, without user, port and wildcard"
)]
pub struct NotACertificateName(pub String);

impl CertificateName {
    /// The domain.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for CertificateName {
    type Err = NotACertificateName;
    /// A domain, or a `sip:` or `sips:` URI of one: `PBX.example.com`, `sip:pbx.example.com`.
    fn from_str(text: &str) -> Result<Self, NotACertificateName> {
        let lower = text.to_ascii_lowercase();
        let host = lower.strip_prefix("sip:").or_else(|| lower.strip_prefix("sips:")).unwrap_or(&lower);
        let host = host.strip_suffix('.').unwrap_or(host);
        if is_domain(host) {
            Ok(CertificateName(host.into()))
        } else {
            Err(NotACertificateName(text.chars().take(64).collect()))
        }
    }
}

/// The shape of a host name (RFC 1123 2.1) that is no address: its last label is no number.
fn is_domain(host: &str) -> bool {
    let labels = || host.split('.');
    host.len() <= 253
        && labels().all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        })
        && !labels().next_back().is_none_or(|last| last.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5922 7.1, 7.2.
    #[test]
    fn a_name_is_a_domain_however_it_is_written() {
        for text in
            ["pbx.example.com", "PBX.Example.COM", "sip:pbx.example.com", "sips:PBX.example.com", "pbx.example.com."]
        {
            assert_eq!(text.parse::<CertificateName>().unwrap().as_str(), "pbx.example.com", "{text}");
        }
        assert_eq!("localhost".parse::<CertificateName>().unwrap().to_string(), "localhost");
    }

    #[test]
    fn a_wildcard_an_address_and_a_person_name_nobody() {
        for text in [
            "",
            "*.example.com",
            "192.0.2.1",
            "[2001:db8::1]",
            "sip:alice@example.com",
            "sip:example.com:5061",
            "a..b",
            "a b",
        ] {
            let refused = text.parse::<CertificateName>().unwrap_err();
            assert!(refused.to_string().contains("pbx.example.com"), "{text}");
        }
    }
}
