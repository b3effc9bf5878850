//! Where the database is. Its addresses hold passwords, so no error tells what was found.

use serde::{Deserialize, Serialize};

use super::{SettingsError, trust::SecretValue};

const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];
const EXPECTED: &str =
    "`postgres://user:password@host:port/database`, or nothing at all for SQLite in `data_dir`";

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseSettings {
    /// Postgres, itself or through a pooler; none: SQLite in `data_dir`.
    pub url: Option<SecretValue>,
    /// The server itself, past any pooler, for `phagen migrate`; none: `url`.
    pub direct_url: Option<SecretValue>,
    /// Most connections that one process opens for its work; the heartbeat has one besides.
    pub n_connections: u32,
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self {
            url: None,
            direct_url: None,
            n_connections: 10,
        }
    }
}

impl DatabaseSettings {
    const LEAST_CONNECTIONS: u32 = 2;
    /// Above it one process would take what a server has for all.
    const MOST_CONNECTIONS: u32 = 100;

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let addresses = [
            ("database.url", &self.url),
            ("database.direct_url", &self.direct_url),
        ];
        for (key, url) in addresses {
            if url.as_ref().is_some_and(|url| !is_postgres(url)) {
                return Err(wrong(key, "another address", EXPECTED));
            }
        }
        if self.url.is_none() && self.direct_url.is_some() {
            return Err(wrong(
                "database.direct_url",
                "set alone",
                "`database.url` beside it, which this host works on",
            ));
        }
        let range = Self::LEAST_CONNECTIONS..=Self::MOST_CONNECTIONS;
        if !range.contains(&self.n_connections) {
            return Err(wrong(
                "database.n_connections",
                &self.n_connections.to_string(),
                "2 to 100 connections",
            ));
        }
        Ok(())
    }
}

fn is_postgres(url: &SecretValue) -> bool {
    SCHEMES.iter().any(|scheme| url.0.starts_with(scheme))
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

    fn settings(url: Option<&str>, direct_url: Option<&str>) -> DatabaseSettings {
        let secret = |text: &str| SecretValue(text.to_owned());
        DatabaseSettings {
            url: url.map(secret),
            direct_url: direct_url.map(secret),
            ..DatabaseSettings::default()
        }
    }

    #[test]
    fn what_cannot_lead_to_a_postgres_is_refused_without_being_told() {
        let good = "postgres://ada:s3cret@db:5432/phagen";
        for (url, direct_url) in [(None, None), (Some(good), None), (Some(good), Some(good))] {
            settings(url, direct_url).check().unwrap();
        }
        for (url, direct_url, key) in [
            (Some("mysql://ada:s3cret@db/x"), None, "database.url"),
            (Some("ada:s3cret@db/x"), None, "database.url"),
            (Some(""), None, "database.url"),
            (Some(good), Some("s3cret"), "database.direct_url"),
            (None, Some(good), "database.direct_url"),
        ] {
            let error = settings(url, direct_url).check().unwrap_err().to_string();
            assert!(error.contains(&format!("`{key}`")), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
        let shown = format!("{:?}", settings(Some(good), Some(good)));
        assert!(!shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn connections_have_a_least_and_a_most() {
        for n_connections in [2, 100] {
            let settings = DatabaseSettings {
                n_connections,
                ..DatabaseSettings::default()
            };
            settings.check().unwrap();
        }
        for n_connections in [0, 1, 101] {
            let settings = DatabaseSettings {
                n_connections,
                ..DatabaseSettings::default()
            };
            let error = settings.check().unwrap_err().to_string();
            assert!(error.contains("database.n_connections"), "{error}");
        }
    }
}
