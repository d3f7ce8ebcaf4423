//! Calls and carriers.
//!
//! Sound and money do not live here.

use crate::error::Error;
use crate::families::{Counters, Counts, Gauges, Histograms, Maker, key, metadata};
use crate::labels::{CARRIERS_MAX, CallState, FinalCode, Label, RequestOutcome};
use crate::telemetry::Telemetry;
use arc_swap::ArcSwap;
use domain::ReleaseCause;
use domain::call_record::CallDirection;
use domain::fact::AttemptResult;
use metrics::{Counter, Gauge, Histogram, Recorder};
use metrics_exporter_prometheus::PrometheusRecorder;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Calls now, by direction and state.
pub type CallsActive = Counts<(CallDirection, CallState)>;

/// How full the node is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capacity {
    /// Channels now taken.
    pub channels_in_use: u64,
    /// Channels of all profiles.
    pub channels_subscribed: u64,
    /// Channels that the node accepts.
    pub channel_capacity: u64,
    /// Calls per second that the node accepts.
    pub calls_per_second_max: u64,
}

pub(crate) struct CallHandles {
    attempts: Counters<(CallDirection,)>,
    answered: Counters<(CallDirection,)>,
    ended: Counters<(CallDirection, ReleaseCause)>,
    final_responses: Counters<(CallDirection, FinalCode)>,
    completed: Counters<(CallDirection,)>,
    active: Gauges<(CallDirection, CallState)>,
    request_delay: Histograms<(CallDirection, RequestOutcome)>,
    post_dial_delay: Histograms<(CallDirection,)>,
    disconnect_delay: Histograms<(CallDirection,)>,
    duration: Histograms<(CallDirection,)>,
    admission: Histograms<(CallDirection,)>,
    channels_in_use: Gauges<()>,
    channels_subscribed: Gauges<()>,
    channel_capacity: Gauges<()>,
    call_rate_limit: Gauges<()>,
    carriers: ArcSwap<BTreeMap<Arc<str>, CarrierHandles>>,
    other_carrier: CarrierHandles,
}

#[derive(Clone)]
struct CarrierHandles {
    attempts: Arc<[Counter]>,
    post_dial_delay: Histogram,
    channels: Gauge,
    channel_limit: Gauge,
    up: Gauge,
    registered: Gauge,
    round_trip: Histogram,
}

/// How a carrier stands, for its gauges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CarrierStanding {
    /// Whether it takes calls.
    pub is_up: bool,
    /// Whether it keeps our Contact, or wants none.
    pub is_registered: bool,
    /// How many calls it takes at one time; none for no limit.
    pub limit: Option<u32>,
}

impl CarrierHandles {
    const NAMES: [&'static str; 7] = [
        "tandem_carrier_post_dial_delay_seconds",
        "tandem_carrier_channels_in_use",
        "tandem_carrier_attempts_total",
        "tandem_carrier_channel_limit",
        "tandem_carrier_up",
        "tandem_carrier_options_rtt_seconds",
        "tandem_carrier_registered",
    ];

    fn make(recorder: &PrometheusRecorder, carrier: &str) -> Self {
        let labels = || vec![("carrier", carrier.to_owned())];
        let [delay, channels, attempts, channel_limit, up, round_trip, registered] = Self::NAMES;
        let attempt = |result: &&str| {
            let labels = vec![("carrier", carrier.to_owned()), ("result", (*result).to_owned())];
            let counter = recorder.register_counter(&key(attempts, labels), metadata());
            counter.absolute(0);
            counter
        };
        let channels = recorder.register_gauge(&key(channels, labels()), metadata());
        channels.set(0.0);
        let channel_limit = recorder.register_gauge(&key(channel_limit, labels()), metadata());
        channel_limit.set(0.0);
        let up = recorder.register_gauge(&key(up, labels()), metadata());
        // Until it is read for the first time, within seconds of the start.
        up.set(0.0);
        let registered = recorder.register_gauge(&key(registered, labels()), metadata());
        registered.set(0.0);
        Self {
            channel_limit,
            up,
            registered,
            round_trip: recorder.register_histogram(&key(round_trip, labels()), metadata()),
            attempts: AttemptResult::VALUES.iter().map(attempt).collect(),
            post_dial_delay: recorder.register_histogram(&key(delay, labels()), metadata()),
            channels,
        }
    }
}

