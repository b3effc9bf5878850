//! The border between rows and values: what the columns hold, what is said when they do not, and
//! which failures pass by themselves. Never touches the database itself.

use std::{fmt::Display, str::FromStr, time::Duration};

use chrono::{DateTime, Utc};
use phagen_domain::job::Priority;
use phagen_store::StoreError;
use serde::{Serialize, de::DeserializeOwned};

/// Turns an error of the driver into the store's, with what was tried.
pub(crate) fn failed(tried: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |cause| {
        if passes(&cause) {
            StoreError::Unavailable {
                tried,
                cause: cause.into(),
            }
        } else {
            StoreError::Database {
                tried,
                cause: cause.into(),
            }
        }
    }
}

/// Whether the same call may succeed in a moment: the connection was lost or none was free, the
/// server is starting or stopping, or another transaction came first.
pub(crate) fn passes(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            // Connection, transaction rolled back, resources short, operator at work.
            ["08", "40", "53", "57P"]
                .iter()
                .any(|class| code.starts_with(class))
                // A unique value was taken meanwhile, a lock was not granted in time.
                || ["23505", "25P03", "55P03"].contains(&&*code)
        }),
        _ => false,
    }
}

pub(crate) fn corrupt(table: &'static str, reason: impl Display) -> StoreError {
    StoreError::CorruptRow {
        table,
        reason: reason.to_string(),
    }
}

/// As the database keeps times: in whole milliseconds.
pub(crate) fn to_millisecond(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at.timestamp_millis()).unwrap_or(at)
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
    fn a_time_loses_what_is_below_a_millisecond() {
        let at = DateTime::from_timestamp_nanos(1_795_000_000_123_456_789);
        assert_eq!(to_millisecond(at).timestamp_micros(), 1_795_000_000_123_000);
    }

    #[test]
    fn a_bad_value_names_its_table() {
        let error = number::<u32>("slot", "generation", -1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "row of `slot` cannot be read: `generation` is -1"
        );
        let error = from_json::<Vec<String>>("feedback", "features", "[").unwrap_err();
        assert!(error.to_string().contains("`features`: EOF"), "{error}");
    }

    #[test]
    fn a_lost_connection_passes_and_a_wrong_statement_does_not() {
        let lost = sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert!(failed("claim a job")(lost).is_retriable());
        assert!(failed("claim a job")(sqlx::Error::PoolTimedOut).is_retriable());
        assert!(!failed("claim a job")(sqlx::Error::RowNotFound).is_retriable());
    }
}
