//! A server as a child of ours: under a user that it accepts, its words in a file, and stopped by
//! its id.

use std::{
    fs::{self, File},
    net::TcpListener,
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, getuid, kill_process};

/// How long a server may take to start.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// How long it may take to end before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

const POLL: Duration = Duration::from_millis(50);

/// Whom the servers run as. They refuse root, so for root it is another user; for everyone else, the
/// one who asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    ids: Option<(u32, u32)>,
}

impl Account {
    pub(super) fn find() -> Result<Self> {
        if !getuid().is_root() {
            return Ok(Self { ids: None });
        }
        let user = ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| Some((id("-u", name)?, id("-g", name)?)))
            .context("Postgres refuses to run as root, and there is neither a user `postgres` nor `nobody` to run it as")?;
        Ok(Self { ids: Some(user) })
    }

    /// The one who asks, root or not.
    pub(super) fn ours() -> Self {
        Self { ids: None }
    }

    /// A command that runs as this user and is told to end should we die without a word.
    pub(super) fn command(self, program: &Path) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "INT", "--"]).arg(program);
        if let Some((user, group)) = self.ids {
            command.uid(user).gid(group);
        }
        command
    }

    /// What `setpriv` is told besides, by whoever may not be this user.
    pub(super) fn options(self) -> Vec<String> {
        let Some((user, group)) = self.ids else {
            return Vec::new();
        };
        vec![
            format!("--reuid={user}"),
            format!("--regid={group}"),
            "--clear-groups".to_owned(),
        ]
    }

    /// Makes a folder that is this user's own.
    pub(super) fn folder(self, path: &Path) -> Result<()> {
        fs::create_dir(path)
            .and_then(|()| self.own(path))
            .with_context(|| format!("cannot make `{}`", path.display()))
    }

    pub(super) fn own(self, path: &Path) -> std::io::Result<()> {
        match self.ids {
            Some((user, group)) => chown(path, Some(user), Some(group)),
            None => Ok(()),
        }
    }
}

fn id(which: &str, user: &str) -> Option<u32> {
    let output = Command::new("id").args([which, user]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output
        .status
        .success()
        .then(|| text.trim().parse().ok())
        .flatten()
}

pub(super) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no port is free on loopback")?;
    Ok(listener.local_addr()?.port())
}

/// Ended when dropped.
pub(super) struct Server {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Server {
    pub(super) fn spawn(name: &str, mut command: Command, log: PathBuf) -> Result<Self> {
        let words = File::create(&log).with_context(|| format!("no log for {name}"))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(words.try_clone()?)
            .stderr(words)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log,
        })
    }

    pub(super) fn wait_until(&mut self, mut is_ready: impl FnMut() -> bool) -> Result<()> {
        let begun = Instant::now();
        loop {
            if is_ready() {
                return Ok(());
            }
            let ended = self.child.try_wait()?;
            if ended.is_some() || begun.elapsed() > START_TIMEOUT {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                bail!(
                    "{} did not start; its last words:\n{}",
                    self.name,
                    tail(&log)
                );
            }
            std::thread::sleep(POLL);
        }
    }

    fn stop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            let _ = kill_process(pid, Signal::INT);
        }
        let begun = Instant::now();
        while begun.elapsed() < STOP_TIMEOUT {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(POLL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}
