//! Reading a deck from CSV, collecting every complaint on the way.
//!
//! The wording of the complaints is in [`super::complaint`]; what the rates then mean is in [`crate::tariff`].

use super::complaint::{COMPLAINTS_MAX, Complaint, DeckFaults, Problem};
use super::{Deck, Place, Rate};
use crate::tariff::{self, PRICE_MAX, SCALE_MAX, STEP_S_MAX, Tariff, Terms};
use domain::money::NotAnAmount;
use domain::{Currency, Micros, Prefix};
use std::collections::HashSet;
use std::io::Read;
use std::sync::Arc;

/// Rows at most: ten million. The largest decks on sale have about a tenth of that.
pub const ROWS_MAX: usize = 10_000_000;
/// Bytes at most: about a hundred for each of the most rows.
pub const BYTES_MAX: u64 = 1 << 30;
/// Characters of a destination at most.
pub const DESTINATION_MAX: usize = 100;

/// What a header can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Prefix,
    Destination,
    RatePerMinute,
    ConnectionFee,
    MinimumS,
    IncrementS,
    Rounding,
    Scale,
}

impl Column {
    const ALL: [Column; 8] = [
        Column::Prefix,
        Column::Destination,
        Column::RatePerMinute,
        Column::ConnectionFee,
        Column::MinimumS,
        Column::IncrementS,
        Column::Rounding,
        Column::Scale,
    ];
    const REQUIRED: [Column; 3] = [Column::Prefix, Column::Destination, Column::RatePerMinute];

    const fn name(self) -> &'static str {
        match self {
            Column::Prefix => "prefix",
            Column::Destination => "destination",
            Column::RatePerMinute => "rate_per_minute",
            Column::ConnectionFee => "connection_fee",
            Column::MinimumS => "minimum_s",
            Column::IncrementS => "increment_s",
            Column::Rounding => "rounding",
            Column::Scale => "scale",
        }
    }
}

impl Deck {
    /// Reads a deck. The header row names the columns, in any order: `prefix`, `destination`, `rate_per_minute`, and where
    /// wanted `connection_fee` (0), `minimum_s` (30), `increment_s` (6), `rounding` (`up`), `scale` (2). An empty cell of the
    /// latter five means the default. Lines that begin with `#` and empty lines are skipped; a byte order mark and CRLF are
    /// tolerated.
    ///
    /// # Errors
    /// Everything that is wrong with the file, by line; see [`Problem`].
    pub fn parse_csv(reader: impl Read, currency: Currency, version: &str) -> Result<Deck, DeckFaults> {
        Importer::new(currency).run(reader, version)
    }
}

struct Importer {
    currency: Currency,
    complaints: Vec<Complaint>,
    total: u64,
    /// Which column stands where; none for a cell whose header was not understood.
    columns: Vec<Option<Column>>,
    destinations: HashSet<Arc<str>>,
    /// Good rows with their lines.
    rows: Vec<(u64, Rate)>,
    /// Prefixes of rows that are bad otherwise: they still count as given.
    bad_rows: Vec<(u64, Prefix)>,
}

impl Importer {
    fn new(currency: Currency) -> Self {
        Importer {
            currency,
            complaints: Vec::new(),
            total: 0,
            columns: Vec::new(),
            destinations: HashSet::new(),
            rows: Vec::new(),
            bad_rows: Vec::new(),
        }
    }

    fn run(mut self, reader: impl Read, version: &str) -> Result<Deck, DeckFaults> {
        let mut lines = ::csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .comment(Some(b'#'))
            .trim(::csv::Trim::All)
            .from_reader(reader.take(BYTES_MAX + 1));
        let mut record = ::csv::ByteRecord::new();
        match lines.read_byte_record(&mut record) {
            Ok(true) => self.on_header(&record),
            Ok(false) => self.complain(1, None, Problem::Empty),
            Err(error) => self.complain(1, None, Problem::Unreadable(error.to_string())),
        }
        if self.total == 0 {
            self.read_rows(&mut lines, &mut record);
        }
        self.finish(version)
    }

