//! The settings of a node, section by section, with their defaults.
//!
//! Reading and checking them is in [`crate::load`]; `tandem.toml` beside this crate says the same to people, and a test compares.

use crate::calls::Calls;
use crate::fraud::Fraud;
use crate::guard::Guard;
use crate::payments::Payments;
use crate::redis_url::RedisUrl;
use crate::streams::{Tls, WebSocket};
use crate::values::{DigestAlgorithm, Host, LedgerEngine, LogFormat, LogLevel, MediaLearning, RouteOrder};
use crate::webhooks::Webhooks;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Everything that a node is told at its start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The node itself.
    pub node: Node,
    /// SIP transport and transactions.
    pub sip: Sip,
    /// SIP over TLS.
    pub tls: Tls,
    /// SIP over WebSockets.
    pub websocket: WebSocket,
    /// How long PBXs may stay registered.
    pub registration: Registration,
    /// RTP.
    pub media: Media,
    /// The life of a call.
    pub calls: Calls,
    /// Choosing among carriers, and their health.
    pub carriers: Carriers,
    /// Where names of carriers are looked up.
    pub dns: Dns,
    /// What customers may have at most.
    pub limits: Limits,
    /// When strangers are slowed and banned.
    pub guard: Guard,
    /// Where credit is kept.
    pub ledger: Ledger,
    /// Who takes money from companies' cards and accounts.
    pub payments: Payments,
    /// Where events may be delivered to.
    pub webhooks: Webhooks,
    /// What new profiles may spend, and when a breaker opens.
    pub fraud: Fraud,
    /// API, metrics and health.
    pub http: Http,
    /// Log lines.
    pub log: Log,
}

/// `[node]`: the process.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Node {
    /// What this node is called among those that share its data_dir and a Redis: 1 to 32 of a-z, 0-9, - and _.
    pub name: String,
    /// Where the ledger and the store keep their files; made where it does not exist. Relative to the working directory.
    pub data_dir: PathBuf,
    /// Threads that switch calls, at most [`Node::SHARDS_MAX`]; 0 for one a core.
    pub shards: u16,
    /// Messages that one call lets wait, at least 16. Beyond it a new call is refused; hang-ups always pass.
    pub mailbox_call_max: usize,
    /// Messages that one profile lets wait, at least 16. Beyond it new calls of that profile are refused.
    pub mailbox_profile_max: usize,
    /// Batches of datagrams that one shard lets wait, at least 16. Beyond it datagrams are dropped, and SIP sends them again.
    pub mailbox_shard_max: usize,
}

impl Node {
    /// Shards at most: their number stands in one byte of a Call-ID tag.
    pub const SHARDS_MAX: u16 = 255;

    /// The file of the node's ledger within the data directory: each node has its own.
    pub fn journal(&self) -> String {
        match self.name.as_str() {
            "main" => "ledger.db".to_owned(),
            name => format!("ledger-{name}.db"),
        }
    }
}

impl Default for Node {
    fn default() -> Self {
        Node {
            name: "main".to_owned(),
            data_dir: "data".into(),
            shards: 0,
            mailbox_call_max: 64,
            mailbox_profile_max: 4_096,
            mailbox_shard_max: 4_096,
        }
    }
}

