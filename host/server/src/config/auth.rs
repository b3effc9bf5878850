//! Whether callers need keys, how much any one of them may ask for, and where the ends of the record
//! of changes are noted.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::SettingsError;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthSettings {
    /// Whether every route but `/health` and `/ready` needs a key; none: on any address but
    /// loopback.
    pub required: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitSettings {
    /// Requests a second that one key may make for long, or one address that shows none; 0: any
    /// number.
    pub requests_per_second: u32,
    /// Requests that it may make at once after a rest.
    pub burst: u32,
    /// Requests that are answered at once; more are turned away.
    pub n_in_flight: usize,
    /// Jobs of one key that may be queued at once; 0: any number.
    pub queued_jobs_per_key: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditSettings {
    /// The ends of the record of changes go here, best on another disk than the database; none:
    /// `audit-head.log` in `data_dir`.
    pub head_file: Option<PathBuf>,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            requests_per_second: 500,
            burst: 1_000,
            n_in_flight: 512,
            queued_jobs_per_key: 0,
        }
    }
}

impl LimitSettings {
    const MAX_PER_SECOND: u32 = 1_000_000;
    const MAX_IN_FLIGHT: usize = 100_000;

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let refused = |key, found: String, expected| SettingsError::OutOfRange {
            key,
            found,
            expected,
        };
        if self.requests_per_second > Self::MAX_PER_SECOND {
            return Err(refused(
                "limit.requests_per_second",
                self.requests_per_second.to_string(),
                "0 to 1000000",
            ));
        }
        if !(1..=Self::MAX_PER_SECOND).contains(&self.burst) {
            let found = self.burst.to_string();
            return Err(refused("limit.burst", found, "1 to 1000000"));
        }
        if !(1..=Self::MAX_IN_FLIGHT).contains(&self.n_in_flight) {
            let found = self.n_in_flight.to_string();
            return Err(refused("limit.n_in_flight", found, "1 to 100000"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_cannot_work_are_refused() {
        let usual = LimitSettings::default();
        assert!(usual.check().is_ok());
        let off = LimitSettings {
            requests_per_second: 0,
            ..usual
        };
        assert!(off.check().is_ok());
        for (wrong, key) in [
            (
                LimitSettings {
                    requests_per_second: 1_000_001,
                    ..usual
                },
                "limit.requests_per_second",
            ),
            (LimitSettings { burst: 0, ..usual }, "limit.burst"),
            (
                LimitSettings {
                    n_in_flight: 0,
                    ..usual
                },
                "limit.n_in_flight",
            ),
        ] {
            let error = wrong.check().unwrap_err().to_string();
            assert!(error.contains(key) && error.contains("expected"), "{error}");
        }
    }
}
