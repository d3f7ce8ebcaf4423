//! What PBXs were told of the charge (AOC-D, AOC-E), held against what was charged.
//!
//! How a sum is read is in `crate::world::text`; what calls must cost is in `rules`.

use super::{Audit, Invariant, Violation};
use crate::reckoning;
use crate::world::Datagram;
use crate::world::text::{header, told_sum};

/// A sum that somebody was told.
#[derive(Debug)]
pub(super) struct Told {
    call_id: String,
    micros: i64,
    is_final: bool,
}

/// What a datagram of ours says of the charge.
pub(super) fn told(datagram: &Datagram) -> Option<Told> {
    let micros = told_sum(&datagram.text)?;
    let call_id = header(&datagram.text, "Call-ID")?.to_owned();
    Some(Told { call_id, micros, is_final: datagram.text.contains("<aoc-e>") })
}

impl Audit {
    /// Each sum of this step: it is charged by now; and the last is the bill, once there is one.
    pub(super) fn check_told(&mut self) -> Result<(), Violation> {
        let life = self.wires.life();
        for told in std::mem::take(&mut self.told) {
            let wire = (life, told.call_id);
            let Some((call, books)) = self.calls.iter_mut().find(|(_, books)| books.wire.as_ref() == Some(&wire))
            else {
                continue;
            };
            if told.is_final {
                books.told = Some(told.micros);
            } else if told.micros > books.captured {
                let (call, charged) = (Audit::name(*call), books.captured);
                let what = format!("{call} is told {} micros, and is charged {charged}", told.micros);
                return Err(Violation::of(Invariant::ToldIsCharged, what));
            }
            let (call, books) = (*call, books.clone());
            check_last(call, &books)?;
        }
        for call in &self.touched {
            check_last(*call, &self.calls[call])?;
        }
        Ok(())
    }
}

/// What nobody pays was spoken, and told, before that was known. Where the ledger was in trouble, the very last increment may be refused after the PBX has been told of it (decision 106).
fn check_last(call: u128, books: &super::CallBooks) -> Result<(), Violation> {
    let (Some(told), Some(record)) = (books.told, &books.record) else { return Ok(()) };
    let increment = i64::from(books.had_slow_ledger) * reckoning::price(6, record.rate_per_minute.get());
    let owed = record.amount.get();
    if (owed..=owed + record.written_off.get() + increment).contains(&told) {
        return Ok(());
    }
    let what = format!("{} was told {told} micros last: {record:#?}", Audit::name(call));
    Err(Violation::of(Invariant::ToldIsCharged, what))
}
