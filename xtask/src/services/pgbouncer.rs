//! A pgBouncer in transaction mode, in front of our Postgres: the one that keeps prepared statements
//! apart, and the one before it, which does not and must be refused.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result};

use super::{
    package,
    postgres::{Postgres, USER},
    process::{Account, Server, free_port},
};
use crate::shell::Workspace;

/// Debian's release with 1.18, which hands one client what another prepared.
pub(super) const OLD_SUITE: &str = "bookworm";

/// Debian's release with 1.24, which keeps them apart.
pub(super) const NEW_SUITE: &str = "trixie";

const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

pub(super) struct PgBouncer {
    _server: Server,
    port: u16,
}

impl PgBouncer {
    pub(super) fn start(
        workspace: &Workspace,
        folder: &Path,
        account: Account,
        suite: &str,
        postgres: &Postgres,
    ) -> Result<Self> {
        let name = format!("pgBouncer of {suite}");
        let cached = package::unpacked(workspace, "pgbouncer", suite)?;
        let own = folder.join(format!("pgbouncer-{suite}"));
        account.folder(&own)?;
        // The servers' user may not be let into the target folder.
        let package = cached.copy_to(&own.join("root"))?;
        let port = free_port()?;
        let settings = own.join("pgbouncer.ini");
        fs::write(&settings, configuration(port, postgres.port()))
            .with_context(|| format!("cannot configure {name}"))?;
        let mut command = package.command(account, "usr/sbin/pgbouncer")?;
        command.arg(&settings).current_dir(&own);
        let mut server = Server::spawn(&name, command, own.join("log"))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        server.wait_until(|| TcpStream::connect_timeout(&address, PROBE_TIMEOUT).is_ok())?;
        Ok(Self {
            _server: server,
            port,
        })
    }

    pub(super) fn url(&self) -> String {
        format!("postgres://{USER}@127.0.0.1:{}", self.port)
    }
}

/// As the cluster runs it; and nothing here speaks of prepared statements or of start-up parameters,
/// since the store must do with what an operator gets by default.
fn configuration(port: u16, server_port: u16) -> String {
    format!(
        "[databases]
* = host=127.0.0.1 port={server_port} user={USER}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 25
max_db_connections = 100
max_client_conn = 1000
server_idle_timeout = 5
"
    )
}
