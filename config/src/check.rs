//! The checks of what settings mean, alone and together: all faults are collected, none stops the others.
//!
//! Form (types, unknown keys, words of closed sets) was checked before, in [`crate::document`].

mod fraud;
mod media;
mod payments;

use crate::calls::Calls;
use crate::emergency;
use crate::guard::Guard;
use crate::reach::{unreachable, unroutable};
use crate::settings::{Carriers, Dns, Http, Ledger, Media, Node, Registration, Settings, Sip};
use crate::streams::{Tls, WebSocket};
use crate::values::{ClientCertificates, EchoNumber, LedgerEngine};
use domain::WarnBefore;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};

/// A key of a section.
type Key = (&'static str, &'static str);

/// What a check found.
#[derive(Debug)]
pub(crate) struct Found {
    /// The keys that it is about, the likeliest culprit first.
    pub(crate) keys: Vec<Key>,
    pub(crate) message: String,
    /// What would be right.
    pub(crate) help: String,
}

/// Addresses that UDP and TCP listen on, at most.
const LISTEN_MAX: usize = 16;
/// Origins of pages at most.
const ORIGINS_MAX: usize = 64;
/// Echo numbers at most.
const ECHO_MAX: usize = 16;

/// Everything that is wrong with settings of the right form.
pub(crate) fn faults(settings: &Settings) -> Vec<Found> {
    let mut checks = Checks::default();
    checks.node(&settings.node, &settings.ledger);
    checks.sip(&settings.sip);
    checks.tls(&settings.tls, &settings.websocket);
    checks.websocket(&settings.websocket);
    checks.registration(&settings.registration);
    checks.media(&settings.media);
    checks.calls(&settings.calls);
    checks.carriers(&settings.carriers);
    checks.dns(&settings.dns);
    let channels = settings.limits.channels_per_profile;
    checks.range(("limits", "channels_per_profile"), channels, 1, 10_000, " channels");
    let attempts = &settings.limits;
    checks.range(("limits", "attempts_per_profile"), attempts.attempts_per_profile, 1, 1_000, " attempts");
    checks.range(("limits", "attempts_of_strangers"), attempts.attempts_of_strangers, 1, 100_000, " attempts");
    let calls = settings.limits.calls_per_second_per_profile;
    checks.range(("limits", "calls_per_second_per_profile"), calls, 0, 10_000, " calls a second");
    checks.guard(&settings.guard);
    checks.ledger(&settings.ledger);
    checks.payments(&settings.payments);
    checks.fraud(&settings.fraud);
    checks.http(&settings.http);
    checks.together(settings);
    checks.found
}

#[derive(Default)]
struct Checks {
    found: Vec<Found>,
}

impl Checks {
    fn complain(&mut self, keys: &[Key], message: impl Display, help: impl Display) {
        let name = keys.first().map(|(section, key)| format!("{section}.{key}: ")).unwrap_or_default();
        self.found.push(Found { keys: keys.to_vec(), message: format!("{name}{message}"), help: help.to_string() });
    }

    fn range<N: PartialOrd + Display>(&mut self, key: Key, value: N, min: N, max: N, unit: &str) {
        if value < min || value > max {
            self.complain(&[key], format!("{value} is out of range"), format!("expected {min} to {max}{unit}"));
        }
    }

    fn node(&mut self, node: &Node, ledger: &Ledger) {
        if node.data_dir.as_os_str().is_empty() {
            self.complain(&[("node", "data_dir")], "empty", "expected the name of a folder, such as /var/lib/tandem");
        }
        let is_word = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || b"-_".contains(&letter);
        if !(1..=32).contains(&node.name.len()) || !node.name.bytes().all(is_word) {
            self.complain(
                &[("node", "name")],
                format!("{:?} is no name", node.name),
                "expected 1 to 32 of a-z, 0-9, - and _",
            );
        }
        if node.name != "main" && ledger.engine == LedgerEngine::Sqlite {
            let help =
                "only nodes of one Redis share a data_dir: set ledger.engine = \"redis\", or leave node.name out";
            self.complain(&[("node", "name"), ("ledger", "engine")], "a name without anybody to tell it from", help);
        }
        self.range(("node", "shards"), node.shards, 0, Node::SHARDS_MAX, " threads, 0 for one a core");
        for (key, value) in [
            ("mailbox_call_max", node.mailbox_call_max),
            ("mailbox_profile_max", node.mailbox_profile_max),
            ("mailbox_shard_max", node.mailbox_shard_max),
        ] {
            self.range(("node", key), value, 16, 1_048_576, " messages");
        }
    }

