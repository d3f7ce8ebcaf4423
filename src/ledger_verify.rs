//! `tandem ledger verify`: the books recomputed from the journals, read-only, beside a running switch or without one.
//!
//! The checks are `ledger`'s. Where Redis keeps the balances, they are compared with the journal's.

use crate::serve::settings;
use ledger::redis::Audited;
use ledger::{Error, Verification};
use serde_json::json;
use std::process::ExitCode;

/// Verifies and prints. 0 where nothing is wrong, 1 where something is or the journal cannot be read.
pub(crate) fn run(settings: &config::Settings, as_json: bool) -> ExitCode {
    let path = settings.node.data_dir.join(settings.node.journal());
    let (verified, compared) = match verify(settings) {
        Ok(verified) => verified,
        Err(why) => {
            eprintln!("{}: {why}", path.display());
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
            "redis": compared.as_ref().map(|compared| json!({ "companies": compared.companies, "busy": compared.busy })),
        });
        crate::print_all(&summary.to_string());
    } else {
        crate::print_all(&verified.to_string());
        if let Some(Audited { companies, busy, .. }) = compared {
            let standing = if busy == 0 { String::new() } else { format!(", {busy} never stood still to be compared") };
            crate::print_all(&format!("{companies} companies are in Redis as the journal says{standing}"));
        }
    }
    if verified.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The journal, and Redis where it keeps the balances.
fn verify(settings: &config::Settings) -> Result<(Verification, Option<Audited>), String> {
    let journal = settings::of_journal(settings);
    if settings.ledger.engine != config::LedgerEngine::Redis {
        return Ok((ledger::sqlite::verify(&journal.path).map_err(|error| error.to_string())?, None));
    }
    let verified = ledger::redis::verify(&crate::nodes::settings_of_house(settings)?);
    let (verified, compared) = verified.map_err(|error: Error| error.to_string())?;
    Ok((verified, Some(compared)))
}
