//! What the settings mean to each room: `config` speaks to people, the rooms have words of their own.

use actors::call::{MediaAddress, MediaAddresses};
use actors::desk::NodeRules;
use actors::{
    ClientCertificates, DnsSettings, ExchangeSettings, NodeLimits, Patience, SessionTimers, StreamSettings, TlsSettings,
};
use config::{
    DigestAlgorithm, EchoNumber, EmergencyNumbers, MediaLearning, Secrets, Settings, StatusPattern, TlsVersion,
};
use domain::{Micros, WarnBefore};
use media::{BySide, Learning, MediaSettings, PortRange};
use sip::digest::Algorithm;
use sip::endpoint::Transport;
use sip::transaction::Timing;
use std::sync::Arc;
use std::time::Duration;
use switch::directory::{CallSettings, Country, CountryPlan, RouteOrder, Statuses};
use switch::fraud::BreakerLimits;
use switch::overload::Limits;
use switch::registration::Expiries;

/// Of the descriptors that the process may open, one in this many may be a socket that is only kept for a later call.
const OPEN_FILES_PER_KEPT: u64 = 4;

/// Seconds that a registration over a connection ends before the connection would be closed for its silence.
const STREAM_REFRESH_MARGIN_S: u32 = 60;

/// What the switch is told; `open_files` is how many descriptors the process may open.
pub(super) fn of_exchange(settings: &Settings, secrets: &Secrets, open_files: u64) -> ExchangeSettings {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let shards = match settings.node.shards {
        0 => u16::try_from(cores).unwrap_or(u16::MAX),
        shards => shards,
    };
    let milliseconds = |value: u32| Duration::from_millis(value.into());
    let sip = &settings.sip;
    ExchangeSettings {
        breakers: breakers(&settings.fraud),
        shards: shards.min(config::Node::SHARDS_MAX),
        listen: sip.listen.clone(),
        advertised: sip.advertised_address,
        host: sip.domain.as_ref().map(|host| host.as_str().to_owned()),
        realm: sip.realm.clone(),
        digest_algorithms: sip.digest_algorithms.iter().map(|algorithm| algorithm_of(*algorithm)).collect(),
        user_agent: sip.user_agent.clone(),
        timing: Timing { t1: milliseconds(sip.t1_ms), t2: milliseconds(sip.t2_ms), t4: milliseconds(sip.t4_ms) },
        datagram_bytes_max: sip.datagram_bytes_max as usize,
        session: SessionTimers { expires_s: sip.session_expires_s, min_se_s: sip.session_expires_min_s },
        limits: Limits { calls_per_second: sip.calls_per_second_max, calls_max: sip.calls_max },
        guard: guard(settings),
        transactions_max: sip.transactions_max as usize,
        connections_max: sip.connections_max as usize,
        connections_per_source_max: sip.connections_per_source_max as usize,
        streams: streams(settings),
        node_limits: NodeLimits {
            mailbox_call_max: settings.node.mailbox_call_max,
            mailbox_profile_max: settings.node.mailbox_profile_max,
            mailbox_shard_max: settings.node.mailbox_shard_max,
            bindings_max: settings.registration.bindings_max as usize,
            attempts_per_profile: settings.limits.attempts_per_profile.into(),
            attempts_of_strangers: settings.limits.attempts_of_strangers as usize,
            patience: Patience {
                idle: Duration::from_secs(sip.connection_idle_timeout_s.into()),
                handshake: Duration::from_secs(sip.connection_handshake_timeout_s.into()),
                first_message: Duration::from_secs(sip.connection_first_message_timeout_s.into()),
                partial_message: Duration::from_secs(sip.connection_partial_message_timeout_s.into()),
                write: Duration::from_secs(sip.connection_write_timeout_s.into()),
            },
            expiries: Expiries {
                behind_nat_max_s: settings.registration.expires_nat_max_s,
                direct_max_s: settings.registration.expires_direct_max_s,
                // Below the silence after which the connection would be closed.
                stream_max_s: sip
                    .connection_idle_timeout_s
                    .saturating_sub(STREAM_REFRESH_MARGIN_S)
                    .max(settings.registration.expires_min_s),
                min_s: settings.registration.expires_min_s,
                probe_every: match settings.registration.keep_alive_s {
                    0 => None,
                    seconds => Some(Duration::from_secs(seconds.into())),
                },
            },
        },
        nonce_lifetime: Duration::from_secs(sip.nonce_lifetime_s.into()),
        nonce_key: secrets.nonce_key.as_ref().map(|key| sip::digest::Ha1::new("", "", key.expose()).sha256),
        media: media(settings, cores, open_files),
        media_addresses: media_addresses(settings),
        dns: dns(settings),
        rules: NodeRules {
            calls: calls(settings),
            echo_codes: settings.calls.echo.iter().map(echo_code).collect(),
            countries: countries(settings),
            listeners: Vec::new(),
            options_every: (settings.carriers.options_interval_s > 0)
                .then(|| Duration::from_secs(settings.carriers.options_interval_s.into())),
            tls_listeners: Vec::new(),
            asks_for_certificates: false,
            whereabouts: Arc::default(),
            profile_calls_per_second: Some(settings.limits.calls_per_second_per_profile).filter(|limit| *limit > 0),
        },
    }
}

