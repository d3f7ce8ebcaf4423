//! `tandem ledger verify`: the books recomputed from the journal, read-only, beside a running switch or without one.
//!
//! The checks are `ledger`'s.

use crate::serve::LEDGER_FILE;
use serde_json::json;
use std::process::ExitCode;

/// Verifies and prints. 0 where nothing is wrong, 1 where something is or the journal cannot be read.
pub(crate) fn run(settings: &config::Settings, as_json: bool) -> ExitCode {
    let path = settings.node.data_dir.join(LEDGER_FILE);
    let verified = match ledger::sqlite::verify(&path) {
        Ok(verified) => verified,
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    };
    if as_json {
        let summary = json!({
            "clean": verified.is_clean(),
            "batches": verified.batches,
            "refused": verified.refused,
            "transfers": verified.transfers,
            "accounts": verified.accounts,
            "companies": verified.companies,
            "holds": verified.holds,
            "open_holds": verified.open_holds,
            "fault_count": verified.fault_count,
            "faults": verified.faults,
        });
        crate::print_all(&summary.to_string());
    } else {
        crate::print_all(&verified.to_string());
    }
    if verified.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
