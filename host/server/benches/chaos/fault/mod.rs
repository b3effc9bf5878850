//! Faults that are done to the shipped binary while it works, and what must hold meanwhile: nothing
//! is lost, nothing ends twice, and what can go on does.
//!
//! Real processes share one database and one data folder, on real servers of their own. Nothing in
//! the binary knows of any of this. `cargo xtask chaos` does each at full length and prints what it
//! counted; `cargo xtask test` does the same with fewer jobs.

mod clock;
mod cluster;
mod figures;
mod full_disk;
mod jobs;
mod kit;
mod outage;
mod place;
mod process;
mod rolling;
mod servers;
mod slow_source;
mod small_disk;
mod storm;

use std::{fmt, sync::Arc};

use anyhow::Result;

pub(crate) use figures::Figures;
pub(crate) use kit::{Kit, variable};

use outage::Gone;

/// Attempts of every job but poison: so many that chance alone does not use them up.
const ATTEMPTS: u32 = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    /// Through a pgBouncer in transaction mode.
    Postgres,
}

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) n_jobs: usize,
    pub(crate) n_workers: usize,
    /// Jobs that whoever claims them is killed for.
    pub(crate) n_poison: usize,
    /// Attempts that each of these has.
    pub(crate) poison_attempts: u32,
    /// Times that a server goes away.
    pub(crate) n_outages: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    WorkersKilled(Engine),
    WorkersStopped(Engine),
    ClockOff(Engine),
    ApiReplaced(Engine),
    PostgresRestarted,
    PoolerKilled,
    RedisKilled,
    IndexDiskFull,
    DatabaseDiskFull,
}

impl Fault {
    pub(crate) const ALL: [Self; 13] = [
        Self::WorkersKilled(Engine::Sqlite),
        Self::WorkersKilled(Engine::Postgres),
        Self::WorkersStopped(Engine::Sqlite),
        Self::WorkersStopped(Engine::Postgres),
        Self::ApiReplaced(Engine::Sqlite),
        Self::ApiReplaced(Engine::Postgres),
        Self::PostgresRestarted,
        Self::PoolerKilled,
        Self::RedisKilled,
        Self::ClockOff(Engine::Sqlite),
        Self::ClockOff(Engine::Postgres),
        Self::IndexDiskFull,
        Self::DatabaseDiskFull,
    ];

    pub(crate) async fn run(self, kit: &Arc<Kit>, size: Size) -> Result<Figures> {
        match self {
            Self::WorkersKilled(engine) => storm::of_kills(kit, engine, size).await,
            Self::WorkersStopped(engine) => storm::of_stops(kit, engine, size).await,
            Self::ClockOff(engine) => clock::of(kit, engine, size).await,
            Self::ApiReplaced(engine) => rolling::of(kit, engine, size).await,
            Self::PostgresRestarted => outage::of(Gone::Postgres, kit, size).await,
            Self::PoolerKilled => outage::of(Gone::Pooler, kit, size).await,
            Self::RedisKilled => outage::of(Gone::Redis, kit, size).await,
            Self::IndexDiskFull => full_disk::of_index(kit, size).await,
            Self::DatabaseDiskFull => full_disk::of_database(kit, size).await,
        }
    }
}

/// What one asks for it by, and what stands above its figures.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, engine) = match *self {
            Self::WorkersKilled(engine) => ("workers-killed", engine),
            Self::WorkersStopped(engine) => ("workers-stopped", engine),
            Self::ClockOff(engine) => ("clock-off", engine),
            Self::ApiReplaced(engine) => ("api-replaced", engine),
            Self::PostgresRestarted => ("postgres-restarted", Engine::Postgres),
            Self::PoolerKilled => ("pooler-killed", Engine::Postgres),
            Self::RedisKilled => ("redis-killed", Engine::Postgres),
            Self::IndexDiskFull => ("index-disk-full", Engine::Sqlite),
            Self::DatabaseDiskFull => ("database-disk-full", Engine::Sqlite),
        };
        let engine = match engine {
            Engine::Sqlite => "sqlite",
            Engine::Postgres => "postgres",
        };
        write!(f, "{name} on {engine}")
    }
}
