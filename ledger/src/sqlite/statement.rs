//! Statements: the journal read backwards. Each row names the row before it of its company and of each account that it touched, so
//! a page costs as many reads as it has batches, however long the journal is, and writing needs no further index.

use super::books::Books;
use super::journal::{Line, damaged};
use super::past::Past;
use super::row::OnHold;
use crate::api::{LineKind, Lines, StatementLine, StatementPage, StatementQuery};
use crate::error::Error;
use domain::credit::{Account, Balance, HoldId, Kind};

/// The newest page of what is asked for; `newest` is the last row of the account or company.
pub(super) fn page(past: Past<'_>, query: &StatementQuery, newest: u64) -> Result<StatementPage, Error> {
    let mut page = StatementPage { lines: Vec::new(), next: None };
    let mut at = newest;
    // A cursor is a row of the same chain; any other number is found by walking.
    if let Some(before) = query.before.filter(|before| *before <= newest)
        && let Some(line) = past.line_at(before)?
        && line.row.company == query.company
        && let Some(older) = older(&line, query)
    {
        at = older;
    }
    while at > query.after {
        let line = past.line_at(at)?.ok_or_else(|| damaged(at, "it is missing"))?;
        let older = older(&line, query).filter(|older| *older < at);
        let older = older.ok_or_else(|| damaged(at, "it does not lead to the row before it"))?;
        if query.before.is_none_or(|before| at < before) {
            let mut wanted = lines_of(&line);
            wanted.retain(|line| is_wanted(query, line));
            if !wanted.is_empty() && page.lines.len() >= query.limit.max(1) {
                page.next = page.lines.last().map(|line| line.journal_sequence);
                break;
            }
            page.lines.extend(wanted.into_iter().rev());
        }
        at = older;
    }
    Ok(page)
}

/// Every line about a subject, oldest first.
pub(super) fn history(past: Past<'_>, subject: u128) -> Result<Vec<StatementLine>, Error> {
    let mut lines = Vec::new();
    past.each_line_about(subject, |line| {
        let is_about = |line: &StatementLine| {
            line.batch.subject == subject || line.hold.is_some_and(|hold| hold.subject == subject)
        };
        lines.extend(lines_of(line).into_iter().filter(is_about));
    })?;
    lines.sort_by_key(|line| (line.journal_sequence, line.transfer));
    Ok(lines)
}

/// The newest row of what is asked for; 0 for none.
pub(super) fn newest(books: &Books, query: &StatementQuery) -> u64 {
    match query.account {
        // An account of another company has nothing to show here.
        Some(account) if account.company != query.company => 0,
        _ => match chain(query) {
            Some(account) => books.last_line(&account),
            None => books.companies.get(&query.company).copied().unwrap_or(0),
        },
    }
}

/// The account whose rows lead from one to the one before it; none where the company's are walked. An account that is forgotten when nothing is
/// on it forgets its last row too, so what it had before is found among all rows of its company only.
fn chain(query: &StatementQuery) -> Option<Account> {
    query.account.filter(|account| !account.unit.is_passing())
}

/// The row before this one: of the account, or of the company. None where this one does not touch it.
pub(super) fn older(line: &Line, query: &StatementQuery) -> Option<u64> {
    match chain(query) {
        Some(account) => line.row.touched.iter().find(|touched| touched.account == account).map(|found| found.before),
        None => (!line.row.touched.is_empty()).then_some(line.row.before),
    }
}

pub(super) fn is_wanted(query: &StatementQuery, line: &StatementLine) -> bool {
    let is_about = query
        .account
        .is_none_or(|account| account == line.debit || (account == line.credit && line.credit_after.is_some()));
    let is_shown = match query.lines {
        Lines::All => true,
        Lines::Posted => matches!(line.kind, LineKind::Post | LineKind::Capture) && line.amount > 0,
    };
    is_about && is_shown
}

/// What one transfer did: its kind, its hold, its accounts, its amount, and what it moved on the debit side.
struct Did {
    kind: LineKind,
    hold: Option<HoldId>,
    on: OnHold,
    posted: i64,
    held: i64,
}

fn did(kind: Kind, on_hold: Option<OnHold>) -> Option<Did> {
    Some(match kind {
        Kind::Post { debit, credit, amount } | Kind::PostIfAvailableAtMost { debit, credit, amount, .. } => {
            Did { kind: LineKind::Post, hold: None, on: OnHold { debit, credit, amount }, posted: amount, held: 0 }
        }
        Kind::Hold { hold, debit, credit, amount, .. } => Did {
            kind: LineKind::Hold,
            hold: Some(hold),
            on: OnHold { debit, credit, amount },
            posted: 0,
            held: amount,
        },
        Kind::Capture { hold, amount } => {
            let on = on_hold?;
            let held = -on.amount;
            Did { kind: LineKind::Capture, hold: Some(hold), on: OnHold { amount, ..on }, posted: amount, held }
        }
        Kind::Release { hold } => {
            let on = on_hold?;
            Did { kind: LineKind::Release, hold: Some(hold), on, posted: 0, held: -on.amount }
        }
        Kind::Extend { hold, .. } => Did { kind: LineKind::Extend, hold: Some(hold), on: on_hold?, posted: 0, held: 0 },
    })
}

/// The lines of a row, first to last. The row has the balances after the whole batch; those after each line follow backwards.
pub(super) fn lines_of(line: &Line) -> Vec<StatementLine> {
    let mut balances: Vec<(Account, Balance)> =
        line.row.touched.iter().map(|touched| (touched.account, touched.after)).collect();
    let mut lines = Vec::with_capacity(line.row.transfers.len());
    for (index, (transfer, on_hold)) in line.row.transfers.iter().enumerate().rev() {
        let Some(Did { kind, hold, on, posted, held }) = did(transfer.kind, *on_hold) else { continue };
        let moves_credit = matches!(kind, LineKind::Post | LineKind::Capture);
        let now = |balances: &[(Account, Balance)], account: Account| {
            balances.iter().find(|(known, _)| *known == account).map(|(_, balance)| *balance).unwrap_or_default()
        };
        lines.push(StatementLine {
            journal_sequence: line.sequence,
            transfer: index,
            batch: line.id,
            at: line.row.at,
            code: transfer.code,
            kind,
            hold,
            debit: on.debit,
            credit: on.credit,
            amount: on.amount,
            debit_after: now(&balances, on.debit),
            credit_after: moves_credit.then(|| now(&balances, on.credit)),
            memo: line.memo,
            note: line.note.clone(),
        });
        for (account, balance) in &mut balances {
            if *account == on.debit {
                balance.posted = balance.posted.wrapping_add(posted);
                balance.held = balance.held.wrapping_sub(held);
            } else if moves_credit && *account == on.credit {
                balance.posted = balance.posted.wrapping_sub(posted);
            }
        }
    }
    lines.reverse();
    lines
}
