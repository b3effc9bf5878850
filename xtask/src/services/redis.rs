//! A Redis of our own, in memory alone: what it holds goes with the run. Tests that kill or stop
//! one start their own of the same program.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};

use super::{
    package::{self, Unpacked},
    process::{Account, Server, free_port},
};
use crate::shell::Workspace;

/// Debian keeps the program in the package of the tools, under the name of one of them; it is the
/// server when it is called so.
const PACKAGE: &str = "redis-tools";
const SUITE: &str = "bookworm";
const PROGRAM: &str = "usr/bin/redis-check-rdb";
const NAME: &str = "usr/bin/redis-server";

const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

pub(super) struct Redis {
    _server: Server,
    port: u16,
    package: Unpacked,
    program: PathBuf,
}

impl Redis {
    pub(super) fn start(workspace: &Workspace, folder: &Path, account: Account) -> Result<Self> {
        let cached = package::unpacked(workspace, PACKAGE, SUITE)?;
        let own = folder.join("redis");
        account.folder(&own)?;
        let package = cached.copy_to(&own.join("root"))?;
        let root = own.join("root");
        fs::copy(root.join(PROGRAM), root.join(NAME)).context("cannot name the server")?;
        let program = own.join("redis-server");
        write_script(&program, &package.command(account, NAME)?)?;
        let port = free_port()?;
        let mut command = account.command(&program);
        command.current_dir(&own);
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string()]);
        command.args(["--save", "", "--appendonly", "no"]);
        let mut server = Server::spawn("Redis", command, own.join("log"))?;
        server.wait_until(|| answers(port))?;
        Ok(Self {
            _server: server,
            port,
            package,
            program,
        })
    }

    /// One more of the same, told nothing yet.
    pub(super) fn command(&self, account: Account) -> Result<Command> {
        self.package.command(account, NAME)
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A program that takes the arguments of `redis-server`.
    pub(super) fn program(&self) -> &Path {
        &self.program
    }
}

/// The command as a program of one word, which becomes the server and keeps its id.
fn write_script(path: &Path, command: &Command) -> Result<()> {
    // What runs the program as another user stays out: each starter decides on its own.
    let words: Vec<String> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .skip_while(|word| !word.contains("ld-linux"))
        .map(|word| format!("'{word}'"))
        .collect();
    let script = format!("#!/bin/sh\nexec {} \"$@\"\n", words.join(" "));
    fs::write(path, script)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o755)))
        .with_context(|| format!("cannot write `{}`", path.display()))
}

fn answers(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, PROBE_TIMEOUT)?;
        stream.set_read_timeout(Some(PROBE_TIMEOUT))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 7];
        stream.read_exact(&mut answer)?;
        Ok(&answer == b"+PONG\r\n")
    };
    ask().unwrap_or(false)
}
