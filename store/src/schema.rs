//! The schema's versions, applied in order and each once.
//!
//! The tables themselves are in `migrations/`. A migration that has been released is never edited: add the next.

use crate::{Error, Result, deck};
use domain::Wall;
use rusqlite::{Connection, TransactionBehavior, params};
use std::path::Path;

/// Version n is the n-th, counted from 1.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_first.sql"),
    include_str!("../migrations/0002_legs.sql"),
    include_str!("../migrations/0003_incoming.sql"),
    include_str!("../migrations/0004_carriers.sql"),
    include_str!("../migrations/0005_srtp.sql"),
    include_str!("../migrations/0006_identity.sql"),
    include_str!("../migrations/0007_front_door.sql"),
    include_str!("../migrations/0008_fax.sql"),
    include_str!("../migrations/0009_trunks.sql"),
    include_str!("../migrations/0010_keys.sql"),
    include_str!("../migrations/0011_ways.sql"),
    include_str!("../migrations/0012_edges.sql"),
    include_str!("../migrations/0013_payments.sql"),
    include_str!("../migrations/0014_proof.sql"),
    include_str!("../migrations/0015_faults.sql"),
    include_str!("../migrations/0016_nodes.sql"),
    include_str!("../migrations/0017_stream.sql"),
    include_str!("../migrations/0018_shadow.sql"),
    include_str!("../migrations/0019_bindings.sql"),
    include_str!("../migrations/0020_webhooks.sql"),
    include_str!("../migrations/0021_advice.sql"),
    include_str!("../migrations/0022_fraud.sql"),
    include_str!("../migrations/0023_breakers.sql"),
    include_str!("../migrations/0024_breaker_limits.sql"),
    include_str!("../migrations/0025_journal.sql"),
];

/// Whether a database has exactly the version known here.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<()> {
    let found: i64 = connection.query_row("SELECT max(version) FROM schema_versions", [], |row| row.get(0))?;
    let known = MIGRATIONS.len() as i64;
    if found == known { Ok(()) } else { Err(Error::OtherSchema { path: path.to_owned(), found, known }) }
}

/// Brings a database to the newest version known here.
pub(crate) fn migrate(connection: &mut Connection, path: &Path, now: Wall) -> Result<()> {
    // Immediate: two processes that start at once migrate one after the other.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_versions (version INTEGER PRIMARY KEY, applied_us INTEGER NOT NULL) STRICT",
    )?;
    let found: i64 =
        transaction.query_row("SELECT coalesce(max(version), 0) FROM schema_versions", [], |row| row.get(0))?;
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(Error::NewerSchema { path: path.to_owned(), found, known });
    }
    for (version, migration) in (1i64..).zip(MIGRATIONS).skip_while(|(version, _)| *version <= found) {
        transaction.execute_batch(migration)?;
        transaction.execute("INSERT INTO schema_versions VALUES (?1, ?2)", params![version, now.as_unix_micros()])?;
    }
    deck::name_contents(&transaction)?;
    transaction.commit()?;
    Ok(())
}
