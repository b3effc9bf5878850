//! How long jobs are kept after their end.

use std::time::Duration;

use phagen_store::Retention;
use serde::{Deserialize, Serialize};

/// In days; 0 keeps them for ever. Votes are kept whatever becomes of their jobs.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionSettings {
    pub succeeded_days: u32,
    pub failed_days: u32,
    pub cancelled_days: u32,
}

impl Default for RetentionSettings {
    fn default() -> Self {
        Self {
            succeeded_days: 0,
            failed_days: 7,
            cancelled_days: 7,
        }
    }
}

impl RetentionSettings {
    pub fn kept(&self) -> Retention {
        let span = |days: u32| (days > 0).then(|| Duration::from_hours(24 * u64::from(days)));
        Retention {
            succeeded: span(self.succeeded_days),
            failed: span(self.failed_days),
            cancelled: span(self.cancelled_days),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_for_what_came_to_nothing_and_for_ever_for_results() {
        let kept = RetentionSettings::default().kept();
        let week = Some(Duration::from_hours(7 * 24));
        assert_eq!((kept.failed, kept.cancelled), (week, week));
        assert_eq!(kept.succeeded, None);
    }
}
