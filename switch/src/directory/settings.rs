//! The time limits of calls, with the reason of each default. Where they are set is `config`.

use std::time::Duration;

/// Time limits and leases of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallSettings {
    /// How long a call may ring, from the first 18x.
    pub ring_timeout: Duration,
    /// How long a call may be talked.
    pub max_duration: Duration,
    /// How long a carrier may take to its first 18x before the next one is tried.
    pub carrier_progress_timeout: Duration,
    /// For how long channels and credit are held ahead; extended while the call lives (design 5).
    pub channel_lease: Duration,
    /// How often leases are extended; well below the lease.
    pub lease_extension_interval: Duration,
    /// How long the ledger may take to grant a reservation before the call is refused with `ledger_unavailable`.
    pub reservation_timeout: Duration,
    /// How long the end of an answered call waits for the packet counts; zero for not at all.
    pub media_report_timeout: Duration,
    /// What `Retry-After` says where the ledger does not answer, in seconds.
    pub retry_after_s: u32,
}

impl Default for CallSettings {
    fn default() -> Self {
        CallSettings {
            // Longer than voice mail takes to pick up, shorter than RFC 3261's timer C of three minutes.
            ring_timeout: Duration::from_secs(120),
            max_duration: Duration::from_secs(4 * 3_600),
            carrier_progress_timeout: Duration::from_secs(6),
            channel_lease: Duration::from_secs(60),
            lease_extension_interval: Duration::from_secs(20),
            // A PBX waits 32 s (64*T1) in the worst case, and a person hears nothing in the meantime.
            reservation_timeout: Duration::from_secs(3),
            media_report_timeout: Duration::from_millis(250),
            retry_after_s: 5,
        }
    }
}
