//! How a request of a call becomes a batch of the ledger (design 5, "Life of a call's money").
//!
//! When which batch is sent is decided in `answers`; amounts come from the call's tariff.

use super::books::{Accounts, Books, Channel, Draft, Link, Part};
use super::counting::{self, Counting};
use super::recharge;
use super::request::{Ask, Papers, Posting, Request};
use crate::directory::AutoRecharge;
use domain::call_record::CallRecord;
use domain::credit::{Batch, BatchId, Code, Durability, Kind, Transfer};
use domain::{Micros, Wall};
use rating::Block;
use std::sync::Arc;

/// Batches of one request at most: plain, with the recharge in front, plain again, the final unit, one for each hold that has
/// lapsed, and one whenever money comes while the call is on its final unit. The sequence of a batch is the request's number times this, so that it counts up per call whoever posts it.
pub(super) const ATTEMPTS_MAX: u32 = 64;

/// What a batch is made under.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// When it was decided.
    pub(super) at: Wall,
    /// The new lease of everything in it.
    pub(super) until: Wall,
    /// What the profile is recharged by, where it may be.
    pub(super) recharge: Option<AutoRecharge>,
    /// What counts against the cap of a day, where there is one.
    pub(super) counting: Option<Counting>,
}

/// The batch of a draft, as the books stand.
pub(super) fn posting(books: &Books, draft: &Draft, terms: Terms) -> Posting {
    let Draft { request, attempt, link, part, collect, .. } = draft;
    let mut transfers = Vec::new();
    if let (Link::Linked, Some(auto), Some(needed)) = (*link, terms.recharge, needed(request)) {
        transfers.push(recharge::transfer(books.accounts, auto, recharge::limit_for(auto, needed)));
    }
    match &request.ask {
        Ask::Reserve { first, .. } => reserve(books, *first, draft, terms, &mut transfers),
        Ask::Charge { begins, next, .. } => {
            if *part != Part::Next {
                match *collect {
                    Some(part) if part.is_positive() => {
                        transfers.push(Transfer { kind: post(books.accounts, part), code: Code::CallCharge });
                    }
                    Some(_) => {}
                    None => begin(books, *begins, &mut transfers),
                }
                counting::begin(books, *begins, collect.unwrap_or(begins.amount), terms.counting, &mut transfers);
            }
            if let Some(next) = next.filter(|_| *part != Part::Final) {
                hold_block(books, next, draft, terms, &mut transfers);
            }
            extend_channel(books, terms, &mut transfers);
        }
        Ask::Extend { .. } => {
            extend_channel(books, terms, &mut transfers);
            extend_block(books, terms, &mut transfers);
        }
        Ask::Settle { owed_s, .. } => settle(books, *owed_s, terms, &mut transfers),
        Ask::Continue { .. } => {}
    }
    let sequence = u64::from(request.number) * u64::from(ATTEMPTS_MAX) + u64::from(*attempt);
    Posting {
        batch: Batch {
            id: BatchId { subject: books.call.bits(), sequence },
            company: books.accounts.company,
            at: terms.at,
            transfers,
            memo: None,
        },
        papers: papers(books, request),
        // A call cannot outlive the process, so it never waits for the disk.
        durability: Durability::WithNextGroup,
    }
}

/// What the customer must have available for this request.
pub(super) fn needed(request: &Request) -> Option<Micros> {
    match &request.ask {
        Ask::Reserve { first, .. } => first.map(|block| block.amount),
        Ask::Charge { next, .. } => next.map(|block| block.amount),
        Ask::Continue { .. } | Ask::Extend { .. } | Ask::Settle { .. } => None,
    }
}

/// What a settlement captures, because it has begun before the call ended.
pub(super) fn begun_unpaid(books: &Books, owed_s: u32) -> Option<Block> {
    books.block.map(|held| held.block).filter(|block| block.until_s <= owed_s)
}

fn reserve(books: &Books, first: Option<Block>, draft: &Draft, terms: Terms, transfers: &mut Vec<Transfer>) {
    transfers.push(hold_channel(books, Channel::FIRST, terms));
    if let Some(first) = first {
        hold_block(books, first, draft, terms, transfers);
    }
}

