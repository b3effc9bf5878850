//! From a path to two pools on a database of today's schema, or to the reason why not.

use std::{
    error::Error,
    fs::{self, OpenOptions},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    time::{Duration, Instant},
};

use phagen_store::StoreError;
use sqlx::{
    Connection as _, SqlitePool,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::time::sleep;

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// How long a statement waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Between two tries of what SQLite itself does not wait with.
const BUSY_PAUSE: Duration = Duration::from_millis(10);

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
    let writer = connect(1, &options)
        .await
        .map_err(|err| unusable(with_causes(&err)))?;
    if let Err(err) = migrate(&writer, path).await {
        writer.close().await;
        return Err(err);
    }
    let readers = connect(N_READERS, &options.pragma("query_only", "on"))
        .await
        .map_err(|err| unusable(with_causes(&err)))?;
    Ok((writer, readers))
}

/// Turning a new database to its write-ahead log is the one thing that SQLite does not wait with while
/// another process does the same.
async fn connect(n: u32, options: &SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        let connected = pool().max_connections(n).connect_with(options.clone());
        match connected.await {
            Err(err) if is_busy(&err) && Instant::now() < deadline => sleep(BUSY_PAUSE).await,
            connected => return connected,
        }
    }
}

fn is_busy(err: &sqlx::Error) -> bool {
    const SQLITE_BUSY: &str = "5";
    let database = err.as_database_error();
    database.is_some_and(|err| err.code().as_deref() == Some(SQLITE_BUSY))
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
        // What SQLite took back by itself, as it does when the disk is full, leaves the driver with
        // a transaction that there is not: that connection would never write again.
        .before_acquire(|connection, _| {
            Box::pin(async move {
                if connection.is_in_transaction() {
                    // A rollback that is still on its way has happened after this.
                    connection.ping().await?;
                }
                Ok(!connection.is_in_transaction())
            })
        })
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

pub(crate) fn newest_known() -> i64 {
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
