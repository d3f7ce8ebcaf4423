//! Records as they leave for other systems: in the order in which they were written, so that who resumes misses none.
//!
//! The shape in which they leave is `backoffice`'s.

use super::asking::{CallFilter, Condition, PAGE_MAX};
use crate::{Result, Store, record_json};
use domain::call_record::CallRecord;
use rusqlite::params_from_iter;

impl Store {
    /// The records that `filter` wants and that were written behind `after` (0 for all), oldest first, each with its place: at most
    /// `limit` (and [`PAGE_MAX`]). A record that comes late, of a call that lasted long, has a later place whatever its time.
    ///
    /// # Errors
    /// [`crate::Error::Database`], [`crate::Error::NotARecord`].
    pub fn leaving_records(&self, filter: &CallFilter, after: u64, limit: u32) -> Result<Vec<(u64, CallRecord)>> {
        let read = |(place, text): (u64, String)| Ok::<_, crate::Error>((place, record_json::from_json(&text)?));
        self.leaving_texts(filter, after, limit)?.into_iter().map(read).collect()
    }

    /// The same as the texts that are kept.
    ///
    /// # Errors
    /// [`crate::Error::Database`].
    pub fn leaving_texts(&self, filter: &CallFilter, after: u64, limit: u32) -> Result<Vec<(u64, String)>> {
        let mut condition = Condition::of(filter);
        condition.and("journal_sequence > ?", Some(i64::try_from(after).unwrap_or(i64::MAX)));
        let limit = limit.clamp(1, PAGE_MAX);
        let texts: Vec<(i64, String)> = self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT journal_sequence, record FROM call_records WHERE {} ORDER BY journal_sequence LIMIT {limit}",
                condition.sql()
            ))?;
            let values = params_from_iter(&condition.values);
            let texts = statement
                .query_map(values, |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<Vec<(i64, String)>>>()?;
            Ok(texts)
        })?;
        Ok(texts.into_iter().map(|(place, text)| (place.unsigned_abs(), text)).collect())
    }
}
