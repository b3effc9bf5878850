//! Where blobs are kept: the data folder, or a bucket that many machines share.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use phagen_blob::{AddressStyle, BucketAddress, Credentials, MAX_BLOB_BYTES, PlainHttp};
use serde::{Deserialize, Serialize};

use super::{SettingsError, trust::SecretValue};

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct BlobSettings {
    /// `s3://bucket/prefix`; none: in `data_dir` alone.
    pub url: Option<String>,
    /// Of the object store, `https://host:port`, and with `http` on this machine only; none:
    /// Amazon's of the region.
    pub endpoint: Option<String>,
    /// Whether `endpoint` may be `http` on another machine too: for an object store on a network that
    /// is yours alone. What is stored and read then travels in the open.
    pub allow_plain_http: bool,
    pub region: Option<String>,
    /// How a request names the bucket; none: in the path of an endpoint that is set, in the host of
    /// Amazon's.
    pub style: Option<BucketStyle>,
    pub access_key: Option<SecretValue>,
    pub secret_key: Option<SecretValue>,
    /// Of keys that were lent for a time.
    pub session_token: Option<SecretValue>,
    /// PEM files whose certificates count beside the public ones; with `:` between them in the
    /// environment.
    pub extra_roots: Vec<PathBuf>,
    /// Longest that one request may take, seconds, its body included.
    pub timeout_seconds: u64,
    /// The most that `data_dir` keeps of what the bucket has.
    pub cache_bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BucketStyle {
    Path,
    VirtualHost,
}

impl Default for BlobSettings {
    fn default() -> Self {
        Self {
            url: None,
            endpoint: None,
            allow_plain_http: false,
            region: None,
            style: None,
            access_key: None,
            secret_key: None,
            session_token: None,
            extra_roots: Vec::new(),
            timeout_seconds: 60,
            cache_bytes: 8 * 1024 * 1024 * 1024,
        }
    }
}

impl BlobSettings {
    /// Takes from Amazon's own variables what was not set, and only where there is a bucket.
    pub(super) fn fill(&mut self, variables: &HashMap<String, String>) {
        if self.url.is_none() {
            return;
        }
        let secret = |name: &str| variables.get(name).cloned().map(SecretValue);
        // As it stands there: the library reads `0012` as the number 12.
        for (key, field) in [
            ("PHAGEN_BLOB__ACCESS_KEY", &mut self.access_key),
            ("PHAGEN_BLOB__SECRET_KEY", &mut self.secret_key),
            ("PHAGEN_BLOB__SESSION_TOKEN", &mut self.session_token),
        ] {
            if let Some(text) = secret(key) {
                *field = Some(text);
            }
        }
        // Keys belong together: never half of one pair and half of another.
        if self.access_key.is_none() && self.secret_key.is_none() {
            self.access_key = secret("AWS_ACCESS_KEY_ID");
            self.secret_key = secret("AWS_SECRET_ACCESS_KEY");
            self.session_token = secret("AWS_SESSION_TOKEN");
        }
        let first = |names: [&str; 2]| names.iter().find_map(|name| variables.get(*name).cloned());
        let region = || first(["AWS_REGION", "AWS_DEFAULT_REGION"]);
        self.region = self.region.take().or_else(region);
        let endpoint = || first(["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]);
        self.endpoint = self.endpoint.take().or_else(endpoint);
    }

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let wrong = |key, found: u64, expected| SettingsError::OutOfRange {
            key,
            found: found.to_string(),
            expected,
        };
        if self.timeout_seconds == 0 {
            let key = "blob.timeout_seconds";
            return Err(wrong(key, 0, "at least 1 second"));
        }
        if self.cache_bytes < MAX_BLOB_BYTES {
            let expected = "at least 268435456 bytes, which the largest blob may have";
            return Err(wrong("blob.cache_bytes", self.cache_bytes, expected));
        }
        if self.address()?.is_some() {
            self.credentials()?;
        }
        Ok(())
    }

    /// None without a bucket.
    pub fn address(&self) -> Result<Option<BucketAddress>, SettingsError> {
        let Some(url) = &self.url else {
            return Ok(None);
        };
        let style = self.style.map(|style| match style {
            BucketStyle::Path => AddressStyle::Path,
            BucketStyle::VirtualHost => AddressStyle::VirtualHost,
        });
        let (endpoint, region) = (self.endpoint.as_deref(), self.region.as_deref());
        let plain = if self.allow_plain_http {
            PlainHttp::Anywhere
        } else {
            PlainHttp::Loopback
        };
        BucketAddress::parse(url, endpoint, region, style, plain)
            .map(Some)
            .map_err(|error| SettingsError::Invalid(format!("`blob`: {error}")))
    }

    pub fn credentials(&self) -> Result<Credentials, SettingsError> {
        let set = |key, value: &Option<SecretValue>| match value {
            Some(value) if !value.0.is_empty() => Ok(value.0.clone()),
            _ => Err(SettingsError::OutOfRange {
                key,
                found: "not set".to_owned(),
                expected: "both `blob.access_key` and `blob.secret_key` beside `blob.url`, or `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` in the environment",
            }),
        };
        Ok(Credentials {
            access_key: set("blob.access_key", &self.access_key)?,
            secret_key: set("blob.secret_key", &self.secret_key)?,
            session_token: self.session_token.as_ref().map(|token| token.0.clone()),
        })
    }

    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_bucket() -> BlobSettings {
        BlobSettings {
            url: Some("s3://phagen/prod".to_owned()),
            ..BlobSettings::default()
        }
    }

    fn variables(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(pair).collect()
    }

    const AMAZONS: [(&str, &str); 4] = [
        ("AWS_ACCESS_KEY_ID", "ada"),
        ("AWS_SECRET_ACCESS_KEY", "s3cret"),
        ("AWS_DEFAULT_REGION", "eu-central-1"),
        ("AWS_ENDPOINT_URL", "https://minio.example"),
    ];

    #[test]
    fn amazons_variables_fill_what_is_not_set() {
        let mut settings = with_bucket();
        settings.fill(&variables(&AMAZONS));
        settings.check().unwrap();
        let credentials = settings.credentials().unwrap();
        assert_eq!(credentials.access_key, "ada");
        assert_eq!(credentials.secret_key, "s3cret");
        assert_eq!(settings.region.as_deref(), Some("eu-central-1"));
        assert_eq!(settings.endpoint.as_deref(), Some("https://minio.example"));
        assert!(!format!("{settings:?} {credentials:?}").contains("s3cret"));

        let mut alone = BlobSettings::default();
        alone.fill(&variables(&AMAZONS));
        assert_eq!(alone, BlobSettings::default());
    }

    #[test]
    fn plain_http_to_another_machine_is_asked_for_in_as_many_words() {
        let mut settings = with_bucket();
        settings.fill(&variables(&AMAZONS));
        settings.endpoint = Some("http://object-store:9000".to_owned());
        let error = settings.check().unwrap_err().to_string();
        assert!(error.contains("allow_plain_http"), "{error}");
        settings.allow_plain_http = true;
        settings.check().unwrap();
    }

    #[test]
    fn keys_are_taken_in_pairs_and_as_they_stand() {
        let mut settings = with_bucket();
        settings.access_key = Some(SecretValue("bob".to_owned()));
        settings.fill(&variables(&AMAZONS));
        let error = settings.check().unwrap_err().to_string();
        assert!(error.contains("`blob.secret_key`"), "{error}");

        let mut settings = with_bucket();
        settings.access_key = Some(SecretValue("12".to_owned()));
        let own = [
            ("PHAGEN_BLOB__ACCESS_KEY", "0012"),
            ("PHAGEN_BLOB__SECRET_KEY", "1e5"),
        ];
        settings.fill(&variables(&[&AMAZONS[..], &own[..]].concat()));
        let credentials = settings.credentials().unwrap();
        assert_eq!(credentials.access_key, "0012");
        assert_eq!(credentials.secret_key, "1e5");
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        for (spoil, told) in [
            (
                (|s| s.url = Some("gs://phagen".to_owned())) as fn(&mut BlobSettings),
                "s3://bucket",
            ),
            (
                |s| s.endpoint = Some("http://minio.example".to_owned()),
                "without TLS",
            ),
            (|s| s.region = Some("no where".to_owned()), "region"),
            (|s| s.access_key = None, "blob.access_key"),
            (
                |s| s.secret_key = Some(SecretValue(String::new())),
                "blob.secret_key",
            ),
            (|s| s.timeout_seconds = 0, "blob.timeout_seconds"),
            (|s| s.cache_bytes = MAX_BLOB_BYTES - 1, "blob.cache_bytes"),
        ] {
            let mut settings = with_bucket();
            settings.fill(&variables(&AMAZONS));
            spoil(&mut settings);
            let error = settings.check().unwrap_err().to_string();
            assert!(error.contains(told), "{told} in {error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
