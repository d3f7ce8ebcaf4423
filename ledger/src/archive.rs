//! Where the rows of a journal go when they are old: segments, chained by their checksums. Who keeps them durably (the store) is not here,
//! nor what a segment says (`sqlite/segment`).

mod memory;

pub use memory::MemoryArchive;

use domain::Wall;

/// Consecutive rows of one node's journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// What is known of it without reading it.
    pub mark: Mark,
    /// The rows, packed.
    pub rows: Vec<u8>,
    /// All balances and live subjects after its last row, where the journal had them: there it can be cut.
    pub opening: Option<Vec<u8>>,
}

/// What is known of a segment without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The number of its first row.
    pub first: u64,
    /// The number of its last row.
    pub last: u64,
    /// When the earliest of its batches was decided.
    pub from: Wall,
    /// When the latest of its batches was decided.
    pub until: Wall,
    /// The newest subject that sorts by birth, of all rows up to its last.
    pub newest: u128,
    /// The checksum of its last row.
    pub end: i64,
    /// The checksum of the segment before it; 0 of the first.
    pub before: i64,
    /// A checksum over everything that it says, the one before it included.
    pub sum: i64,
}

/// That a segment has rows about a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mention {
    /// Whom: for a call, the bits of its [`domain::CallId`].
    pub subject: u128,
    /// The lowest and the highest sequence of the subject's own batches; none where only others' batches name its holds.
    pub own: Option<(u64, u64)>,
    /// Whether batches of others make or end its holds.
    pub by_others: bool,
}

/// Keeps segments, by the name of their journal ([`crate::Ledger::journal`]). Every method may block for milliseconds, and fails with a
/// sentence.
pub trait Archive: Send + Sync {
    /// Keeps a segment, and whom its rows are about (each once, sorted); durable when it returns. The same again changes nothing. Refused
    /// where another one begins at the same row, and where it does not follow the last one: rows are in order, without a gap, in one
    /// chain.
    fn keep(&self, journal: &str, segment: &Segment, mentions: &[Mention]) -> Result<(), String>;

    /// The last segment.
    fn last(&self, journal: &str) -> Result<Option<Mark>, String>;

    /// The segment that has this row.
    fn having(&self, journal: &str, row: u64) -> Result<Option<Segment>, String>;

    /// The first segment behind row `after` that has an opening.
    fn next_cut(&self, journal: &str, after: u64) -> Result<Option<Mark>, String>;

    /// The segments that have rows about a subject, oldest first: the first row of each, and what it has.
    fn about(&self, journal: &str, subject: u128) -> Result<Vec<(u64, Mention)>, String>;

    /// The row of this journal up to which the records of ended calls were copied to where they are kept: every record up to it is there.
    fn records_copied_to(&self, journal: &str) -> Result<u64, String>;
}

/// What is to be archived and trimmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trim {
    /// Rows may go whose batches were all decided before this.
    pub before: Wall,
    /// Whether the journal is to be cut where it ends now, rather than where a snapshot happens to stand.
    pub to_the_end: bool,
    /// Steps that are done at most: a segment archived, a cut, a slice of rows deleted.
    pub steps: usize,
}

impl Trim {
    /// Everything that was decided before this instant, however many steps that takes.
    pub const fn all(before: Wall) -> Self {
        Trim { before, to_the_end: true, steps: usize::MAX }
    }
}

/// What a trimming did, and how it stands after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trimmed {
    /// Rows copied to the archive now.
    pub archived: u64,
    /// Rows deleted from the journal now.
    pub deleted: u64,
    /// Rows that the journal has.
    pub kept: u64,
    /// Rows that the archive has: all up to this number.
    pub in_archive: u64,
    /// The row up to which the journal was cut: what is older is in the archive only.
    pub cut: u64,
    /// When the oldest row that the journal has was decided; none where it has none.
    pub oldest: Option<Wall>,
    /// Whether nothing is left to do.
    pub is_done: bool,
    /// Why rows that are old enough stay, for a person.
    pub waits: Option<String>,
}
