//! The ledger as the back office sees it: what people and programs post is told to the metrics, as the profiles tell theirs.
//!
//! Nothing is decided or changed here: every batch and every answer passes as it is.

use domain::credit::{Account, Balance, Batch, Code, Durability, Kind, Outcome, Unit};
use domain::{CompanyId, Currency, Fact, Micros};
use ledger::{
    EndedListener, Error, Ledger, OpenHold, Reply, StatementLine, StatementPage, StatementQuery, Totals, Trim, Trimmed,
    Unfinished, Unjournalled, Verification,
};
use std::sync::Arc;
use telemetry::Telemetry;

/// A ledger whose posted batches are counted.
pub(super) struct ToldLedger {
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) telemetry: Arc<Telemetry>,
}

/// What a batch of the back office moves: all of its money has one currency. None where it moves channels only.
fn moved(batch: &Batch) -> Option<(Code, Micros, Currency)> {
    let code = batch.transfers.first()?.code;
    let posted = batch.transfers.iter().filter_map(|transfer| match transfer.kind {
        Kind::Post { debit: Account { unit: Unit::Money(currency), .. }, amount, .. } => Some((amount, currency)),
        _ => None,
    });
    posted.fold(None, |sum, (amount, currency)| {
        let before = sum.map_or(Micros::ZERO, |(_, before, _)| before);
        Some((code, before + Micros::new(amount), currency))
    })
}

impl Ledger for ToldLedger {
    fn submit(&self, batch: Batch, durability: Durability, reply: Reply) {
        let Some((code, amount, currency)) = moved(&batch) else {
            return self.ledger.submit(batch, durability, reply);
        };
        let telemetry = Arc::clone(&self.telemetry);
        let told = move |outcome: Outcome| {
            let posted = |applied| telemetry.tell(&Fact::LedgerPosted { code, applied, amount, currency });
            match &outcome {
                Outcome::Applied(_) => posted(true),
                Outcome::Refused(_) => posted(false),
                Outcome::Unavailable => telemetry.count_ledger_failure(code),
                // It was counted when it was first answered.
                Outcome::Replayed(_) => {}
            }
            reply(outcome);
        };
        self.ledger.submit(batch, durability, Box::new(told));
    }

    fn balance(&self, account: Account) -> Balance {
        self.ledger.balance(account)
    }

    fn balances(&self, company: CompanyId) -> Vec<(Account, Balance)> {
        self.ledger.balances(company)
    }

    fn statement(&self, query: &StatementQuery) -> Result<StatementPage, Error> {
        self.ledger.statement(query)
    }

    fn history(&self, subject: u128) -> Result<Vec<StatementLine>, Error> {
        self.ledger.history(subject)
    }

    fn open_holds(&self, company: Option<CompanyId>, limit: usize) -> Vec<OpenHold> {
        self.ledger.open_holds(company, limit)
    }

    fn totals(&self) -> Totals {
        self.ledger.totals()
    }

    fn unjournalled(&self) -> Vec<Unjournalled> {
        self.ledger.unjournalled()
    }

    fn unfinished(&self) -> Result<Vec<Unfinished>, Error> {
        self.ledger.unfinished()
    }

    fn ended_after(&self, journal_sequence: u64, limit: usize) -> Result<Vec<(u64, Arc<str>)>, Error> {
        self.ledger.ended_after(journal_sequence, limit)
    }

    fn on_journalled(&self, listener: EndedListener) -> Result<(), Error> {
        self.ledger.on_journalled(listener)
    }

    fn journal(&self) -> String {
        self.ledger.journal()
    }

    fn flush(&self) -> Result<(), Error> {
        self.ledger.flush()
    }

    fn verify(&self) -> Result<Verification, Error> {
        self.ledger.verify()
    }

    fn trim(&self, order: &Trim) -> Result<Trimmed, Error> {
        self.ledger.trim(order)
    }

    fn balance_max(&self) -> i64 {
        self.ledger.balance_max()
    }

    fn is_healthy(&self) -> bool {
        self.ledger.is_healthy()
    }

    fn close(&self) -> Result<(), Error> {
        self.ledger.close()
    }
}
