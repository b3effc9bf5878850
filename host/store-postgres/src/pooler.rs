//! What stands between this process and the server. A pooler in transaction mode hands each
//! transaction to whichever connection is free; unless it keeps the prepared statements of its
//! clients apart, one client then runs what another has prepared: errors at best, another query's
//! answer at worst. That is found out before anything is read or written, never by its version.

use std::time::Duration;

use futures::future::try_join_all;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, Row as _,
    error::DatabaseError, postgres::PgConnectOptions,
};
use tokio::time::timeout;

use crate::open::with_causes;

/// Clients that ask side by side.
const N_CLIENTS: i64 = 4;

/// Different statements that each asks, twice.
const N_STATEMENTS: i64 = 16;

/// How long a check may take before the database counts as out of reach.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Why a client did not get its own answers.
enum Fault {
    /// It got what belongs to another.
    Mixed(String),
    /// Something else is wrong.
    Other(sqlx::Error),
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        // A prepared statement exists already, or exists no more.
        const MIXED: [&str; 2] = ["42P05", "26000"];
        let code = error.as_database_error().and_then(DatabaseError::code);
        match code {
            Some(code) if MIXED.contains(&&*code) => Self::Mixed(error.to_string()),
            _ => Self::Other(error),
        }
    }
}

/// Asks 64 statements, each its own, from several connections, and each again later. `Err` says what
/// is wrong and what to do.
pub(crate) async fn check(options: &PgConnectOptions) -> Result<(), String> {
    match timeout(TIMEOUT, ask_all(options)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Fault::Other(error))) => Err(with_causes(&error)),
        Ok(Err(Fault::Mixed(seen))) => Err(format!(
            "the pooler in front of it mixes up the prepared statements of its clients ({seen}), so that a query may get the answer of another: use pgBouncer 1.21 or newer with `max_prepared_statements` above 0, or session pooling, or name the server itself"
        )),
        Err(_) => Err(out_of_reach()),
    }
}

/// For what needs the server itself. A pooler gives itself away: two connections that are both open
/// are answered by one process of the server.
pub(crate) async fn refuse(options: &PgConnectOptions) -> Result<(), String> {
    let who_answers = async {
        let mut pids = Vec::new();
        let mut clients = connect(options, 2).await?;
        for client in &mut clients {
            // The plain protocol: nothing is prepared that a pooler could leave behind.
            let row = sqlx::raw_sql("select pg_backend_pid()")
                .fetch_one(client)
                .await?;
            pids.push(row.try_get::<i32, _>(0)?);
        }
        close(clients).await?;
        Ok::<_, sqlx::Error>(pids)
    };
    match timeout(TIMEOUT, who_answers).await {
        Ok(Ok(pids)) if pids[0] == pids[1] => Err(
            "a pooler stands in front of it, and migrations need the server itself: name its own host and port"
                .to_owned(),
        ),
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(with_causes(&error)),
        Err(_) => Err(out_of_reach()),
    }
}

fn out_of_reach() -> String {
    format!("it did not answer within {} s", TIMEOUT.as_secs())
}

async fn ask_all(options: &PgConnectOptions) -> Result<(), Fault> {
    let mut clients = connect(options, N_CLIENTS).await?;
    // One after the other: the pooler hands the connection that just came back to the next.
    for (client, n) in clients.iter_mut().zip(0..) {
        ask(client, n * N_STATEMENTS).await?;
    }
    // Then all at once, in an order of the pooler's choosing.
    let asking = clients.iter_mut().zip(0..).map(async |(client, n)| {
        for k in (0..N_STATEMENTS).chain(0..N_STATEMENTS) {
            ask(client, n * N_STATEMENTS + k).await?;
        }
        Ok::<_, Fault>(())
    });
    try_join_all(asking).await?;
    close(clients).await?;
    Ok(())
}

/// A text of its own is a prepared statement of its own.
async fn ask(client: &mut PgConnection, k: i64) -> Result<(), Fault> {
    const ASKED: i64 = 1_000;
    let told: i64 = sqlx::query_scalar(AssertSqlSafe(format!("select $1::int8 + {k}")))
        .bind(ASKED)
        .fetch_one(client)
        .await?;
    if told == ASKED + k {
        Ok(())
    } else {
        Err(Fault::Mixed(format!("{ASKED} + {k} was {told}")))
    }
}

async fn connect(options: &PgConnectOptions, n: i64) -> Result<Vec<PgConnection>, sqlx::Error> {
    try_join_all((0..n).map(|_| options.connect())).await
}

async fn close(clients: Vec<PgConnection>) -> Result<(), sqlx::Error> {
    try_join_all(clients.into_iter().map(PgConnection::close)).await?;
    Ok(())
}
