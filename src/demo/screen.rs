//! What the demo shows while it runs: lines, and below them a table of the calls that are up.
//!
//! On a terminal the table is drawn anew in place; anywhere else each call is a plain line once a second.

use super::api::CallRow;
use actors::clock::Clock;
use domain::Monotonic;
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// How often calls are shown where there is no terminal.
const PLAIN_EVERY: Duration = Duration::from_secs(1);

/// Where people look.
pub(super) struct Screen {
    out: Box<dyn Write + Send>,
    is_terminal: bool,
    /// Lines of the table as it stands.
    drawn: usize,
    clock: Clock,
    plain_at: Option<Monotonic>,
}

impl Screen {
    /// Standard output; standard error where standard output is for machines.
    pub(super) fn new(is_for_machines: bool, clock: Clock) -> Screen {
        let (out, is_terminal): (Box<dyn Write + Send>, bool) = if is_for_machines {
            (Box::new(std::io::stderr()), std::io::stderr().is_terminal())
        } else {
            (Box::new(std::io::stdout()), std::io::stdout().is_terminal())
        };
        Screen { out, is_terminal, drawn: 0, clock, plain_at: None }
    }

    /// Shows a line, or several.
    pub(super) fn line(&mut self, text: impl AsRef<str>) {
        self.erase();
        self.write(&format!("{}\n", text.as_ref()));
    }

    /// Shows a heading with an empty line before it.
    pub(super) fn heading(&mut self, text: &str) {
        let text = if self.is_terminal { format!("\n\x1b[1m{text}\x1b[0m") } else { format!("\n{text}") };
        self.line(text);
    }

    /// Shows the calls that are up.
    pub(super) fn calls(&mut self, calls: &[CallRow]) {
        let rows: Vec<String> = calls.iter().map(row).collect();
        if self.is_terminal {
            self.erase();
            let text: String = std::iter::once(TABLE_HEAD.to_owned()).chain(rows).map(|row| row + "\n").collect();
            self.write(&format!("\x1b[2m{text}\x1b[0m"));
            self.drawn = calls.len() + 1;
            return;
        }
        let now = self.clock.monotonic();
        if !calls.is_empty() && self.plain_at.is_none_or(|at| at <= now) {
            self.plain_at = Some(now + PLAIN_EVERY);
            self.write(&(rows.join("\n") + "\n"));
        }
    }

    /// Takes the table away.
    pub(super) fn erase(&mut self) {
        if self.drawn > 0 {
            let up = std::mem::take(&mut self.drawn);
            self.write(&format!("\x1b[{up}A\x1b[J"));
        }
    }

    fn write(&mut self, text: &str) {
        // Whoever looked has gone (a closed pipe): the story goes on, its end is told by the exit code.
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}

const TABLE_HEAD: &str = "      live call              phase       seconds      charged";

fn row(call: &CallRow) -> String {
    let (seconds, tenths) = (call.talked_ms / 1_000, call.talked_ms % 1_000 / 100);
    let phase = call.phase.as_deref().unwrap_or("-");
    format!("      {:<22} {phase:<10} {seconds:>6}.{tenths} {:>12} {}", call.dialled, call.amount, call.currency)
}
