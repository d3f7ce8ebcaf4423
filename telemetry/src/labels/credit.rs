//! How soon what is being spent is spent, and where rows of the journal are: the values of labels.
//!
//! Counting is `credit`'s.

use super::Label;

labels! {
    /// When the credit of a profile will be spoken, if its calls all go on.
    Emptying {
        /// Within a minute.
        Minute = "1m",
        /// Within ten minutes.
        TenMinutes = "10m",
        /// Within an hour.
        Hour = "1h",
        /// Within a day.
        Day = "1d",
        /// Later.
        Later = "later",
    }
}

labels! {
    /// Where rows of the ledger's journal are.
    RowsIn {
        /// In the node's own journal.
        Journal = "journal",
        /// In the store's archive.
        Archive = "archive",
    }
}

impl Emptying {
    /// Where so many seconds belong.
    pub const fn of(seconds: u64) -> Emptying {
        match seconds {
            0..=60 => Emptying::Minute,
            61..=600 => Emptying::TenMinutes,
            601..=3_600 => Emptying::Hour,
            3_601..=86_400 => Emptying::Day,
            _ => Emptying::Later,
        }
    }
}
