//! After a crash: every call that died with the former process is closed once, at what was captured, with its record.
//!
//! Called once at start, before anybody may call. What a living call does is not here.

use domain::call_record::CallRecord;
use domain::credit::{Batch, BatchId, Code, Durability, Holder, Kind, Memo, Outcome, RefusedBecause, Transfer};
use domain::{Micros, Now, ReleaseCause};
use ledger::{Ledger, LineKind, StatementLine, Unfinished};
use rating::Tariff;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use store::record_json::{from_json, to_json};

/// Numbers that a dead call may have been refused under after its last row: all attempts of two requests.
const REFUSED_MAX: u32 = 128;
/// How often a ledger that cannot answer is asked again before the start is given up: for five seconds.
const ASKED_AGAIN: u32 = 50;
/// Blocks that a call may have been posted beyond what it had captured: more than a day of seconds.
const BLOCKS_MAX: usize = 100_000;
/// The pause between two askings.
const ASKED_EVERY: std::time::Duration = std::time::Duration::from_millis(100);

/// What was found and done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Calls that were closed.
    pub calls: u64,
    /// What they had been charged.
    pub charged: Micros,
    /// Holds that were released.
    pub holds: u64,
}

/// Closes the calls of the former process. A second call finds nothing left to do.
///
/// # Errors
/// A sentence where the ledger refuses or does not answer: the node must not take calls then.
pub fn recover(ledger: &Arc<dyn Ledger>, now: Now) -> Result<Recovered, String> {
    let mut recovered = Recovered::default();
    for died in ledger.unfinished().map_err(|error| error.to_string())? {
        let lines = lines_of(&died, &**ledger)?;
        let record = record_of(&died, posted(&lines), now);
        let batch = closing_batch(&died, record.as_ref(), &counted(&died, &lines), now);
        close(ledger, batch)?;
        recovered.calls += u64::from(record.is_some());
        recovered.charged += record.map(|record| record.amount).unwrap_or_default();
        recovered.holds += died.open_holds.len() as u64;
    }
    Ok(recovered)
}

/// What the journal has of a call that has money held, or had.
fn lines_of(died: &Unfinished, ledger: &dyn Ledger) -> Result<Vec<StatementLine>, String> {
    let open = died.open_holds.iter().map(|open| open.hold);
    let mut holds = open.chain(died.closed_holds.iter().map(|closed| closed.hold));
    match holds.any(|hold| !hold.is_channel()) {
        true => ledger.history(died.subject).map_err(|error| error.to_string()),
        false => Ok(Vec::new()),
    }
}

/// What was charged without a hold: a block whose hold had lapsed, or that was spoken while the ledger was away.
fn posted(lines: &[StatementLine]) -> Micros {
    let is_charge = |line: &&StatementLine| line.code == Code::CallCharge && line.credit.holder == Holder::Revenue;
    let charges = lines.iter().filter(|line| line.kind == LineKind::Post).filter(is_charge);
    charges.map(|line| Micros::new(line.amount)).sum()
}

/// The record of a call that died: as it was opened, with what was captured and posted. None where the holds were not a call's.
fn record_of(died: &Unfinished, posted: Micros, now: Now) -> Option<CallRecord> {
    let mut record = from_json(died.opened.as_deref()?).ok()?;
    let captured = died.captured().filter(|(hold, _)| !hold.is_channel()).map(|(_, amount)| Micros::new(amount));
    record.amount = captured.sum::<Micros>() + posted;
    // A money hold is named by the billed second up to which it pays; one that was captured has been spoken.
    record.billed_s = paid_up_to(died);
    if posted.is_positive() {
        bill_what_was_posted(&mut record);
    }
    record.cause = ReleaseCause::SwitchRestarted;
    record.ended_at = match record.answered_at {
        Some(answered) => (answered + std::time::Duration::from_secs(record.billed_s.into())).min(now.wall),
        None => now.wall,
    };
    record.talked_ms = record
        .answered_at
        .map_or(0, |answered| u64::try_from(record.ended_at.since(answered).as_millis()).unwrap_or(u64::MAX));
    Some(record)
}