/// `[sip]`: transport, transactions and admission.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sip {
    /// Addresses that UDP and TCP listen on, 1 to 16. Loopback by default: nobody is served by accident.
    pub listen: Vec<SocketAddr>,
    /// The address that peers shall answer to, in Via and Contact, where it is not the one listened on (one-to-one NAT,
    /// containers). Absent: the local address of the socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advertised_address: Option<IpAddr>,
    /// The host part of our own URIs (From and To towards PBXs and carriers), and what PBXs register with. Absent: the address
    /// that was addressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<Host>,
    /// The digest realm (RFC 7616 3.3). Changing it makes every stored HA1 useless: passwords must be set anew.
    pub realm: String,
    /// The digest algorithms that are offered, in this order, at least one (RFC 8760). Many clients give up where SHA-256 is offered
    /// at all.
    pub digest_algorithms: Vec<DigestAlgorithm>,
    /// What `Server` and `User-Agent` say; empty for no such headers.
    pub user_agent: String,
    /// RFC 3261 T1 in milliseconds, 10 to 5000: an estimate of the round trip. All retransmissions and timeouts scale with it.
    pub t1_ms: u32,
    /// RFC 3261 T2 in milliseconds, `t1_ms` to 32000: the longest pause between retransmissions.
    pub t2_ms: u32,
    /// RFC 3261 T4 in milliseconds, 0 to 32000: how long a message can stay in the network.
    pub t4_ms: u32,
    /// Bytes of a request that goes in a datagram at most, 1300 to 65000; a larger one goes over TCP where the peer takes connections, and
    /// in a datagram after all where it does not (RFC 3261 18.1.1). 0: always in a datagram.
    pub datagram_bytes_max: u32,
    /// Seconds that a session lasts without a refresh (RFC 4028): what we ask for and the longest that we grant, `session_expires_min_s` to
    /// 86400; 0: we ask for none, and grant what peers ask for.
    pub session_expires_s: u32,
    /// The shortest session interval that is granted, 90 to 86400 seconds; who asks for less gets 422.
    pub session_expires_min_s: u32,
    /// Calls at one time. One more is refused with 503.
    pub calls_max: u32,
    /// New calls in any second, over all shards. More are refused with 503 and Retry-After.
    pub calls_per_second_max: u32,
    /// Transactions at one time, over all shards. Beyond it new requests get 503 without state.
    pub transactions_max: u32,
    /// TCP, TLS and WebSocket connections of others at one time, over all shards. Beyond it new ones are closed at once.
    pub connections_max: u32,
    /// The same from one source: an IPv4 address, or an IPv6 /64.
    pub connections_per_source_max: u32,
    /// Seconds of silence after which a connection is closed.
    pub connection_idle_timeout_s: u32,
    /// Seconds that a TLS handshake may take, and again that of a WebSocket.
    pub connection_handshake_timeout_s: u32,
    /// Seconds within which who connects says something whole.
    pub connection_first_message_timeout_s: u32,
    /// Seconds within which a message that was begun over a connection is whole, however its bytes trickle.
    pub connection_partial_message_timeout_s: u32,
    /// Seconds within which the peer of a connection takes what is written to it.
    pub connection_write_timeout_s: u32,
    /// Seconds that a digest nonce is good for, 10 to 86400; after it a PBX is told `stale` and asks again by itself.
    pub nonce_lifetime_s: u32,
    /// A file with the key that nonces are signed with, at least 32 characters, shared by nodes that stand in for each other.
    /// Absent: drawn at each start, and PBXs are challenged once more after a restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce_key_file: Option<PathBuf>,
}

impl Default for Sip {
    fn default() -> Self {
        Sip {
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 5060))],
            advertised_address: None,
            domain: None,
            realm: "tandem".to_owned(),
            digest_algorithms: vec![DigestAlgorithm::Md5],
            user_agent: "Tandem".to_owned(),
            t1_ms: 500,
            t2_ms: 4_000,
            t4_ms: 5_000,
            datagram_bytes_max: 1_300,
            session_expires_s: 1_800,
            session_expires_min_s: 90,
            calls_max: 5_000,
            calls_per_second_max: 1_000,
            transactions_max: 200_000,
            connections_max: 10_000,
            connections_per_source_max: 500,
            connection_idle_timeout_s: 900,
            connection_handshake_timeout_s: 10,
            connection_first_message_timeout_s: 30,
            connection_partial_message_timeout_s: 10,
            connection_write_timeout_s: 30,
            nonce_lifetime_s: 300,
            nonce_key_file: None,
        }
    }
}

/// `[registration]`: how long a binding is granted (rules S1, S9, P6).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Registration {
    /// Seconds at most for a PBX behind NAT: short, so that its refreshes keep the NAT open.
    pub expires_nat_max_s: u32,
    /// Seconds at most for a PBX that is reached directly.
    pub expires_direct_max_s: u32,
    /// Seconds at least: who asks for less gets 423 with this in Min-Expires.
    pub expires_min_s: u32,
    /// Seconds between two OPTIONS to a PBX behind NAT over UDP, 10 to 3600; 0 for none.
    pub keep_alive_s: u32,
    /// Registered PBXs at one time. One more gets 503.
    pub bindings_max: u32,
}

impl Default for Registration {
    fn default() -> Self {
        Registration {
            expires_nat_max_s: 45,
            expires_direct_max_s: 3_600,
            expires_min_s: 30,
            keep_alive_s: 25,
            bindings_max: 100_000,
        }
    }
}

