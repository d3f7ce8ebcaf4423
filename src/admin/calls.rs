//! `tandem calls`: records exported for other systems.
//!
//! Their shape is the API's.

use super::Order;
use super::door::Door;
use clap::Subcommand;

/// Call records.
#[derive(Debug, Subcommand)]
pub(crate) enum CallsCommand {
    /// Writes call records to standard output, oldest first, and where to resume to standard error.
    Export {
        /// csv or jsonl.
        #[arg(long, default_value = "jsonl", value_parser = ["csv", "jsonl"])]
        format: String,
        /// Calls invited at this instant or later: 2026-11-22T03:00:00Z.
        #[arg(long)]
        from: Option<String>,
        /// Calls invited before this instant.
        #[arg(long)]
        to: Option<String>,
        /// Where the export before ended: only what was written since then, whenever those calls began.
        #[arg(long)]
        after: Option<String>,
    },
}

impl Order for CallsCommand {
    fn run(&self, door: &Door) -> Result<(), String> {
        let CallsCommand::Export { format, from, to, after } = self;
        let given = [("from", from), ("to", to)];
        let given =
            given.into_iter().filter_map(|(name, at)| Some(format!("&{name}={}", at.as_deref()?.replace('+', "%2B"))));
        let asked = format!("/calls/export?format={format}{}", given.collect::<String>());
        let mut after = after.clone().unwrap_or_else(|| "0".to_owned());
        loop {
            let (records, next) = door.download(&format!("{asked}&after={after}"), "tandem-next")?;
            let next = next.ok_or("the switch does not say where to resume: it is older than this program")?;
            if !records.is_empty() {
                crate::print_all(records.trim_end_matches(['\r', '\n']));
            }
            if next == after {
                eprintln!("to resume: --after {next}");
                return Ok(());
            }
            after = next;
        }
    }
}
