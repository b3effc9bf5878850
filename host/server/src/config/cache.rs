//! What answers are kept, where and for how long. The address of Redis may hold a password, so no
//! error tells what was found.

use std::{ops::RangeInclusive, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::{SettingsError, trust::SecretValue};

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheSettings {
    /// Off: neither read nor written, in memory or behind it.
    pub enabled: bool,
    /// Most that each process keeps in memory.
    pub memory_bytes: u64,
    /// Redis, which processes on many machines share; none: a table of the database, if that is
    /// `SQLite`.
    pub redis_url: Option<SecretValue>,
    /// Before every key in Redis.
    pub redis_prefix: String,
    /// PEM file whose certificates count for Redis in place of the public ones.
    pub redis_roots: Option<PathBuf>,
    /// How long a call waits for Redis before it goes on to load, milliseconds; an answer that comes
    /// while it loads is taken all the same.
    pub redis_patience_milliseconds: u64,
    /// Most that the table keeps, where there is no Redis; 0: memory alone.
    pub store_bytes: u64,
    /// How long what a source answered is fresh.
    pub retrieval_seconds: u64,
    /// How long what a mapper or a reranker answered is kept.
    pub guest_output_seconds: u64,
    /// How long after `retrieval_seconds` an answer may still be handed out, marked as stale, while
    /// its source is asked again.
    pub stale_seconds: u64,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            memory_bytes: 32 * 1024 * 1024,
            redis_url: None,
            redis_prefix: "phagen".to_owned(),
            redis_roots: None,
            redis_patience_milliseconds: 3,
            store_bytes: 128 * 1024 * 1024,
            retrieval_seconds: 7_200,
            guest_output_seconds: 7_200,
            stale_seconds: 7_200,
        }
    }
}

impl CacheSettings {
    const SCHEMES: [&str; 2] = ["redis://", "rediss://"];
    const MAX_PREFIX_CHARS: usize = 64;
    /// Redis is given up after the longest of them.
    const PATIENCE: RangeInclusive<u64> = 1..=300;
    /// Thirty days: past that no answer of a source is worth keeping.
    const MOST_SECONDS: u64 = 30 * 24 * 3_600;

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let is_redis =
            |url: &SecretValue| Self::SCHEMES.iter().any(|scheme| url.0.starts_with(scheme));
        if self.redis_url.as_ref().is_some_and(|url| !is_redis(url)) {
            return Err(wrong(
                "cache.redis_url",
                "another address",
                "`redis://user:password@host:port/database`, `rediss://…` for TLS, or nothing at all",
            ));
        }
        let prefix = &self.redis_prefix;
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.:".contains(&b);
        if !(1..=Self::MAX_PREFIX_CHARS).contains(&prefix.len()) || !prefix.bytes().all(is_plain) {
            return Err(wrong(
                "cache.redis_prefix",
                prefix,
                "1 to 64 of letters, digits, `-`, `_`, `.` and `:`",
            ));
        }
        if !Self::PATIENCE.contains(&self.redis_patience_milliseconds) {
            let found = self.redis_patience_milliseconds.to_string();
            return Err(wrong(
                "cache.redis_patience_milliseconds",
                &found,
                "1 to 300 milliseconds",
            ));
        }
        for (key, least, seconds) in [
            ("cache.retrieval_seconds", 1, self.retrieval_seconds),
            ("cache.guest_output_seconds", 1, self.guest_output_seconds),
            ("cache.stale_seconds", 0, self.stale_seconds),
        ] {
            if !(least..=Self::MOST_SECONDS).contains(&seconds) {
                let found = seconds.to_string();
                return Err(wrong(
                    key,
                    &found,
                    "at most 2592000 seconds, and a lifetime at least 1",
                ));
            }
        }
        Ok(())
    }

    pub fn redis_patience(&self) -> Duration {
        Duration::from_millis(self.redis_patience_milliseconds)
    }

    pub fn retrieval_lifetime(&self) -> Duration {
        Duration::from_secs(self.retrieval_seconds)
    }

    pub fn guest_output_lifetime(&self) -> Duration {
        Duration::from_secs(self.guest_output_seconds)
    }

    pub fn stale_lifetime(&self) -> Duration {
        Duration::from_secs(self.stale_seconds)
    }
}

fn wrong(key: &'static str, found: &str, expected: &'static str) -> SettingsError {
    SettingsError::OutOfRange {
        key,
        found: found.to_owned(),
        expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut CacheSettings)) -> String {
        let mut settings = CacheSettings::default();
        change(&mut settings);
        settings.check().unwrap_err().to_string()
    }

    #[test]
    fn an_address_that_is_not_of_redis_is_refused_without_being_told() {
        for good in ["redis://127.0.0.1/2", "rediss://:s3cret@db:6380"] {
            let settings = CacheSettings {
                redis_url: Some(SecretValue(good.to_owned())),
                ..CacheSettings::default()
            };
            settings.check().unwrap();
            assert!(!format!("{settings:?}").contains("s3cret"));
        }
        for wrong in ["", "http://s3cret@db", "s3cret@db:6379"] {
            let error = refused(|s| s.redis_url = Some(SecretValue(wrong.to_owned())));
            assert!(error.contains("`cache.redis_url`"), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn prefixes_and_lifetimes_have_bounds() {
        CacheSettings::default().check().unwrap();
        for prefix in ["", "a b", "a*", &"x".repeat(65)] {
            let error = refused(|s| s.redis_prefix = prefix.to_owned());
            assert!(error.contains("`cache.redis_prefix`"), "{error}");
        }
        for milliseconds in [0, 301] {
            let error = refused(|s| s.redis_patience_milliseconds = milliseconds);
            assert!(error.contains("redis_patience_milliseconds"), "{error}");
        }
        for error in [
            refused(|s| s.retrieval_seconds = 0),
            refused(|s| s.guest_output_seconds = 0),
            refused(|s| s.stale_seconds = 2_592_001),
        ] {
            assert!(error.contains("_seconds` is"), "{error}");
        }
    }
}