    fn sip(&mut self, sip: &Sip) {
        if sip.digest_algorithms.is_empty() {
            let help = "name at least one: \"MD5\" or \"SHA-256\"".to_owned();
            self.complain(&[("sip", "digest_algorithms")], "no digest algorithm".to_owned(), help);
        }
        let listen = ("sip", "listen");
        self.listen(listen, &sip.listen, 1, "192.0.2.1:5060");
        if sip.advertised_address.is_none()
            && let Some(address) = sip.listen.iter().find(|address| address.ip().is_unspecified())
        {
            self.complain(
                &[listen],
                format!("{address} means every address of this machine, and peers cannot answer to that"),
                "name the address to listen on, or set sip.advertised_address to the one that peers shall answer to",
            );
        }
        self.advertisable(("sip", "advertised_address"), sip.advertised_address);
        let quotable =
            |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\');
        if sip.realm.is_empty() || sip.realm.len() > 64 || !quotable(&sip.realm) {
            let message = format!("\"{}\" cannot be a realm", sip.realm.escape_debug());
            let help = "expected 1 to 64 ASCII characters without quotes and backslashes, such as sip.example.net";
            self.complain(&[("sip", "realm")], message, help);
        }
        if sip.user_agent.len() > 64 || !quotable(&sip.user_agent) {
            let message = format!("\"{}\" cannot stand in a header", sip.user_agent.escape_debug());
            let help = "expected at most 64 ASCII characters without quotes and backslashes";
            self.complain(&[("sip", "user_agent")], message, help);
        }
        self.range(("sip", "t1_ms"), sip.t1_ms, 10, 5_000, " milliseconds");
        if sip.t2_ms < sip.t1_ms || sip.t2_ms > 32_000 {
            let message = format!("{} is out of range", sip.t2_ms);
            let help = format!("expected {} (t1_ms) to 32000 milliseconds", sip.t1_ms);
            self.complain(&[("sip", "t2_ms"), ("sip", "t1_ms")], message, help);
        }
        self.range(("sip", "t4_ms"), sip.t4_ms, 0, 32_000, " milliseconds");
        if sip.datagram_bytes_max != 0 && !(1_300..=65_000).contains(&sip.datagram_bytes_max) {
            let message = format!("{} is out of range", sip.datagram_bytes_max);
            self.complain(&[("sip", "datagram_bytes_max")], message, "expected 0 or 1300 to 65000 bytes");
        }
        self.range(("sip", "session_expires_min_s"), sip.session_expires_min_s, 90, 86_400, " seconds");
        if sip.session_expires_s != 0 && !(sip.session_expires_min_s..=86_400).contains(&sip.session_expires_s) {
            let message = format!("{} is out of range", sip.session_expires_s);
            let help = format!("expected 0 or {} (session_expires_min_s) to 86400 seconds", sip.session_expires_min_s);
            self.complain(&[("sip", "session_expires_s"), ("sip", "session_expires_min_s")], message, help);
        }
        self.range(("sip", "calls_max"), sip.calls_max, 1, 1_000_000, " calls");
        self.range(("sip", "calls_per_second_max"), sip.calls_per_second_max, 1, 100_000, " calls a second");
        self.range(("sip", "transactions_max"), sip.transactions_max, 100, 10_000_000, " transactions");
        self.range(("sip", "connections_max"), sip.connections_max, 1, 1_000_000, " connections");
        let most = sip.connections_max.max(1);
        self.range(
            ("sip", "connections_per_source_max"),
            sip.connections_per_source_max,
            1,
            most,
            " connections (connections_max)",
        );
        self.range(("sip", "connection_idle_timeout_s"), sip.connection_idle_timeout_s, 30, 86_400, " seconds");
        let handshake = sip.connection_handshake_timeout_s;
        self.range(("sip", "connection_handshake_timeout_s"), handshake, 1, 60, " seconds");
        for (key, seconds) in [
            ("connection_first_message_timeout_s", sip.connection_first_message_timeout_s),
            ("connection_partial_message_timeout_s", sip.connection_partial_message_timeout_s),
            ("connection_write_timeout_s", sip.connection_write_timeout_s),
        ] {
            self.range(("sip", key), seconds, 1, 3_600, " seconds");
        }
        self.range(("sip", "nonce_lifetime_s"), sip.nonce_lifetime_s, 10, 86_400, " seconds");
    }

