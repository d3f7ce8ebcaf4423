//! The default engine: balances in memory, SQLite as the journal, one writer thread, group commit (design 5).

mod settings;

pub use settings::{
    Clock, GROUP_AFTER, GROUP_BATCHES, Group, GroupListener, QUEUE_BATCHES, QUEUE_BATCHES_RESERVED, QUEUE_BYTES,
    REMEMBERED_OUTCOMES, REMEMBERED_REFUSALS, REMEMBERED_SUBJECTS, SNAPSHOT_EVERY, Settings,
};