/// When strangers are slowed and banned. Who has proven a password is known for an hour longer than he can stay registered, or a call
/// of his can last.
fn guard(settings: &Settings) -> switch::guard::Rules {
    let Settings { guard, registration, calls, sip, .. } = settings;
    let seconds = |value: u32| Duration::from_secs(value.into());
    let longest_s = [
        registration.expires_nat_max_s,
        registration.expires_direct_max_s,
        sip.connection_idle_timeout_s,
        calls.max_duration_s,
    ];
    let longest_s = longest_s.into_iter().max().unwrap_or_default();
    switch::guard::Rules {
        failures_max: guard.failures_max,
        window: seconds(guard.window_s),
        ban: seconds(guard.ban_s),
        ban_max: seconds(guard.ban_max_s),
        answers_per_second: guard.answers_per_second_max,
        proven_for: seconds(longest_s) + PROVEN_MARGIN,
        trusted: guard.trusted.iter().map(|network| network.0).collect(),
    }
}

/// How much longer than its registration or call a source is known.
const PROVEN_MARGIN: Duration = Duration::from_secs(3_600);

/// TLS and WebSockets.
fn streams(settings: &Settings) -> StreamSettings {
    let Settings { tls, websocket, .. } = settings;
    let lists =
        [(Transport::Tls, &tls.listen), (Transport::Ws, &websocket.listen), (Transport::Wss, &websocket.secure_listen)];
    let listen = lists.iter().flat_map(|(transport, addresses)| addresses.iter().map(|address| (*transport, *address)));
    let certificate = tls.certificate_file.as_ref().zip(tls.key_file.as_ref());
    StreamSettings {
        listen: listen.collect(),
        tls: certificate.map(|(certificate, key)| TlsSettings {
            certificate_file: certificate.clone(),
            key_file: key.clone(),
            allows_tls12: tls.version_min == TlsVersion::Tls12,
            client_certificates: match tls.client_certificates {
                config::ClientCertificates::Off => ClientCertificates::Off,
                config::ClientCertificates::Optional => ClientCertificates::Optional,
                config::ClientCertificates::Required => ClientCertificates::Required,
            },
            client_ca_file: tls.client_ca_file.clone(),
            ca_file: tls.ca_file.clone(),
            verifies: tls.verify,
        }),
        origins: websocket.origins.clone(),
    }
}

fn dns(settings: &Settings) -> DnsSettings {
    let dns = &settings.dns;
    let seconds = |value: u32| Duration::from_secs(value.into());
    DnsSettings {
        servers: dns.servers.clone(),
        timeout: Duration::from_millis(dns.timeout_ms.into()),
        ttl_min: seconds(dns.ttl_min_s),
        ttl_max: seconds(dns.ttl_max_s),
        negative_ttl: seconds(dns.negative_ttl_s),
    }
}

