//! From a URL to a pool on a database of today's schema, or to the reason why not.

use std::{error::Error, time::Duration};

use phagen_store::StoreError;
use sqlx::{
    ConnectOptions as _, Connection as _, PgConnection, PgPool,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::pooler;

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/postgres");

pub(crate) const SCHEMA_VERSION: &str =
    "select coalesce(max(version), 0) from _sqlx_migrations where success";

/// Names the migrations among the locks of the database: `phagenmg` in ASCII. Of the transaction, so
/// that it cannot outlive a migrator that dies.
const TAKE_TURN: &str = "select pg_advisory_xact_lock(x'70686167656e6d67'::bigint)";

/// The oldest Postgres that the suite runs on, as the server counts.
const OLDEST_SERVER: i32 = 150_000;

/// How long a call waits for a free connection of this process, and a new one for its server.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// So that processes find a server that took over, and the memory of old sessions is given back.
const MAX_LIFETIME: Duration = Duration::from_mins(30);

/// A connection that lay for longer is asked whether it still lives; each ask costs a round trip.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);

/// What a migration found and left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// 0 in an empty database.
    pub from: i64,
    pub to: i64,
}

pub(crate) async fn open(url: &str, n_connections: u32) -> Result<PgPool, StoreError> {
    let options = options(url)?;
    let unusable = |reason: String| StoreError::Unusable {
        path: name_of(&options),
        reason,
    };
    pooler::check(&options).await.map_err(unusable)?;
    let pool = PgPoolOptions::new()
        .max_connections(n_connections.max(1))
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .max_lifetime(MAX_LIFETIME)
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for > TRUSTED_IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_with(options.clone())
        .await
        .map_err(|err| unusable(with_causes(&err)))?;
    if let Err(err) = check_schema(&pool, &options).await {
        pool.close().await;
        return Err(err);
    }
    Ok(pool)
}

/// The server and what it holds are those that this binary was made for.
async fn check_schema(pool: &PgPool, options: &PgConnectOptions) -> Result<(), StoreError> {
    let unusable = |reason: String| StoreError::Unusable {
        path: name_of(options),
        reason,
    };
    let failed = |err: sqlx::Error| unusable(with_causes(&err));
    let server: (i32, bool) = sqlx::query_as(
        "select current_setting('server_version_num')::int,
            to_regclass('_sqlx_migrations') is not null",
    )
    .fetch_one(pool)
    .await
    .map_err(failed)?;
    let (server, has_schema) = server;
    if server < OLDEST_SERVER {
        return Err(unusable(format!(
            "its server is Postgres {}, and 15 or newer is needed",
            server / 10_000
        )));
    }
    let found: i64 = if has_schema {
        let version = sqlx::query_scalar(SCHEMA_VERSION);
        version.fetch_one(pool).await.map_err(failed)?
    } else {
        0
    };
    let known = newest_known();
    match found {
        found if found > known => Err(StoreError::NewerSchema {
            path: name_of(options),
            found,
            known,
        }),
        found if found < known => Err(unusable(format!(
            "its schema is {found}, and this binary needs {known}: run `phagen migrate` on the direct URL of the server"
        ))),
        _ => Ok(()),
    }
}

/// One transaction around all of them: of many that migrate together one does and the others find it
/// done; and stopped half-way, nothing has happened.
pub(crate) async fn migrate(direct_url: &str) -> Result<Migrated, StoreError> {
    let options = options(direct_url)?;
    pooler::refuse(&options)
        .await
        .map_err(|reason| StoreError::Unusable {
            path: name_of(&options),
            reason,
        })?;
    let mut connection = options
        .connect()
        .await
        .map_err(|err| refused(&options, &err.into()))?;
    let migrated = migrate_on(&mut connection)
        .await
        .map_err(|err| refused(&options, &err))?;
    connection
        .close()
        .await
        .map_err(|err| refused(&options, &err.into()))?;
    Ok(migrated)
}

async fn migrate_on(connection: &mut PgConnection) -> Result<Migrated, MigrateError> {
    let mut migrator = Migrator::with_migrations(MIGRATIONS.iter().cloned().collect());
    // Its own lock is the session's, and the turn below does.
    migrator.set_locking(false);
    let mut transaction = connection
        .begin_with("begin isolation level read committed")
        .await?;
    sqlx::query(TAKE_TURN).execute(&mut *transaction).await?;
    let has_schema = "select to_regclass('_sqlx_migrations') is not null";
    let has_schema: bool = sqlx::query_scalar(has_schema)
        .fetch_one(&mut *transaction)
        .await?;
    let from = if has_schema {
        let version = sqlx::query_scalar(SCHEMA_VERSION);
        version.fetch_one(&mut *transaction).await?
    } else {
        0
    };
    migrator.run_direct(None, &mut *transaction, false).await?;
    transaction.commit().await?;
    Ok(Migrated {
        from,
        to: newest_known(),
    })
}

fn refused(options: &PgConnectOptions, err: &MigrateError) -> StoreError {
    match *err {
        MigrateError::VersionMissing(found) if found > newest_known() => StoreError::NewerSchema {
            path: name_of(options),
            found,
            known: newest_known(),
        },
        _ => StoreError::Unusable {
            path: name_of(options),
            reason: with_causes(err),
        },
    }
}

pub(crate) fn newest_known() -> i64 {
    MIGRATIONS
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or_default()
}

fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let unreadable = |reason: String| StoreError::Unusable {
        // Never the URL itself: it may hold a password.
        path: "postgres://…".to_owned(),
        reason: format!(
            "its URL cannot be read, `postgres://user:password@host:port/database` is expected: {reason}"
        ),
    };
    if !["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
    {
        return Err(unreadable("it begins otherwise".to_owned()));
    }
    let options: PgConnectOptions = url.parse().map_err(|err| unreadable(with_causes(&err)))?;
    let name = options
        .get_application_name()
        .unwrap_or("phagen")
        .to_owned();
    Ok(options
        .application_name(&name)
        // Postgres prints numbers whole by itself, and a pooler would have to be told to let it pass.
        .extra_float_digits(None))
}

/// What an operator recognises, without what nobody else may read.
pub(crate) fn name_of(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or(options.get_username());
    match options.get_socket() {
        Some(socket) => format!("{} at {}", database, socket.display()),
        None => format!("{}:{}/{database}", options.get_host(), options.get_port()),
    }
}

/// The driver's own words, which say little, and what lies under them.
pub(crate) fn with_causes(err: &dyn Error) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_told() {
        let options = options("postgres://ada:s3cret@db.example:6432/phagen").unwrap();
        assert_eq!(name_of(&options), "db.example:6432/phagen");
        for bad in [
            "ada:s3cret@host",
            "postgres://ada:s3cret@host:port/x",
            "",
            "postgres://ada:s3cret@h/x?sslmode=maybe",
        ] {
            let error = super::options(bad).unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
            assert!(error.contains("cannot be read"), "{error}");
        }
    }
}
