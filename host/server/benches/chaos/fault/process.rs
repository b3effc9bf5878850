//! A child that does not outlive its owner, and its signals.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use tokio::time::{Instant, sleep};

/// Longer than anything here takes that happens at all.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);
pub(crate) const POLL: Duration = Duration::from_millis(50);

pub(crate) struct Process {
    child: Child,
    /// Kept open: a child that finds nobody at the other end would hear of it.
    _stdout: Option<BufReader<ChildStdout>>,
}

impl Process {
    /// Its words go to `log`.
    pub(crate) fn spawn(command: &mut Command, log: &Path) -> Result<Self> {
        let words = File::create(log)?;
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command
            .stdin(Stdio::null())
            .stdout(words.try_clone()?)
            .stderr(words)
            .spawn()
            .with_context(|| format!("cannot start `{name}`"))?;
        Ok(Self {
            child,
            _stdout: None,
        })
    }

    /// Started, and its first line: then it is at work. What it says of faults goes to `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<(Self, String)> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(log)?)
            .spawn();
        let mut child = child.context("cannot start `phagen`")?;
        let stdout = child.stdout.take().context("no standard output")?;
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        let read = stdout.read_line(&mut line);
        let process = Self {
            child,
            _stdout: Some(stdout),
        };
        read?;
        if line.is_empty() {
            let words = std::fs::read_to_string(log)?;
            bail!("`phagen` ended before it worked: {}", words.trim());
        }
        Ok((process, line))
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Such as `TERM`. The child is not reaped yet, so its id is still its own.
    pub(crate) fn signal(&self, name: &str) -> Result<()> {
        let script = format!("kill -{name} {}", self.id());
        let sent = Command::new("sh").args(["-c", &script]).status()?;
        ensure!(sent.success(), "`{script}` failed");
        Ok(())
    }

    /// With SIGKILL, and out of the table of processes.
    pub(crate) fn kill(&mut self) {
        // One that has ended already needs no killing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Sends a signal and waits for the end.
    pub(crate) async fn end_by(&mut self, signal: &str) -> Result<ExitStatus> {
        self.signal(signal)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                bail!("not ended {PATIENCE:?} after SIG{signal}");
            }
            sleep(POLL).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