/// `[media]`: RTP ports and threads.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Media {
    /// The local address that RTP is received at.
    pub address: IpAddr,
    /// The address that SDP names, where it is not `address` (one-to-one NAT, containers). Absent: `address`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advertised_address: Option<IpAddr>,
    /// The local address of the other version of IP, for peers that are reached by that. Absent: sound has one version of IP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_address: Option<IpAddr>,
    /// The address that SDP names in its place. Absent: `second_address`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_advertised_address: Option<IpAddr>,
    /// The first RTP port: even, 1024 or more.
    pub port_min: u16,
    /// The last RTP port: odd. The range has at least [`Media::PORTS_MIN`], so that ports drawn at random cannot be guessed.
    pub port_max: u16,
    /// Ports open at one time; a call needs four, and when they are taken, new calls get 503. 0 for all of the range; see
    /// [`Media::ports`].
    pub ports_max: u32,
    /// Threads that relay RTP, at most 64; 0 for one for every two cores.
    pub threads: u16,
    /// Seconds without RTP and RTCP from both sides after which an answered call is ended, so that a dead call is not charged for
    /// ever; 0 for never. Rests while a leg is held.
    pub silence_timeout_s: u32,
    /// Where media goes when the SDP's address may be wrong; trunks can differ.
    pub learning: MediaLearning,
    /// Whether a trunk that requires SRTP takes and sends keys over TLS only.
    pub srtp_needs_tls: bool,
}

impl Media {
    /// Ports in the range at least (design 3).
    pub const PORTS_MIN: u32 = 10_000;
    /// Ports of one call: RTP and RTCP for each of two legs.
    pub const PORTS_PER_CALL: u32 = 4;

    /// Ports that the range has.
    pub fn ports_of_range(&self) -> u32 {
        (u32::from(self.port_max) + 1).saturating_sub(u32::from(self.port_min))
    }

    /// Ports that may be open at one time.
    pub fn ports(&self) -> u32 {
        if self.ports_max == 0 { self.ports_of_range() } else { self.ports_max }
    }
}

impl Default for Media {
    fn default() -> Self {
        Media {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            advertised_address: None,
            second_address: None,
            second_advertised_address: None,
            port_min: 10_000,
            port_max: 31_999,
            ports_max: 0,
            threads: 0,
            silence_timeout_s: 60,
            learning: MediaLearning::SignallingIp,
            srtp_needs_tls: true,
        }
    }
}

/// `[carriers]`: the order in which carriers are tried, and when one is given up. Where calls may go over to the next one is in
/// `[calls]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Carriers {
    /// In which order they are tried.
    pub route_order: RouteOrder,
    /// Whether carriers may be used that cost more than the call is sold for.
    pub loss_allowed: bool,
    /// Seconds that a carrier has for its first response, 100 included, 1 to 60; then the next is tried. Carriers can differ.
    pub response_timeout_s: u32,
    /// Seconds between two OPTIONS to a carrier, 5 to 3600; 0 for none. Carriers can differ.
    pub options_interval_s: u32,
    /// Failures in a row, of calls and OPTIONS, after which a carrier is down, 1 to 100.
    pub failures_max: u32,
    /// Seconds that a carrier that went down is left alone, 1 to 3600; doubled each time, up to eight times this.
    pub rest_s: u32,
}

impl Default for Carriers {
    fn default() -> Self {
        Carriers {
            route_order: RouteOrder::Priority,
            loss_allowed: false,
            response_timeout_s: 4,
            // What carriers are used to.
            options_interval_s: 30,
            failures_max: 3,
            rest_s: 30,
        }
    }
}

/// `[dns]`: where names of carriers are looked up (RFC 3263).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dns {
    /// Whom to ask, in this order, at most [`Dns::SERVERS_MAX`]; those of /etc/resolv.conf where there is none.
    pub servers: Vec<SocketAddr>,
    /// Milliseconds that a server may take, 100 to 5000; each is asked twice.
    pub timeout_ms: u32,
    /// Seconds that an answer is good for at least, whatever it says, 1 to 300.
    pub ttl_min_s: u32,
    /// And at most, `ttl_min_s` to 86400. While nobody answers, the last answer stays in force.
    pub ttl_max_s: u32,
    /// Seconds that "there is no such name" is good for at most, `ttl_min_s` to 3600.
    pub negative_ttl_s: u32,
}

