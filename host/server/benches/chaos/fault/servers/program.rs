//! A server on a port of its own, and the same again after it was stopped.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    ops::Range,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep},
};

use crate::fault::{
    kit::variable,
    process::{PATIENCE, POLL, Process},
};

/// Below those that the kernel gives out by itself: nobody else takes the port while its server is
/// down.
const PORTS: Range<u16> = 20_000..32_000;

pub(crate) struct Server {
    name: &'static str,
    arguments: Vec<String>,
    folder: PathBuf,
    pub(crate) port: u16,
    process: Option<Process>,
}

impl Server {
    /// Started, and it takes connections. `program` is one of those that `cargo xtask services`
    /// names; `arguments` say where it listens.
    pub(super) async fn start(
        name: &'static str,
        folder: &Path,
        port: u16,
        arguments: Vec<String>,
    ) -> Result<Self> {
        let mut server = Self {
            name,
            arguments,
            folder: folder.to_owned(),
            port,
            process: None,
        };
        server.start_again().await?;
        Ok(server)
    }

    pub(crate) async fn start_again(&mut self) -> Result<()> {
        let mut command = program(self.name)?;
        command.args(&self.arguments).current_dir(&self.folder);
        let log = self.folder.join(format!("{}.log", self.name));
        let mut process = Process::spawn(&mut command, &log)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(address).await.is_err() {
            if process.has_ended()? || Instant::now() >= deadline {
                let words = fs::read_to_string(&log)?;
                bail!("`{}` does not start: {}", self.name, words.trim());
            }
            sleep(POLL).await;
        }
        self.process = Some(process);
        Ok(())
    }

    /// Until it has ended.
    pub(crate) async fn stop(&mut self, signal: &str) -> Result<()> {
        let mut process = self.process.take().context("it runs")?;
        process.end_by(signal).await?;
        Ok(())
    }
}

pub(super) fn program(name: &str) -> Result<Command> {
    let mut command = Command::new(variable("PHAGEN_TEST_PROGRAMS")?.join(name));
    command.env_remove("LD_PRELOAD");
    Ok(command)
}

/// A folder that the servers' own user may write to.
pub(super) fn folder_for_all(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::create_dir(path)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o777)))
        .with_context(|| format!("cannot make `{}`", path.display()))
}

pub(super) fn free_port() -> Result<u16> {
    for _ in 0..PORTS.len() {
        let port = rand::random_range(PORTS);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port of {PORTS:?} is free on loopback")
}
