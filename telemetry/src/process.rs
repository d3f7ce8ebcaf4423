//! The process: its build, its state, and what the kernel says of it.
//!
//! The runtime does not live here: its figures are handed over.

use crate::error::Error;
use crate::families::{Counters, ExactCounters, Gauges, Maker};
use crate::labels::LogLevel;
use crate::logs;
use crate::telemetry::{Build, Telemetry};
use domain::Wall;
use std::fs;
use std::sync::OnceLock;
use std::time::Duration;

/// Clock ticks a second in `/proc`: USER_HZ, 100 on every architecture that Rust's standard library supports on Linux
/// (proc(5), "starttime").
const TICKS: u64 = 100;

/// What the kernel says of this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessFigures {
    /// CPU time, user and system.
    pub cpu: Duration,
    /// Resident memory, in bytes.
    pub resident_bytes: u64,
    /// Open file descriptors.
    pub open_fds: u64,
    /// How many it may open.
    pub max_fds: u64,
    /// When it started, in seconds of Unix time.
    pub started_unix_s: u64,
    /// Threads.
    pub threads: u64,
}

/// What the runtime says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuntimeFigures {
    /// Threads that run actors.
    pub workers: u64,
    /// Time that they were busy, summed.
    pub busy: Duration,
}

impl ProcessFigures {
    /// Reads `/proc/self`; none where there is no such thing.
    pub fn read() -> Option<ProcessFigures> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let boot = boot()?;
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let limits = fs::read_to_string("/proc/self/limits").ok()?;
        Self::of(&stat, boot, &status, &limits, open_fds()?)
    }

    fn of(stat: &str, boot: &str, status: &str, limits: &str, open_fds: u64) -> Option<ProcessFigures> {
        // The second field is the name in parentheses and may hold anything: count from behind it (proc(5)).
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        let (user, system, threads, start) = (number(14)?, number(15)?, number(20)?, number(22)?);
        let word_after = |text: &str, name: &str, index: usize| -> Option<u64> {
            let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
            rest.split_ascii_whitespace().nth(index)?.parse().ok()
        };
        Some(ProcessFigures {
            cpu: Duration::from_millis((user + system) * 1_000 / TICKS),
            resident_bytes: word_after(status, "VmRSS:", 0)? * 1_024,
            open_fds,
            // "unlimited" has no number: shown as the largest.
            max_fds: word_after(limits, "Max open files", 0).unwrap_or(u64::MAX),
            started_unix_s: word_after(boot, "btime ", 0)? + start / TICKS,
            threads,
        })
    }
}

/// `/proc/stat` as it was first read: what is wanted of it, when the machine was started, does not change.
fn boot() -> Option<&'static str> {
    static READ: OnceLock<Option<String>> = OnceLock::new();
    READ.get_or_init(|| fs::read_to_string("/proc/stat").ok()).as_deref()
}

/// How many files are open. Since Linux 6.2 the size of the folder says so; before, its entries are counted, which takes a switch with 5,000
/// calls 5 ms.
fn open_fds() -> Option<u64> {
    const FOLDER: &str = "/proc/self/fd";
    match fs::metadata(FOLDER).ok()?.len() {
        0 => Some(fs::read_dir(FOLDER).ok()?.count() as u64),
        told => Some(told),
    }
}

pub(crate) struct ProcessHandles {
    ready: Gauges<()>,
    draining: Gauges<()>,
    reload_successful: Gauges<()>,
    reload_at: Gauges<()>,
    workers: Gauges<()>,
    busy: ExactCounters<()>,
    log_events: Counters<(LogLevel,)>,
    log_dropped: Counters<()>,
    cpu: ExactCounters<()>,
    resident: Gauges<()>,
    open_fds: Gauges<()>,
    max_fds: Gauges<()>,
    started: Gauges<()>,
    threads: Gauges<()>,
    clock_steps: Counters<()>,
}

impl ProcessHandles {
    pub(crate) fn make(maker: &mut Maker<'_>, build: Build) -> Result<Self, Error> {
        let labels = [("version", build.version), ("revision", build.revision), ("rustc", build.rustc)];
        let labels = labels.map(|(name, value)| (name, value.to_owned()));
        maker.gauge_with("tandem_build_info", &labels)?.set(1.0);
        Ok(Self {
            ready: maker.gauges("tandem_ready")?,
            draining: maker.gauges("tandem_draining")?,
            reload_successful: maker.gauges("tandem_config_last_reload_successful")?,
            reload_at: maker.gauges("tandem_config_last_reload_success_timestamp_seconds")?,
            workers: maker.gauges("tandem_runtime_workers")?,
            busy: maker.exact_counters("tandem_runtime_busy_seconds_total")?,
            log_events: maker.counters("tandem_log_events_total")?,
            log_dropped: maker.counters("tandem_log_lines_dropped_total")?,
            cpu: maker.exact_counters("process_cpu_seconds_total")?,
            resident: maker.gauges("process_resident_memory_bytes")?,
            open_fds: maker.gauges("process_open_fds")?,
            max_fds: maker.gauges("process_max_fds")?,
            started: maker.gauges("process_start_time_seconds")?,
            threads: maker.gauges("process_threads")?,
            clock_steps: maker.counters("tandem_clock_steps_total")?,
        })
    }

    /// Log events are counted where lines are made, before there are metrics.
    pub(crate) fn take_log_counts(&self) {
        for level in [LogLevel::Warn, LogLevel::Error] {
            self.log_events.at((level,)).absolute(logs::events(level));
        }
        self.log_dropped.at(()).absolute(logs::dropped());
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl Telemetry {
    /// What the kernel says of the process; call it before each scrape.
    pub fn set_process(&self, figures: &ProcessFigures) {
        self.process.cpu.at(()).absolute(micros(figures.cpu));
        self.process.resident.at(()).set(figures.resident_bytes as f64);
        self.process.open_fds.at(()).set(figures.open_fds as f64);
        self.process.max_fds.at(()).set(figures.max_fds as f64);
        self.process.started.at(()).set(figures.started_unix_s as f64);
        self.process.threads.at(()).set(figures.threads as f64);
    }

    /// What the runtime says of itself, summed over all shards.
    pub fn set_runtime(&self, figures: &RuntimeFigures) {
        self.process.workers.at(()).set(figures.workers as f64);
        self.process.busy.at(()).absolute(micros(figures.busy));
    }

    /// The wall clock has stepped.
    pub fn count_clock_step(&self) {
        self.process.clock_steps.at(()).increment(1);
    }

    /// Whether `/readyz` says yes.
    pub fn set_ready(&self, ready: bool) {
        self.process.ready.at(()).set(f64::from(u8::from(ready)));
    }

    /// Whether the node lets its calls finish and takes no new ones.
    pub fn set_draining(&self, draining: bool) {
        self.process.draining.at(()).set(f64::from(u8::from(draining)));
    }

    /// A configuration was accepted at this time, or refused (`None`); the time of the last accepted one stays.
    pub fn set_config_loaded(&self, accepted_at: Option<Wall>) {
        self.process.reload_successful.at(()).set(f64::from(u8::from(accepted_at.is_some())));
        if let Some(at) = accepted_at {
            self.process.reload_at.at(()).set(at.as_unix_seconds() as f64);
        }
    }
}
