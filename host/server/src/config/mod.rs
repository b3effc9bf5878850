//! Settings: defaults, then a file, then the environment. Nothing else reads the environment.
//!
//! `--config FILE`, else `./phagen.toml` when there is one; then `PHAGEN_<SECTION>__<KEY>`. A key
//! that does not exist and a value that does not fit are refused at start, by name.

mod auth;
mod author;
mod blob;
mod bounds;
mod cache;
mod corpus;
mod database;
mod hidden;
mod log;
mod operations;
mod retention;
mod settings;
mod source;
mod told;
mod traces;
mod training;
mod trust;

use std::{collections::HashMap, path::Path};

use config::{Config, ConfigError, Environment, File, FileFormat};
use serde::de::DeserializeOwned;

pub use auth::{AuditSettings, AuthSettings, LimitSettings};
pub use author::AuthorSettings;
pub use blob::{BlobSettings, BucketStyle};
pub use cache::CacheSettings;
pub use corpus::CorpusSettings;
pub use database::DatabaseSettings;
pub use log::{LogFormat, LogSettings};
pub use operations::{OperationsBind, OperationsSettings};
pub use retention::RetentionSettings;
pub use settings::{
    AnalysisSettings, EgressSettings, PluginSettings, ServerSettings, Settings, WorkerSettings,
};
pub use source::{SlotSourceSettings, SourceSettings};
pub use traces::TraceSettings;
pub use training::TrainingSettings;
pub use trust::{
    ClientSettings, InvalidKeyHash, KeyHash, Operators, SecretValue, SignaturePolicy,
    SignatureSettings,
};

const DEFAULT_FILE: &str = "phagen.toml";
const PREFIX: &str = "PHAGEN";
/// Between the parts of a list in the environment, as in `PATH`.
const LIST_SEPARATOR: &str = ":";
/// Keys that hold a list. The library would otherwise split every text.
const LISTS: [&str; 3] = [
    "plugin.egress.extra_roots",
    "blob.extra_roots",
    "corpus.refresh",
];

#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("settings file `{path}` cannot be read: {reason}")]
    Unreadable { path: String, reason: String },
    #[error("settings are wrong: {0}")]
    Invalid(String),
    #[error("setting `{key}` is {found}: expected {expected}")]
    OutOfRange {
        key: &'static str,
        found: String,
        expected: &'static str,
    },
}

/// Reads the settings of this process.
pub fn load(file: Option<&Path>) -> Result<Settings, SettingsError> {
    let variables = std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
    load_from(file, variables)
}