    fn guard(&mut self, guard: &Guard) {
        self.range(("guard", "failures_max"), guard.failures_max, 0, 1_000, " failures");
        self.range(("guard", "window_s"), guard.window_s, 1, 3_600, " seconds");
        self.range(("guard", "ban_s"), guard.ban_s, 1, 604_800, " seconds");
        let least = guard.ban_s.clamp(1, 604_800);
        self.range(("guard", "ban_max_s"), guard.ban_max_s, least, 604_800, " seconds (ban_s is the least)");
        self.range(("guard", "answers_per_second_max"), guard.answers_per_second_max, 1, 100_000, " answers a second");
        if guard.trusted.len() > Guard::TRUSTED_MAX {
            let message = format!("{} networks", guard.trusted.len());
            self.complain(&[("guard", "trusted")], message, format!("expected at most {}", Guard::TRUSTED_MAX));
        }
    }

    /// A list of addresses to listen on.
    fn listen(&mut self, key: Key, addresses: &[SocketAddr], min: usize, example: &str) {
        if !(min..=LISTEN_MAX).contains(&addresses.len()) {
            let message = format!("{} addresses", addresses.len());
            self.complain(&[key], message, format!("expected {min} to {LISTEN_MAX}, such as [\"{example}\"]"));
        }
        let mut seen = BTreeSet::new();
        for address in addresses {
            // Port 0 is drawn anew for each socket, so it may stand twice.
            if address.port() != 0 && !seen.insert(address) {
                self.complain(&[key], format!("{address} stands twice"), "name each address once");
            }
        }
    }

    fn tls(&mut self, tls: &Tls, websocket: &WebSocket) {
        self.listen(("tls", "listen"), &tls.listen, 0, "192.0.2.1:5061");
        let wanted = match (tls.listen.is_empty(), websocket.secure_listen.is_empty()) {
            (false, _) => Some(("tls", "listen")),
            (true, false) => Some(("websocket", "secure_listen")),
            (true, true) => None,
        };
        if let Some((section, listen)) = wanted {
            for (key, file) in [("certificate_file", &tls.certificate_file), ("key_file", &tls.key_file)] {
                if file.is_none() {
                    let message = format!("not set, and {section}.{listen} needs it");
                    let help =
                        "name a file in PEM; certificate and key of Let's Encrypt are fullchain.pem and privkey.pem";
                    self.complain(&[("tls", key), (section, listen)], message, help);
                }
            }
        }
        if tls.client_certificates != ClientCertificates::Off && tls.client_ca_file.is_none() {
            self.complain(
                &[("tls", "client_ca_file"), ("tls", "client_certificates")],
                format!("not set, and tls.client_certificates is \"{}\"", tls.client_certificates),
                "name the file with the authorities that issue certificates to your PBXs and carriers",
            );
        }
    }

