//! Whether workers train the reranker by themselves, and when.

use std::{ops::RangeInclusive, time::Duration};

use serde::{Deserialize, Serialize};

use super::SettingsError;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingSettings {
    /// How often a reranker is trained on the votes; 0: only by `phagen train reranker`.
    pub every_hours: u64,
    /// Fewer votes than these since the last artifact are left for the next time.
    pub min_new_votes: usize,
}

impl Default for TrainingSettings {
    fn default() -> Self {
        Self {
            every_hours: 0,
            min_new_votes: 20,
        }
    }
}

impl TrainingSettings {
    /// A year.
    const MOST_HOURS: u64 = 24 * 365;
    const NEW_VOTES: RangeInclusive<usize> = 1..=1_000_000;

    /// None: never.
    pub fn every(&self) -> Option<Duration> {
        (self.every_hours > 0).then(|| Duration::from_hours(self.every_hours))
    }

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let refused = |key, found: String, expected| SettingsError::OutOfRange {
            key,
            found,
            expected,
        };
        if self.every_hours > Self::MOST_HOURS {
            return Err(refused(
                "training.every_hours",
                self.every_hours.to_string(),
                "0 to 8760 hours",
            ));
        }
        if !Self::NEW_VOTES.contains(&self.min_new_votes) {
            return Err(refused(
                "training.min_new_votes",
                self.min_new_votes.to_string(),
                "1 to 1000000",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_is_off_unless_it_is_asked_for() {
        assert_eq!(TrainingSettings::default().every(), None);
        let daily = TrainingSettings {
            every_hours: 24,
            ..TrainingSettings::default()
        };
        assert_eq!(daily.every(), Some(Duration::from_hours(24)));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let settings = |every_hours, min_new_votes| TrainingSettings {
            every_hours,
            min_new_votes,
        };
        for fine in [settings(0, 1), settings(8_760, 1_000_000)] {
            fine.check().unwrap();
        }
        for (wrong, key) in [
            (settings(8_761, 1), "training.every_hours"),
            (settings(0, 0), "training.min_new_votes"),
            (settings(0, 1_000_001), "training.min_new_votes"),
        ] {
            let error = wrong.check().unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        }
    }
}