    fn read_rows(&mut self, lines: &mut ::csv::Reader<impl Read>, record: &mut ::csv::ByteRecord) {
        let mut count = 0usize;
        loop {
            match lines.read_byte_record(record) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    return self.complain(lines.position().line(), None, Problem::Unreadable(error.to_string()));
                }
            }
            count += 1;
            let line = record.position().map_or(0, ::csv::Position::line);
            if count > ROWS_MAX {
                return self.complain(line, None, Problem::TooManyRows);
            }
            self.on_row(line, record);
        }
        if lines.position().byte() > BYTES_MAX {
            return self.complain(lines.position().line(), None, Problem::TooManyBytes);
        }
        if count == 0 {
            self.complain(lines.position().line(), None, Problem::NoRows);
        }
    }

    fn on_header(&mut self, record: &::csv::ByteRecord) {
        let line = record.position().map_or(1, ::csv::Position::line);
        if record.len() == 1 {
            for (byte, name) in [(b';', "semicolons"), (b'\t', "tabs"), (b'|', "bars")] {
                if record[0].contains(&byte) {
                    return self.complain(line, None, Problem::Separator(name));
                }
            }
        }
        for cell in record {
            let Ok(text) = std::str::from_utf8(cell) else {
                self.complain(line, None, Problem::NotUtf8);
                self.columns.push(None);
                continue;
            };
            let column = Column::ALL.into_iter().find(|column| column.name().eq_ignore_ascii_case(text));
            match column {
                None => {
                    let expected = Column::ALL.map(Column::name).join(", ");
                    self.complain(line, None, Problem::UnknownColumn { name: cut(text), expected });
                }
                Some(column) if self.columns.contains(&Some(column)) => {
                    self.complain(line, Some(column), Problem::ColumnTwice);
                }
                Some(_) => {}
            }
            self.columns.push(column);
        }
        for column in Column::REQUIRED {
            if !self.columns.contains(&Some(column)) {
                self.complain(line, None, Problem::MissingColumn(column.name()));
            }
        }
    }

    fn on_row(&mut self, line: u64, record: &::csv::ByteRecord) {
        if record.len() != self.columns.len() {
            let problem = Problem::CellCount { found: record.len(), expected: self.columns.len() };
            return self.complain(line, None, problem);
        }
        let before = self.total;
        let mut prefix = None;
        let mut destination = None;
        let mut terms = Terms::per_minute(Default::default(), self.currency);
        for (index, cell) in record.iter().enumerate() {
            let Some(column) = self.columns[index] else { continue };
            let read = match std::str::from_utf8(cell) {
                Ok(text) => self.on_cell(column, text, &mut prefix, &mut destination, &mut terms),
                Err(_) => Err(Problem::NotUtf8),
            };
            if let Err(problem) = read {
                self.complain(line, Some(column), problem);
            }
        }
        let (Some(prefix), true) = (prefix, self.total == before) else {
            self.bad_rows.extend(prefix.map(|prefix| (line, prefix)));
            return;
        };
        match (destination, Tariff::new(terms)) {
            (Some(destination), Ok(tariff)) => self.rows.push((line, Rate { prefix, destination, tariff })),
            // Every cell was checked, so this is a guard against a check that falls behind `Tariff::new`.
            (_, Err(error)) => self.complain(line, None, Problem::Unreadable(error.to_string())),
            (None, _) => self.complain(line, None, Problem::MissingColumn(Column::Destination.name())),
        }
    }

    fn on_cell(
        &mut self,
        column: Column,
        text: &str,
        prefix: &mut Option<Prefix>,
        destination: &mut Option<Arc<str>>,
        terms: &mut Terms,
    ) -> Result<(), Problem> {
        match column {
            Column::Prefix => *prefix = Some(text.parse()?),
            Column::Destination => *destination = Some(self.destination(text)?),
            Column::RatePerMinute if text.is_empty() => return Err(Problem::EmptyCell("a price, such as 0.02")),
            Column::RatePerMinute => terms.rate_per_minute = price(text)?.to_decimal(),
            _ if text.is_empty() => {}
            Column::ConnectionFee => terms.connection_fee = price(text)?.to_decimal(),
            Column::MinimumS => terms.minimum_s = whole(text, 0, STEP_S_MAX)?,
            Column::IncrementS => terms.increment_s = whole(text, 1, STEP_S_MAX)?,
            Column::Rounding => terms.rounding = text.to_ascii_lowercase().parse::<tariff::Rounding>()?,
            Column::Scale => terms.scale = whole(text, 0, SCALE_MAX)?,
        }
        Ok(())
    }

    /// The destination, as one text shared by all rows that have it.
    fn destination(&mut self, text: &str) -> Result<Arc<str>, Problem> {
        if let Some(known) = self.destinations.get(text) {
            return Ok(known.clone());
        }
        let found = text.chars().count();
        if text.is_empty() {
            return Err(Problem::EmptyCell("what reports shall call these numbers, such as Estonia mobile"));
        }
        if found > DESTINATION_MAX {
            return Err(Problem::TooLong { found, max: DESTINATION_MAX });
        }
        if text.chars().any(char::is_control) {
            return Err(Problem::ControlCharacter);
        }
        let shared: Arc<str> = text.into();
        self.destinations.insert(shared.clone());
        Ok(shared)
    }

    fn complain(&mut self, line: u64, column: Option<Column>, problem: Problem) {
        self.total += 1;
        // Rows come in line order, so what is beyond the limit here is beyond it among all.
        if self.complaints.len() < COMPLAINTS_MAX {
            self.complaints.push(Complaint { line, column: column.map(|column| column.name().to_owned()), problem });
        }
    }

    fn finish(mut self, version: &str) -> Result<Deck, DeckFaults> {
        self.rows.sort_unstable_by_key(|(line, rate)| (Place::of_prefix(rate.prefix), *line));
        self.complain_of_duplicates();
        if self.total > 0 {
            self.complaints.sort_by_key(|complaint| complaint.line);
            self.complaints.truncate(COMPLAINTS_MAX);
            return Err(DeckFaults { complaints: self.complaints, total: self.total });
        }
        let rates = self.rows.into_iter().map(|(_, rate)| rate).collect();
        Ok(Deck::from_sorted(rates, self.currency, version.into()))
    }

    fn complain_of_duplicates(&mut self) {
        let mut given: Vec<(Place, u64, Prefix)> = Vec::new();
        // Without bad rows the good ones are in order already, and need no second list.
        if !self.bad_rows.is_empty() {
            given.extend(self.rows.iter().map(|(line, rate)| (Place::of_prefix(rate.prefix), *line, rate.prefix)));
            given.extend(self.bad_rows.iter().map(|(line, prefix)| (Place::of_prefix(*prefix), *line, *prefix)));
            given.sort_unstable_by_key(|(place, line, _)| (*place, *line));
        }
        let mut found = Vec::new();
        let mut note = |earlier: (u64, Prefix), later: (u64, Prefix)| {
            if earlier.1 == later.1 {
                found.push((later.0, Problem::Duplicate { prefix: later.1, first_line: earlier.0 }));
            }
        };
        given.windows(2).for_each(|pair| note((pair[0].1, pair[0].2), (pair[1].1, pair[1].2)));
        if self.bad_rows.is_empty() {
            self.rows.windows(2).for_each(|pair| note((pair[0].0, pair[0].1.prefix), (pair[1].0, pair[1].1.prefix)));
        }
        found.sort_by_key(|(line, _)| *line);
        self.total += found.len() as u64;
        self.complaints.extend(found.into_iter().take(COMPLAINTS_MAX).map(|(line, problem)| Complaint {
            line,
            column: Some(Column::Prefix.name().to_owned()),
            problem,
        }));
    }
}

fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}

fn price(text: &str) -> Result<Micros, Problem> {
    let value: Micros = text.parse().map_err(|error| match error {
        NotAnAmount::NotANumber(_) => Problem::NotANumber(cut(text)),
        NotAnAmount::TooFine(_) => Problem::TooFine(cut(text)),
        NotAnAmount::TooLarge(_) => Problem::TooLarge(cut(text)),
    })?;
    if value < Micros::ZERO {
        return Err(Problem::Negative(cut(text)));
    }
    if value.to_decimal() > PRICE_MAX.into() {
        return Err(Problem::TooLarge(cut(text)));
    }
    Ok(value)
}

fn whole(text: &str, min: u32, max: u32) -> Result<u32, Problem> {
    text.parse()
        .ok()
        .filter(|value| (min..=max).contains(value))
        .ok_or_else(|| Problem::OutOfRange { found: cut(text), min, max })
}