/// What the ledger's journal is told.
pub(crate) fn of_journal(settings: &Settings) -> ledger::sqlite::Settings {
    ledger::sqlite::Settings {
        group_after: Duration::from_millis(settings.ledger.group_ms().into()),
        group_batches: settings.ledger.group_batches as usize,
        ..ledger::sqlite::Settings::new(settings.node.data_dir.join(settings.node.journal()))
    }
}

/// How long rows stay in the journal; none where they stay for ever.
pub(crate) fn journal_kept(settings: &Settings) -> Option<Duration> {
    let days = u64::from(settings.ledger.keep_days);
    (days > 0).then(|| Duration::from_secs(days * 24 * 3_600))
}

/// Where the ledger's balances are; none where no server is named.
pub(crate) fn of_redis(settings: &Settings, login: &config::RedisLogin) -> Option<ledger::redis::Server> {
    use config::RedisServers;
    use ledger::redis::Servers;
    let url = settings.ledger.url.as_ref()?;
    let servers = match &url.servers {
        RedisServers::Single { place, database } => Servers::Single { place: place_of(place), database: *database },
        RedisServers::Sentinel { sentinels, service, database } => Servers::Sentinel {
            sentinels: sentinels.iter().map(place_of).collect(),
            service: service.clone(),
            database: *database,
        },
        RedisServers::Cluster { seeds } => Servers::Cluster { seeds: seeds.iter().map(place_of).collect() },
    };
    let tls = login.tls.as_ref().map(|tls| ledger::redis::Tls {
        authorities: tls.authorities.clone(),
        identity: tls.identity.as_ref().map(|(certificate, key)| (certificate.clone(), key.expose().to_owned())),
    });
    let password = login.password.as_ref().map(|password| password.expose().to_owned());
    Some(ledger::redis::Server { servers, user: url.user.clone(), password, tls })
}

fn place_of(place: &config::RedisPlace) -> ledger::redis::Place {
    ledger::redis::Place { host: place.host.clone(), port: place.port }
}

/// What the back office is told.
pub(super) fn of_office(settings: &Settings) -> backoffice::Settings {
    backoffice::Settings {
        realm: settings.sip.realm.clone(),
        domain: settings.sip.domain.as_ref().map(|host| host.as_str().to_owned()),
        channels_max: settings.limits.channels_per_profile,
        webhooks_allow_private: settings.webhooks.allow_private,
        company_breaker: breakers(&settings.fraud).1,
        new_profile_daily_cap: units(settings.fraud.new_profile_daily_cap),
        new_profile_max_rate: Some(settings.fraud.new_profile_max_rate_cents)
            .filter(|cents| *cents > 0)
            .map(|cents| Micros::from_cents(cents.into())),
    }
}

/// An amount in units of a currency; 0 is none.
fn units(amount: u32) -> Option<Micros> {
    Some(amount).filter(|amount| *amount > 0).map(|amount| Micros::from_cents(i64::from(amount) * 100))
}

/// When breakers open: the house's, and a company's.
fn breakers(fraud: &config::Fraud) -> (BreakerLimits, BreakerLimits) {
    let usual = BreakerLimits {
        times_usual: Some(fraud.times_usual).filter(|times| *times > 0),
        usual_from: units(fraud.usual_from).unwrap_or_default(),
        ..BreakerLimits::default()
    };
    let of = |minute, hour| BreakerLimits { per_minute: units(minute), per_hour: units(hour), ..usual };
    (of(fraud.house_per_minute, fraud.house_per_hour), of(fraud.company_per_minute, fraud.company_per_hour))
}

fn algorithm_of(algorithm: DigestAlgorithm) -> Algorithm {
    match algorithm {
        DigestAlgorithm::Md5 => Algorithm::Md5,
        DigestAlgorithm::Sha256 => Algorithm::Sha256,
    }
}