/// What is posted says no second: it has paid the fewest that cost so much, and what is missing for the last of them was written off.
fn bill_what_was_posted(record: &mut CallRecord) {
    let Some(Ok(tariff)) = Tariff::of_record(record) else { return };
    let paid_s = record.billed_s.max(tariff.first_block().until_s);
    let blocks = std::iter::successors(Some(paid_s), |until_s| Some(tariff.next_block(*until_s).until_s));
    if let Some(until_s) = blocks.take(BLOCKS_MAX).find(|until_s| tariff.price(*until_s) >= record.amount) {
        record.billed_s = until_s;
        record.written_off = tariff.price(until_s) - record.amount;
    }
}

fn paid_up_to(died: &Unfinished) -> u32 {
    let is_open = |hold| died.open_holds.iter().any(|open| open.hold == hold);
    let paid = died.closed_holds.iter().map(|closed| closed.hold).filter(|hold| !hold.is_channel() && !is_open(*hold));
    // Blocks that cost nothing by themselves are captured with 0: they count, for they were spoken.
    paid.map(|hold| hold.number).max().unwrap_or(0)
}

/// What is held and counts against the cap of a day, to be given back: it was counted right in front of each hold.
fn counted(died: &Unfinished, lines: &[StatementLine]) -> Vec<Transfer> {
    let in_front = lines.windows(2).filter(|two| {
        let [count, held] = two else { return false };
        let is_counted = count.code == Code::DailyCap && count.batch == held.batch && count.amount == held.amount;
        is_counted && held.kind == LineKind::Hold && died.open_holds.iter().any(|open| held.hold == Some(open.hold))
    });
    let back = in_front.filter_map(|two| two.first()).map(|count| {
        let kind = Kind::Post { debit: count.credit, credit: count.debit, amount: count.amount };
        Transfer { kind, code: Code::DailyCap }
    });
    back.collect()
}

fn closing_batch(died: &Unfinished, record: Option<&CallRecord>, counted: &[Transfer], now: Now) -> Batch {
    let release = |hold: &ledger::OpenHold| Transfer { kind: Kind::Release { hold: hold.hold }, code: hold.code };
    let mut transfers: Vec<Transfer> = died.open_holds.iter().map(release).chain(counted.iter().copied()).collect();
    transfers.truncate(Batch::TRANSFERS_MAX);
    Batch {
        id: BatchId { subject: died.subject, sequence: died.last_sequence + 1 },
        company: died.company,
        at: now.wall,
        transfers,
        memo: record.map(|record| Memo::CallEnded(to_json(record).into())),
    }
}

/// Posts a batch and waits until it is durable.
pub(crate) fn ask(ledger: &Arc<dyn Ledger>, batch: Batch) -> Result<Outcome, std::sync::mpsc::RecvError> {
    let (told, heard) = sync_channel(1);
    let reply = Box::new(move |outcome| {
        let _ = told.send(outcome);
    });
    ledger.submit(batch, Durability::BeforeAnswer, reply);
    heard.recv()
}

fn close(ledger: &Arc<dyn Ledger>, mut batch: Batch) -> Result<(), String> {
    let subject = batch.id.subject;
    let code = batch.transfers.first().map_or(Code::ChannelUse, |transfer| transfer.code);
    let mut said = ask(ledger, batch.clone());
    let (mut again, mut further) = (0, 0);
    loop {
        match &said {
            // Balances that are shared may be on their way: after Redis has lost them, other nodes need a moment to lay their parts.
            Ok(Outcome::Unavailable) if again < ASKED_AGAIN => {
                again += 1;
                std::thread::sleep(ASKED_EVERY);
            }
            // A batch of the dead call was refused under this number, which Redis remembers and no journal does.
            Ok(Outcome::Refused(refusal))
                if refusal.because == RefusedBecause::DifferentBody && further < REFUSED_MAX =>
            {
                further += 1;
                batch.id.sequence += 1;
            }
            _ => break,
        }
        said = ask(ledger, batch.clone());
    }
    match said {
        Ok(Outcome::Applied(_)) | Ok(Outcome::Replayed(_)) => Ok(()),
        Ok(outcome) => Err(format!(
            "the holds of the unfinished call {subject:032x} ({}) cannot be released: {outcome:?}; run `tandem ledger verify`",
            code.as_str()
        )),
        Err(_) => Err(format!("the ledger did not answer when the unfinished call {subject:032x} was closed")),
    }
}

#[cfg(test)]
mod tests;
