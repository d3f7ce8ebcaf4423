//! What is shown while it runs: a bar on a terminal, a line every few seconds elsewhere. On standard error.
//!
//! What is shown at the end is in `table`.

use crate::figures::{Live, read};
use domain::Monotonic;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// How often a line is printed where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows how far it is.
pub struct Progress {
    bar: Option<ProgressBar>,
    line_at: Monotonic,
    total: u64,
}

impl Progress {
    /// For so many calls.
    pub fn new(total: u64, now: Monotonic) -> Progress {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total);
            if let Ok(style) = ProgressStyle::with_template("{elapsed_precise} {bar:30} {pos}/{len} calls  {msg}") {
                bar.set_style(style);
            }
            bar
        });
        Progress { bar, line_at: now + LINE_EVERY, total }
    }

    /// Shows what is counted now.
    pub fn show(&mut self, live: &Live, now: Monotonic) {
        let (begun, over, failed) = (read(&live.begun), read(&live.over), read(&live.failed));
        let up = begun.saturating_sub(over);
        match &self.bar {
            Some(bar) => {
                bar.set_position(over);
                bar.set_message(format!("{up} up, {failed} failed, {} packets heard", read(&live.heard)));
            }
            None if now >= self.line_at => {
                self.line_at = now + LINE_EVERY;
                let heard = read(&live.heard);
                eprintln!(
                    "{begun}/{} calls begun, {up} up, {over} over, {failed} failed, {heard} packets heard",
                    self.total
                );
            }
            None => {}
        }
    }

    /// Leaves the screen to the summary.
    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
