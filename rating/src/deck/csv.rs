//! Reading a deck from CSV, collecting every complaint on the way.
//!
//! The wording of the complaints is in [`super::complaint`]; what the rates then mean is in [`crate::tariff`].

use super::column::{Column, cut, price, whole};
use super::complaint::{COMPLAINTS_MAX, Complaint, DeckFaults, Problem};
use super::{Deck, Place, Rate};
use crate::tariff::{self, SCALE_MAX, STEP_S_MAX, Tariff, Terms};
use domain::{Currency, Prefix};
use std::collections::HashSet;
use std::io::Read;
use std::sync::Arc;

/// Rows at most: ten million. The largest decks on sale have about a tenth of that.
pub const ROWS_MAX: usize = 10_000_000;
/// Bytes at most: about a hundred for each of the most rows.
pub const BYTES_MAX: u64 = 1 << 30;
/// Characters of a destination at most.
pub const DESTINATION_MAX: usize = 100;

/// Put behind every file: it ends the last row, and is skipped as a remark unless a double quote was left open.
const END: &[u8] = b"\n#\0end of file\n";

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
    rows_max: usize,
    bytes_max: u64,
    header_line: u64,
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
            rows_max: ROWS_MAX,
            bytes_max: BYTES_MAX,
            header_line: 1,
            complaints: Vec::new(),
            total: 0,
            columns: Vec::new(),
            destinations: HashSet::new(),
            rows: Vec::new(),
            bad_rows: Vec::new(),
        }
    }

    fn run(mut self, reader: impl Read, version: &str) -> Result<Deck, DeckFaults> {
        // One byte more than permitted, so that too many can be told.
        let bytes = reader.take(self.bytes_max + 1).chain(END);
        // Line feeds alone end rows, and cells are trimmed here: so the line of a row can be told from where it ends. (The
        // reader's own position of a record is that of the remarks and empty lines before it.)
        let mut file = ::csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .comment(Some(b'#'))
            .terminator(::csv::Terminator::Any(b'\n'))
            .from_reader(bytes);
        let mut row = ::csv::ByteRecord::new();
        match next_row(&mut file, &mut row) {
            Ok(Some(line)) => {
                self.header_line = line;
                self.on_header(line, &row);
            }
            Ok(None) => self.complain(1, None, Problem::Empty),
            Err(problem) => self.complain(1, None, problem),
        }
        if self.total == 0 {
            self.read_rows(&mut file, &mut row);
        }
        self.finish(version)
    }

    fn read_rows(&mut self, file: &mut ::csv::Reader<impl Read>, row: &mut ::csv::ByteRecord) {
        let mut count = 0usize;
        loop {
            match next_row(file, row) {
                Ok(Some(line)) if count == self.rows_max => return self.complain(line, None, Problem::TooManyRows),
                Ok(Some(line)) => self.on_row(line, row),
                Ok(None) => break,
                Err(problem) => return self.complain(file.position().line(), None, problem),
            }
            count += 1;
        }
        if file.position().byte() > self.bytes_max + END.len() as u64 {
            self.complain(file.position().line(), None, Problem::TooManyBytes);
        } else if count == 0 {
            self.complain(self.header_line, None, Problem::NoRows);
        }
    }

    fn on_header(&mut self, line: u64, record: &::csv::ByteRecord) {
        if is_cut_off(record) {
            return self.complain(line, None, Problem::QuoteNotClosed);
        }
        if record.len() == 1 {
            for (byte, name) in [(b';', "semicolons"), (b'\t', "tabs"), (b'|', "bars")] {
                if record[0].contains(&byte) {
                    return self.complain(line, None, Problem::Separator(name));
                }
            }
        }
        for cell in record {
            let Ok(text) = std::str::from_utf8(cell.trim_ascii()) else {
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
        if is_cut_off(record) {
            return self.complain(line, None, Problem::QuoteNotClosed);
        }
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
            let read = match std::str::from_utf8(cell.trim_ascii()) {
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

/// Reads the next row that is not empty; the line that it begins at, none at the end.
fn next_row(file: &mut ::csv::Reader<impl Read>, row: &mut ::csv::ByteRecord) -> Result<Option<u64>, Problem> {
    while file.read_byte_record(row).map_err(|error| Problem::Unreadable(error.to_string()))? {
        let breaks = row.iter().flatten().filter(|byte| **byte == b'\n').count() as u64;
        // An empty line of a file with CRLF is a row of one cell.
        if row.len() > 1 || row.iter().any(|cell| !cell.trim_ascii().is_empty()) {
            let ended = u64::from(!is_cut_off(row));
            return Ok(Some(file.position().line() - ended - breaks));
        }
    }
    Ok(None)
}

/// Whether the file ended inside double quotes.
fn is_cut_off(row: &::csv::ByteRecord) -> bool {
    row.iter().next_back().is_some_and(|cell| cell.ends_with(END))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(rows_max: usize, bytes_max: u64, text: &str) -> Result<usize, String> {
        let importer = Importer { rows_max, bytes_max, ..Importer::new(Currency::USD) };
        importer.run(text.as_bytes(), "v").map(|deck| deck.len()).map_err(|faults| faults.to_string())
    }

    #[test]
    fn a_deck_with_more_rows_or_bytes_than_permitted_is_refused() {
        let file = "prefix,destination,rate_per_minute\n1,USA,1\n44,UK,1\n";
        let bytes = file.len() as u64;
        assert_eq!(limited(2, bytes, file), Ok(2));
        assert_eq!(limited(1, bytes, file), Err("line 3: more than 10000000 rows: split the deck".to_owned()));
        assert!(
            limited(2, bytes - 1, file)
                .unwrap_err()
                .ends_with("the file has more than 1073741824 bytes: split the deck")
        );
    }

    #[test]
    fn rows_are_named_by_the_line_that_they_begin_at() {
        for end in ["\n", "\r\n"] {
            let lines = [
                "# remark",
                "",
                "prefix,destination,rate_per_minute",
                "",
                "1,\"two",
                "lines\",1",
                "# remark",
                "",
                "0,x,1",
            ];
            let mut text = lines.join(end);
            for _ in 0..2 {
                let faults = Deck::parse_csv(text.as_bytes(), Currency::USD, "v").unwrap_err();
                assert_eq!(faults.complaints.iter().map(|found| found.line).collect::<Vec<_>>(), [5, 9], "{text:?}");
                text += end;
            }
        }
    }
}
