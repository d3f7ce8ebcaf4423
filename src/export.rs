//! `tandem export`: the journal and the decks written out, read-only, beside a running switch or without one.
//!
//! The columns are `backoffice::export::books`'.

use crate::ledger_verify::{journals, store};
use backoffice::export::Format;
use backoffice::export::books::{DECK_COLUMNS, JOURNAL_COLUMNS, Table};
use clap::{Subcommand, ValueEnum};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::Arc;

/// What is written out.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ExportCommand {
    /// Every movement of the ledger's journals, of each node oldest first, node by node.
    Journal {
        /// In which shape.
        #[arg(long, value_enum, default_value_t)]
        format: Shape,
        /// Of this node alone, by the name of its journal's file.
        #[arg(long, value_name = "FILE")]
        node: Option<String>,
        /// Only what is behind this row of the journal: of one node's, since each counts its own.
        #[arg(long, default_value_t = 0)]
        after: u64,
    },
    /// Every row of every version of every deck, with the instants from which each is in force.
    Decks {
        /// In which shape.
        #[arg(long, value_enum, default_value_t)]
        format: Shape,
    },
}

/// CSV or JSON lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    /// RFC 4180, with a row of names.
    Csv,
    /// One JSON object a line.
    #[default]
    Jsonl,
}

impl From<Shape> for Format {
    fn from(shape: Shape) -> Format {
        match shape {
            Shape::Csv => Format::Csv,
            Shape::Jsonl => Format::JsonLines,
        }
    }
}

/// Writes to standard output. 0 where all of it was written, or the reader had seen enough; 1 where it cannot be read.
pub(crate) fn run(settings: &config::Settings, order: ExportCommand) -> ExitCode {
    let out = BufWriter::new(io::stdout().lock());
    let done = match order {
        ExportCommand::Journal { format, node, after } => {
            export_journal(settings, out, format.into(), node.as_deref(), after)
        }
        ExportCommand::Decks { format } => export_decks(settings, out, format.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Whoever reads no further (`| head`) has all that he wants.
fn unless_broken(written: io::Result<()>) -> Result<(), String> {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.to_string()),
        _ => Ok(()),
    }
}

fn export_journal(
    settings: &config::Settings,
    out: impl Write,
    format: Format,
    node: Option<&str>,
    after: u64,
) -> Result<(), String> {
    let mut journals = journals(settings, &Arc::new(store(settings)?))?;
    let names: Vec<String> = journals.iter().map(|journal| journal.name().to_owned()).collect();
    journals.retain(|journal| node.is_none_or(|node| node == journal.name()));
    if journals.is_empty() {
        return Err(format!("there is no journal {}; there are {}", node.unwrap_or_default(), names.join(", ")));
    }
    if after > 0 && journals.len() > 1 {
        let which = names.join(", ");
        return Err(format!("--after is a row of one journal, and there are {which}: say whose with --node"));
    }
    let mut table = Table::begin(out, format, &JOURNAL_COLUMNS).map_err(|error| error.to_string())?;
    let mut written = Ok(());
    for journal in &journals {
        let read = journal.each_line(after, |line| {
            if written.is_ok() {
                written = table.movement(&line, journal.name());
            }
            Ok(())
        });
        read.map_err(|error| format!("{}: {error}", journal.name()))?;
    }
    unless_broken(written.and_then(|()| table.end()))
}

fn export_decks(settings: &config::Settings, out: impl Write, format: Format) -> Result<(), String> {
    let store = store(settings)?;
    let mut table = Table::begin(out, format, &DECK_COLUMNS).map_err(|error| error.to_string())?;
    let now = actors::clock::wall();
    for known in store.decks(now).map_err(|error| error.to_string())? {
        let rows = store.deck_rows(known.deck.id).map_err(|error| error.to_string())?;
        unless_broken(table.deck(&known, &rows))?;
    }
    unless_broken(table.end())
}
