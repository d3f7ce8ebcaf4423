//! `[tls]` and `[websocket]`: SIP over what is neither UDP nor TCP.
//!
//! Reading the files that they name is not done here: a switch that runs reads them anew when they change.

use crate::values::{ClientCertificates, TlsVersion};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;

/// `[tls]`: SIP over TLS, both ways (RFC 3261 26.2, RFC 5922).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// Addresses where SIP over TLS is spoken, at most 16; usually port 5061. Empty: nowhere, and carriers are not reached by TLS.
    pub listen: Vec<SocketAddr>,
    /// The certificate of this node and those between it and its authority, in PEM. Read anew when it changes and on SIGHUP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_file: Option<PathBuf>,
    /// The key of the certificate, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// The oldest version that is spoken.
    pub version_min: TlsVersion,
    /// Whether who connects shows a certificate.
    pub client_certificates: ClientCertificates,
    /// The authorities whose client certificates are believed, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ca_file: Option<PathBuf>,
    /// The authorities whose server certificates are believed when we connect, in PEM.
    pub ca_file: PathBuf,
    /// Whether a carrier or PBX that we connect to must prove its name.
    pub verify: bool,
}

impl Default for Tls {
    fn default() -> Self {
        Tls {
            listen: Vec::new(),
            certificate_file: None,
            key_file: None,
            version_min: TlsVersion::Tls12,
            client_certificates: ClientCertificates::Off,
            client_ca_file: None,
            ca_file: "/etc/ssl/certs/ca-certificates.crt".into(),
            verify: true,
        }
    }
}

/// `[websocket]`: SIP from browsers (RFC 7118).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebSocket {
    /// Addresses where WebSockets without TLS are opened, at most 16: behind a proxy that has TLS, or on loopback.
    pub listen: Vec<SocketAddr>,
    /// Addresses where WebSockets with TLS are opened, at most 16, with the certificate of `[tls]`.
    pub secure_listen: Vec<SocketAddr>,
    /// The origins of pages that may open one, at most 64, as browsers write them. Empty: any.
    pub origins: Vec<String>,
}
