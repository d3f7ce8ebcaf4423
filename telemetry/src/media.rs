//! Sound: totals handed over by the media threads, and the quality of streams.
//!
//! Packets do not live here.

use crate::error::Error;
use crate::families::{Counters, Counts, Gauges, Histograms, Maker};
use crate::labels::{Discarded, MediaMode};
use crate::telemetry::Telemetry;
use domain::fact::{Flow, Side};
use std::time::Duration;

/// What the media threads have counted since they began, and what they hold now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaTotals {
    /// RTP packets.
    pub packets: Counts<(Side, Flow)>,
    /// RTP bytes, headers included.
    pub bytes: Counts<(Side, Flow)>,
    /// RTP packets missing by sequence number.
    pub lost: Counts<(Side,)>,
    /// Sessions that heard nothing from the side for too long.
    pub timeouts: Counts<(Side,)>,
    /// Answered sessions in which the side sent nothing while the other did.
    pub one_way_calls: Counts<(Side,)>,
    /// Datagrams not passed on.
    pub discarded: Counts<(Discarded,)>,
    /// Sessions now.
    pub sessions: Counts<(MediaMode,)>,
    /// UDP ports now taken.
    pub ports_in_use: u64,
    /// UDP ports in the range.
    pub port_limit: u64,
}

pub(crate) struct MediaHandles {
    packets: Counters<(Side, Flow)>,
    bytes: Counters<(Side, Flow)>,
    lost: Counters<(Side,)>,
    discarded: Counters<(Discarded,)>,
    sessions: Gauges<(MediaMode,)>,
    ports_in_use: Gauges<()>,
    port_limit: Gauges<()>,
    jitter: Histograms<(Side,)>,
    loss: Histograms<(Side,)>,
    one_way: Counters<(Side,)>,
    timeouts: Counters<(Side,)>,
    keys_in_clear: Counters<(Side,)>,
}

impl MediaHandles {
    pub(crate) fn make(maker: &mut Maker<'_>) -> Result<Self, Error> {
        Ok(Self {
            packets: maker.counters("tandem_rtp_packets_total")?,
            bytes: maker.counters("tandem_rtp_bytes_total")?,
            lost: maker.counters("tandem_rtp_packets_lost_total")?,
            discarded: maker.counters("tandem_rtp_packets_discarded_total")?,
            sessions: maker.gauges("tandem_media_sessions")?,
            ports_in_use: maker.gauges("tandem_media_ports_in_use")?,
            port_limit: maker.gauges("tandem_media_port_limit")?,
            jitter: maker.histograms("tandem_rtp_jitter_seconds")?,
            loss: maker.histograms("tandem_rtp_loss_ratio")?,
            one_way: maker.counters("tandem_media_one_way_calls_total")?,
            timeouts: maker.counters("tandem_media_timeouts_total")?,
            keys_in_clear: maker.counters("tandem_srtp_keys_in_clear_total")?,
        })
    }

    pub(crate) fn on_keys_in_clear(&self, side: Side) {
        self.keys_in_clear.at((side,)).increment(1);
    }
}

impl Telemetry {
    /// Takes over what the media threads have counted, summed over all of them.
    pub fn set_media(&self, totals: &MediaTotals) {
        self.media.packets.absolute(&totals.packets);
        self.media.bytes.absolute(&totals.bytes);
        self.media.lost.absolute(&totals.lost);
        self.media.discarded.absolute(&totals.discarded);
        self.media.timeouts.absolute(&totals.timeouts);
        self.media.one_way.absolute(&totals.one_way_calls);
        self.media.sessions.set_all(&totals.sessions);
        self.media.ports_in_use.at(()).set(totals.ports_in_use as f64);
        self.media.port_limit.at(()).set(totals.port_limit as f64);
    }

    /// The jitter of a stream, and how many of its packets should have come and did not, over an interval or its rest.
    pub fn observe_stream(&self, side: Side, jitter: Duration, expected: u64, lost: u64) {
        self.media.jitter.at((side,)).record(jitter.as_secs_f64());
        if expected > 0 {
            self.media.loss.at((side,)).record(lost as f64 / expected as f64);
        }
    }
}
