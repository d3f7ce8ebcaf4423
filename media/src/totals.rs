//! Process-wide figures for the metrics: one snapshot over all threads.
//!
//! Names and labels of metrics are `telemetry`'s.

use crate::words::{BySide, Discarded, Side};

/// What all sessions did since the start, and what is open now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaTotals {
    /// Open relays (`tandem_media_sessions{mode="relay"}`).
    pub sessions_relay: u64,
    /// Open echoes (`tandem_media_sessions{mode="local"}`).
    pub sessions_echo: u64,
    /// UDP ports that sessions hold, RTP and RTCP (`tandem_media_ports_in_use`).
    pub ports_in_use: u64,
    /// UDP ports of the range (`tandem_media_port_limit`).
    pub port_limit: u64,
    /// Sessions opened since the start.
    pub sessions_opened: u64,
    /// Sessions refused since the start, for whatever reason.
    pub sessions_refused: u64,
    /// Packets and bytes per side.
    pub sides: BySide<SideTotals>,
    /// Datagrams that went nowhere (`tandem_rtp_packets_discarded_total`).
    pub discarded: Discarded,
    /// Quality samples that were dropped because nobody drained them.
    pub samples_dropped: u64,
}

/// What one side of all sessions did since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SideTotals {
    /// RTP packets from the side (`tandem_rtp_packets_total{flow="rx"}`).
    pub packets_received: u64,
    /// RTP packets to the side (`flow="tx"`).
    pub packets_sent: u64,
    /// RTP bytes from the side, header included (`tandem_rtp_bytes_total`).
    pub bytes_received: u64,
    /// RTP bytes to the side.
    pub bytes_sent: u64,
    /// RTP packets missing by sequence number (`tandem_rtp_packets_lost_total`); grows as intervals and sessions end.
    pub packets_lost: u64,
    /// Sessions that heard nothing from the side for the silence timeout (`tandem_media_timeouts_total`).
    pub timeouts: u64,
    /// Answered sessions in which this side sent nothing while the other did (`tandem_media_one_way_calls_total`).
    pub one_way_calls: u64,
}

/// How one stream went over one interval of five seconds, or over the rest at the end (`tandem_rtp_jitter_seconds`,
/// `tandem_rtp_loss_ratio`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QualitySample {
    /// Who sent the stream.
    pub side: Side,
    /// Interarrival jitter at the interval's end, in microseconds.
    pub jitter_us: u32,
    /// Packets that should have come, by sequence number; at least 1.
    pub packets_expected: u32,
    /// Packets of these that did not come; at most `packets_expected`.
    pub packets_lost: u32,
}

/// Quality samples that may wait to be drained: 5,000 relays give 2,000 a second, so that a scrape every 15 s finds all.
pub const SAMPLES_MAX: usize = 32_768;
