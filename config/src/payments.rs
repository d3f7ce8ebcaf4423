//! `[payments]`: who takes money from companies' cards and accounts, and how it is spoken to.
//!
//! When a company is recharged is decided in `switch`; which company wants it is data and lives in `store`.

use crate::fault::Fault;
use crate::secret::{SECRET_CHARACTERS_MIN, Secret, read};
use crate::settings::Settings;
use crate::values::PaymentProviderName;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// `[payments]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Payments {
    /// Who takes the money.
    pub provider: PaymentProviderName,
    /// Where the API of provider `http` begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// A file with the secret that is shared with it, at least 32 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// Milliseconds that an answer of it may take, 500 to 60000.
    pub timeout_ms: u32,
    /// Seconds after a declined payment in which its company is not recharged, 60 to 604800.
    pub cool_down_s: u32,
}

impl Default for Payments {
    fn default() -> Self {
        Payments {
            provider: PaymentProviderName::Off,
            url: None,
            secret_file: None,
            timeout_ms: 10_000,
            cool_down_s: 21_600,
        }
    }
}

/// What the files say that `[payments]` needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentSecrets {
    /// From `payments.secret_file`.
    pub secret: Secret,
    /// From `tls.ca_file`, where the provider is spoken to over TLS; else empty.
    pub authorities: String,
}

impl Payments {
    /// What is wrong with the URL; nothing where it is one that can be used.
    pub(crate) fn url_fault(&self) -> Option<&'static str> {
        let url = self.url.as_deref()?;
        let (scheme, rest) = url.split_once("://")?;
        let host = rest.split('/').next().unwrap_or_default();
        let is_here = ["localhost", "127.0.0.1", "[::1]"]
            .iter()
            .any(|name| host.strip_prefix(name).is_some_and(|port| port.is_empty() || port.starts_with(':')));
        match scheme {
            _ if host.is_empty() || url.ends_with('/') || url.contains(['?', '#', ' ', '@']) => {
                Some("it is no address with a path that ends without a slash")
            }
            "https" => None,
            "http" if is_here => None,
            "http" => Some("whoever is on the way reads along, and it is not this machine"),
            _ => Some("it is of another kind"),
        }
    }

    /// Whether the URL is one without a scheme.
    pub(crate) fn has_no_scheme(&self) -> bool {
        self.url.as_deref().is_some_and(|url| !url.contains("://"))
    }
}

impl Settings {
    pub(crate) fn read_payment_secrets(&self, faults: &mut Vec<Fault>) -> Option<PaymentSecrets> {
        let payments = &self.payments;
        let path = payments.secret_file.as_ref().filter(|_| payments.provider == PaymentProviderName::Http)?;
        let text = read("payments.secret_file", path, faults)?;
        let secret = text.trim();
        if secret.chars().count() < SECRET_CHARACTERS_MIN {
            faults.push(Fault::new(format!("{}: the secret is too short", path.display())).with_help(format!(
                "at least {SECRET_CHARACTERS_MIN} characters, such as `openssl rand -hex 32` prints"
            )));
            return None;
        }
        let is_tls = payments.url.as_deref().is_some_and(|url| url.starts_with("https:"));
        let authorities = if is_tls { read("tls.ca_file", &self.tls.ca_file, faults)? } else { String::new() };
        Some(PaymentSecrets { secret: Secret::new(secret), authorities })
    }
}
