//! Pages of lists: how much to show, and where the next page begins.
//!
//! Call records and statements bring cursors of their own; the rules here are for lists in order of identity.

use crate::error::{Error, Result};
use serde::Serialize;
use std::fmt::Display;
use std::str::FromStr;
use utoipa::ToSchema;

/// Entries of a page where nothing is said.
pub const LIMIT_DEFAULT: u32 = 50;
/// Entries of a page at most.
pub const LIMIT_MAX: u32 = 500;

/// Which page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageAsk {
    /// Entries at most, 1 to [`LIMIT_MAX`].
    limit: u32,
    /// The `next` of the page before; none for the first page.
    pub after: Option<String>,
}

impl Default for PageAsk {
    fn default() -> Self {
        PageAsk { limit: LIMIT_DEFAULT, after: None }
    }
}

impl PageAsk {
    /// A page of `limit` entries behind `after`.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the limit is out of range.
    pub fn new(limit: Option<u32>, after: Option<String>) -> Result<Self> {
        let limit = limit.unwrap_or(LIMIT_DEFAULT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(Error::field("?limit", format!("{limit} is out of range: expected 1 to {LIMIT_MAX}")));
        }
        Ok(PageAsk { limit, after })
    }

    /// Entries at most.
    pub fn limit(&self) -> usize {
        self.limit as usize
    }

    /// The cursor, read.
    pub(crate) fn cursor<T: FromStr<Err: Display>>(&self) -> Result<Option<T>> {
        let read = |text: &String| text.parse().map_err(|problem: T::Err| Error::field("?after", problem.to_string()));
        self.after.as_ref().map(read).transpose()
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Whether there is another page.
    pub has_more: bool,
    /// What to send as `after` for it; null where there is none. Opaque.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The page of the entries that `ask` wants, of all entries in order of `key`.
    pub(crate) fn of_sorted<R, K>(
        mut rows: Vec<R>,
        ask: &PageAsk,
        key: impl Fn(&R) -> K,
        show: impl FnMut(R) -> Result<T>,
    ) -> Result<Page<T>>
    where
        K: Ord + FromStr<Err: Display> + Display,
    {
        rows.sort_by_key(&key);
        if let Some(after) = ask.cursor::<K>()? {
            rows.retain(|row| key(row) > after);
        }
        let has_more = rows.len() > ask.limit();
        rows.truncate(ask.limit());
        let next = rows.last().filter(|_| has_more).map(|last| key(last).to_string());
        let items = rows.into_iter().map(show).collect::<Result<_>>()?;
        Ok(Page { items, has_more, next })
    }
}
