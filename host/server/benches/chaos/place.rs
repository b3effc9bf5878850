//! Where a run keeps what it has: a data folder and a database of its own.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
};

use anyhow::{Context, Result, ensure};
use phagen_server::{
    config::{DatabaseSettings, Settings},
    database::Database,
};
use phagen_store::Store;
use serde_json::{from_value, json};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;

/// How long a worker may be silent before another takes its job.
const LEASE_SECONDS: &str = "2";
/// A job that is killed by chance has to get through; one that kills has to stop.
pub(crate) const MAX_ATTEMPTS: u32 = 8;

pub(crate) struct Place {
    data: TempDir,
    /// Past any pooler, and through it; of a database that this run made.
    postgres: Option<Urls>,
    /// What this process reads rows by.
    pub(crate) store: Arc<dyn Store>,
}

struct Urls {
    server: String,
    name: String,
    direct: String,
    pooled: String,
}

impl Place {
    pub(crate) fn sqlite() -> Result<Self> {
        let data = tempfile::tempdir()?;
        prepare(&data, None)?;
        let store = open(&data, None)?;
        Ok(Self {
            data,
            postgres: None,
            store,
        })
    }

    pub(crate) async fn postgres() -> Result<Self> {
        let server = variable("PHAGEN_TEST_POSTGRES")?;
        let pooler = variable("PHAGEN_TEST_PGBOUNCER")?;
        let name = format!("chaos_{}", uuid::Uuid::new_v4().simple());
        let urls = Urls {
            direct: format!("{server}/{name}"),
            pooled: format!("{pooler}/{name}"),
            server,
            name,
        };
        urls.tell(&format!("create database {}", urls.name)).await?;
        let data = tempfile::tempdir()?;
        prepare(&data, Some(&urls))?;
        let store = open(&data, Some(&urls))?;
        Ok(Self {
            data,
            postgres: Some(urls),
            store,
        })
    }

    /// The binary in this place.
    pub(crate) fn phagen(&self) -> Result<Command> {
        command(&self.data, self.postgres.as_ref())
    }

    pub(crate) async fn clear(&self) -> Result<()> {
        match &self.postgres {
            None => Ok(()),
            Some(urls) => {
                let drop = format!("drop database {} with (force)", urls.name);
                urls.tell(&drop).await
            }
        }
    }
}

impl Urls {
    async fn tell(&self, sql: &str) -> Result<()> {
        let mut server = PgConnection::connect(&format!("{}/postgres", self.server)).await?;
        server.execute(AssertSqlSafe(sql)).await?;
        Ok(())
    }
}

fn command(data: &TempDir, urls: Option<&Urls>) -> Result<Command> {
    let mut command = Command::new(path("PHAGEN_BENCH_BINARY")?);
    // The binary takes every variable of this prefix for a setting.
    let ours = |name: &std::ffi::OsString| name.to_string_lossy().starts_with("PHAGEN_");
    for (name, _) in std::env::vars_os().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
    command
        .env("PHAGEN_DATA_DIR", data.path())
        .env("PHAGEN_SHARE_DIR", path("PHAGEN_BENCH_SHARE")?)
        .env("PHAGEN_LOG__FILTER", "off")
        .env("PHAGEN_CACHE__ENABLED", "false")
        .env("PHAGEN_WORKER__LEASE_SECONDS", LEASE_SECONDS)
        .env("PHAGEN_WORKER__RETRY_BASE_SECONDS", "1")
        .env("PHAGEN_WORKER__RETRY_CAP_SECONDS", "2")
        .env("PHAGEN_WORKER__MAX_ATTEMPTS", MAX_ATTEMPTS.to_string())
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    if let Some(urls) = urls {
        command
            .env("PHAGEN_DATABASE__URL", &urls.pooled)
            .env("PHAGEN_DATABASE__DIRECT_URL", &urls.direct);
    }
    Ok(command)
}

/// The schema, the corpus and the compiled guests, before anything is killed.
fn prepare(data: &TempDir, urls: Option<&Urls>) -> Result<()> {
    for arguments in [&["migrate"][..], &["corpus", "import"]] {
        let mut command = command(data, urls)?;
        let ended = command.args(arguments).stdout(Stdio::null()).status()?;
        ensure!(ended.success(), "`phagen {}` failed", arguments.join(" "));
    }
    Ok(())
}

fn open(data: &TempDir, urls: Option<&Urls>) -> Result<Arc<dyn Store>> {
    let settings = Settings {
        data_dir: data.path().to_path_buf(),
        database: DatabaseSettings {
            url: urls
                .map(|urls| from_value(json!(urls.direct)))
                .transpose()?,
            ..DatabaseSettings::default()
        },
        ..Settings::default()
    };
    let opening = async move { Database::of(&settings).open().await };
    let store = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(opening));
    Ok(store?)
}

fn variable(name: &str) -> Result<String> {
    std::env::var_os(name)
        .and_then(|value| value.into_string().ok())
        .with_context(|| format!("`{name}` is not set: run `cargo xtask chaos`"))
}

pub(crate) fn path(name: &str) -> Result<PathBuf> {
    variable(name).map(PathBuf::from)
}