/// What begins is captured; where its hold has lapsed, it is posted.
fn begin(books: &Books, begins: Block, transfers: &mut Vec<Transfer>) {
    let kind = match books.block {
        Some(held) if held.block == begins && !held.lapsed => {
            Kind::Capture { hold: books.hold(begins.until_s), amount: begins.amount.get() }
        }
        Some(_) | None => post(books.accounts, begins.amount),
    };
    transfers.push(Transfer { kind, code: Code::CallCharge });
}

fn settle(books: &Books, owed_s: u32, terms: Terms, transfers: &mut Vec<Transfer>) {
    if let Some(held) = books.block {
        match begun_unpaid(books, owed_s) {
            Some(block) => {
                begin(books, block, transfers);
                counting::begin(books, block, block.amount, terms.counting, transfers);
            }
            None if !held.lapsed => {
                let kind = Kind::Release { hold: books.hold(held.block.until_s) };
                transfers.push(Transfer { kind, code: Code::CallCharge });
                counting::release(books, transfers);
            }
            None => {}
        }
    }
    if let Channel::Held(number) = books.channel {
        transfers.push(Transfer { kind: Kind::Release { hold: books.hold(number) }, code: Code::ChannelUse });
    }
}

fn extend_channel(books: &Books, terms: Terms, transfers: &mut Vec<Transfer>) {
    match books.channel {
        Channel::None => {}
        Channel::Held(number) => {
            let kind = Kind::Extend { hold: books.hold(number), until: terms.until };
            transfers.push(Transfer { kind, code: Code::ChannelUse });
        }
        Channel::Lapsed(number) => transfers.push(hold_channel(books, Channel::after(number), terms)),
    }
}

fn extend_block(books: &Books, terms: Terms, transfers: &mut Vec<Transfer>) {
    if let Some(held) = books.block.filter(|held| !held.lapsed) {
        let kind = Kind::Extend { hold: books.hold(held.block.until_s), until: terms.until };
        transfers.push(Transfer { kind, code: Code::CallCharge });
    }
}

fn hold_channel(books: &Books, number: u32, terms: Terms) -> Transfer {
    let (debit, credit) = (books.accounts.channels(), books.accounts.world());
    let kind = Kind::Hold { hold: books.hold(number), debit, credit, amount: 1, until: terms.until };
    Transfer { kind, code: Code::ChannelUse }
}

/// What counts against the cap of a day stands right in front of its hold: whoever closes the books of a dead call finds it there.
fn hold_block(books: &Books, block: Block, draft: &Draft, terms: Terms, transfers: &mut Vec<Transfer>) {
    transfers.extend(counting::hold(books.accounts, block, draft.day, terms.counting));
    let (debit, credit) = (books.accounts.money(), books.accounts.revenue());
    let (hold, amount) = (books.hold(block.until_s), block.amount.get());
    let kind = Kind::Hold { hold, debit, credit, amount, until: terms.until };
    transfers.push(Transfer { kind, code: Code::CallCharge });
}

fn post(accounts: Accounts, amount: Micros) -> Kind {
    Kind::Post { debit: accounts.money(), credit: accounts.revenue(), amount: amount.get() }
}

/// The record that goes with a batch; its amount is what will have been captured once the batch is applied.
fn papers(books: &Books, request: &Request) -> Papers {
    match &request.ask {
        Ask::Reserve { opened, .. } => Papers::Opened(opened.clone()),
        Ask::Charge { begins, opened: Some(opened), .. } => Papers::Opened(charged(opened, books, Some(*begins))),
        Ask::Extend { opened: Some(opened) } => Papers::Opened(opened.clone()),
        Ask::Charge { opened: None, .. } | Ask::Continue { .. } | Ask::Extend { opened: None } => Papers::None,
        Ask::Settle { owed_s, record, .. } => Papers::Ended(charged(record, books, begun_unpaid(books, *owed_s))),
    }
}

fn charged(record: &CallRecord, books: &Books, begins: Option<Block>) -> Arc<CallRecord> {
    let mut record = record.clone();
    record.amount = books.captured + begins.map_or(Micros::ZERO, |block| block.amount);
    record.written_off = books.written_off;
    record.billed_s = begins.map_or(books.captured_s, |block| block.until_s);
    Arc::new(record)
}
