//! A database for each test, on the servers that `cargo xtask test` started.

use phagen_store_postgres::PostgresStore;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, PgPool};
use uuid::Uuid;

/// How a test reaches the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Direct,
    /// Through a pgBouncer that keeps prepared statements apart.
    Pooled,
    /// Through one that does not, since it is too old.
    OldPooled,
    /// Through one that does not, since it was told so.
    UntrackedPooled,
}

impl Way {
    fn base(self) -> String {
        let variable = match self {
            Self::Direct => "PHAGEN_TEST_POSTGRES",
            Self::Pooled => "PHAGEN_TEST_PGBOUNCER",
            Self::OldPooled => "PHAGEN_TEST_PGBOUNCER_OLD",
            Self::UntrackedPooled => "PHAGEN_TEST_PGBOUNCER_UNTRACKED",
        };
        address(variable)
    }
}

/// What `cargo xtask test` passes on. A test never passes for want of its server.
pub(crate) fn address(variable: &str) -> String {
    std::env::var_os(variable)
        .and_then(|value| value.into_string().ok())
        .unwrap_or_else(|| {
            panic!("`{variable}` is not set: run the tests by `cargo xtask test`, or by `cargo xtask services cargo nextest run -p phagen-store-postgres`")
        })
}

/// Gone when dropped.
pub(crate) struct Database {
    name: String,
}

impl Database {
    /// Of today's schema: a copy of one that was migrated once for all tests.
    pub(crate) async fn migrated() -> Self {
        let mut server = server().await;
        // Each test is a process: the first makes the template, the others wait for it.
        let lock = "select pg_advisory_lock(1)";
        server.execute(lock).await.expect("the lock");
        let is_there = "select exists (select from pg_database where datname = 'phagen_template')";
        let is_there: bool = sqlx::query_scalar(is_there)
            .fetch_one(&mut server)
            .await
            .expect("an answer");
        if !is_there {
            run(&mut server, "create database phagen_making").await;
            let making = format!("{}/phagen_making", Way::Direct.base());
            PostgresStore::migrate(&making).await.expect("a schema");
            let rename = "alter database phagen_making rename to phagen_template";
            run(&mut server, rename).await;
        }
        server
            .execute("select pg_advisory_unlock(1)")
            .await
            .expect("the lock goes");
        Self::made(server, "template phagen_template").await
    }

    /// Without a table.
    pub(crate) async fn empty() -> Self {
        Self::made(server().await, "").await
    }

    async fn made(mut server: PgConnection, how: &str) -> Self {
        let name = format!("test_{}", Uuid::new_v4().simple());
        run(&mut server, &format!("create database {name} {how}")).await;
        server.close().await.expect("an end");
        Self { name }
    }

    pub(crate) fn url(&self, way: Way) -> String {
        format!("{}/{}", way.base(), self.name)
    }

    pub(crate) async fn store(&self, way: Way) -> PostgresStore {
        PostgresStore::open(&self.url(way), PostgresStore::CONNECTIONS)
            .await
            .expect("a store")
    }

    /// Returns when a statement of the store waits for a lock that the test holds.
    pub(crate) async fn until_someone_waits(&self, rows: &PgPool) {
        let waits = "select exists (select from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock')";
        while !sqlx::query_scalar::<_, bool>(waits)
            .fetch_one(rows)
            .await
            .expect("an answer")
        {
            tokio::task::yield_now().await;
        }
    }

    /// Moves rows behind the driver's back.
    pub(crate) async fn rows(&self) -> PgPool {
        let url = self.url(Way::Direct);
        PgPool::connect(&url).await.expect("the rows")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let drop = format!("drop database {} with (force)", self.name);
        let dropping = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.expect("a runtime").block_on(async move {
                let mut server = server().await;
                run(&mut server, &drop).await;
            });
        });
        // What is left goes with the server.
        let _ = dropping.join();
    }
}

async fn server() -> PgConnection {
    let url = format!("{}/postgres", Way::Direct.base());
    PgConnection::connect(&url).await.expect("the server")
}

async fn run(server: &mut PgConnection, sql: &str) {
    let done = server.execute(AssertSqlSafe(sql)).await;
    done.unwrap_or_else(|err| panic!("{sql}: {err}"));
}
