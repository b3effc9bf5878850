//! From a path to two pools on a database of today's schema, or to the reason why not.

use std::{
    error::Error,
    fs::{self, OpenOptions},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    time::Duration,
};

use phagen_store::StoreError;
use sqlx::{
    SqlitePool,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// How long a statement waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a call waits for a free connection of this process.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// Each is a thread with a page cache of its own, so a few must do.
const N_READERS: u32 = 4;

/// The writer and the readers.
pub(crate) async fn open(path: &Path) -> Result<(SqlitePool, SqlitePool), StoreError> {
    let unusable = |reason: String| StoreError::Unusable {
        path: path.display().to_string(),
        reason,
    };
    make_private_file(path).map_err(unusable)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // The last acknowledgements may be lost with the power, never the database: those jobs run
        // again.
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT);
    let writer = pool()
        .max_connections(1)
        .connect_with(options.clone())
        .await
        .map_err(|err| unusable(with_causes(&err)))?;
    if let Err(err) = migrate(&writer, path).await {
        writer.close().await;
        return Err(err);
    }
    let readers = pool()
        .max_connections(N_READERS)
        .connect_with(options.pragma("query_only", "on"))
        .await
        .map_err(|err| unusable(with_causes(&err)))?;
    Ok((writer, readers))
}

/// Connections live as long as the pool and are not probed before use: they lead to a file, and
/// each probe would cost as much as a statement.
fn pool() -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .min_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

/// A new database is its owner's alone, and so are the log files that SQLite makes beside it. The
/// mode of one that exists is its operator's choice.
fn make_private_file(path: &Path) -> Result<(), String> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|err| format!("its folder cannot be made: {err}"))?;
    }
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(|err| format!("it cannot be written: {err}"))
}

/// One transaction around all of them: of two processes that open a new database together, one
/// migrates and the other finds it done; and stopped half-way, nothing has happened.
async fn migrate(writer: &SqlitePool, path: &Path) -> Result<(), StoreError> {
    let path = path.display().to_string();
    let unusable = |err: MigrateError| match err {
        MigrateError::VersionMissing(found) if found > newest_known() => StoreError::NewerSchema {
            path: path.clone(),
            found,
            known: newest_known(),
        },
        err => StoreError::Unusable {
            path: path.clone(),
            reason: with_causes(&err),
        },
    };
    let mut transaction = writer
        .begin_with("begin immediate")
        .await
        .map_err(|err| unusable(err.into()))?;
    MIGRATIONS
        .run_direct(None, &mut *transaction, false)
        .await
        .map_err(&unusable)?;
    transaction
        .commit()
        .await
        .map_err(|err| unusable(err.into()))
}

fn newest_known() -> i64 {
    MIGRATIONS
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or_default()
}

/// The driver's own words, which say little, and what lies under them.
fn with_causes(err: &dyn Error) -> String {
    let mut text = err.to_string();
    let mut cause = err.source();
    while let Some(err) = cause {
        let reason = err.to_string();
        if !text.contains(&reason) {
            text = format!("{text}: {reason}");
        }
        cause = err.source();
    }
    text
}
