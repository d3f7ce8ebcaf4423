//! Asking for call records: one, a page of many, or their totals.
//!
//! Reports do not live here: they are `backoffice`'s.

use crate::column::parsed;
use crate::{Error, Result, Store, record_json};
use domain::call_record::CallRecord;
use domain::{CallId, CompanyId, Currency, Micros, ProfileId, ReleaseCause, Wall};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Records of one page at most.
pub const PAGE_MAX: u32 = 1_000;
/// Records that are looked through for the dearest rate at most: some tenths of a second.
pub(super) const RATES_LOOKED_AT: u32 = 100_000;

/// Which records; every condition that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// This company's.
    pub company: Option<CompanyId>,
    /// This profile's.
    pub profile: Option<ProfileId>,
    /// Invited at this instant or later.
    pub from: Option<Wall>,
    /// Invited before this instant.
    pub to: Option<Wall>,
    /// Ended for this cause.
    pub cause: Option<ReleaseCause>,
    /// With a leg, on either side, of exactly this SIP Call-ID.
    pub sip_call_id: Option<String>,
}

/// Where a page ended; the next begins behind it. Its text is for programs, not for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    invited_us: i64,
    call: CallId,
}

/// Why a text is no cursor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a cursor: use the value of the previous page as it is")]
pub struct NotACursor(pub String);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:032x}", self.invited_us, self.call.bits())
    }
}

impl FromStr for Cursor {
    type Err = NotACursor;
    fn from_str(text: &str) -> std::result::Result<Self, NotACursor> {
        let refused = || NotACursor(text.chars().take(64).collect());
        if text.len() != 48 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(refused());
        }
        let (time, call) = text.split_at(16);
        let time = u64::from_str_radix(time, 16).map_err(|_| refused())?;
        let call = u128::from_str_radix(call, 16).map_err(|_| refused())?;
        Ok(Cursor { invited_us: time.cast_signed(), call: CallId::from_bits(call) })
    }
}

/// A page of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallPage {
    /// Newest first.
    pub records: Vec<CallRecord>,
    /// Where the next page begins; none where this is the last.
    pub next: Option<Cursor>,
}

/// What many records come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallTotals {
    /// How many.
    pub count: u64,
    /// How many of them were answered.
    pub answered: u64,
    /// What they cost, by currency.
    pub amounts: BTreeMap<Currency, Micros>,
}

/// A condition in SQL and its values.
pub(super) struct Condition {
    sql: Vec<&'static str>,
    pub(super) values: Vec<Value>,
}

impl Condition {
    pub(super) fn of(filter: &CallFilter) -> Self {
        let mut condition = Condition { sql: vec!["1"], values: Vec::new() };
        // A Call-ID names a few calls at most: the plus keeps SQLite from walking all calls of a company to find them.
        let by_leg = filter.sip_call_id.is_some();
        let of = |indexed, plain| if by_leg { plain } else { indexed };
        condition.and(of("company = ?", "+company = ?"), filter.company.map(|company| company.to_string()));
        condition.and(of("profile = ?", "+profile = ?"), filter.profile.map(|profile| profile.to_string()));
        condition.and(of("invited_us >= ?", "+invited_us >= ?"), filter.from.map(Wall::as_unix_micros));
        condition.and(of("invited_us < ?", "+invited_us < ?"), filter.to.map(Wall::as_unix_micros));
        condition.and("cause = ?", filter.cause.map(|cause| cause.as_str().to_owned()));
        condition.and("id IN (SELECT call FROM call_legs WHERE sip_call_id = ?)", filter.sip_call_id.clone());
        condition
    }

    pub(super) fn and(&mut self, sql: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.sql.push(sql);
            self.values.push(value.into());
        }
    }

    pub(super) fn sql(&self) -> String {
        self.sql.join(" AND ")
    }
}

impl Store {
    /// One record.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotARecord`].
    pub fn call_record(&self, id: CallId) -> Result<CallRecord> {
        let text: Option<String> = self.read(|connection| {
            Ok(connection
                .prepare_cached("SELECT record FROM call_records WHERE id = ?1")?
                .query_row([id.to_string()], |row| row.get(0))
                .optional()?)
        })?;
        Ok(record_json::from_json(&text.ok_or_else(|| Error::not_found("call", id))?)?)
    }

    /// A page of records, newest first: at most `limit` (and [`PAGE_MAX`]), behind `after`.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::NotARecord`].
    pub fn call_records(&self, filter: &CallFilter, after: Option<Cursor>, limit: u32) -> Result<CallPage> {
        let limit = limit.clamp(1, PAGE_MAX) as usize;
        let mut texts = self.read(|connection| page(connection, filter, after, limit))?;
        let more = texts.len() > limit;
        texts.truncate(limit);
        let records =
            texts.iter().map(|text| record_json::from_json(text)).collect::<std::result::Result<Vec<_>, _>>()?;
        let next = records
            .last()
            .filter(|_| more)
            .map(|last| Cursor { invited_us: last.invited_at.as_unix_micros(), call: last.id });
        Ok(CallPage { records, next })
    }

    /// The dearest rate a minute of a profile's answered calls since `from`, of the newest 100,000 of them; none where there
    /// is none.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn dearest_rate(&self, profile: ProfileId, from: Wall) -> Result<Option<Micros>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT DISTINCT json_extract(record, '$.rate_per_minute') FROM (
                   SELECT record FROM call_records WHERE profile = ?1 AND invited_us >= ?2 AND answered
                   ORDER BY invited_us DESC LIMIT ?3)",
            )?;
            let since = params![profile.to_string(), from.as_unix_micros(), RATES_LOOKED_AT];
            let rates = statement.query_map(since, |row| parsed::<Micros>(row, 0))?;
            Ok(rates.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().max())
        })
    }

    /// What the records come to.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn call_totals(&self, filter: &CallFilter) -> Result<CallTotals> {
        let condition = Condition::of(filter);
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT currency, count(*), sum(answered), sum(amount) FROM call_records WHERE {} GROUP BY currency",
                condition.sql()
            ))?;
            let mut totals = CallTotals::default();
            let mut rows = statement.query(params_from_iter(&condition.values))?;
            while let Some(row) = rows.next()? {
                totals.count += row.get::<_, i64>(1)?.unsigned_abs();
                totals.answered += row.get::<_, i64>(2)?.unsigned_abs();
                totals.amounts.insert(parsed(row, 0)?, Micros::new(row.get(3)?));
            }
            Ok(totals)
        })
    }
}

/// The JSON of one record more than the page holds, which tells whether there is another page.
fn page(connection: &Connection, filter: &CallFilter, after: Option<Cursor>, limit: usize) -> Result<Vec<String>> {
    let mut condition = Condition::of(filter);
    if let Some(cursor) = after {
        condition.sql.push("(invited_us, id) < (?, ?)");
        condition.values.push(cursor.invited_us.into());
        condition.values.push(cursor.call.to_string().into());
    }
    condition.values.push((limit as i64 + 1).into());
    let mut statement = connection.prepare_cached(&format!(
        "SELECT record FROM call_records WHERE {} ORDER BY invited_us DESC, id DESC LIMIT ?",
        condition.sql()
    ))?;
    let rows = statement.query_map(params_from_iter(&condition.values), |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