    fn websocket(&mut self, websocket: &WebSocket) {
        self.listen(("websocket", "listen"), &websocket.listen, 0, "127.0.0.1:5062");
        self.listen(("websocket", "secure_listen"), &websocket.secure_listen, 0, "192.0.2.1:5063");
        if websocket.origins.len() > ORIGINS_MAX {
            let message = format!("{} origins", websocket.origins.len());
            self.complain(&[("websocket", "origins")], message, format!("at most {ORIGINS_MAX}"));
        }
        for origin in &websocket.origins {
            let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            if host.is_none_or(|host| host.is_empty() || host.contains('/')) {
                let message = format!("\"{}\" is no origin", origin.escape_debug());
                self.complain(
                    &[("websocket", "origins")],
                    message,
                    "expected such as https://phone.example.com, without a path",
                );
            }
        }
    }

    fn registration(&mut self, registration: &Registration) {
        let Registration { expires_nat_max_s, expires_direct_max_s, expires_min_s, keep_alive_s, bindings_max } =
            *registration;
        if keep_alive_s != 0 {
            self.range(("registration", "keep_alive_s"), keep_alive_s, 10, 3_600, " seconds, or 0 for none");
        }
        self.range(("registration", "expires_min_s"), expires_min_s, 1, 86_400, " seconds");
        for (key, value) in [("expires_nat_max_s", expires_nat_max_s), ("expires_direct_max_s", expires_direct_max_s)] {
            if value < expires_min_s || value > 86_400 {
                let message = format!("{value} is out of range");
                let help = format!("expected {expires_min_s} (expires_min_s) to 86400 seconds");
                self.complain(&[("registration", key), ("registration", "expires_min_s")], message, help);
            }
        }
        self.range(("registration", "bindings_max"), bindings_max, 1, 10_000_000, " registered PBXs");
    }

    fn calls(&mut self, calls: &Calls) {
        self.range(("calls", "ring_timeout_s"), calls.ring_timeout_s, 10, 600, " seconds");
        self.range(("calls", "max_duration_s"), calls.max_duration_s, 60, 604_800, " seconds");
        self.range(("calls", "carrier_progress_timeout_s"), calls.carrier_progress_timeout_s, 1, 60, " seconds");
        self.range(("calls", "channel_lease_s"), calls.channel_lease_s, 30, 3_600, " seconds");
        if let Err(problem) = WarnBefore::new(&calls.warn_before_s) {
            self.complain(&[("calls", "warn_before_s")], problem, "expected such as [60, 10], or [] for no warning");
        }
        self.range(("calls", "emergency_status"), calls.emergency_status, 400, 699, ", a final SIP status");
        for status in Calls::NEVER_FAILOVER {
            if calls.failover_statuses.contains(status) {
                let message =
                    format!("{status} is the called person's own answer, and no reason to ring again elsewhere");
                let help = "480, 486, 600 and 603 must not be in the set; expected such as [\"408\", \"5xx\"]";
                self.complain(&[("calls", "failover_statuses")], message, help);
            }
        }
        if calls.echo.len() > ECHO_MAX {
            self.complain(&[("calls", "echo")], format!("{} numbers", calls.echo.len()), format!("at most {ECHO_MAX}"));
        }
        let mut seen = BTreeSet::<&EchoNumber>::new();
        for number in calls.echo.iter().filter(|number| !seen.insert(number)) {
            self.complain(&[("calls", "echo")], format!("{number} stands twice"), "name each number once");
        }
        for (country, numbers) in &calls.emergency_numbers {
            for (message, help) in emergency::faults_of_numbers(numbers) {
                self.complain(&[("calls", "emergency_numbers")], format!("{country}: {message}"), help);
            }
        }
    }

