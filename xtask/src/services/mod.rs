//! The real servers that the tests talk to: started on loopback, on ports and folders of their own,
//! and stopped by their ids when the run ends, however it ends. What already runs on the machine is
//! never touched, and nothing is installed as a service.

pub(crate) mod package;
mod pgbouncer;
mod postgres;
mod process;
mod programs;
mod redis;
mod s3;

use std::{ffi::OsString, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::shell::{self, Workspace, say};

use pgbouncer::{Kind, PgBouncer};
use postgres::Postgres;
use process::Account;
use programs::Programs;
use redis::Redis;
use s3::S3;

/// Whether what was committed must survive a power cut. Tests do not need it; figures do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    On,
    Off,
}

/// Stopped when dropped, the poolers before the server behind them, the folder last.
pub(crate) struct Services {
    old_pgbouncer: PgBouncer,
    untracked_pgbouncer: PgBouncer,
    pgbouncer: PgBouncer,
    postgres: Postgres,
    redis: Redis,
    s3: S3,
    programs: Programs,
    _folder: TempDir,
}

impl Services {
    pub(crate) fn start(workspace: &Workspace, durability: Durability) -> Result<Self> {
        say("starting Postgres, three pgBouncers, Redis and an S3 server");
        let account = Account::find()?;
        // Not below the target folder: a socket's path must be short, and the servers run as a user
        // who may not be let into the home folder that the target folder lies in.
        let folder = tempfile::Builder::new()
            .prefix("phagen-services-")
            .tempdir()
            .context("cannot make a folder for the servers")?;
        open_to_all(folder.path())?;
        let postgres = Postgres::start(folder.path(), account, durability)?;
        let start = |kind| PgBouncer::start(workspace, folder.path(), account, kind, &postgres);
        let pgbouncer = start(Kind::New)?;
        let redis = Redis::start(workspace, folder.path(), account)?;
        let programs = Programs::gather(workspace, folder.path(), account)?;
        programs.add("pgbouncer", &pgbouncer.command(account)?, account)?;
        programs.add("redis-server", &redis.command(account)?, account)?;
        Ok(Self {
            old_pgbouncer: start(Kind::Old)?,
            untracked_pgbouncer: start(Kind::Untracked)?,
            pgbouncer,
            postgres,
            redis,
            s3: S3::start(workspace, folder.path())?,
            programs,
            _folder: folder,
        })
    }

    /// Environment variables by which a test finds them.
    pub(crate) fn addresses(&self) -> Vec<(&'static str, OsString)> {
        vec![
            ("PHAGEN_TEST_POSTGRES", self.postgres.url().into()),
            ("PHAGEN_TEST_POSTGRES_CA", self.postgres.ca().into()),
            ("PHAGEN_TEST_PGBOUNCER", self.pgbouncer.url().into()),
            (
                "PHAGEN_TEST_PGBOUNCER_UNTRACKED",
                self.untracked_pgbouncer.url().into(),
            ),
            ("PHAGEN_TEST_PGBOUNCER_OLD", self.old_pgbouncer.url().into()),
            ("PHAGEN_TEST_REDIS", self.redis.url().into()),
            ("PHAGEN_TEST_REDIS_SERVER", self.redis.program().into()),
            ("PHAGEN_TEST_S3", self.s3.url().into()),
            ("PHAGEN_TEST_PROGRAMS", self.programs.folder().into()),
            ("PHAGEN_TEST_FAKETIME", self.programs.faketime().into()),
        ]
    }
}

/// `cargo xtask services [--durable] COMMAND…`
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let (durability, command) = match arguments {
        [first, rest @ ..] if first == "--durable" => (Durability::On, rest),
        all => (Durability::Off, all),
    };
    let Some((program, arguments)) = command.split_first() else {
        bail!("no command named\nhelp: `cargo xtask services [--durable] COMMAND…`")
    };
    let services = Services::start(workspace, durability)?;
    let mut command = Command::new(program);
    command
        .current_dir(&workspace.root)
        .args(arguments)
        .envs(services.addresses());
    shell::run(&mut command)
}

/// The servers' own user passes through it.
fn open_to_all(folder: &Path) -> Result<()> {
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot open `{}` to the servers", folder.display()))
}