/// Where sound is received: an address of each version of IP at most.
fn media_addresses(settings: &Settings) -> MediaAddresses {
    let media = &settings.media;
    let first = MediaAddress { local: media.address, advertised: media.advertised_address };
    let second = media.second_address.map(|local| MediaAddress { local, advertised: media.second_advertised_address });
    MediaAddresses::new(std::iter::once(first).chain(second))
}

fn media(settings: &Settings, cores: usize, open_files: u64) -> MediaSettings {
    let media = &settings.media;
    let threads = match media.threads {
        0 => cores.div_ceil(2),
        threads => threads.into(),
    };
    // A pair is two sockets.
    let kept_pairs = usize::try_from(open_files / OPEN_FILES_PER_KEPT / 2).unwrap_or(usize::MAX) / threads.max(1);
    MediaSettings {
        // Calls name the address of each side; ports of both are kept for later ones.
        bind_ip: BySide { a: media.address, b: media.second_address.unwrap_or(media.address) },
        ports: PortRange { first: media.port_min, last: media.port_max },
        threads,
        silence_timeout: Duration::from_secs(media.silence_timeout_s.into()),
        learning: match media.learning {
            MediaLearning::Off => Learning::Off,
            MediaLearning::SignallingIp => Learning::SignallingIp,
            MediaLearning::FirstPacket => Learning::FirstPacket,
        },
        sessions_max: (media.ports() / config::Media::PORTS_PER_CALL) as usize,
        recv_buffer: None,
        kept_pairs_max: kept_pairs.min(MediaSettings::KEPT_PAIRS),
    }
}

fn calls(settings: &Settings) -> CallSettings {
    let calls = &settings.calls;
    let seconds = |value: u32| Duration::from_secs(value.into());
    CallSettings {
        ring_timeout: seconds(calls.ring_timeout_s),
        max_duration: seconds(calls.max_duration_s),
        route_order: match settings.carriers.route_order {
            config::RouteOrder::Priority => RouteOrder::Priority,
            config::RouteOrder::Price => RouteOrder::Price,
        },
        loss_allowed: settings.carriers.loss_allowed,
        carrier_response_timeout: seconds(settings.carriers.response_timeout_s),
        carrier_failures_max: settings.carriers.failures_max,
        carrier_rest: seconds(settings.carriers.rest_s),
        carrier_progress_timeout: seconds(calls.carrier_progress_timeout_s),
        channel_lease: seconds(calls.channel_lease_s),
        failover: calls.failover_statuses.patterns().fold(Statuses::none(), |set, pattern| match pattern {
            StatusPattern::Exactly(status) => set.with(status),
            StatusPattern::Class(class) => set.with_class(class),
        }),
        emergency_status: calls.emergency_status,
        // Checked with the settings.
        warn_before: WarnBefore::new(&calls.warn_before_s).unwrap_or_default(),
        srtp_needs_tls: settings.media.srtp_needs_tls,
        media_families: media_addresses(settings).families(),
        ..CallSettings::default()
    }
}

fn echo_code(number: &EchoNumber) -> String {
    match number {
        EchoNumber::ServiceCode(code) => code.clone(),
        EchoNumber::Number(number) => number.to_string(),
    }
}

/// How each country dials, with the numbers that the operator has put in place of ours.
fn countries(settings: &Settings) -> Vec<(Country, CountryPlan)> {
    let numbers = match EmergencyNumbers::shipped() {
        Ok(numbers) => numbers.with_overrides(&settings.calls.emergency_numbers),
        Err(faults) => {
            // A test reads the shipped list; where it is broken all the same, 112 and 911 are known everywhere.
            tracing::error!(faults = %faults.report(), "the list of emergency numbers cannot be read");
            return Vec::new();
        }
    };
    let plan = |country: &config::Country| {
        let plan = CountryPlan {
            calling_code: numbers.calling_code(country.as_str()).unwrap_or_default().to_owned(),
            emergency: numbers.for_country(country.as_str()).to_vec(),
        };
        Some((country.as_str().parse().ok()?, plan))
    };
    numbers.countries().filter_map(|country| plan(&country)).collect()
}
