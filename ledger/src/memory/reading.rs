//! What can be read of the memory engine's journal: statements, and the history of a subject.

use super::World;
use crate::api::{LineKind, Lines, StatementLine, StatementPage, StatementQuery};

impl World {
    pub(super) fn page(&self, query: &StatementQuery) -> StatementPage {
        let mut page = StatementPage { lines: Vec::new(), next: None };
        for (index, entry) in self.journal.iter().enumerate().rev() {
            let sequence = index as u64 + 1;
            if entry.company != query.company || query.before.is_some_and(|before| sequence >= before) {
                continue;
            }
            let wanted: Vec<_> = entry.lines.iter().rev().filter(|line| is_wanted(query, line)).cloned().collect();
            if sequence <= query.after || wanted.is_empty() {
                continue;
            }
            if page.lines.len() >= query.limit.max(1) {
                page.next = page.lines.last().map(|line: &StatementLine| line.journal_sequence);
                break;
            }
            page.lines.extend(wanted);
        }
        page
    }

    pub(super) fn history(&self, subject: u128) -> Vec<StatementLine> {
        let is_about = |line: &&StatementLine| {
            line.batch.subject == subject || line.hold.is_some_and(|hold| hold.subject == subject)
        };
        self.journal.iter().flat_map(|entry| &entry.lines).filter(is_about).cloned().collect()
    }
}

fn is_wanted(query: &StatementQuery, line: &StatementLine) -> bool {
    let is_about = query
        .account
        .is_none_or(|account| line.debit == account || (line.credit_after.is_some() && line.credit == account));
    let is_shown = match query.lines {
        Lines::All => true,
        Lines::Posted => matches!(line.kind, LineKind::Post | LineKind::Capture) && line.amount > 0,
    };
    is_about && is_shown
}
