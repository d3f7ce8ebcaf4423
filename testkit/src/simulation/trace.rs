//! The trace of a simulation: a hash over everything that was seen, and its last lines for people.
//!
//! What is right or wrong is not known here.

use crate::world::text::{cseq, header, method};
use crate::world::{SWITCH, Seen};
use domain::Monotonic;
use domain::credit::{Batch, Code, Kind, Memo, Outcome, Unit};
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::net::SocketAddr;

/// Lines that are kept.
const LINES_MAX: usize = 60;

/// The trace.
pub(super) struct Trace {
    lines: VecDeque<String>,
    hash: u64,
    count: u64,
    /// Whether every line is printed as it is said: `TRACE=1`.
    is_loud: bool,
}

impl Default for Trace {
    fn default() -> Self {
        // FNV-1a, 64 bits: its offset basis.
        Trace {
            lines: VecDeque::new(),
            hash: 0xcbf2_9ce4_8422_2325,
            count: 0,
            is_loud: std::env::var_os("TRACE").is_some(),
        }
    }
}

impl Trace {
    /// Adds a line.
    pub(super) fn say(&mut self, at: Monotonic, what: &str) {
        let line = format!("{:>12}  {what}", micros(at));
        for byte in line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
        if self.is_loud {
            println!("{line}");
        }
        self.count += 1;
        if self.lines.len() == LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// Adds what was seen.
    pub(super) fn saw(&mut self, at: Monotonic, seen: &Seen) {
        let line = match seen {
            Seen::Received(datagram) => {
                format!("{} -> switch  {}", name(datagram.from), first_line(&datagram.text))
            }
            Seen::Sent(datagram) => format!("switch -> {}  {}", name(datagram.to), first_line(&datagram.text)),
            Seen::Posted(batch, outcome) => ledger_line(batch, outcome),
            Seen::Unanswered(batch) => {
                format!("ledger  {} #{} cannot be answered", short(batch.id.subject), batch.id.sequence)
            }
        };
        self.say(at, &line);
    }

    /// Differs where anything differed.
    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    /// Lines so far.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The last lines.
    pub(super) fn tail(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            let _ = writeln!(text, "{line}");
        }
        text
    }
}

/// Seconds with six places.
fn micros(at: Monotonic) -> String {
    format!("{}.{:06}", at.as_micros() / 1_000_000, at.as_micros() % 1_000_000)
}

fn name(address: SocketAddr) -> String {
    match address.ip().to_string() {
        ip if address == SWITCH => ip,
        ip if ip.starts_with("203.") => format!("carrier {}", ip.rsplit('.').next().unwrap_or_default()),
        ip => format!("pbx {}", ip.rsplit('.').next().unwrap_or_default()),
    }
}

fn first_line(text: &str) -> String {
    let call_id = header(text, "Call-ID").unwrap_or_default();
    let call: String = call_id.chars().take(22).collect();
    let (number, of) = cseq(text);
    match method(text) {
        Some(method) => format!("{method} ({number}) {call}"),
        None => {
            format!("{} ({number} {of}) {call}", text.lines().next().unwrap_or_default().trim_start_matches("SIP/2.0 "))
        }
    }
}

/// The end of a subject's number: the beginning is its time of birth.
pub(super) fn short(subject: u128) -> String {
    format!("…{:08x}", subject as u32)
}

fn ledger_line(batch: &Batch, outcome: &Outcome) -> String {
    let mut line = format!("ledger  {} #{}", short(batch.id.subject), batch.id.sequence);
    for transfer in &batch.transfers {
        let unit = |unit: Unit| match unit {
            Unit::Channels => "channel".to_owned(),
            Unit::Day(day) => format!("of day {day}"),
            Unit::Money(_) | Unit::BundleSeconds => "micros".to_owned(),
        };
        let _ = match transfer.kind {
            Kind::Post { debit, amount, .. } => write!(line, " post {amount} {}", unit(debit.unit)),
            Kind::PostIfAvailableAtMost { amount, debit, limit, .. } if transfer.code == Code::DailyCap => {
                write!(line, " count {amount} {} up to {}", unit(debit.unit), limit + amount)
            }
            Kind::PostIfAvailableAtMost { amount, .. } => write!(line, " recharge {amount}"),
            Kind::Hold { hold, debit, amount, .. } => {
                write!(line, " hold {}={amount} {}", hold.number, unit(debit.unit))
            }
            Kind::Capture { hold, amount } => write!(line, " capture {}={amount}", hold.number),
            Kind::Release { hold } => write!(line, " release {}", hold.number),
            Kind::Extend { hold, .. } => write!(line, " extend {}", hold.number),
        };
    }
    match &batch.memo {
        Some(Memo::CallOpened(_)) => line.push_str(" [opened]"),
        Some(Memo::CallEnded(_)) => line.push_str(" [record]"),
        Some(Memo::Note(_)) | None => {}
    }
    let answer = match outcome {
        Outcome::Applied(_) => "applied".to_owned(),
        Outcome::Refused(refusal) => format!("refused: {:?}", refusal.because),
        Outcome::Replayed(_) => "known".to_owned(),
        Outcome::Unavailable => "unavailable".to_owned(),
    };
    let _ = write!(line, ": {answer}");
    line
}
