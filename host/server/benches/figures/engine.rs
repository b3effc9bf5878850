//! The engines that a figure is taken on: SQLite in a data folder, and Postgres through pgBouncer
//! where `cargo xtask bench` started them.

use std::{fs, io, path::Path, process::Command, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use phagen_domain::{
    job::{JobId, JobRequest},
    result::JobResult,
};
use phagen_server::database::Database;
use phagen_store::{NewJob, Store};
use phagen_store_postgres::PostgresStore;
use phagen_store_sqlite::SqliteStore;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;

use crate::setting::Setting;

/// Where the servers are, as `cargo xtask bench` says.
const DIRECT: &str = "PHAGEN_TEST_POSTGRES";
const POOLED: &str = "PHAGEN_TEST_PGBOUNCER";

const MAX_COPIES: usize = 20;
const PAUSE: Duration = Duration::from_millis(250);
/// Of the benchmark itself.
const N_CONNECTIONS: u32 = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub(crate) const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "Postgres, pooled",
        }
    }
}

/// A data folder and a database of its own, with the corpus indexed and the guests compiled.
pub(crate) struct Place {
    pub(crate) store: Arc<dyn Store>,
    data: TempDir,
    /// Name and addresses of a Postgres database.
    postgres: Option<(String, [String; 2])>,
}

impl Place {
    pub(crate) fn make(setting: &Setting, engine: Engine) -> Result<Self> {
        let data = tempfile::tempdir()?;
        copy_settled(setting.data.path(), data.path())?;
        let postgres = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(setting.runtime.block_on(database())?),
        };
        let store: Arc<dyn Store> = match &postgres {
            None => {
                let file = Database::file_in(data.path());
                Arc::new(setting.runtime.block_on(SqliteStore::open(&file))?)
            }
            Some((_, [direct, pooled])) => {
                setting.runtime.block_on(PostgresStore::migrate(direct))?;
                let opened = PostgresStore::open(pooled, N_CONNECTIONS);
                Arc::new(setting.runtime.block_on(opened)?)
            }
        };
        Ok(Self {
            store,
            data,
            postgres,
        })
    }

    /// The binary, on this place and no other.
    pub(crate) fn phagen(&self, setting: &Setting) -> Command {
        with(setting.phagen_on(self.data.path()), self.postgres.as_ref())
    }

    /// A stored job with this result.
    pub(crate) async fn succeeded(&self, request: JobRequest, result: &JobResult) -> Result<JobId> {
        const LEASE: Duration = Duration::from_mins(1);
        let job = NewJob::new(request, 1);
        self.store.enqueue(&job, None).await?;
        let claimed = self.store.claim("bench", LEASE).await?;
        let claimed = claimed.context("nothing to claim")?;
        self.store.finish(&claimed.lease, result).await?;
        Ok(claimed.job.id)
    }

    /// Takes the database away again.
    pub(crate) fn clear(self, setting: &Setting) -> Result<()> {
        let Some((name, _)) = &self.postgres else {
            return Ok(());
        };
        let drop = format!("drop database {name} with (force)");
        setting.runtime.block_on(on_server(&drop))
    }
}

fn with(mut command: Command, postgres: Option<&(String, [String; 2])>) -> Command {
    if let Some((_, [direct, pooled])) = postgres {
        command
            .env("PHAGEN_DATABASE__URL", pooled)
            .env("PHAGEN_DATABASE__DIRECT_URL", direct);
    }
    command
        .env("PHAGEN_OPERATIONS__BIND", "off")
        .env("PHAGEN_LOG__FILTER", "error");
    command
}

async fn database() -> Result<(String, [String; 2])> {
    let name = format!("bench_{}", uuid::Uuid::new_v4().simple());
    on_server(&format!("create database {name}")).await?;
    let urls = [
        format!("{}/{name}", base(DIRECT)?),
        format!("{}/{name}", base(POOLED)?),
    ];
    Ok((name, urls))
}

async fn on_server(sql: &str) -> Result<()> {
    let mut server = PgConnection::connect(&format!("{}/postgres", base(DIRECT)?)).await?;
    server.execute(AssertSqlSafe(sql)).await?;
    Ok(())
}

fn base(variable: &str) -> Result<String> {
    match std::env::var_os(variable).map(std::ffi::OsString::into_string) {
        Some(Ok(url)) => Ok(url),
        _ => bail!("`{variable}` is not set: run `cargo xtask bench`"),
    }
}

/// A house that was just closed still tidies up behind itself: what vanishes meanwhile, such as the
/// log of SQLite, tells that the copy was too early.
fn copy_settled(from: &Path, to: &Path) -> io::Result<()> {
    for _ in 0..MAX_COPIES {
        match copy(from, to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::remove_dir_all(to)?;
                std::thread::sleep(PAUSE);
            }
            done => return done,
        }
    }
    Err(io::Error::other("the data folder does not come to rest"))
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
