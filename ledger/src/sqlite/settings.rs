//! What can be set on the sqlite engine, and its limits with where they come from. How they are applied is in the files beside.

use crate::archive::Archive;
use domain::Monotonic;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Reads monotonic time; used for nothing but [`Group::took`].
pub type Clock = Arc<dyn Fn() -> Monotonic + Send + Sync>;

/// Hears of each committed group, on the writer's thread; must be quick.
pub type GroupListener = Arc<dyn Fn(Group) + Send + Sync>;

/// Hears that the disk did not take a group (`true`, at each try), and that it takes them again (`false`); on the writer's thread.
pub type StallListener = Arc<dyn Fn(bool) + Send + Sync>;

/// A group of batches that has been committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// How many batches.
    pub batches: usize,
    /// From the first insert to the end of the fsync; zero where no clock was given.
    pub took: Duration,
}

/// A group in which nobody waits for the disk closes this long after its first batch; one with an order closes at once.
///
/// Design 5 says 5 ms. At 200 calls/s that is a commit for nearly every call, and the fsync is the dearest part of it: measured on
/// one machine, the writer takes about 160 to 200 us a call at 5 ms and 50 to 80 us at 20 ms (`benches/group_commit.rs`). What
/// a crash may lose in that time was promised to nobody: the calls died with the process, and are closed at what is journalled.
pub const GROUP_AFTER: Duration = Duration::from_millis(20);
/// A group closes at this many batches (design 5).
pub const GROUP_BATCHES: usize = 1_000;
/// Batches that may wait for the disk before a new hold, or a post that is no part of a call, is answered `Unavailable`:
/// a disk that stands still for 20 s at 800 batches/s.
pub const QUEUE_BATCHES: usize = 16_384;
/// Bytes of rows and memos that may wait before the same happens.
pub const QUEUE_BYTES: usize = 32 * 1024 * 1024;
/// Batches that may wait in all. What is between [`QUEUE_BATCHES`] and this is kept for batches that only end or extend holds or
/// only carry a memo: the ticks and ends of 16,384 calls, thrice over. Beyond it they too are answered `Unavailable`.
pub const QUEUE_BATCHES_RESERVED: usize = 65_536;
/// Subjects without open holds whose outcomes are kept in memory (about 2 KB each); older ones are looked up in the journal.
pub const REMEMBERED_SUBJECTS: usize = 16_384;
/// Outcomes kept in memory for one subject; older ones are looked up in the journal.
pub const REMEMBERED_OUTCOMES: usize = 8;
/// Refusals that are not journalled, kept for one live subject; the oldest is forgotten first.
pub const REMEMBERED_REFUSALS: usize = 32;
/// A snapshot of all balances is kept with every this many batches: a start then reads at most this many rows (about 0.5 s).
pub const SNAPSHOT_EVERY: u64 = 100_000;

/// Rows whose places are put into the table together: 41 s of 1,600 ticks a second. Never are twice as many waiting, 4 MB in memory,
/// and a question looks at each of them, about 0.1 ms.
pub const PLACED_TOGETHER: usize = 65_536;

/// How long the writer waits for a reader or a checkpoint of another connection, or for a backup that has the file locked, before that is a
/// disk that takes nothing. The lock file keeps other writers away.
pub const BUSY: Duration = Duration::from_secs(5);
/// A disk that took nothing is tried again this often: who makes room sees calls pass at once, and a full disk costs nothing.
pub const STALLED_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Settings of the sqlite engine.
#[derive(Clone)]
pub struct Settings {
    /// The journal's file; beside it stand `-wal`, `-shm` and `.lock`.
    pub path: PathBuf,
    /// A group closes this long after its first batch; [`GROUP_AFTER`].
    pub group_after: Duration,
    /// A group closes at this many batches, at least 1; [`GROUP_BATCHES`].
    pub group_batches: usize,
    /// [`QUEUE_BATCHES`].
    pub queue_batches: usize,
    /// [`QUEUE_BYTES`].
    pub queue_bytes: usize,
    /// [`QUEUE_BATCHES_RESERVED`].
    pub queue_batches_reserved: usize,
    /// [`REMEMBERED_SUBJECTS`].
    pub remembered_subjects: usize,
    /// [`SNAPSHOT_EVERY`].
    pub snapshot_every: u64,
    /// [`PLACED_TOGETHER`], at least 1.
    pub placed_together: usize,
    /// What a balance may be at most, either way: the range of its integer, or less for an engine whose integers are smaller.
    pub balance_max: i64,
    /// Whether the journal may be one of several nodes', whose balances are elsewhere: then it says nothing of what anybody has, and an
    /// engine that decides by it must not open it.
    pub is_part: bool,
    /// Where old rows go, and are found again; none where nothing is ever trimmed.
    pub archive: Option<Arc<dyn Archive>>,
    /// For [`Group::took`].
    pub clock: Option<Clock>,
    /// Hears of each committed group (`tandem_ledger_commit_seconds`).
    pub on_group: Option<GroupListener>,
    /// [`BUSY`].
    pub busy: Duration,
    /// [`STALLED_AGAIN_AFTER`].
    pub stalled_again_after: Duration,
    /// Hears of a disk that takes nothing (`tandem_ledger_journal_stalled`).
    pub on_stalled: Option<StallListener>,
}

impl Settings {
    /// The defaults, for a journal in this file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            group_after: GROUP_AFTER,
            group_batches: GROUP_BATCHES,
            queue_batches: QUEUE_BATCHES,
            queue_bytes: QUEUE_BYTES,
            queue_batches_reserved: QUEUE_BATCHES_RESERVED,
            remembered_subjects: REMEMBERED_SUBJECTS,
            snapshot_every: SNAPSHOT_EVERY,
            placed_together: PLACED_TOGETHER,
            balance_max: i64::MAX,
            is_part: false,
            archive: None,
            clock: None,
            on_group: None,
            busy: BUSY,
            stalled_again_after: STALLED_AGAIN_AFTER,
            on_stalled: None,
        }
    }
}
