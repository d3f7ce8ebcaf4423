//! The default engine: balances in memory, SQLite as the journal, one writer thread, group commit (design 5).
//!
//! The way of a batch, file by file: [`engine`] takes it, [`subjects`] says whether its id is known, [`books`] applies it, [`row`]
//! writes it down, [`writer`] journals it. [`start`] and [`snapshot`] bring the balances back, [`statement`] reads the journal
//! backwards, [`verify`] recomputes everything. [`trimming`] takes old rows away, as a [`segment`] each; [`past`] finds them again. [`intents`] and `engine/following` serve an engine that has its balances elsewhere.

mod books;
mod bytes;
mod engine;
mod intents;
mod journal;
mod merging;
mod opening;
mod past;
mod places;
mod reading;
mod row;
mod segment;
mod settings;
mod snapshot;
mod start;
mod statement;
mod subjects;
mod trimming;
mod verify;
mod writer;

/// Hashes what is drawn by us and by those who are let in, so that the quick one will do; its seed is each process's own.
type Quick = foldhash::fast::RandomState;

pub(crate) use bytes::checksum;
pub use engine::SqliteLedger;
pub(crate) use engine::following::{CompanyState, Look, node_of, read_companies};
pub(crate) use engine::only_ends;
pub(crate) use intents::Identity;
pub(crate) use journal::is_free;
pub(crate) use merging::merged_page;
pub use reading::Journal;
pub use settings::{
    BUSY, Clock, GROUP_AFTER, GROUP_BATCHES, Group, GroupListener, PLACED_TOGETHER, QUEUE_BATCHES,
    QUEUE_BATCHES_RESERVED, QUEUE_BYTES, REMEMBERED_OUTCOMES, REMEMBERED_REFUSALS, REMEMBERED_SUBJECTS, SNAPSHOT_EVERY,
    STALLED_AGAIN_AFTER, Settings, StallListener,
};
pub use verify::{verify, verify_with};
