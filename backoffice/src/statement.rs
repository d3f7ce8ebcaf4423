//! Statements: the ledger's lines of one account, newest first, as the account's owner reads them.
//!
//! Nothing is summed here; the balance after each line is the ledger's own.

use crate::caller::Caller;
use crate::error::Result;
use crate::office::Office;
use crate::page::{Page, PageAsk};
use crate::posting::{company_money, profile_money};
use domain::credit::{Account, Code, Holder};
use domain::{CallId, CompanyId, Micros, ProfileId};
use ledger::{LineKind, Lines, StatementLine, StatementQuery};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatementLines {
    /// Only those that moved money.
    #[default]
    Posted,
    /// Holds, releases and prolonged leases too.
    All,
}

/// A line of a statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Entry {
    /// The number of its batch in the journal, growing with time.
    pub journal: u64,
    /// Its place within the batch.
    pub line: u32,
    /// When; RFC 3339.
    pub at: String,
    /// Why: `topup`, `allocate`, `take_back`, `auto_recharge`, `call_charge` ...
    pub code: String,
    /// What: `post`, `capture`; with `lines=all` also `hold`, `release`, `extend`.
    pub kind: String,
    /// What the account gained, below zero where it lost; `0.00` where nothing moved.
    #[schema(example = "-0.01")]
    pub amount: String,
    /// What a hold, release or extend is about; null for others.
    pub hold: Option<String>,
    /// What the account has after this line.
    pub balance: String,
    /// What of it is held after this line.
    pub held: String,
    /// Of all amounts.
    pub currency: String,
    /// The other side: `world`, `revenue`, `company`, or the identity of a profile or account.
    pub counterpart: String,
    /// The call, where it is a call's.
    pub call: Option<String>,
    /// Why, in the words of who moved it.
    pub note: Option<String>,
}

/// Whose an account is, in one word: as the other side of a line, and in exports.
pub(crate) fn holder(account: Account) -> String {
    match account.holder {
        Holder::Company => "company".to_owned(),
        Holder::Profile(id) => id.to_string(),
        Holder::BusinessAccount(id) => id.to_string(),
        Holder::Revenue => "revenue".to_owned(),
        Holder::World => "world".to_owned(),
    }
}

/// The call that a charge is for: its hold's, whoever's batch captured it.
pub(crate) fn call_of(line: &StatementLine) -> u128 {
    line.hold.map_or(line.batch.subject, |hold| hold.subject)
}

/// The line as the owner of `account` reads it.
fn entry(line: &StatementLine, account: Account, currency: &str) -> Entry {
    let loses = line.debit == account;
    let moves = matches!(line.kind, LineKind::Post | LineKind::Capture);
    let amount = match (moves, loses) {
        (false, _) => 0,
        (true, true) => -line.amount,
        (true, false) => line.amount,
    };
    let after = if loses { line.debit_after } else { line.credit_after.unwrap_or_default() };
    let text = |micros: i64| Micros::new(micros).to_string();
    Entry {
        journal: line.journal_sequence,
        line: line.transfer as u32,
        at: line.at.to_string(),
        code: line.code.as_str().to_owned(),
        kind: line.kind.as_str().to_owned(),
        amount: text(amount),
        hold: (!moves).then(|| text(line.amount)),
        balance: text(after.posted),
        held: text(after.held),
        currency: currency.to_owned(),
        counterpart: holder(if loses { line.credit } else { line.debit }),
        call: (line.code == Code::CallCharge).then(|| CallId::from_bits(call_of(line)).to_string()),
        note: line.note.as_ref().map(ToString::to_string),
    }
}

impl Office {
    /// The statement of a company's own balance.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`], [`crate::Error::Invalid`] (cursor), [`crate::Error::Ledger`].
    pub fn company_statement(
        &self,
        caller: &Caller,
        id: CompanyId,
        lines: StatementLines,
        ask: &PageAsk,
    ) -> Result<Page<Entry>> {
        let company = self.company_row(caller, id)?;
        self.statement(company_money(id, company.currency), company.currency.as_str(), lines, ask)
    }

    /// The statement of a profile's credit.
    ///
    /// # Errors
    /// As [`Office::company_statement`].
    pub fn profile_statement(
        &self,
        caller: &Caller,
        id: ProfileId,
        lines: StatementLines,
        ask: &PageAsk,
    ) -> Result<Page<Entry>> {
        let profile = self.profile_row(caller, id)?;
        let account = profile_money(profile.company, id, profile.currency);
        self.statement(account, profile.currency.as_str(), lines, ask)
    }

    /// A batch is never cut in two, so a page may be a few lines longer than asked for.
    fn statement(&self, account: Account, currency: &str, lines: StatementLines, ask: &PageAsk) -> Result<Page<Entry>> {
        let query = StatementQuery {
            company: account.company,
            account: Some(account),
            lines: match lines {
                StatementLines::Posted => Lines::Posted,
                StatementLines::All => Lines::All,
            },
            before: ask.cursor()?,
            after: 0,
            limit: ask.limit(),
        };
        let page = self.inner.ledger.statement(&query)?;
        let items = page.lines.iter().map(|line| entry(line, account, currency)).collect();
        Ok(Page { items, has_more: page.next.is_some(), next: page.next.map(|next| next.to_string()) })
    }
}
