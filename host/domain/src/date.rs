//! Dates as sources know them: often only a year.

use std::{fmt, str::FromStr};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// An ISO 8601 date of reduced precision: `2019`, `2019-03` or `2019-03-07`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PartialDate {
    year: u16,
    month: Option<u8>,
    day: Option<u8>,
}

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a date: expected `YYYY`, `YYYY-MM` or `YYYY-MM-DD`")]
pub struct InvalidDate(String);

impl PartialDate {
    pub fn year(self) -> u16 {
        self.year
    }

    /// The first day it may mean.
    pub fn earliest(self) -> NaiveDate {
        NaiveDate::from_ymd_opt(
            i32::from(self.year),
            u32::from(self.month.unwrap_or(1)),
            u32::from(self.day.unwrap_or(1)),
        )
        .unwrap_or_default()
    }
}

impl FromStr for PartialDate {
    type Err = InvalidDate;

    fn from_str(text: &str) -> Result<Self, InvalidDate> {
        let invalid = || InvalidDate(text.to_owned());
        let part = |text: &str, digits: usize| {
            (text.len() == digits && text.bytes().all(|b| b.is_ascii_digit()))
                .then(|| text.parse::<u16>().ok())
                .flatten()
        };
        let mut parts = text.split('-');
        let year = parts.next().and_then(|p| part(p, 4)).ok_or_else(invalid)?;
        let mut small = || {
            parts
                .next()
                .map(|p| {
                    part(p, 2)
                        .and_then(|n| u8::try_from(n).ok())
                        .ok_or_else(invalid)
                })
                .transpose()
        };
        let date = Self {
            year,
            month: small()?,
            day: small()?,
        };
        let exists = NaiveDate::from_ymd_opt(
            i32::from(year),
            u32::from(date.month.unwrap_or(1)),
            u32::from(date.day.unwrap_or(1)),
        );
        if parts.next().is_some() || exists.is_none() {
            return Err(invalid());
        }
        Ok(date)
    }
}

impl fmt::Display for PartialDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.year)?;
        if let Some(month) = self.month {
            write!(f, "-{month:02}")?;
        }
        if let Some(day) = self.day {
            write!(f, "-{day:02}")?;
        }
        Ok(())
    }
}

impl TryFrom<String> for PartialDate {
    type Error = InvalidDate;

    fn try_from(text: String) -> Result<Self, InvalidDate> {
        text.parse()
    }
}

impl From<PartialDate> for String {
    fn from(date: PartialDate) -> Self {
        date.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_precision_it_was_given() {
        for text in ["2019", "2019-03", "2019-03-07"] {
            assert_eq!(text.parse::<PartialDate>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn refuses_what_is_not_a_date() {
        for text in [
            "",
            "19",
            "2019-3",
            "2019-13",
            "2019-02-30",
            "2019-03-07-01",
            "+019",
            "2019-03-07T00",
        ] {
            assert!(text.parse::<PartialDate>().is_err(), "{text}");
        }
    }
}
