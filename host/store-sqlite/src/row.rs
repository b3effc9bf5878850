//! The border between rows and values: what the columns hold, and what is said when they do not.
//! Never touches the database itself.

use std::{fmt::Display, str::FromStr, time::Duration};

use chrono::{DateTime, Utc};
use phagen_domain::job::Priority;
use phagen_store::StoreError;
use serde::{Serialize, de::DeserializeOwned};

/// Turns an error of the driver into the store's, with what was tried.
pub(crate) fn failed(tried: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |cause| StoreError::Database {
        tried,
        cause: cause.into(),
    }
}

pub(crate) fn corrupt(table: &'static str, reason: impl Display) -> StoreError {
    StoreError::CorruptRow {
        table,
        reason: reason.to_string(),
    }
}

pub(crate) fn time(table: &'static str, milliseconds: i64) -> Result<DateTime<Utc>, StoreError> {
    DateTime::from_timestamp_millis(milliseconds)
        .ok_or_else(|| corrupt(table, format!("`{milliseconds}` is not a time")))
}

/// A column that the row's state requires.
pub(crate) fn required<T>(
    table: &'static str,
    column: &'static str,
    value: Option<T>,
) -> Result<T, StoreError> {
    value.ok_or_else(|| corrupt(table, format!("`{column}` is missing in its state")))
}

pub(crate) fn parse<T>(table: &'static str, text: &str) -> Result<T, StoreError>
where
    T: FromStr<Err: Display>,
{
    text.parse().map_err(|err| corrupt(table, err))
}

pub(crate) fn parse_optional<T>(
    table: &'static str,
    text: Option<&str>,
) -> Result<Option<T>, StoreError>
where
    T: FromStr<Err: Display>,
{
    text.map(|text| parse(table, text)).transpose()
}

pub(crate) fn from_json<T: DeserializeOwned>(
    table: &'static str,
    column: &'static str,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|err| corrupt(table, format!("`{column}`: {err}")))
}

pub(crate) fn to_json<T: Serialize + ?Sized>(
    tried: &'static str,
    value: &T,
) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|err| StoreError::Database {
        tried,
        cause: err.into(),
    })
}

/// A number that the table's own checks keep in range.
pub(crate) fn number<T: TryFrom<i64>>(
    table: &'static str,
    column: &'static str,
    value: i64,
) -> Result<T, StoreError> {
    T::try_from(value).map_err(|_| corrupt(table, format!("`{column}` is {value}")))
}

pub(crate) fn priority(value: i64) -> Result<Priority, StoreError> {
    number::<u8>("job", "priority", value)?
        .try_into()
        .map_err(|err| corrupt("job", format!("`priority` {err}")))
}

/// Nobody has no name.
pub(crate) fn tenant(name: String) -> Option<String> {
    Some(name).filter(|name| !name.is_empty())
}

/// The longest wait or lease that is told from forever: a hundred years. Added to now, it still
/// fits a column.
const LONGEST_SPAN_MILLISECONDS: i64 = 100 * 365 * 24 * 3_600 * 1_000;

/// Whole milliseconds, as SQL counts them.
pub(crate) fn milliseconds(span: Duration) -> i64 {
    i64::try_from(span.as_millis())
        .unwrap_or(i64::MAX)
        .min(LONGEST_SPAN_MILLISECONDS)
}

/// Any `u64` that the database must hold: beyond `i64` it holds the largest it can.
pub(crate) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endless_span_still_fits_a_column() {
        assert_eq!(milliseconds(Duration::from_millis(1_500)), 1_500);
        assert_eq!(milliseconds(Duration::MAX), LONGEST_SPAN_MILLISECONDS);
    }

    #[test]
    fn a_bad_value_names_its_table() {
        let error = time("job", i64::MAX).unwrap_err().to_string();
        assert_eq!(
            error,
            "row of `job` cannot be read: `9223372036854775807` is not a time"
        );
        let error = number::<u32>("slot", "generation", -1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "row of `slot` cannot be read: `generation` is -1"
        );
        let error = from_json::<Vec<String>>("feedback", "features", "[").unwrap_err();
        assert!(error.to_string().contains("`features`: EOF"), "{error}");
    }
}
