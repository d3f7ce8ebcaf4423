//! Columns of rows as values of the house.
//!
//! Statements do not live here.

use rusqlite::Row;
use rusqlite::types::Type;
use std::error::Error;
use std::str::FromStr;

/// A text column by the `FromStr` of its type.
pub(crate) fn parsed<T>(row: &Row<'_>, index: usize) -> rusqlite::Result<T>
where
    T: FromStr,
    T::Err: Error + Send + Sync + 'static,
{
    row.get_ref(index)?.as_str()?.parse().map_err(|error| unreadable(index, error))
}

/// As [`parsed`], for a column that may be empty.
pub(crate) fn parsed_option<T>(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<T>>
where
    T: FromStr,
    T::Err: Error + Send + Sync + 'static,
{
    row.get_ref(index)?.as_str_or_null()?.map(|text| text.parse().map_err(|error| unreadable(index, error))).transpose()
}

/// A column with a JSON array of texts.
pub(crate) fn parsed_list<T>(row: &Row<'_>, index: usize) -> rusqlite::Result<Vec<T>>
where
    T: FromStr,
    T::Err: Error + Send + Sync + 'static,
{
    let texts: Vec<String> =
        serde_json::from_str(row.get_ref(index)?.as_str()?).map_err(|error| unreadable(index, error))?;
    texts.iter().map(|text| text.parse().map_err(|error| unreadable(index, error))).collect()
}

/// A JSON array of texts.
pub(crate) fn list_text<T: ToString>(values: &[T]) -> String {
    serde_json::Value::from(values.iter().map(T::to_string).collect::<Vec<_>>()).to_string()
}

pub(crate) fn unreadable(index: usize, error: impl Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(error))
}
