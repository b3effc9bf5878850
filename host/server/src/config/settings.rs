//! Every setting, with its default, unit and range.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    SettingsError,
    auth::{AuditSettings, AuthSettings, LimitSettings},
    author::AuthorSettings,
    blob::BlobSettings,
    bounds::{self, Bound},
    cache::CacheSettings,
    corpus::CorpusSettings,
    database::DatabaseSettings,
    log::LogSettings,
    operations::OperationsSettings,
    retention::RetentionSettings,
    source::SourceSettings,
    traces::TraceSettings,
    training::TrainingSettings,
    trust::{ClientSettings, Operators, SecretValue, SignatureSettings},
};

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Database, index, blobs and compiled guests.
    pub data_dir: PathBuf,
    /// Built guests, corpus and vocabulary; none: the folder `share` beside the binary.
    pub share_dir: Option<PathBuf>,
    pub database: DatabaseSettings,
    pub blob: BlobSettings,
    pub server: ServerSettings,
    pub operations: OperationsSettings,
    /// Who is let in.
    pub auth: AuthSettings,
    /// How much one caller may ask for, and all of them together.
    pub limit: LimitSettings,
    pub audit: AuditSettings,
    pub worker: WorkerSettings,
    pub retention: RetentionSettings,
    /// Whether workers train the reranker by themselves.
    pub training: TrainingSettings,
    pub plugin: PluginSettings,
    pub analysis: AnalysisSettings,
    /// How often sources are asked.
    pub source: SourceSettings,
    pub cache: CacheSettings,
    pub corpus: CorpusSettings,
    pub log: LogSettings,
    /// Not of ours: what OpenTelemetry's own variables say.
    #[serde(skip)]
    pub traces: TraceSettings,
    /// Who may do everything, each name with the hash that `phagen key new` prints. With none, and
    /// no key in the database that may change plugins, whoever calls from this machine may.
    pub operator: Operators,
    /// For the commands that act on a running host.
    #[serde(skip_serializing)]
    pub client: ClientSettings,
    /// For the commands of plugin authors.
    #[serde(skip_serializing)]
    pub author: AuthorSettings,
    /// What sources may have put into their requests, by name.
    pub secret: BTreeMap<String, SecretValue>,
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerSettings {
    /// On any other address than loopback keys are required, unless `auth.required` says otherwise.
    pub host: IpAddr,
    /// 0 picks a free one.
    pub port: u16,
    /// Largest request body, bytes.
    pub body_bytes: usize,
    /// Longest a request may take, seconds; event streams aside.
    pub request_timeout_seconds: u64,
    /// How long a process that is asked to stop still takes requests, unready, so that whoever sends
    /// them hears of it.
    pub drain_seconds: u64,
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkerSettings {
    /// Embedded workers, each running one job at a time; 0 serves the API alone.
    pub count: usize,
    /// How long a worker may be silent before another takes its job.
    pub lease_seconds: u64,
    /// Attempts before a job that keeps failing is discarded.
    pub max_attempts: u32,
    /// Wait before the second attempt; doubles with each further one.
    pub retry_base_seconds: u64,
    pub retry_cap_seconds: u64,
    /// How often an idle worker looks for work that nobody announced.
    pub poll_milliseconds: u64,
    /// How long a stopping worker may finish what it runs.
    pub drain_seconds: u64,
    /// Jobs of one key that the whole fleet runs at once; 0: any number. To be the same on every
    /// worker.
    pub max_running_per_key: u32,
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct PluginSettings {
    /// Longest that one call of a source may take.
    pub deadline_milliseconds: u64,
    /// Longest that one call of a mapper or a reranker may take.
    pub scoring_deadline_milliseconds: u64,
    /// Most memory that one instance may hold, unless its manifest asks for another amount.
    pub memory_bytes: usize,
    /// The most that a manifest may ask for.
    pub max_memory_bytes: usize,
    /// Most that one call may return.
    pub output_bytes: usize,
    /// Instances that may live at once.
    pub n_instances: u32,
    /// How long a job may still run with plugins that were replaced.
    pub drain_seconds: u64,
    /// How long after a swap the host may take it back by itself.
    pub rollback_window_seconds: u64,
    /// Compile uploads in a process of their own, under limits on time and memory.
    pub compile_apart: bool,
    /// Largest component that may be uploaded, bytes.
    pub component_bytes: usize,
    pub signature: SignatureSettings,
    pub egress: EgressSettings,
}

/// How sources reach the network, besides what is granted to each.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct EgressSettings {
    /// PEM files whose certificates count beside the public ones; with `:` between them in the
    /// environment.
    pub extra_roots: Vec<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnalysisSettings {
    /// Longest that one source may take, all its pages together.
    pub source_deadline_milliseconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("var"),
            share_dir: None,
            database: DatabaseSettings::default(),
            blob: BlobSettings::default(),
            server: ServerSettings::default(),
            operations: OperationsSettings::default(),
            auth: AuthSettings::default(),
            limit: LimitSettings::default(),
            audit: AuditSettings::default(),
            worker: WorkerSettings::default(),
            retention: RetentionSettings::default(),
            training: TrainingSettings::default(),
            plugin: PluginSettings::default(),
            analysis: AnalysisSettings::default(),
            source: SourceSettings::default(),
            cache: CacheSettings::default(),
            corpus: CorpusSettings::default(),
            log: LogSettings::default(),
            traces: TraceSettings::default(),
            operator: Operators::default(),
            client: ClientSettings::default(),
            author: AuthorSettings::default(),
            secret: BTreeMap::new(),
        }
    }
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 8000,
            body_bytes: 1024 * 1024,
            request_timeout_seconds: 30,
            drain_seconds: 0,
        }
    }
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            count: 1,
            lease_seconds: 30,
            max_attempts: 3,
            retry_base_seconds: 2,
            retry_cap_seconds: 300,
            poll_milliseconds: 500,
            drain_seconds: 20,
            max_running_per_key: 0,
        }
    }
}

