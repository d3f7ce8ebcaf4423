//! What a node is told about its switch, and why one may not start. What is done with it is in the exchange.

use crate::call::MediaAddresses;
use crate::core::NodeLimits;
use crate::desk::NodeRules;
use crate::resolving::DnsSettings;
use crate::transport::tls::{ClientCertificates, TlsError, TlsSettings};
use media::MediaSettings;
use sip::endpoint::Transport;
use sip::transaction::Timing;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use switch::fraud::BreakerLimits;
use switch::overload::Limits;

/// What a node is told about its switch.
pub struct ExchangeSettings {
    /// Threads that switch calls, 1 to 255.
    pub shards: u16,
    /// Addresses that UDP and TCP listen on; port 0 lets the kernel choose one for both.
    pub listen: Vec<SocketAddr>,
    /// The address that peers shall answer to, where it is not the one listened on.
    pub advertised: Option<IpAddr>,
    /// The host of our own URIs; the first listener's address where there is none.
    pub host: Option<String>,
    /// When breakers open: the house's, and a company's.
    pub breakers: (BreakerLimits, BreakerLimits),
    /// The digest realm.
    pub realm: String,
    /// The digest algorithms that are offered, in this order.
    pub digest_algorithms: Vec<sip::digest::Algorithm>,
    /// What `Server` and `User-Agent` say.
    pub user_agent: String,
    /// T1, T2, T4.
    pub timing: Timing,
    /// Bytes of a request that goes in a datagram at most; 0: whatever its size (RFC 3261 18.1.1).
    pub datagram_bytes_max: usize,
    /// How long sessions last without a refresh.
    pub session: leg::SessionTimers,
    /// Calls at one time and a second.
    pub limits: Limits,
    /// When strangers are slowed and banned.
    pub guard: switch::guard::Rules,
    /// Transactions at one time, over all shards.
    pub transactions_max: usize,
    /// Stream connections of others at one time, over all shards; as many may be ours.
    pub connections_max: usize,
    /// Stream connections at one time from one source.
    pub connections_per_source_max: usize,
    /// TLS and WebSockets.
    pub streams: StreamSettings,
    /// Lengths of queues and tables.
    pub node_limits: NodeLimits,
    /// How long a nonce is good for.
    pub nonce_lifetime: Duration,
    /// Signs nonces; drawn at each start where there is none.
    pub nonce_key: Option<[u8; 32]>,
    /// Sound.
    pub media: MediaSettings,
    /// Where sound is received, and what session descriptions name.
    pub media_addresses: MediaAddresses,
    /// How DNS is asked where carriers are.
    pub dns: DnsSettings,
    /// What the store does not hold; its listeners are filled in.
    pub rules: NodeRules,
}

/// TLS and WebSockets of a node; by default there are none.
#[derive(Clone, Debug, Default)]
pub struct StreamSettings {
    /// Where they are spoken: [`Transport::Tls`], [`Transport::Ws`] and [`Transport::Wss`]; port 0 lets the kernel choose.
    pub listen: Vec<(Transport, SocketAddr)>,
    /// Certificates; needed where TLS is spoken or carriers are reached by it.
    pub tls: Option<TlsSettings>,
    /// The origins of pages that may open WebSockets; everybody's where there is none.
    pub origins: Vec<String>,
}

impl StreamSettings {
    pub(super) fn asks_for_certificates(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.client_certificates != ClientCertificates::Off)
    }
}

/// Why the switch cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("{address} cannot be listened on: {source}; stop who uses it, or change {setting}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// The setting that names it.
        setting: &'static str,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// No address at all.
    #[error("there is no address to listen on; name one in sip.listen")]
    NoAddress,
    /// The operating system gave no chance.
    #[error("the operating system gives no random bytes: {0}")]
    Chance(std::io::Error),
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The threads for TLS handshakes did not start.
    #[error("TLS handshakes cannot be done: {0}")]
    Handshakes(std::io::Error),
    /// A listener wants a certificate, and none is named.
    #[error("{0} is for TLS, and there is no certificate; set tls.certificate_file and tls.key_file")]
    NoCertificate(SocketAddr),
    /// The media room did not start.
    #[error(transparent)]
    Media(#[from] media::Error),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The thread that asks DNS did not start.
    #[error("names of carriers cannot be looked up: {0}")]
    Resolver(std::io::Error),
    /// The thread for call records did not start.
    #[error("call records cannot be copied: {0}")]
    Records(std::io::Error),
    /// The thread that writes down what is known of fraud did not start.
    #[error("what is known of fraud cannot be written down: {0}")]
    Fraud(std::io::Error),
    /// The thread for the audit did not start.
    #[error("bans cannot be written to the audit: {0}")]
    Audit(std::io::Error),
}
