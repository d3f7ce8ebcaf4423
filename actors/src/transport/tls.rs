//! TLS of a node: its certificate, whose certificates it believes, and how both are read anew without dropping a connection.
//!
//! Handshakes are `handshakes`'; which files they are, and when they are read anew, is said by who starts the switch.

use super::names::Named;
use arc_swap::ArcSwap;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme,
    SupportedProtocolVersion,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Which certificates and versions a node uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// The node's certificate and those between it and its authority, in PEM.
    pub certificate_file: PathBuf,
    /// Its key, in PEM.
    pub key_file: PathBuf,
    /// Whether TLS 1.2 is spoken besides 1.3.
    pub allows_tls12: bool,
    /// Whether who connects shows a certificate.
    pub client_certificates: ClientCertificates,
    /// Whose client certificates are believed, in PEM.
    pub client_ca_file: Option<PathBuf>,
    /// Whose server certificates are believed when we connect, in PEM.
    pub ca_file: PathBuf,
    /// Whether a server that cannot prove who it is is hung up on.
    pub verifies: bool,
}

/// Whether who connects shows a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientCertificates {
    /// None is asked for.
    #[default]
    Off,
    /// One that is shown must be good.
    Optional,
    /// Nobody comes in without a good one.
    Required,
}

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds something else.
    #[error("{}: {why}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What was wrong, and what would be right.
        why: String,
    },
    /// Certificate and key are not of one pair, or of a kind that is not known.
    #[error("{} and {}: {source}; the key must be that of the first certificate", certificate.display(), key.display())]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What rustls says.
        source: rustls::Error,
    },
    /// It has ended.
    #[error("{}: the certificate ended at Unix time {ends_unix_s}; put one that is good in its place", path.display())]
    Ended {
        /// The certificate's file.
        path: PathBuf,
        /// When.
        ends_unix_s: i64,
    },
    /// Client certificates are wanted, and nobody is named whose are believed.
    #[error("client certificates are asked for, and tls.client_ca_file names nobody who issues them")]
    NoClientAuthority,
    /// rustls refuses the settings.
    #[error("TLS cannot be set up: {0}")]
    Refused(String),
}

/// What is in force.
pub(crate) struct Loaded {
    pub(crate) server: Arc<ServerConfig>,
    pub(crate) client: Arc<ClientConfig>,
    /// When the node's certificate ends, as Unix time.
    pub(crate) ends_unix_s: i64,
    /// Whom it names, for a person.
    pub(crate) names: String,
    stamps: Vec<Stamp>,
}

/// What a file looked like: where it differs, the file has changed.
type Stamp = Option<(SystemTime, u64)>;

/// TLS of a node. Connections keep what was in force when they shook hands.
pub(crate) struct Tls {
    settings: TlsSettings,
    loaded: ArcSwap<Loaded>,
}

impl Tls {
    /// Reads the files.
    pub(crate) fn start(settings: TlsSettings) -> Result<Tls, TlsError> {
        let loaded = load(&settings)?;
        Ok(Tls { settings, loaded: ArcSwap::from_pointee(loaded) })
    }

    /// What is in force.
    pub(crate) fn loaded(&self) -> Arc<Loaded> {
        self.loaded.load_full()
    }

    /// Whether a file has changed since it was read.
    pub(crate) fn has_changed(&self) -> bool {
        stamps(&self.settings) != self.loaded.load().stamps
    }

    /// Reads the files anew. Where they are broken, or the certificate has ended, what is in force stays.
    pub(crate) fn reload(&self, now_unix_s: i64) -> Result<Arc<Loaded>, TlsError> {
        let loaded = load(&self.settings)?;
        if loaded.ends_unix_s <= now_unix_s {
            let path = self.settings.certificate_file.clone();
            return Err(TlsError::Ended { path, ends_unix_s: loaded.ends_unix_s });
        }
        let loaded = Arc::new(loaded);
        self.loaded.store(Arc::clone(&loaded));
        Ok(loaded)
    }
}

