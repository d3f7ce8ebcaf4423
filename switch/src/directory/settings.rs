//! The time limits of calls, with the reason of each default. Where they are set is `config`.

use super::statuses::Statuses;
use domain::WarnBefore;
use domain::media::Families;
use std::time::Duration;

/// In which order carriers are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RouteOrder {
    /// The longest prefix first, then by priority and weight; the price decides between those that are equal.
    #[default]
    Priority,
    /// The cheapest first (least cost routing), then by priority and weight; those without a price last.
    Price,
}

/// Time limits and leases of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallSettings {
    /// How long a call may ring, from the first 18x.
    pub ring_timeout: Duration,
    /// How long a call may be talked.
    pub max_duration: Duration,
    /// In which order carriers are tried.
    pub route_order: RouteOrder,
    /// Whether carriers may be used that cost more than the call is sold for.
    pub loss_allowed: bool,
    /// How long a carrier may take to its first response, a 100 included, before the next one is tried.
    pub carrier_response_timeout: Duration,
    /// After how many failures in a row, calls and OPTIONS, a carrier is down; at least 1.
    pub carrier_failures_max: u32,
    /// How long a carrier that went down is left alone before it is tried again; doubled each time, up to eight times this.
    pub carrier_rest: Duration,
    /// How long a carrier may take to its first 18x before the next one is tried.
    pub carrier_progress_timeout: Duration,
    /// For how long channels and credit are held ahead; extended while the call lives (design 5).
    pub channel_lease: Duration,
    /// The statuses after which the next carrier is tried, before any 18x (O1); carriers can differ.
    pub failover: Statuses,
    /// The status that refuses emergency calls (O3, D-20).
    pub emergency_status: u16,
    /// How long the ledger may take to grant a reservation before the call is refused with `ledger_unavailable`.
    pub reservation_timeout: Duration,
    /// How long the end of an answered call waits for the packet counts; zero for not at all.
    pub media_report_timeout: Duration,
    /// What `Retry-After` says where the ledger does not answer, in seconds.
    pub retry_after_s: u32,
    /// Whether a trunk that requires SRTP takes and sends keys over encrypted signalling only.
    pub srtp_needs_tls: bool,
    /// When callers are warned before their credit ends, where their profile does not say.
    pub warn_before: WarnBefore,
    /// Which versions of IP this node has addresses of for sound.
    pub media_families: Families,
}

impl Default for CallSettings {
    fn default() -> Self {
        CallSettings {
            // RFC 3261's timer C.
            ring_timeout: Duration::from_secs(180),
            max_duration: Duration::from_secs(4 * 3_600),
            route_order: RouteOrder::Priority,
            loss_allowed: false,
            // Eight times T1 and change: three INVITEs were lost on the way (RFC 3261 17.1.1.2).
            carrier_response_timeout: Duration::from_secs(4),
            carrier_failures_max: 3,
            carrier_rest: Duration::from_secs(30),
            carrier_progress_timeout: Duration::from_secs(6),
            channel_lease: Duration::from_secs(60),
            failover: Statuses::none().with_class(5).with(408),
            emergency_status: 503,
            // A PBX waits 32 s (64*T1) in the worst case, and a person hears nothing in the meantime.
            reservation_timeout: Duration::from_secs(3),
            media_report_timeout: Duration::from_millis(250),
            retry_after_s: 5,
            // Who reads the signalling reads the keys (RFC 4568 1).
            srtp_needs_tls: true,
            warn_before: WarnBefore::USUAL,
            media_families: Families::BOTH,
        }
    }
}

impl CallSettings {
    /// How often leases are extended: three times within a lease, so every 20 s by default (design 5).
    pub fn lease_extension_interval(&self) -> Duration {
        self.channel_lease / 3
    }
}