/// As [`load`], with the environment as an argument.
pub fn load_from(
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, SettingsError> {
    let variables: HashMap<String, String> = variables.into_iter().collect();
    let mut builder = Config::builder();
    let chosen = file.unwrap_or_else(|| Path::new(DEFAULT_FILE));
    if file.is_some() || chosen.exists() {
        let text = std::fs::read_to_string(chosen).map_err(|cause| SettingsError::Unreadable {
            path: chosen.display().to_string(),
            reason: cause.to_string(),
        })?;
        builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
    }
    let as_given = variables.clone();
    let mut environment = Environment::with_prefix(PREFIX)
        .prefix_separator("_")
        .separator("__")
        .try_parsing(true)
        .list_separator(LIST_SEPARATOR)
        .source(Some(variables));
    for key in LISTS {
        environment = environment.with_list_parse_key(key);
    }
    let merged = builder
        .add_source(environment)
        .build()
        .map_err(|error| invalid(chosen, error))?;
    let mut settings: Settings = deserialize(merged).map_err(|error| invalid(chosen, error))?;
    settings.blob.fill(&as_given);
    settings.traces = TraceSettings::read(&as_given)?;
    settings.check()?;
    Ok(settings)
}

fn deserialize<T: DeserializeOwned>(merged: Config) -> Result<T, ConfigError> {
    merged.try_deserialize()
}

/// A file given as a string has no name of its own in the library's message.
fn invalid(file: &Path, error: ConfigError) -> SettingsError {
    match error {
        ConfigError::FileParse { cause, .. } => SettingsError::Unreadable {
            path: file.display().to_string(),
            reason: hidden::lines(&cause.to_string()),
        },
        other => SettingsError::Invalid(hidden::value(&other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn with_file(text: &str, variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let variables = variables
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        load_from(Some(file.path()), variables)
    }

    #[test]
    fn the_environment_beats_the_file_and_the_file_the_defaults() {
        let settings =
            with_file("[server]\nport = 9000\n", &[("PHAGEN_WORKER__COUNT", "3")]).unwrap();
        assert_eq!(settings.server.port, 9000);
        assert_eq!(settings.worker.count, 3);
        assert_eq!(settings.cache, CacheSettings::default());
        let settings = with_file(
            "[server]\nport = 9000\n",
            &[("PHAGEN_SERVER__PORT", "9001")],
        )
        .unwrap();
        assert_eq!(settings.server.port, 9001);
        let settings = with_file("", &[("PHAGEN_DATA_DIR", "/tmp/elsewhere")]).unwrap();
        assert_eq!(settings.data_dir.to_str(), Some("/tmp/elsewhere"));
    }

    #[test]
    fn an_unknown_key_is_refused_by_its_name() {
        for (file, variables) in [
            ("[server]\nprot = 1\n", &[][..]),
            ("", &[("PHAGEN_SERVER__PROT", "1")][..]),
            ("prot = 1\n", &[][..]),
        ] {
            let error = with_file(file, variables).unwrap_err().to_string();
            assert!(
                error.contains("prot") && error.contains("expected"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_bad_value_is_refused_with_what_was_expected() {
        let error = with_file("[server]\nport = \"eighty\"\n", &[])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("server.port") && error.contains("integer"),
            "{error}"
        );
        let error = with_file("", &[("PHAGEN_WORKER__LEASE_SECONDS", "0")])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("worker.lease_seconds") && error.contains("expected"),
            "{error}"
        );
    }

    #[test]
    fn keys_are_required_on_any_address_but_loopback() {
        let required = |host: &str, others: &[(&str, &str)]| {
            let variables = [&[("PHAGEN_SERVER__HOST", host)], others].concat();
            with_file("", &variables).unwrap().auth_required()
        };
        for host in ["127.0.0.1", "127.8.0.1", "::1"] {
            assert!(!required(host, &[]), "{host}");
            assert!(required(host, &[("PHAGEN_AUTH__REQUIRED", "true")]));
        }
        for host in ["0.0.0.0", "192.168.0.1", "::"] {
            assert!(required(host, &[]), "{host}");
            // Its operator says so in as many words, as behind a proxy that asks for keys itself.
            assert!(!required(host, &[("PHAGEN_AUTH__REQUIRED", "false")]));
        }
        let error = with_file(
            "[server]\nhost = \"0.0.0.0\"\n[plugin.signature]\ndefault = \"off\"\n",
            &[],
        );
        let error = error.unwrap_err().to_string();
        assert!(error.contains("plugin.signature"), "{error}");
        let error = with_file("[limit]\nburst = 0\n", &[])
            .unwrap_err()
            .to_string();
        assert!(error.contains("limit.burst"), "{error}");
    }

    #[test]
    fn operators_are_known_by_the_hash_of_their_key() {
        let hash = blake3::hash(b"a-1").to_hex();
        let file = format!("[operator]\nada = \"{hash}\"\n");
        let variables = [("PHAGEN_OPERATOR__BOB", hash.as_str())];
        let settings = with_file(&file, &[]).unwrap();
        assert_eq!(settings.operator.find("a-1"), Some("ada"));
        let settings = with_file("", &variables).unwrap();
        assert_eq!(settings.operator.find("a-1"), Some("bob"));
        for (name, hash) in [("ada", "a-1"), ("host", hash.as_str())] {
            let file = format!("[operator]\n{name} = \"{hash}\"\n");
            assert!(with_file(&file, &[]).is_err(), "{name}");
        }
        let both = format!("{file}[plugin.signature]\ndefault = \"off\"\n");
        let error = with_file(&both, &[]).unwrap_err().to_string();
        assert!(error.contains("plugin.signature"), "{error}");
        with_file("[plugin.signature]\ndefault = \"off\"\n", &[]).unwrap();
    }

    #[test]
    fn a_slot_may_be_stricter_about_signatures_than_the_rest() {
        let file = "[plugin.signature.slots]\nreranker = \"required\"\n";
        let settings = with_file(file, &[]).unwrap().plugin.signature;
        assert_eq!(
            settings.of_slot(&"reranker".parse().unwrap()),
            SignaturePolicy::Required
        );
        assert_eq!(
            settings.of_slot(&"mapper".parse().unwrap()),
            SignaturePolicy::Warn
        );
    }

    #[test]
    fn roots_are_a_list_of_files_wherever_they_are_set() {
        let roots = |settings: Settings| settings.plugin.egress.extra_roots;
        let file = "[plugin.egress]\nextra_roots = [\"a.pem\", \"b:1,2.pem\"]\n";
        let expected: [&Path; 2] = ["a.pem".as_ref(), "b:1,2.pem".as_ref()];
        assert_eq!(roots(with_file(file, &[]).unwrap()), expected);
        let key = "PHAGEN_PLUGIN__EGRESS__EXTRA_ROOTS";
        for (value, expected) in [
            ("a.pem", &["a.pem"][..]),
            ("/etc/ours.pem:b,c.pem", &["/etc/ours.pem", "b,c.pem"]),
        ] {
            // What else is in the environment stays one text.
            let others = [
                (key, value),
                ("PHAGEN_LOG__FILTER", "warn,phagen::guest=info"),
            ];
            let settings = with_file(file, &others).unwrap();
            let filter = settings.log.filter.clone();
            assert_eq!(filter.as_deref(), Some("warn,phagen::guest=info"));
            let expected: Vec<&Path> = expected.iter().map(Path::new).collect();
            assert_eq!(roots(settings), expected);
        }
    }

    #[test]
    fn no_error_tells_a_secret() {
        let url = "postgres://ada:s3cret@db/phagen";
        let variables = [("PHAGEN_DATABASE__URL", url)];
        let settings = with_file("", &variables).unwrap();
        assert!(!format!("{settings:?}").contains("s3cret"));
        for (file, variables, part) in [
            ("", &[("PHAGEN_DATABASE", url)][..], "`database`"),
            ("secret = \"s3cret\"\n", &[][..], "`secret`"),
            ("[client.key]\nkey = \"s3cret\"\n", &[][..], "`client.key`"),
            ("[database]\nurl = \"s3cret\n", &[][..], "line 2"),
            (
                "",
                &[("PHAGEN_DATABASE__URL", "s3cret")][..],
                "`database.url`",
            ),
        ] {
            let error = with_file(file, variables).unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
            assert!(error.contains(part), "{part} in {error}");
        }
    }

    #[test]
    fn a_file_that_was_asked_for_must_exist() {
        let error = load_from(Some(Path::new("nowhere/phagen.toml")), [])
            .unwrap_err()
            .to_string();
        assert!(error.contains("nowhere/phagen.toml"), "{error}");
        let error = with_file("[server\n", &[]).unwrap_err().to_string();
        assert!(error.contains("cannot be read"), "{error}");
    }
}
