//! What the run came to, as one value: figures in milliseconds, faults in words, and the verdict.
//!
//! How it looks to people is in `table`.

use crate::crew::Seen;
use crate::figures::Latencies;
use crate::media::{Program, SoundFigures};
use crate::options::Plan;
use crate::schedule::Arrivals;
use crate::tandem::{Books, Ticks};
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

/// A run that is over, before it is put into words.
pub struct Run<'a> {
    /// What was to be done.
    pub plan: &'a Plan,
    /// PBXs.
    pub pbxs: usize,
    /// From the first call to the end of the last.
    pub took: Duration,
    /// How late calls were handed out.
    pub lateness: &'a Latencies,
    /// What everybody saw.
    pub seen: &'a Seen,
    /// What the switch says of charge ticks.
    pub ticks: Option<Ticks>,
    /// Its books.
    pub books: Option<Books>,
}

/// The percentiles of one histogram, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// How many.
    pub count: u64,
    /// Half took this or less.
    pub p50_ms: f64,
    /// 90 %.
    pub p90_ms: f64,
    /// 99 %.
    pub p99_ms: f64,
    /// 99.9 %.
    pub p99_9_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl Percentiles {
    /// Those of a histogram.
    pub fn of(latencies: &Latencies) -> Percentiles {
        let ms = |latency: Duration| latency.as_micros() as f64 / 1e3;
        Percentiles {
            count: latencies.count(),
            p50_ms: ms(latencies.quantile(0.5)),
            p90_ms: ms(latencies.quantile(0.9)),
            p99_ms: ms(latencies.quantile(0.99)),
            p99_9_ms: ms(latencies.quantile(0.999)),
            max_ms: ms(latencies.max()),
        }
    }
}

/// Sound, over all calls.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Rtp {
    /// Packets that PBXs sent.
    pub sent: u64,
    /// Packets that the carrier heard; none where somebody else is the carrier.
    pub heard_by_carrier: Option<u64>,
    /// Packets that PBXs heard.
    pub heard: u64,
    /// Packets missing on the way to the carrier, by their numbers.
    pub missing_there: Option<u64>,
    /// Packets missing on the way to the PBXs, by their numbers.
    pub missing_back: u64,
    /// Packets of PBXs that never came back; none where nobody echoes.
    pub lost_round_trip: Option<u64>,
    /// The same, of 100 that were sent.
    pub lost_round_trip_percent: Option<f64>,
    /// Calls whose PBX heard nothing.
    pub deaf_calls: u64,
    /// Packets of other calls that PBXs heard.
    pub strays: u64,
    /// Streams that the load test had no room for.
    pub refused: u64,
}

/// What the run came to.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The server.
    pub target: String,
    /// PBXs.
    pub pbxs: usize,
    /// Calls a second on schedule.
    pub rate: f64,
    /// `poisson` or `constant`.
    pub arrivals: &'static str,
    /// Seconds in which calls began.
    pub duration_s: f64,
    /// Seconds of talk.
    pub hold_s: f64,
    /// `none`, `echo` or `send`.
    pub media: &'static str,
    /// The schedule's number.
    pub seed: u64,
    /// Seconds from the first call to the end of the last.
    pub took_s: f64,
    /// Registrations that succeeded, and why others did not.
    pub registered: u64,
    /// Why others did not.
    pub unregistered: BTreeMap<String, u64>,
    /// Calls on schedule.
    pub scheduled: u64,
    /// Calls that were answered.
    pub answered: u64,
    /// Calls that were answered and hung up by us, and heard something where there was sound.
    pub completed: u64,
    /// Calls that were not.
    pub failed: u64,
    /// Why.
    pub reasons: BTreeMap<String, u64>,
    /// Calls that our own carrier answered.
    pub taken_by_carrier: Option<u64>,
    /// 2xx of our carrier whose ACK never came.
    pub unacknowledged: u64,
    /// SIP messages that we sent again.
    pub retransmissions: u64,
    /// Histograms: `registration`, `setup`, `refusal`, `answer`, `disconnect`, `rtp_round_trip`, `rtp_one_way`, `sent_late`, `rtp_sent_late`.
    pub latencies: BTreeMap<&'static str, Percentiles>,
    /// The longest refusal of each second, in milliseconds, by the Unix second in which its call was to begin.
    pub slowest_refusal_ms: BTreeMap<i64, f64>,
    /// Sound; none without it.
    pub rtp: Option<Rtp>,
    /// Where the target is a Tandem: what charge ticks went through, by its own metrics.
    pub ticks: Option<Ticks>,
    /// Where the target is a Tandem: its books.
    pub books: Option<Books>,
    /// What was not as it should be, in words.
    pub faults: Vec<String>,
    /// Whether all was well.
    pub ok: bool,
}