impl CallHandles {
    pub(crate) fn make(maker: &mut Maker<'_>, recorder: &PrometheusRecorder) -> Result<Self, Error> {
        maker.noted(&CarrierHandles::NAMES);
        Ok(Self {
            attempts: maker.counters("tandem_call_attempts_total")?,
            answered: maker.counters("tandem_calls_answered_total")?,
            ended: maker.counters("tandem_calls_ended_total")?,
            final_responses: maker.counters("tandem_call_final_responses_total")?,
            completed: maker.counters("tandem_calls_completed_total")?,
            active: maker.gauges("tandem_calls_active")?,
            request_delay: maker.histograms("tandem_session_request_delay_seconds")?,
            post_dial_delay: maker.histograms("tandem_post_dial_delay_seconds")?,
            disconnect_delay: maker.histograms("tandem_session_disconnect_delay_seconds")?,
            duration: maker.histograms("tandem_session_duration_seconds")?,
            admission: maker.histograms("tandem_call_admission_seconds")?,
            channels_in_use: maker.gauges("tandem_channels_in_use")?,
            channels_subscribed: maker.gauges("tandem_channels_subscribed")?,
            channel_capacity: maker.gauges("tandem_channel_capacity")?,
            call_rate_limit: maker.gauges("tandem_call_rate_limit")?,
            carriers: ArcSwap::default(),
            other_carrier: CarrierHandles::make(recorder, "other"),
        })
    }

    pub(crate) fn on_attempted(&self, direction: CallDirection) {
        self.attempts.at((direction,)).increment(1);
    }

    pub(crate) fn on_progressed(&self, direction: CallDirection, successful: bool, ringing: bool, after: Duration) {
        let outcome = if successful { RequestOutcome::Successful } else { RequestOutcome::Failed };
        self.request_delay.at((direction, outcome)).record(after.as_secs_f64());
        if ringing {
            self.post_dial_delay.at((direction,)).record(after.as_secs_f64());
        }
    }

    pub(crate) fn on_admitted(&self, direction: CallDirection, after: Duration) {
        self.admission.at((direction,)).record(after.as_secs_f64());
    }

    pub(crate) fn on_disconnected(&self, direction: CallDirection, after: Duration) {
        self.disconnect_delay.at((direction,)).record(after.as_secs_f64());
    }

    pub(crate) fn on_answered(&self, direction: CallDirection) {
        self.answered.at((direction,)).increment(1);
    }

    pub(crate) fn on_ended(
        &self,
        direction: CallDirection,
        cause: ReleaseCause,
        status: u16,
        talked: Option<Duration>,
    ) {
        self.ended.at((direction, cause)).increment(1);
        self.final_responses.at((direction, FinalCode::of(status))).increment(1);
        if let Some(talked) = talked {
            self.duration.at((direction,)).record(talked.as_secs_f64());
            if is_orderly(cause) {
                self.completed.at((direction,)).increment(1);
            }
        }
    }

    pub(crate) fn on_carrier_attempted(&self, carrier: &str, result: AttemptResult, delay: Option<Duration>) {
        let carriers = self.carriers.load();
        let handles = carriers.get(carrier).unwrap_or(&self.other_carrier);
        handles.attempts[result.index()].increment(1);
        if let Some(delay) = delay {
            handles.post_dial_delay.record(delay.as_secs_f64());
        }
    }

