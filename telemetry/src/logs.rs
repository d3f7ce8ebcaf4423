//! Log lines: one JSON object or one line of text for each event, written by a thread of its own.
//!
//! Which fact is worth a line is in `lines`. Files, rotation and shipping do not live here: lines go to standard error, or to
//! the sink that the caller gives.

use crate::error::Error;
use crate::labels::{Label, LogLevel};
use crate::mask;
use domain::Wall;
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::fmt::{Debug, Write as _};
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::{EnvFilter, Registry};

/// Lines that may wait for the writer, about 4 MB; further ones are dropped and counted.
const LINES_MAX: usize = 8_192;
/// Bytes that are written at once, where more lines wait.
const BATCH_BYTES: usize = 64 * 1024;
/// How long the end of the process waits for the last lines.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// Events by [`LogLevel`], and lines dropped: of the process, because logs begin before metrics do.
static EVENTS: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// How a line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object: `ts`, `level`, `target`, `msg`, `fields`.
    #[default]
    Json,
    /// For people: the same in one line of text.
    Text,
}

/// How to log.
pub struct LogSettings<'a> {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a list of such by target: `info,tandem::sip=debug`.
    pub level: &'a str,
    /// How a line looks.
    pub format: LogFormat,
    /// Whether telephone numbers lose their middle in lines above DEBUG.
    pub numbers_masked: bool,
    /// The clock that stamps the lines.
    pub clock: fn() -> Wall,
    /// Where lines go; standard error in production.
    pub sink: Box<dyn Write + Send>,
}

/// Keeps the writer; when it is dropped, the lines that wait are written (for at most two seconds).
#[must_use = "lines that wait are lost when the process ends without this being dropped"]
pub struct LogGuard(SyncSender<Order>);

impl Debug for LogGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LogGuard")
    }
}

impl LogGuard {
    /// Waits until every line told so far is written, for at most two seconds.
    pub fn flush(&self) {
        let (done, wait) = sync_channel(1);
        if self.0.send(Order::Flush(done)).is_ok() {
            // A timeout means a sink that hangs: the process ends all the same.
            let _ = wait.recv_timeout(FLUSH_TIMEOUT);
        }
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.flush();
    }
}

enum Order {
    Write(String),
    Flush(SyncSender<()>),
}

/// Begins logging for the whole process.
///
/// # Errors
/// [`Error::Level`]; [`Error::LogsBegun`] at the second call; [`Error::Thread`].
pub fn init_logs(settings: LogSettings<'_>) -> Result<LogGuard, Error> {
    let (subscriber, guard) = subscriber(settings)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| Error::LogsBegun)?;
    Ok(guard)
}

fn subscriber(settings: LogSettings<'_>) -> Result<(impl Subscriber + Send + Sync, LogGuard), Error> {
    let LogSettings { level, format, numbers_masked, clock, sink } = settings;
    mask::set_masked(numbers_masked);
    let filter = EnvFilter::try_new(level)
        .map_err(|problem| Error::Level { level: level.to_owned(), problem: problem.to_string() })?;
    let (sender, receiver) = sync_channel(LINES_MAX);
    std::thread::Builder::new().name("logs".to_owned()).spawn(move || write_lines(&receiver, sink))?;
    let lines = Lines { sender: sender.clone(), format, clock };
    Ok((Registry::default().with(filter).with(lines), LogGuard(sender)))
}

/// Events so far of a level that is counted.
pub(crate) fn events(level: LogLevel) -> u64 {
    EVENTS[level.index()].load(Ordering::Relaxed)
}

/// Lines dropped so far.
pub(crate) fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// The body of the writer's thread: writes what waits, and hands it on when nothing more waits.
fn write_lines(orders: &Receiver<Order>, mut sink: Box<dyn Write + Send>) {
    // A sink that fails (closed pipe, full disk) loses its lines; logs have nowhere to complain to.
    let mut batch = String::new();
    while let Ok(first) = orders.recv() {
        let mut next = Some(first);
        while let Some(order) = next {
            match order {
                Order::Write(line) => batch.push_str(&line),
                Order::Flush(done) => {
                    let _ = sink.write_all(batch.as_bytes()).and_then(|()| sink.flush());
                    batch.clear();
                    let _ = done.send(());
                }
            }
            // What is taken must be written, so the size is looked at before the next one is taken.
            next = if batch.len() < BATCH_BYTES { orders.try_recv().ok() } else { None };
        }
        let _ = sink.write_all(batch.as_bytes()).and_then(|()| sink.flush());
        batch.clear();
    }
}

/// The layer that makes lines of events.
struct Lines {
    sender: SyncSender<Order>,
    format: LogFormat,
    clock: fn() -> Wall,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        match *metadata.level() {
            Level::WARN => count(LogLevel::Warn),
            Level::ERROR => count(LogLevel::Error),
            _ => {}
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let line = match self.format {
            LogFormat::Json => json((self.clock)(), metadata, &fields),
            LogFormat::Text => text((self.clock)(), metadata, &fields),
        };
        if self.sender.try_send(Order::Write(line)).is_err() {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn count(level: LogLevel) {
    EVENTS[level.index()].fetch_add(1, Ordering::Relaxed);
}

/// A line as JSON, its parts in this order.
#[derive(Serialize)]
struct Line<'a> {
    ts: String,
    level: &'static str,
    target: &'a str,
    msg: &'a str,
    #[serde(serialize_with = "in_order")]
    fields: &'a [(&'static str, Value)],
}

fn in_order<S: Serializer>(fields: &[(&'static str, Value)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(fields.iter().map(|(name, value)| (name, value)))
}

fn json(now: Wall, metadata: &tracing::Metadata<'_>, fields: &Fields) -> String {
    let (level, target) = (metadata.level().as_str(), metadata.target());
    let line = Line { ts: now.to_string(), level, target, msg: &fields.message, fields: &fields.values };
    // Cannot fail: texts, numbers and truth values only.
    let mut line = serde_json::to_string(&line).unwrap_or_default();
    line.push('\n');
    line
}

fn text(now: Wall, metadata: &tracing::Metadata<'_>, fields: &Fields) -> String {
    let mut line = format!("{now} {:5} {} {}", metadata.level().as_str(), metadata.target(), one_line(&fields.message));
    for (name, value) in &fields.values {
        // Writing to a String cannot fail. A JSON text has no line breaks of its own.
        let _ = write!(line, " {name}={value}");
    }
    line.push('\n');
    line
}

/// A message without line breaks and other control characters: a line is one line, and a terminal is not steered by it.
fn one_line(message: &str) -> String {
    message.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// The fields of an event; absent ones (`None`) do not stand in the line.
#[derive(Default)]
struct Fields {
    message: String,
    values: Vec<(&'static str, Value)>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.values.push((field.name(), value));
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let value = format!("{value:?}");
        if field.name() == "message" {
            self.message = value;
        } else {
            self.put(field, value.into());
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message = value.to_owned();
        } else {
            self.put(field, value.into());
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }
}

#[cfg(test)]
mod tests;
