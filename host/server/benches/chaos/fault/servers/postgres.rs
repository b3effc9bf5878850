//! A Postgres that keeps what it committed, and a pgBouncer in transaction mode before it.

use std::{fs, path::Path, process::Stdio};

use anyhow::{Context, Result, ensure};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::program::{Server, folder_for_all, free_port, program};
use crate::fault::process::{PATIENCE, POLL};

const USER: &str = "phagen";

pub(crate) struct Postgres {
    server: Server,
}

impl Postgres {
    /// A new cluster; fsync and `synchronous_commit` are on, as they come.
    pub(super) async fn start(folder: &Path) -> Result<Self> {
        let own = folder.join("postgres");
        folder_for_all(&own)?;
        let made = program("initdb")?
            .args(["--auth=trust", "--encoding=UTF8", "--no-sync", "-U", USER])
            .args(["--locale=C.UTF-8", "--pgdata", "data"])
            .current_dir(&own)
            .stdout(Stdio::null())
            .status()?;
        ensure!(made.success(), "`initdb` failed");
        let port = free_port()?;
        let settings = [
            format!("port={port}"),
            "listen_addresses=127.0.0.1".to_owned(),
            "unix_socket_directories=".to_owned(),
            "max_connections=150".to_owned(),
        ];
        let mut arguments = vec!["-D".to_owned(), "data".to_owned()];
        arguments.extend(settings.into_iter().flat_map(|it| ["-c".to_owned(), it]));
        let server = Server::start("postgres", &own, port, arguments).await?;
        let postgres = Self { server };
        postgres.until_it_answers().await?;
        Ok(postgres)
    }

    /// `INT` is a fast shutdown, `QUIT` an immediate one, as after a crash.
    pub(crate) async fn stop(&mut self, signal: &str) -> Result<()> {
        self.server.stop(signal).await
    }

    pub(crate) async fn start_again(&mut self) -> Result<()> {
        self.server.start_again().await?;
        self.until_it_answers().await
    }

    /// It takes connections before it has read its log.
    async fn until_it_answers(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match PgConnection::connect(&self.url("postgres")).await {
                Ok(connection) => return Ok(connection.close().await?),
                Err(error) if Instant::now() >= deadline => return Err(error.into()),
                Err(_) => sleep(POLL).await,
            }
        }
    }

    pub(crate) async fn create(&self, database: &str) -> Result<()> {
        let mut server = PgConnection::connect(&self.url("postgres")).await?;
        let create = format!("create database {database}");
        server.execute(AssertSqlSafe(create)).await?;
        Ok(())
    }

    pub(crate) fn url(&self, database: &str) -> String {
        url(self.server.port, database)
    }

    /// As the cluster runs it; but it asks a server that was gone again at once, not after 15 s.
    pub(super) async fn pooler(&self, folder: &Path) -> Result<Server> {
        let own = folder.join("pgbouncer");
        folder_for_all(&own)?;
        let port = free_port()?;
        let told = format!(
            "[databases]
* = host=127.0.0.1 port={} user={USER}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 25
max_db_connections = 100
max_client_conn = 1000
server_login_retry = 1
",
            self.server.port
        );
        fs::write(own.join("pgbouncer.ini"), told).context("cannot configure pgBouncer")?;
        let arguments = vec!["pgbouncer.ini".to_owned()];
        Server::start("pgbouncer", &own, port, arguments).await
    }
}

impl Server {
    /// Of a database behind this pooler.
    pub(crate) fn url(&self, database: &str) -> String {
        url(self.port, database)
    }
}

fn url(port: u16, database: &str) -> String {
    format!("postgres://{USER}@127.0.0.1:{port}/{database}")
}

pub(crate) fn name_database() -> String {
    format!("fault_{}", Uuid::new_v4().simple())
}