impl Run<'_> {
    /// The histograms by name.
    fn latencies(&self) -> Vec<(&'static str, Latencies)> {
        let figures = &self.seen.figures;
        let (mut round_trip, mut one_way, mut rtp_late) = (Latencies::new(), Latencies::new(), Latencies::new());
        for sound in [&self.seen.heard_by_pbxs, &self.seen.heard_by_carrier].into_iter().flatten() {
            round_trip.add(&sound.round_trip);
            one_way.add(&sound.one_way);
            rtp_late.add(&sound.sent_late);
        }
        vec![
            ("registration", figures.registration.clone()),
            ("setup", figures.setup.clone()),
            ("refusal", figures.refusal.clone()),
            ("answer", figures.answer.clone()),
            ("disconnect", figures.disconnect.clone()),
            ("rtp_round_trip", round_trip),
            ("rtp_one_way", one_way),
            ("sent_late", self.lateness.clone()),
            ("rtp_sent_late", rtp_late),
        ]
    }

    /// Writes every histogram that has counted something as one interval of a log that HdrHistogram's tools read, in milliseconds.
    ///
    /// # Errors
    /// Those of the file.
    pub fn write_log(&self, file: &mut impl Write, began_at: SystemTime) -> io::Result<()> {
        let mut serializer = V2DeflateSerializer::new();
        let mut builder = IntervalLogWriterBuilder::new();
        builder
            .add_comment("tandem-loadtest; values in microseconds, maxima in milliseconds")
            .with_start_time(began_at);
        builder.with_max_value_divisor(1e3);
        let mut log = builder.begin_log_with(file, &mut serializer)?;
        for (name, latencies) in self.latencies() {
            if latencies.count() > 0 {
                log.write_histogram(latencies.histogram(), Duration::ZERO, self.took, Tag::new(name))
                    .map_err(|error| io::Error::other(format!("{error:?}")))?;
            }
        }
        Ok(())
    }

    /// All of it, and the verdict.
    pub fn summary(self) -> Summary {
        let options = &self.plan.options;
        let figures = &self.seen.figures;
        let rtp = self.seen.heard_by_pbxs.as_ref().map(|heard| rtp(heard, self.seen.heard_by_carrier.as_ref()));
        let mut reasons = figures.failed.clone();
        let soundless = figures.soundless + self.seen.heard_by_pbxs.as_ref().map_or(0, |heard| heard.refused);
        reasons.count("the load test had no room for its sound", soundless);
        let deaf = rtp.as_ref().map_or(0, |rtp| rtp.deaf_calls.min(figures.completed));
        reasons.count("answered, and nothing was heard", deaf);
        let latencies = self.latencies();
        let mut summary = Summary {
            target: options.target.to_string(),
            pbxs: self.pbxs,
            rate: options.rate,
            arrivals: match options.arrivals {
                Arrivals::Poisson => "poisson",
                Arrivals::Constant => "constant",
            },
            duration_s: options.duration.as_secs_f64(),
            hold_s: options.hold.as_secs_f64(),
            media: match (options.no_media, options.carrier_sound) {
                (true, _) => "none",
                (false, Program::Echo) => "echo",
                (false, Program::Send) => "send",
            },
            seed: options.seed,
            took_s: self.took.as_secs_f64(),
            registered: figures.registered,
            unregistered: figures.unregistered.by_name().clone(),
            scheduled: self.plan.schedule.instants().len() as u64,
            answered: figures.answered,
            completed: figures.completed.saturating_sub(deaf + soundless),
            failed: reasons.total(),
            reasons: reasons.by_name().clone(),
            taken_by_carrier: self.seen.taken,
            unacknowledged: self.seen.unacknowledged,
            retransmissions: figures.retransmissions,
            latencies: latencies.iter().map(|(name, latencies)| (*name, Percentiles::of(latencies))).collect(),
            slowest_refusal_ms: figures
                .slowest_refusal
                .by_second()
                .iter()
                .map(|(at, took)| (*at, took.as_secs_f64() * 1e3))
                .collect(),
            rtp,
            ticks: self.ticks,
            books: self.books,
            faults: Vec::new(),
            ok: true,
        };
        summary.faults = summary.judged(self.plan);
        summary.ok = summary.faults.is_empty();
        summary
    }
}

fn rtp(pbxs: &SoundFigures, carrier: Option<&SoundFigures>) -> Rtp {
    let lost = (pbxs.echoed_sent > 0).then(|| pbxs.echoed_sent.saturating_sub(pbxs.returned));
    Rtp {
        sent: pbxs.sent,
        heard_by_carrier: carrier.map(|carrier| carrier.heard),
        heard: pbxs.heard,
        missing_there: carrier.map(|carrier| carrier.missing),
        missing_back: pbxs.missing,
        lost_round_trip: lost,
        lost_round_trip_percent: lost.map(|lost| lost as f64 * 100.0 / pbxs.echoed_sent as f64),
        deaf_calls: pbxs.deaf,
        strays: pbxs.strays,
        refused: pbxs.refused + carrier.map_or(0, |carrier| carrier.refused),
    }
}

impl Summary {
    /// What was not as it should be.
    fn judged(&self, plan: &Plan) -> Vec<String> {
        let options = &plan.options;
        let mut faults = Vec::new();
        if self.failed > options.max_failed {
            faults.push(format!("{} calls failed, --max-failed {}", self.failed, options.max_failed));
        }
        if self.completed + self.failed < self.scheduled {
            let lost = self.scheduled - self.completed - self.failed;
            faults.push(format!("{lost} scheduled calls have no outcome: a fault of the load test"));
        }
        let unregistered: u64 = self.unregistered.values().sum();
        if unregistered > 0 {
            faults.push(format!("{unregistered} registrations failed"));
        } else if !options.no_register && (self.registered as usize) < self.pbxs {
            faults.push(format!("{} of {} PBXs registered", self.registered, self.pbxs));
        }
        let p99_ms = self.latencies.get("setup").map_or(0.0, |setup| setup.p99_ms);
        if let Some(bound) = options.p99_setup_ms.filter(|bound| p99_ms > *bound as f64) {
            faults.push(format!("99 % of the calls were set up within {p99_ms} ms, --p99-setup-ms {bound}"));
        }
        faults.extend(self.books.iter().flat_map(|books| &books.disagreements).map(|line| format!("books: {line}")));
        faults
    }
}
