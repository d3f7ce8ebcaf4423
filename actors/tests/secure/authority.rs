//! An authority for certificates, and peers that speak TLS through plain blocking sockets.
//!
//! What they say is the stories' matter.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType, date_time_ymd};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Issues certificates into a folder.
pub(crate) struct Authority {
    pub(crate) folder: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Authority { folder, issuer }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What a switch with the certificate `switch` is told.
    pub(crate) fn of_switch(&self) -> actors::TlsSettings {
        actors::TlsSettings {
            certificate_file: self.path("switch.pem"),
            key_file: self.path("switch.key"),
            allows_tls12: true,
            client_certificates: actors::ClientCertificates::Off,
            client_ca_file: None,
            ca_file: self.path("ca.pem"),
            verifies: true,
        }
    }

    /// Writes `NAME.pem` and `NAME.key` for these names, good until this year's first day.
    pub(crate) fn issue(&self, name: &str, names: &[&str], until_year: i32) {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.subject_alt_names = names.iter().map(|name| san(name)).collect();
        params.not_after = date_time_ymd(until_year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.path(&format!("{name}.pem")), certificate.pem()).unwrap();
        std::fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

fn san(name: &str) -> SanType {
    match name.parse() {
        Ok(ip) => SanType::IpAddress(ip),
        Err(_) if name.starts_with("sip:") => SanType::URI(name.try_into().unwrap()),
        Err(_) => SanType::DnsName(name.try_into().unwrap()),
    }
}

/// The certificates and the key of `NAME.pem` and `NAME.key`.
pub(crate) fn pair(folder: &Path, name: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let certificate = folder.join(format!("{name}.pem"));
    let chain = CertificateDer::pem_file_iter(certificate).unwrap().collect::<Result<_, _>>().unwrap();
    (chain, PrivateKeyDer::from_pem_file(folder.join(format!("{name}.key"))).unwrap())
}

/// A peer that believes the authority alone.
pub(crate) struct Peer(StreamOwned<ClientConnection, TcpStream>);

impl Peer {
    /// Connects; shows the certificate of this name, where one is given.
    pub(crate) fn connect(folder: &Path, to: SocketAddr, shown: Option<&str>) -> std::io::Result<Peer> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(folder.join("ca.pem")).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let builder = builder.with_root_certificates(roots);
        let config = match shown {
            Some(name) => {
                let (chain, key) = pair(folder, name);
                builder.with_client_auth_cert(chain, key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        let session = ClientConnection::new(Arc::new(config), ServerName::from(to.ip())).unwrap();
        let socket = TcpStream::connect(to)?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut peer = Peer(StreamOwned::new(session, socket));
        while peer.0.conn.is_handshaking() {
            peer.0.conn.complete_io(&mut peer.0.sock)?;
        }
        Ok(peer)
    }

    /// Says it, and gives what comes back, up to the end of a head.
    pub(crate) fn ask(&mut self, text: &str) -> std::io::Result<String> {
        self.0.write_all(text.as_bytes())?;
        self.0.flush()?;
        let mut heard = Vec::new();
        let mut byte = [0];
        while !heard.ends_with(b"\r\n\r\n") {
            self.0.read_exact(&mut byte)?;
            heard.push(byte[0]);
        }
        Ok(String::from_utf8_lossy(&heard).into_owned())
    }

    /// The certificate that the switch has shown, in DER.
    pub(crate) fn was_shown(&self) -> Vec<u8> {
        self.0.conn.peer_certificates().unwrap()[0].to_vec()
    }
}

/// An OPTIONS that needs nobody.
pub(crate) fn options(call_id: &str) -> String {
    format!(
        "OPTIONS sip:127.0.0.1;transport=tls SIP/2.0\r\nVia: SIP/2.0/TLS pbx.invalid;branch=z9hG4bK{call_id};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:pbx@pbx.invalid>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: {call_id}\r\n\
         CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
}