    pub(crate) fn on_carrier_probed(&self, carrier: &str, round_trip: Duration) {
        let carriers = self.carriers.load();
        carriers.get(carrier).unwrap_or(&self.other_carrier).round_trip.record(round_trip.as_secs_f64());
    }
}

/// Whether an answered call that ended so did what it should (RFC 6076 4.9: completed).
const fn is_orderly(cause: ReleaseCause) -> bool {
    matches!(
        cause,
        ReleaseCause::Normal
            | ReleaseCause::CreditExhausted
            | ReleaseCause::MaxDuration
            | ReleaseCause::HungUpByOperator
    )
}

impl Telemetry {
    /// Gives configured carriers labels of their own, in this order, up to [`CARRIERS_MAX`] over the life of the process;
    /// the rest share `other`. A carrier keeps its label when it leaves the configuration. Call it at every load.
    pub fn set_carriers<'a>(&self, names: impl IntoIterator<Item = &'a str>) {
        let names: Vec<&str> = names.into_iter().collect();
        // `rcu`: should two loads race, neither loses the other's carriers.
        self.calls.carriers.rcu(|known| {
            let mut carriers = BTreeMap::clone(known);
            for name in &names {
                if carriers.len() < CARRIERS_MAX && *name != "other" && !carriers.contains_key(*name) {
                    carriers.insert(Arc::from(*name), CarrierHandles::make(&self.recorder, name));
                }
            }
            carriers
        });
    }

    /// Calls now on each carrier; carriers without a label of their own are summed under `other`, and those that are not
    /// named have none.
    pub fn set_carrier_channels<'a>(&self, in_use: impl IntoIterator<Item = (&'a str, u64)>) {
        let carriers = self.calls.carriers.load();
        let mut numbers: BTreeMap<&str, u64> = carriers.keys().map(|name| (&**name, 0)).collect();
        let mut other = 0;
        for (name, channels) in in_use {
            *numbers.get_mut(name).unwrap_or(&mut other) += channels;
        }
        for (handles, number) in carriers.values().zip(numbers.values()) {
            handles.channels.set(*number as f64);
        }
        self.calls.other_carrier.channels.set(other as f64);
    }

    /// How each carrier stands. Carriers without a label of their own share `other`: up and registered where all of them are, their limits
    /// summed. One that is not named any more counts as up and registered, so that nobody is called out of bed for it.
    pub fn set_carrier_standings<'a>(&self, standings: impl IntoIterator<Item = (&'a str, CarrierStanding)>) {
        const GONE: (bool, bool, u64) = (true, true, 0);
        let carriers = self.calls.carriers.load();
        let mut known: BTreeMap<&str, (bool, bool, u64)> = carriers.keys().map(|name| (&**name, GONE)).collect();
        let mut other = GONE;
        for (name, standing) in standings {
            let (all_up, all_registered, sum) = known.get_mut(name).unwrap_or(&mut other);
            *all_up &= standing.is_up;
            *all_registered &= standing.is_registered;
            *sum += u64::from(standing.limit.unwrap_or_default());
        }
        let others = std::iter::once((&self.calls.other_carrier, &other));
        for (handles, (is_up, is_registered, limit)) in carriers.values().zip(known.values()).chain(others) {
            handles.up.set(f64::from(u8::from(*is_up)));
            handles.registered.set(f64::from(u8::from(*is_registered)));
            handles.channel_limit.set(*limit as f64);
        }
    }

    /// Calls now, by direction and state.
    pub fn set_calls_active(&self, calls: &CallsActive) {
        self.calls.active.set_all(calls);
    }

    /// How full the node is.
    pub fn set_capacity(&self, capacity: Capacity) {
        self.calls.channels_in_use.at(()).set(capacity.channels_in_use as f64);
        self.calls.channels_subscribed.at(()).set(capacity.channels_subscribed as f64);
        self.calls.channel_capacity.at(()).set(capacity.channel_capacity as f64);
        self.calls.call_rate_limit.at(()).set(capacity.calls_per_second_max as f64);
    }
}