    fn dns(&mut self, dns: &Dns) {
        if dns.servers.len() > Dns::SERVERS_MAX {
            let message = format!("{} servers", dns.servers.len());
            self.complain(&[("dns", "servers")], message, format!("at most {}", Dns::SERVERS_MAX));
        }
        if let Some(server) = dns.servers.iter().find(|server| server.ip().is_unspecified() || server.port() == 0) {
            let help = "expected an address with its port, such as 192.0.2.53:53";
            self.complain(&[("dns", "servers")], format!("{server} cannot be asked"), help);
        }
        self.range(("dns", "timeout_ms"), dns.timeout_ms, 100, 5_000, " milliseconds");
        self.range(("dns", "ttl_min_s"), dns.ttl_min_s, 1, 300, " seconds");
        let least = dns.ttl_min_s.min(300);
        self.range(("dns", "ttl_max_s"), dns.ttl_max_s, least, 86_400, " seconds");
        self.range(("dns", "negative_ttl_s"), dns.negative_ttl_s, least, 3_600, " seconds");
    }

    fn carriers(&mut self, carriers: &Carriers) {
        self.range(("carriers", "response_timeout_s"), carriers.response_timeout_s, 1, 60, " seconds");
        if carriers.options_interval_s != 0 {
            let help = " seconds, or 0 for none";
            self.range(("carriers", "options_interval_s"), carriers.options_interval_s, 5, 3_600, help);
        }
        self.range(("carriers", "failures_max"), carriers.failures_max, 1, 100, " failures");
        self.range(("carriers", "rest_s"), carriers.rest_s, 1, 3_600, " seconds");
    }

    fn ledger(&mut self, ledger: &Ledger) {
        self.range(("ledger", "group_ms"), ledger.group_ms(), 1, 1_000, " milliseconds");
        self.range(("ledger", "group_batches"), ledger.group_batches, 1, 100_000, " batches");
        self.range(("ledger", "keep_days"), ledger.keep_days, 0, 3_650, " days");
        if ledger.engine == LedgerEngine::Redis && ledger.url.is_none() {
            self.complain(
                &[("ledger", "url"), ("ledger", "engine")],
                "not set, and ledger.engine is \"redis\"",
                "name the server, such as url = \"redis://127.0.0.1:6379\"",
            );
        }
        let (certificate, key) = (&ledger.certificate_file, &ledger.key_file);
        if certificate.is_some() != key.is_some() {
            let names = ["certificate_file", "key_file"];
            let [given, missing] = if certificate.is_some() { names } else { [names[1], names[0]] };
            self.complain(
                &[("ledger", missing), ("ledger", given)],
                format!("not set, and ledger.{given} is"),
                "name both, for Redis servers that want a certificate, or neither",
            );
        }
    }

    fn http(&mut self, http: &Http) {
        self.range(("http", "workers"), http.workers, 1, 64, " threads");
        self.range(("http", "body_bytes_max"), http.body_bytes_max, 1_024, 1 << 30, " bytes");
    }

    /// What only several sections together can get wrong.
    fn together(&mut self, settings: &Settings) {
        let Settings { sip, media, http, calls, .. } = settings;
        let needed = sip.calls_max.saturating_mul(Media::PORTS_PER_CALL);
        if needed > media.ports() {
            self.complain(
                &[("sip", "calls_max"), ("media", "ports_max"), ("media", "port_max"), ("media", "port_min")],
                format!("{} calls need {needed} RTP ports, and [media] permits {}", sip.calls_max, media.ports()),
                format!("permit {} calls at most, or more ports", media.ports() / Media::PORTS_PER_CALL),
            );
        }
        self.listeners_apart(settings);
        self.reachable(settings);
        for address in &sip.listen {
            let (port, ip) = (address.port(), address.ip());
            let mut sound = std::iter::once(media.address).chain(media.second_address);
            if (media.port_min..=media.port_max).contains(&port) && sound.any(|address| share(ip, address)) {
                self.complain(
                    &[("sip", "listen"), ("media", "port_min"), ("media", "port_max")],
                    format!("{address} is among the RTP ports, {} to {}", media.port_min, media.port_max),
                    "choose a port or a range so that they are apart",
                );
            }
            if port != 0 && port == http.listen.port() && share(ip, http.listen.ip()) {
                self.complain(
                    &[("http", "listen"), ("sip", "listen")],
                    format!("{} is taken by sip.listen", http.listen),
                    "choose another port: SIP listens on TCP too",
                );
            }
        }
        if calls.carrier_progress_timeout_s >= calls.ring_timeout_s {
            self.complain(
                &[("calls", "carrier_progress_timeout_s"), ("calls", "ring_timeout_s")],
                format!("{} is not below ring_timeout_s, {}", calls.carrier_progress_timeout_s, calls.ring_timeout_s),
                "a carrier must be given up before the call is, or the next one is never tried",
            );
        }
    }

