//! The settings of a running host as they may be told, as in the record of changes: by name, secrets
//! as digests of their own.
//!
//! What only commands read, `client` and `author`, is left out.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Settings, SettingsError};

/// Names the purpose, so that the digest of a secret is the digest of no other thing.
const PURPOSE: &str = "phagen 2026-11-23 secrets in the record of changes";
/// Of 64: one change in four thousand million goes unseen. Whoever reads the record, an operator, can
/// tell a right guess at a weak password by it; generated ones are too many to guess.
const N_DIGITS: usize = 8;

impl Settings {
    /// Every setting that counts for a host, such as `server.port`.
    pub fn told(&self) -> Result<BTreeMap<String, Value>, SettingsError> {
        let tree = serde_json::to_value(self)
            .map_err(|error| SettingsError::Invalid(error.to_string()))?;
        let mut told = BTreeMap::new();
        flatten(String::new(), tree, &mut told);
        Ok(told)
    }
}

/// How a secret is told.
pub(super) fn secret(bytes: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key(PURPOSE);
    hasher.update(bytes);
    let digits = hasher.finalize().to_hex();
    format!("secret {}", &digits[..N_DIGITS])
}

fn flatten(name: String, value: Value, told: &mut BTreeMap<String, Value>) {
    let Value::Object(fields) = value else {
        told.insert(name, value);
        return;
    };
    for (field, value) in fields {
        let name = if name.is_empty() {
            field
        } else {
            format!("{name}.{field}")
        };
        flatten(name, value, told);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::{Operators, SecretValue};

    fn with_secrets(secret: &str) -> Settings {
        let value = || SecretValue(secret.to_owned());
        let mut settings = Settings::default();
        settings.database.url = Some(value());
        settings.cache.redis_url = Some(value());
        settings.blob.secret_key = Some(value());
        settings.secret.insert("token".to_owned(), value());
        settings.operator = Operators::default().with("ada", secret);
        settings.client.key = Some(secret.to_owned());
        settings
    }

    #[test]
    fn every_setting_is_told_by_its_name() {
        let told = Settings::default().told().unwrap();
        assert_eq!(told["server.port"], 8000);
        assert_eq!(told["server.host"], "127.0.0.1");
        assert_eq!(told["database.url"], json!(null));
        assert_eq!(told["plugin.signature.default"], "warn");
        assert_eq!(told["log.format"], "text");
        assert!(!told.keys().any(|name| name.starts_with("author.")));
    }

    #[test]
    fn a_secret_is_told_as_one_that_changed_and_never_as_it_is() {
        let [one, other] =
            ["s3cret-1", "s3cret-2"].map(|secret| with_secrets(secret).told().unwrap());
        for name in [
            "database.url",
            "cache.redis_url",
            "blob.secret_key",
            "secret.token",
            "operator.ada",
        ] {
            assert_ne!(one[name], other[name], "{name}");
            let told = one[name].as_str().unwrap();
            assert_eq!(told.len(), "secret ".len() + N_DIGITS, "{told}");
        }
        assert!(!format!("{one:?}").contains("s3cret"));
        assert!(!one.keys().any(|name| name.starts_with("client")));
    }
}
