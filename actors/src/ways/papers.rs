//! A posting of a profile as a batch with its memo.
//!
//! Which batch to post is the profile's to decide; the form of a record is the store's.

use domain::credit::{Batch, Durability, Memo};
use store::record_json::to_json;
use switch::profile::{Papers, Posting};

/// The batch as it goes to the ledger, and whether the answer waits for the disk.
pub fn batch_of(posting: Posting) -> (Batch, Durability) {
    let Posting { mut batch, papers, durability } = posting;
    batch.memo = match papers {
        Papers::None => None,
        Papers::Opened(record) => Some(Memo::CallOpened(to_json(&record).into())),
        Papers::Ended(record) => Some(Memo::CallEnded(to_json(&record).into())),
    };
    (batch, durability)
}
