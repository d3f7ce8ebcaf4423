//! The journal and the decks as they leave: everything that another program needs to rate every call anew. CSV or JSON lines, oldest first.
//!
//! One table of columns is both shapes: names of the CSV, keys of the JSON.

use super::{Format, quoted};
use crate::statement::holder;
use domain::credit::{Account, Code, Unit};
use domain::{CallId, Micros, Wall};
use ledger::StatementLine;
use serde_json::{Map, Value};
use std::io::{self, Write};
use store::{DeckInTime, DeckRow};

/// The version of these shapes: raised when a column changes its meaning or goes; new ones come at the end.
pub const SCHEMA: u32 = 1;

/// The columns of the journal: one line for each movement.
///
/// | Column | What |
/// |---|---|
/// | `schema` | [`SCHEMA`] |
/// | `journal`, `line` | the row of the journal, from 1 without a gap, and the place within it |
/// | `at` | when it was decided: RFC 3339 in UTC, to the microsecond |
/// | `company` | whose |
/// | `code`, `kind` | why: `call_charge`, `channel_use`, `topup`, `auto_recharge` ...; what: `post`, `hold`, `capture`, `release`, `extend` |
/// | `call` | the call that a charge or a channel is for; empty for others |
/// | `hold` | the hold's number: of money the billed second up to which it pays; empty for a post |
/// | `unit` | a currency, `channels` or `bundle_seconds` |
/// | `debit`, `credit` | who loses (or holds) and who gains: `company`, `revenue`, `world`, a profile, an account |
/// | `amount` | a decimal of the currency; a whole number of channels or seconds |
/// | `debit_posted`, `debit_held` | what the losing side has, and holds, after this line |
/// | `node` | whose journal, by its file's name: `journal` counts within it |
pub const JOURNAL_COLUMNS: [&str; 16] = [
    "schema",
    "journal",
    "line",
    "at",
    "company",
    "code",
    "kind",
    "call",
    "hold",
    "unit",
    "debit",
    "credit",
    "amount",
    "debit_posted",
    "debit_held",
    "node",
];

/// The columns of the decks: one line for each row of each version.
///
/// | Column | What |
/// |---|---|
/// | `schema` | [`SCHEMA`] |
/// | `deck` | the version as call records name it: `standard 3` |
/// | `currency` | of its prices |
/// | `in_force_from` | the instants from which it was, is or will be in force, with spaces between; each until the next of the name's versions |
/// | `prefix`, `destination` | the numbers that the row is for, and what they are called |
/// | `rate_per_minute`, `connection_fee`, `minimum_s`, `increment_s`, `rounding`, `scale` | the terms (R1, R4, R6) |
pub const DECK_COLUMNS: [&str; 12] = [
    "schema",
    "deck",
    "currency",
    "in_force_from",
    "prefix",
    "destination",
    "rate_per_minute",
    "connection_fee",
    "minimum_s",
    "increment_s",
    "rounding",
    "scale",
];

/// Writes lines of one table.
pub struct Table<W: Write> {
    to: W,
    format: Format,
    columns: &'static [&'static str],
}

impl<W: Write> Table<W> {
    /// A table; a CSV begins with its names.
    ///
    /// # Errors
    /// Where it cannot be written to.
    pub fn begin(mut to: W, format: Format, columns: &'static [&'static str]) -> io::Result<Self> {
        if format == Format::Csv {
            write!(to, "{}\r\n", columns.join(","))?;
        }
        Ok(Table { to, format, columns })
    }

    fn line(&mut self, fields: &[String]) -> io::Result<()> {
        match self.format {
            Format::Csv => {
                let fields: Vec<String> = fields.iter().map(|field| quoted(field)).collect();
                write!(self.to, "{}\r\n", fields.join(","))
            }
            Format::JsonLines => {
                let named = self.columns.iter().zip(fields);
                let line: Map<String, Value> =
                    named.map(|(name, field)| ((*name).to_owned(), Value::from(field.as_str()))).collect();
                writeln!(self.to, "{}", Value::Object(line))
            }
        }
    }

    /// A movement.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn movement(&mut self, line: &StatementLine, node: &str) -> io::Result<()> {
        let is_call = matches!(line.code, Code::CallCharge | Code::ChannelUse);
        let call = CallId::from_bits(crate::statement::call_of(line)).to_string();
        let in_unit = |amount: i64| match line.debit.unit {
            Unit::Money(_) => Micros::new(amount).to_string(),
            Unit::BundleSeconds | Unit::Channels => amount.to_string(),
            Unit::Day(_) => Micros::new(amount).to_string(),
        };
        self.line(&[
            SCHEMA.to_string(),
            line.journal_sequence.to_string(),
            line.transfer.to_string(),
            instant(line.at),
            line.debit.company.to_string(),
            line.code.as_str().to_owned(),
            line.kind.as_str().to_owned(),
            if is_call { call } else { String::new() },
            line.hold.map(|hold| hold.number.to_string()).unwrap_or_default(),
            unit(line.debit),
            holder(line.debit),
            holder(line.credit),
            in_unit(line.amount),
            in_unit(line.debit_after.posted),
            in_unit(line.debit_after.held),
            node.to_owned(),
        ])
    }

    /// A version of a deck with its rows.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn deck(&mut self, known: &DeckInTime, rows: &[DeckRow]) -> io::Result<()> {
        let turns: Vec<String> = known.turns.iter().map(|turn| instant(turn.from)).collect();
        let turns = turns.join(" ");
        for row in rows {
            self.line(&[
                SCHEMA.to_string(),
                known.deck.label(),
                known.deck.currency.to_string(),
                turns.clone(),
                row.prefix.to_string(),
                row.destination.clone(),
                row.rate.to_string(),
                row.fee.to_string(),
                row.minimum_s.to_string(),
                row.increment_s.to_string(),
                row.rounding.clone(),
                row.scale.to_string(),
            ])?;
        }
        Ok(())
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn end(mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// RFC 3339 to the microsecond, so that no order is lost.
fn instant(at: Wall) -> String {
    let millis = at.to_string();
    let micros = at.as_unix_micros().rem_euclid(1_000);
    format!("{}{micros:03}Z", millis.trim_end_matches('Z'))
}

fn unit(account: Account) -> String {
    match account.unit {
        Unit::Money(currency) => currency.to_string(),
        Unit::BundleSeconds => "bundle_seconds".to_owned(),
        Unit::Channels => "channels".to_owned(),
        Unit::Day(day) => format!("day_{day}"),
    }
}
