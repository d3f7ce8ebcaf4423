//! When the breakers of companies open that have limits of their own.
//!
//! Breakers that are open are in [`crate::fraud`]; whether one opens is decided in `switch`.

use crate::column::parsed;
use crate::{Result, Signed, Store, company};
use domain::fraud::BreakerLimits;
use domain::{CompanyId, Micros};
use rusqlite::{Connection, params};
use std::collections::BTreeMap;

pub(crate) fn all(connection: &Connection) -> Result<BTreeMap<CompanyId, BreakerLimits>> {
    let sql = "SELECT company, per_minute, per_hour, times_usual, usual_from FROM breaker_limits ORDER BY company";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| {
        let limits = BreakerLimits {
            per_minute: row.get::<_, Option<i64>>(1)?.map(Micros::new),
            per_hour: row.get::<_, Option<i64>>(2)?.map(Micros::new),
            times_usual: row.get(3)?,
            usual_from: Micros::new(row.get(4)?),
        };
        Ok((parsed(row, 0)?, limits))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

impl Store {
    /// Gives a company limits of its own.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`].
    pub fn set_breaker_limits(&self, id: CompanyId, limits: &BreakerLimits, signed: Signed<'_>) -> Result<()> {
        self.change(signed, "breaker_limits_set", id, &limits.to_string(), |transaction| {
            company::get(transaction, id)?;
            transaction.execute(
                "INSERT OR REPLACE INTO breaker_limits (company, per_minute, per_hour, times_usual, usual_from)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    id.to_string(),
                    limits.per_minute.map(Micros::get),
                    limits.per_hour.map(Micros::get),
                    limits.times_usual,
                    limits.usual_from.get()
                ],
            )?;
            Ok(())
        })
    }

    /// A company has the limits of the settings again.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] where there is no such company.
    pub fn reset_breaker_limits(&self, id: CompanyId, signed: Signed<'_>) -> Result<()> {
        self.change(signed, "breaker_limits_reset", id, "", |transaction| {
            company::get(transaction, id)?;
            transaction.execute("DELETE FROM breaker_limits WHERE company = ?1", [id.to_string()])?;
            Ok(())
        })
    }

    /// The limits of companies that have their own.
    ///
    /// # Errors
    /// [`crate::Error::Database`].
    pub fn breaker_limits(&self) -> Result<BTreeMap<CompanyId, BreakerLimits>> {
        self.read(all)
    }
}
