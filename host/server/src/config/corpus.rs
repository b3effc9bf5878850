//! What of the corpus is looked after, and how often.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::SettingsError;

/// The longest that either may be.
const MAX_DAYS: u32 = 3_650;
const MAX_HOURS: u64 = 24 * MAX_DAYS as u64;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CorpusSettings {
    /// Files and folders that are imported again once they change; with `:` between them in the
    /// environment.
    pub refresh: Vec<PathBuf>,
    /// How often they are looked at.
    pub refresh_hours: u64,
    /// How long the blobs of an index stay after it stopped serving.
    pub retired_days: u32,
}

impl Default for CorpusSettings {
    fn default() -> Self {
        Self {
            refresh: Vec::new(),
            refresh_hours: 24,
            retired_days: 7,
        }
    }
}

impl CorpusSettings {
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        if !(1..=MAX_HOURS).contains(&self.refresh_hours) {
            return Err(SettingsError::OutOfRange {
                key: "corpus.refresh_hours",
                found: self.refresh_hours.to_string(),
                expected: "1 to 87600 hours",
            });
        }
        if !(1..=MAX_DAYS).contains(&self.retired_days) {
            return Err(SettingsError::OutOfRange {
                key: "corpus.retired_days",
                found: self.retired_days.to_string(),
                expected: "1 to 3650 days",
            });
        }
        Ok(())
    }

    pub fn refresh_every(&self) -> Duration {
        Duration::from_hours(self.refresh_hours)
    }

    pub fn retired_after(&self) -> Duration {
        Duration::from_hours(24 * u64::from(self.retired_days))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_out_of_range_are_refused_by_name() {
        CorpusSettings::default().check().unwrap();
        for (spoil, key) in [
            (
                (|s| s.refresh_hours = 0) as fn(&mut CorpusSettings),
                "refresh_hours",
            ),
            (|s| s.refresh_hours = MAX_HOURS + 1, "refresh_hours"),
            (|s| s.retired_days = 0, "retired_days"),
            (|s| s.retired_days = MAX_DAYS + 1, "retired_days"),
        ] {
            let mut settings = CorpusSettings::default();
            spoil(&mut settings);
            let error = settings.check().unwrap_err().to_string();
            assert!(error.contains(&format!("`corpus.{key}`")), "{error}");
        }
    }
}
