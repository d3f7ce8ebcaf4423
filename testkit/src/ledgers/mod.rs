//! Ledgers of the simulated world: engines that crash, one that is looked at, and one that misbehaves on purpose.
//!
//! | File | Holds |
//! |---|---|
//! | `disk` | an engine and what a crash leaves of it |
//! | `watched` | tells a witness what the engine did |
//! | `shared` | nodes that share a Redis, step by step |
//! | `sabotage` | bugs, planted between the switch and its ledger |

mod disk;
mod sabotage;
mod shared;
mod watched;

pub use disk::{Disk, Engine};
pub use sabotage::{Bug, Sabotaged};
pub use shared::{House, Stepped};
pub use watched::Watched;

/// Every question of the trait passes through to the ledger behind; only `submit` and `flush` are the wrapper's own.
macro_rules! pass_questions_on {
    ($field:ident) => {
        fn balance(&self, account: domain::credit::Account) -> domain::credit::Balance {
            self.$field.balance(account)
        }
        fn balances(&self, company: domain::CompanyId) -> Vec<(domain::credit::Account, domain::credit::Balance)> {
            self.$field.balances(company)
        }
        $crate::ledgers::pass_other_questions_on!($field);
    };
}
use pass_questions_on;

/// The same without balances.
macro_rules! pass_other_questions_on {
    ($field:ident) => {
        fn statement(&self, query: &ledger::StatementQuery) -> Result<ledger::StatementPage, ledger::Error> {
            self.$field.statement(query)
        }
        fn history(&self, subject: u128) -> Result<Vec<ledger::StatementLine>, ledger::Error> {
            self.$field.history(subject)
        }
        fn open_holds(&self, company: Option<domain::CompanyId>, limit: usize) -> Vec<ledger::OpenHold> {
            self.$field.open_holds(company, limit)
        }
        fn totals(&self) -> ledger::Totals {
            self.$field.totals()
        }
        fn unfinished(&self) -> Result<Vec<ledger::Unfinished>, ledger::Error> {
            self.$field.unfinished()
        }
        fn ended_after(&self, sequence: u64, limit: usize) -> Result<Vec<(u64, std::sync::Arc<str>)>, ledger::Error> {
            self.$field.ended_after(sequence, limit)
        }
        fn on_journalled(&self, listener: ledger::EndedListener) -> Result<(), ledger::Error> {
            self.$field.on_journalled(listener)
        }
        fn verify(&self) -> Result<ledger::Verification, ledger::Error> {
            self.$field.verify()
        }
        fn trim(&self, order: &ledger::Trim) -> Result<ledger::Trimmed, ledger::Error> {
            self.$field.trim(order)
        }
        fn is_healthy(&self) -> bool {
            self.$field.is_healthy()
        }
        fn close(&self) -> Result<(), ledger::Error> {
            self.$field.close()
        }
    };
}
use pass_other_questions_on;