impl Dns {
    /// Servers at most.
    pub const SERVERS_MAX: usize = 3;
}

impl Default for Dns {
    fn default() -> Self {
        Dns { servers: Vec::new(), timeout_ms: 1_000, ttl_min_s: 5, ttl_max_s: 3_600, negative_ttl_s: 30 }
    }
}

/// `[limits]`: what customers may have at most.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Channels of a profile (C2), 1 to 10000. Profiles that have more keep them until they are changed.
    pub channels_per_profile: u16,
    /// Attempts (registrations, calls) that are remembered of a profile, for who asks why one failed; 1 to 1000, in memory. Of those that
    /// proved nothing as many again.
    pub attempts_per_profile: u16,
    /// Attempts of strangers that are remembered, 1 to 100000, in memory.
    pub attempts_of_strangers: u32,
    /// Calls that a PBX may place in any second where its profile does not say, at most 10000; 0 for no limit.
    pub calls_per_second_per_profile: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            channels_per_profile: 300,
            attempts_per_profile: 20,
            attempts_of_strangers: 500,
            calls_per_second_per_profile: 0,
        }
    }
}

/// `[ledger]`: where credit is kept (design 5).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ledger {
    /// What keeps it.
    pub engine: LedgerEngine,
    /// Where Redis is; needed for [`LedgerEngine::Redis`] and unused otherwise.
    pub url: Option<RedisUrl>,
    /// A file with the password of Redis, where it wants one.
    pub password_file: Option<PathBuf>,
    /// PEM file of the authorities that the certificates of Redis must come from; those of the system where there is none.
    pub ca_file: Option<PathBuf>,
    /// PEM file with the certificate that is shown to Redis, where it wants one; with `key_file` or neither.
    pub certificate_file: Option<PathBuf>,
    /// PEM file with the certificate's private key.
    pub key_file: Option<PathBuf>,
    /// Milliseconds after which a group of batches is written to disk, 1 to 1000; [`Ledger::group_ms`] where nothing is said. A power cut
    /// loses at most this much of what was granted to calls.
    pub group_ms: Option<u32>,
    /// Batches after which a group is written earlier, 1 to 100000.
    pub group_batches: u32,
    /// Days that rows stay in the journal, 0 to 3650; then they are in the store's archive only. 0: for ever, and nothing is archived.
    pub keep_days: u32,
}

impl Ledger {
    /// Milliseconds after which a group of batches is written to disk: what is set, or 50. With Redis 20, for there a call's answer waits for
    /// its group.
    pub fn group_ms(&self) -> u32 {
        self.group_ms.unwrap_or(match self.engine {
            LedgerEngine::Sqlite | LedgerEngine::Memory => 50,
            LedgerEngine::Redis => 20,
        })
    }
}

impl Default for Ledger {
    fn default() -> Self {
        Ledger {
            engine: LedgerEngine::Sqlite,
            url: None,
            password_file: None,
            ca_file: None,
            certificate_file: None,
            key_file: None,
            group_ms: None,
            group_batches: 1_000,
            keep_days: 7,
        }
    }
}

/// `[http]`: the door for programs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Where API, metrics and health listen. Loopback by default; put a TLS proxy in front before others can reach it.
    pub listen: SocketAddr,
    /// Threads that answer, 1 to 64.
    pub workers: u16,
    /// A file with the bearer tokens, one a line: a name, a space, the token of at least 32 characters. Absent: the API answers
    /// 401 to everybody; metrics and health need none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_file: Option<PathBuf>,
    /// Bytes of a request body at most, 1024 to 1 GiB; it bounds the rate decks that can be sent.
    pub body_bytes_max: u64,
}

impl Default for Http {
    fn default() -> Self {
        Http {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            workers: 2,
            tokens_file: None,
            body_bytes_max: 64 * 1_048_576,
        }
    }
}

/// `[log]`: what is written to standard error.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// The least important lines that are written.
    pub level: LogLevel,
    /// Their shape.
    pub format: LogFormat,
    /// Whether telephone numbers lose their last digits in lines above `debug`.
    pub numbers_masked: bool,
}

impl Default for Log {
    fn default() -> Self {
        Log { level: LogLevel::Info, format: LogFormat::Json, numbers_masked: true }
    }
}