    /// What is told to who comes from the internet must be reachable from there.
    fn reachable(&mut self, settings: &Settings) {
        let Settings { sip, tls, websocket, media, .. } = settings;
        let all = sip.listen.iter().chain(&tls.listen).chain(&websocket.listen).chain(&websocket.secure_listen);
        let mut publics = all.map(SocketAddr::ip).filter(|ip| unroutable(*ip).is_none());
        let Some(public) = publics.next() else { return };
        if let Some(second) = media.second_advertised_address.or(media.second_address)
            && let Some(listened) = std::iter::once(public).chain(publics).find(|ip| ip.is_ipv4() == second.is_ipv4())
            && let Some(why) = unreachable(listened, second)
        {
            let key =
                if media.second_advertised_address.is_some() { "second_advertised_address" } else { "second_address" };
            let help =
                format!("set media.second_address to {listened}, or media.second_advertised_address to a public one");
            self.complain(&[("media", key), ("sip", "listen")], format!("SDP would name it, but {why}"), help);
        }
        if let Some(advertised) = sip.advertised_address
            && let Some(why) = unreachable(public, advertised)
        {
            let help =
                format!("name the public address that peers send to, or leave it out: they are told {public} then");
            self.complain(&[("sip", "advertised_address")], why, help);
        }
        let key = if media.advertised_address.is_some() { "advertised_address" } else { "address" };
        if let Some(why) = unreachable(public, media.advertised_address.unwrap_or(media.address)) {
            let help = format!(
                "set media.address to {public}, or media.advertised_address to the public address of this machine"
            );
            self.complain(&[("media", key), ("sip", "listen")], format!("SDP would name it, but {why}"), help);
        }
    }

    /// Two listeners cannot have one TCP port.
    fn listeners_apart(&mut self, settings: &Settings) {
        let Settings { sip, tls, websocket, http, .. } = settings;
        let lists: [(Key, &[SocketAddr]); 5] = [
            (("sip", "listen"), &sip.listen),
            (("tls", "listen"), &tls.listen),
            (("websocket", "listen"), &websocket.listen),
            (("websocket", "secure_listen"), &websocket.secure_listen),
            (("http", "listen"), std::slice::from_ref(&http.listen)),
        ];
        for (index, (key, addresses)) in lists.iter().enumerate().skip(1) {
            for address in *addresses {
                let in_the_way = |other: &SocketAddr| other.port() == address.port() && share(other.ip(), address.ip());
                // What stands in one list twice was told before; SIP and HTTP are told together below.
                let earlier = lists[..index].iter().filter(|(other, _)| (other.0, key.0) != ("sip", "http"));
                for (other, _) in earlier.filter(|(_, others)| address.port() != 0 && others.iter().any(in_the_way)) {
                    let message = format!("{address} is taken by {}.{}", other.0, other.1);
                    self.complain(&[*key, *other], message, "choose another port: each transport has its own");
                }
            }
        }
    }

    fn advertisable(&mut self, key: Key, address: Option<IpAddr>) {
        if let Some(address) = address.filter(|address| address.is_unspecified() || address.is_multicast()) {
            let message = format!("{address} is no address that peers can send to");
            self.complain(&[key], message, "expected the one that they see, such as 192.0.2.1");
        }
    }
}

/// Whether two sockets on these addresses with one port are in each other's way.
fn share(one: IpAddr, other: IpAddr) -> bool {
    one == other || one.is_unspecified() || other.is_unspecified()
}
