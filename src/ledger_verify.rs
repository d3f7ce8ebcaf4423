//! `tandem ledger verify`: the books recomputed from the journals, read-only, beside a running switch or without one.
//!
//! The checks are `ledger`'s. Where Redis keeps the balances, they are compared with the journal's.

use crate::serve::archive::StoreArchive;
use crate::serve::settings;
use backoffice::proof::month::{self, Month};
use indicatif::{ProgressBar, ProgressStyle};
use ledger::redis::Audited;
use ledger::sqlite::Journal;
use ledger::{Archive, Error, Verification};
use serde_json::json;
use std::process::ExitCode;
use std::sync::Arc;
use store::Store;

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
            "archived": verified.archived,
            "unread": verified.unread,
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

/// Re-rates every call of a month and prints what was found. 0 where nothing differs, 1 where something does or cannot be read.
pub(crate) fn run_month(settings: &config::Settings, month: Month, as_json: bool) -> ExitCode {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{msg:9} {bar:40} {pos}/{len} calls") {
        bar.set_style(style);
    }
    bar.set_message("re-rating");
    let proven = store(settings).and_then(|store| {
        let progress = |done, total| {
            bar.set_length(total);
            bar.set_position(done);
        };
        let store = Arc::new(store);
        month::prove(&store, &journals(settings, &store)?, month, progress)
    });
    bar.finish_and_clear();
    let proof = match proven {
        Ok(proof) => proof,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    if as_json {
        let told = serde_json::to_value(&proof).map(|mut told| {
            told["clean"] = json!(proof.is_clean());
            told
        });
        match told {
            Ok(told) => crate::print_all(&told.to_string()),
            Err(error) => eprintln!("the result cannot be printed: {error}"),
        }
    } else {
        crate::print_all(&proof.to_string());
    }
    if proof.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The journals of every node that ever had this store, with what the store has of them, to be read.
pub(crate) fn journals(settings: &config::Settings, store: &Arc<Store>) -> Result<Vec<Journal>, String> {
    let archive = archive(store);
    let nodes = store.nodes().map_err(|error| error.to_string())?;
    if nodes.is_empty() {
        let path = settings::of_journal(settings).path;
        let journal = Journal::open_with(&path, Some(&archive));
        return Ok(vec![journal.map_err(|error| format!("{}: {error}", path.display()))?]);
    }
    let open = |node: &store::Node| {
        Journal::open_with(&node.journal, Some(&archive))
            .map_err(|error| format!("{}, the journal of {}: {error}", node.journal.display(), node.name))
    };
    nodes.iter().map(open).collect()
}

/// What a store has of journals.
fn archive(store: &Arc<Store>) -> Arc<dyn Archive> {
    Arc::new(StoreArchive(Arc::clone(store)))
}

/// The store, to be read.
pub(crate) fn store(settings: &config::Settings) -> Result<Store, String> {
    let opening = store::Opening {
        directory: &settings.node.data_dir,
        sip_user_prefix: store::SipUserPrefix::default(),
        now: actors::clock::wall(),
        random: Box::new(|bytes| _ = actors::chance::fill(bytes)),
    };
    Store::open_beside(opening).map_err(|error| error.to_string())
}

/// The journal, and Redis where it keeps the balances.
fn verify(settings: &config::Settings) -> Result<(Verification, Option<Audited>), String> {
    let journal = settings::of_journal(settings);
    if settings.ledger.engine != config::LedgerEngine::Redis {
        // Without a store there is no archive: what was trimmed shows as such.
        let archive = store(settings).ok().map(|store| archive(&Arc::new(store)));
        let verified = ledger::sqlite::verify_with(&journal.path, archive.as_ref());
        return Ok((verified.map_err(|error| error.to_string())?, None));
    }
    let verified = ledger::redis::verify(&crate::nodes::settings_of_house(settings)?);
    let (verified, compared) = verified.map_err(|error: Error| error.to_string())?;
    Ok((verified, Some(compared)))
}
