//! A database for each test, on the servers that `cargo xtask test` started.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use uuid::Uuid;

/// How a process reaches the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Direct,
    /// Through a pgBouncer in transaction mode that keeps prepared statements apart.
    Pooled,
    /// Through one that does not, since it is too old.
    OldPooled,
}

impl Way {
    /// What `cargo xtask test` passes on. A test never passes for want of its server.
    fn base(self) -> String {
        let variable = match self {
            Self::Direct => "PHAGEN_TEST_POSTGRES",
            Self::Pooled => "PHAGEN_TEST_PGBOUNCER",
            Self::OldPooled => "PHAGEN_TEST_PGBOUNCER_OLD",
        };
        std::env::var_os(variable)
            .and_then(|value| value.into_string().ok())
            .unwrap_or_else(|| {
                panic!("`{variable}` is not set: run the tests by `cargo xtask test`, or below `cargo xtask services`")
            })
    }
}

/// Gone when dropped.
pub(super) struct Database {
    name: String,
}

impl Database {
    /// Without a table.
    pub(super) async fn empty() -> Self {
        let name = format!("test_{}", Uuid::new_v4().simple());
        run(&format!("create database {name}")).await;
        Self { name }
    }

    pub(super) fn url(&self, way: Way) -> String {
        format!("{}/{}", way.base(), self.name)
    }

    /// Past all that phagen does.
    pub(super) async fn rows(&self) -> PgConnection {
        let url = self.url(Way::Direct);
        PgConnection::connect(&url).await.expect("the rows")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let drop = format!("drop database {} with (force)", self.name);
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.expect("a runtime").block_on(run(&drop));
        });
        // What is left goes with the server.
        let _ = dropping.join();
    }
}

async fn run(sql: &str) {
    let url = format!("{}/postgres", Way::Direct.base());
    let mut server = PgConnection::connect(&url).await.expect("the server");
    let done = server.execute(AssertSqlSafe(sql)).await;
    done.unwrap_or_else(|err| panic!("{sql}: {err}"));
}
