//! A pgBouncer in transaction mode, in front of our Postgres: the one that keeps prepared statements
//! apart, and the one before it, which does not and must be refused.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};

use super::{
    package::{self, Unpacked},
    postgres::{Postgres, USER},
    process::{Account, Server, free_port},
};
use crate::shell::Workspace;

/// Which pgBouncer, and told what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// 1.18, which hands one client what another prepared.
    Old,
    /// 1.24 as it comes, which keeps them apart.
    New,
    /// 1.24, told not to.
    Untracked,
}

impl Kind {
    /// The release of Debian that holds it.
    fn suite(self) -> &'static str {
        match self {
            Self::Old => "bookworm",
            Self::New | Self::Untracked => "trixie",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Old => "pgbouncer-old",
            Self::New => "pgbouncer",
            Self::Untracked => "pgbouncer-untracked",
        }
    }

    /// What it is told besides what all are told.
    fn setting(self) -> &'static str {
        match self {
            Self::Old | Self::New => "",
            Self::Untracked => "max_prepared_statements = 0\n",
        }
    }
}

const PROGRAM: &str = "usr/sbin/pgbouncer";
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

pub(super) struct PgBouncer {
    _server: Server,
    port: u16,
    package: Unpacked,
}

impl PgBouncer {
    pub(super) fn start(
        workspace: &Workspace,
        folder: &Path,
        account: Account,
        kind: Kind,
        postgres: &Postgres,
    ) -> Result<Self> {
        let name = kind.name();
        let cached = package::unpacked(workspace, "pgbouncer", kind.suite())?;
        let own = folder.join(name);
        account.folder(&own)?;
        // The servers' user may not be let into the target folder.
        let package = cached.copy_to(&own.join("root"))?;
        let port = free_port()?;
        let settings = own.join("pgbouncer.ini");
        let told = configuration(port, postgres.port()) + kind.setting();
        fs::write(&settings, told).with_context(|| format!("cannot configure {name}"))?;
        let mut command = package.command(account, PROGRAM)?;
        command.arg(&settings).current_dir(&own);
        let mut server = Server::spawn(name, command, own.join("log"))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        server.wait_until(|| TcpStream::connect_timeout(&address, PROBE_TIMEOUT).is_ok())?;
        Ok(Self {
            _server: server,
            port,
            package,
        })
    }

    /// One more of the same, with settings that are yet to be named.
    pub(super) fn command(&self, account: Account) -> Result<Command> {
        self.package.command(account, PROGRAM)
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
