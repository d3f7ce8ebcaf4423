//! From the journal to balances in memory: the newest snapshot (or what the journal begins with), then every row after it. Writing is [`super::writer`]'s.

use super::books::Books;
use super::journal::{self, Line, damaged};
use super::past::Past;
use super::places::Reading;
use super::snapshot;
use crate::error::Error;
use domain::credit::Batch;

/// The balances after the last row, and that row's sequence number.
pub(super) struct Rebuilt {
    pub(super) books: Books,
    pub(super) sequence: u64,
    /// The row of the snapshot that was used; 0 for none.
    pub(super) snapshot: u64,
}

/// Rebuilds the balances as they were after the last row. Of subjects with a past no more is known than the rows read say: who decides by it
/// calls [`complete`].
pub(super) fn rebuild(connection: &Reading) -> Result<Rebuilt, Error> {
    let (snapshot, mut books) = snapshot::load(connection)?;
    // First of all: no subject of the rows below is new, so what is known of each is only what the journal says.
    books.subjects.newest_at_least(journal::newest_subject(connection)?);
    let mut sequence = snapshot;
    journal::each_line(connection, snapshot, u64::MAX, |found, line| {
        if found != sequence + 1 {
            return Err(damaged(sequence + 1, "it is missing"));
        }
        sequence = found;
        follow(&mut books, line?)
    })?;
    Ok(Rebuilt { books, sequence, snapshot })
}

/// Looks up what is not known of live subjects.
pub(super) fn complete(books: &mut Books, past: Past<'_>) -> Result<(), Error> {
    for subject in books.subjects.incomplete() {
        let question = books.subjects.question_of_names(subject);
        let findings = past.consult(question)?;
        books.subjects.learn(question, findings);
    }
    Ok(())
}

/// Applies one row, which must give what it says.
fn follow(books: &mut Books, line: Line) -> Result<(), Error> {
    let Line { sequence, id, row, is_sound, .. } = line;
    if !is_sound {
        return Err(damaged(sequence, "its checksum is wrong"));
    }
    if row.refusal.is_some() {
        // Nothing moved, but the id is taken.
        let batch = Batch { id, company: row.company, at: row.at, transfers: Vec::new(), memo: None };
        books.subjects.pass(&batch);
        return Ok(());
    }
    let transfers = row.transfers.iter().map(|(transfer, _)| *transfer).collect();
    let batch = Batch { id, company: row.company, at: row.at, transfers, memo: None };
    let applied = match row.is_part {
        true => books.apply_decided(&batch, sequence),
        false => books.apply(&batch, sequence),
    };
    applied.map_err(|refusal| damaged(sequence, format!("it would be refused now: {:?}", refusal.because)))?;
    if row.is_part {
        // The row has the totals; which accounts, and which rows came before, follows from this journal all the same.
        for (touched, said) in books.touched.iter_mut().zip(&row.touched) {
            touched.after = said.after;
        }
    }
    if books.touched != row.touched {
        return Err(damaged(sequence, "it says other balances than follow from the rows before it"));
    }
    if !batch.transfers.is_empty() {
        books.chain(row.company, sequence);
    }
    books.subjects.pass(&batch);
    Ok(())
}