impl Default for PluginSettings {
    fn default() -> Self {
        Self {
            deadline_milliseconds: 10_000,
            scoring_deadline_milliseconds: 5_000,
            memory_bytes: 128 * 1024 * 1024,
            max_memory_bytes: 512 * 1024 * 1024,
            output_bytes: 4 * 1024 * 1024,
            n_instances: 32,
            drain_seconds: 30,
            rollback_window_seconds: 600,
            compile_apart: true,
            component_bytes: 32 * 1024 * 1024,
            signature: SignatureSettings::default(),
            egress: EgressSettings::default(),
        }
    }
}

impl Default for AnalysisSettings {
    fn default() -> Self {
        Self {
            source_deadline_milliseconds: 15_000,
        }
    }
}

impl Settings {
    /// Refuses values that parse and yet cannot work.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let too_small = bounds::of(self)
            .into_iter()
            .find(|bound| bound.found < bound.least);
        if let Some(Bound {
            key,
            found,
            expected,
            ..
        }) = too_small
        {
            return Err(SettingsError::OutOfRange {
                key,
                found: found.to_string(),
                expected,
            });
        }
        self.limit.check()?;
        self.database.check()?;
        self.blob.check()?;
        self.cache.check()?;
        self.corpus.check()?;
        self.source.check()?;
        self.training.check()?;
        self.operator.check()?;
        let is_guarded = !self.operator.is_empty() || self.auth_required();
        self.plugin.signature.check(is_guarded)
    }

    /// Whether every route but the probes needs a key.
    pub fn auth_required(&self) -> bool {
        self.auth
            .required
            .unwrap_or(!self.server.host.is_loopback())
    }
}

impl ServerSettings {
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }
}

impl WorkerSettings {
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds)
    }
}