fn stamps(settings: &TlsSettings) -> Vec<Stamp> {
    let files = [
        Some(&settings.certificate_file),
        Some(&settings.key_file),
        settings.client_ca_file.as_ref(),
        Some(&settings.ca_file),
    ];
    let stamp = |file: &PathBuf| {
        let metadata = std::fs::metadata(file).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    files.into_iter().flatten().map(stamp).collect()
}

fn load(settings: &TlsSettings) -> Result<Loaded, TlsError> {
    // Before the files are read: what changes in between is read once more.
    let stamps = stamps(settings);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = certificates(&settings.certificate_file)?;
    let first = chain.first().ok_or_else(|| file_fault(&settings.certificate_file, "holds no certificate in PEM"))?;
    let named = Named::in_certificate(first).map_err(|why| file_fault(&settings.certificate_file, why))?;
    let key = || {
        PrivateKeyDer::from_pem_file(&settings.key_file)
            .map_err(|error| file_fault(&settings.key_file, format!("holds no private key in PEM: {error}")))
    };
    let pair = |source| TlsError::Pair {
        certificate: settings.certificate_file.clone(),
        key: settings.key_file.clone(),
        source,
    };
    let refused = |error: rustls::Error| TlsError::Refused(error.to_string());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions(settings))
        .map_err(refused)?;
    let builder = match settings.client_certificates {
        ClientCertificates::Off => builder.with_no_client_auth(),
        wanted => builder.with_client_cert_verifier(client_verifier(settings, wanted, &provider)?),
    };
    let server = builder.with_single_cert(chain.clone(), key()?).map_err(pair)?;
    let verifier = SipVerifier::new(settings, &provider)?;
    let client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions(settings))
        .map_err(refused)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(chain, key()?)
        .map_err(pair)?;
    Ok(Loaded {
        server: Arc::new(server),
        client: Arc::new(client),
        ends_unix_s: named.ends_unix_s,
        names: named.shown(),
        stamps,
    })
}

fn versions(settings: &TlsSettings) -> &'static [&'static SupportedProtocolVersion] {
    static BOTH: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];
    if settings.allows_tls12 { &BOTH } else { &BOTH[..1] }
}

fn file_fault(path: &Path, why: impl Into<String>) -> TlsError {
    TlsError::File { path: path.to_owned(), why: why.into() }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| file_fault(path, format!("certificates in PEM cannot be read: {error}")))
}

fn client_verifier(
    settings: &TlsSettings,
    wanted: ClientCertificates,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, TlsError> {
    let path = settings.client_ca_file.as_ref().ok_or(TlsError::NoClientAuthority)?;
    let mut roots = RootCertStore::empty();
    if roots.add_parsable_certificates(certificates(path)?).0 == 0 {
        return Err(file_fault(path, "holds no certificate of an authority"));
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = if wanted == ClientCertificates::Optional { builder.allow_unauthenticated() } else { builder };
    builder.build().map_err(|error| TlsError::Refused(error.to_string()))
}

/// Believes a server whose certificate an authority of ours has issued and that names the domain which we wanted (RFC 5922 7.1, 7.3).
#[derive(Debug)]
struct SipVerifier {
    roots: RootCertStore,
    algorithms: WebPkiSupportedAlgorithms,
    verifies: bool,
}

impl SipVerifier {
    fn new(settings: &TlsSettings, provider: &CryptoProvider) -> Result<SipVerifier, TlsError> {
        let mut roots = RootCertStore::empty();
        if settings.verifies {
            match certificates(&settings.ca_file) {
                Ok(found) => drop(roots.add_parsable_certificates(found)),
                // A node that only takes connections needs nobody's.
                Err(error) => {
                    tracing::warn!(%error, "no TLS connection of ours can be verified, so none will be opened; name tls.ca_file");
                }
            }
        }
        let algorithms = provider.signature_verification_algorithms;
        Ok(SipVerifier { roots, algorithms, verifies: settings.verifies })
    }
}

impl ServerCertVerifier for SipVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if !self.verifies {
            return Ok(ServerCertVerified::assertion());
        }
        let certificate = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(&certificate, &self.roots, intermediates, now, self.algorithms.all)?;
        let named = Named::in_certificate(end_entity)
            .map_err(|_| rustls::Error::InvalidCertificate(CertificateError::BadEncoding))?;
        if named.covers(&server_name.to_str()) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext {
            expected: server_name.to_owned(),
            presented: named.identities(),
        }))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
