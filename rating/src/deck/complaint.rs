//! What is wrong with a deck file: [`Complaint`]s that say where, what, and what would be right.
//!
//! Finding them is in [`super::csv`].

use std::fmt;

/// Complaints that are kept of one file. The rest is counted only: who has a hundred to mend will load again anyway.
pub const COMPLAINTS_MAX: usize = 100;

/// One thing wrong with a deck file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The line of the file, the first being 1. A row that spans lines is named by its first.
    pub line: u64,
    /// The column by its header, where one cell is meant.
    pub column: Option<String>,
    /// What is wrong, and what would be right.
    pub problem: Problem,
}

/// `line 7, column rate_per_minute: "abc" is not a number: ...`
impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.column {
            Some(column) => write!(f, "line {}, column {column}: {}", self.line, self.problem),
            None => write!(f, "line {}: {}", self.line, self.problem),
        }
    }
}

/// What can be wrong with a deck file. Texts from the file are cut at 64 characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Nothing in it.
    #[error("the file is empty: expected a header row and one row for each prefix")]
    Empty,
    /// A header row and nothing else.
    #[error("there is no row below the header: expected one for each prefix")]
    NoRows,
    /// The header names a column that no deck has.
    #[error("\"{name}\" is not a column of a deck: expected {expected}")]
    UnknownColumn {
        /// What stood there.
        name: String,
        /// The columns that a deck can have.
        expected: String,
    },
    /// The header names a column twice.
    #[error("the column stands twice in the header: keep one")]
    ColumnTwice,
    /// The header lacks a column that every deck needs.
    #[error("the header lacks the column {0}: every deck has prefix, destination and rate_per_minute")]
    MissingColumn(&'static str),
    /// The columns are separated by something else than a comma.
    #[error("the columns are separated by {0}: save the file with commas between them, and with points in numbers")]
    Separator(&'static str),
    /// More or fewer cells than the header.
    #[error("the row has {found} cells and the header {expected}: put texts that contain a comma in double quotes")]
    CellCount {
        /// In this row.
        found: usize,
        /// In the header.
        expected: usize,
    },
    /// The file ended inside double quotes.
    #[error("a double quote is opened in this row and never closed: close it, and write a double quote itself as two")]
    QuoteNotClosed,
    /// Not UTF-8.
    #[error("not UTF-8: save the file with that encoding")]
    NotUtf8,
    /// Not a prefix.
    #[error("{0}")]
    Prefix(#[from] domain::e164::NotAPrefix),
    /// The prefix has a row already.
    #[error("prefix {prefix} stands in line {first_line} already: keep one of the two")]
    Duplicate {
        /// Which.
        prefix: domain::Prefix,
        /// Where it stood first.
        first_line: u64,
    },
    /// No text in a cell that needs one.
    #[error("the cell is empty: expected {0}")]
    EmptyCell(&'static str),
    /// A destination that is too long.
    #[error("{found} characters are too many: at most {max}; if a double quote was opened before, close it")]
    TooLong {
        /// Characters in the cell.
        found: usize,
        /// Characters at most.
        max: usize,
    },
    /// A destination with line breaks or other control characters.
    #[error(
        "the text contains a control character: expected one line of plain text; if a double quote was opened before, close it"
    )]
    ControlCharacter,
    /// Not a number of money.
    #[error("\"{0}\" is not a number: expected digits with a point before the decimals, such as 0.02")]
    NotANumber(String),
    /// A price below zero.
    #[error("{0} is negative: expected 0 or more, such as 0.02")]
    Negative(String),
    /// A price finer than a millionth.
    #[error("{0} has more than six decimals: prices are kept in millionths, round it to 6 decimals")]
    TooFine(String),
    /// A price above what a tariff can have.
    #[error("{0} is too large: at most {max}", max = crate::tariff::PRICE_MAX)]
    TooLarge(String),
    /// Not a whole number in its range.
    #[error("\"{found}\" is out of range: expected a whole number from {min} to {max}")]
    OutOfRange {
        /// What stood there.
        found: String,
        /// At least.
        min: u32,
        /// At most.
        max: u32,
    },
    /// Not a rounding.
    #[error("{0}")]
    Rounding(#[from] crate::tariff::NotARounding),
    /// More rows than a deck can have.
    #[error("more than {max} rows: split the deck", max = super::csv::ROWS_MAX)]
    TooManyRows,
    /// More bytes than a deck file can have.
    #[error("the file has more than {max} bytes: split the deck", max = super::csv::BYTES_MAX)]
    TooManyBytes,
    /// It could not be read to its end.
    #[error("reading failed here: {0}")]
    Unreadable(String),
}

/// Everything that is wrong with a deck file; none of it was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeckFaults {
    /// By line; the first [`COMPLAINTS_MAX`].
    pub complaints: Vec<Complaint>,
    /// How many there are in all.
    pub total: u64,
}

/// One complaint a line, and how many more there are.
impl fmt::Display for DeckFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, complaint) in self.complaints.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            complaint.fmt(f)?;
        }
        match self.total.saturating_sub(self.complaints.len() as u64) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for DeckFaults {}
