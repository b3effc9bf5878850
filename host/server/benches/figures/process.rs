//! The process as a whole: from start to ready, and what it holds when idle.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{setting::Setting, timing::Timings};

const N_STARTS: usize = 11;
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn measure(setting: &Setting) -> Result<()> {
    let mut starts = Vec::new();
    let mut pss_bytes = 0;
    for _ in 0..N_STARTS {
        starts.push(started(setting, setting.data.path())?);
        pss_bytes = held(setting, setting.data.path())?;
    }
    println!(
        "  start to ready, guests compiled   {}",
        Timings::of(starts).summary()
    );
    println!(
        "  idle memory (PSS)                 {:.1} MB",
        pss_bytes as f64 / 1e6
    );
    Ok(())
}

/// How long a start on `data` takes until the server is ready.
pub(crate) fn started(setting: &Setting, data: &Path) -> Result<Duration> {
    let begun = Instant::now();
    let server = Server::start(setting, data)?;
    setting.runtime.block_on(server.ready())?;
    Ok(begun.elapsed())
}

/// Proportional set size of an idle server on `data`, bytes.
pub(crate) fn held(setting: &Setting, data: &Path) -> Result<u64> {
    let server = Server::start(setting, data)?;
    setting.runtime.block_on(server.ready())?;
    // Let the first idle polls pass before looking at the memory.
    std::thread::sleep(Duration::from_millis(500));
    server.pss_bytes()
}

/// A `phagen serve` of its own, stopped when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
}

impl Server {
    pub(crate) fn start(setting: &Setting, data: &Path) -> Result<Self> {
        let mut command = setting.phagen_on(data);
        command.env("PHAGEN_LOG__FILTER", "error");
        Self::spawn_with(command, &[])
    }

    /// `command`: the binary; `arguments`: further ones of `serve`.
    pub(crate) fn spawn_with(mut command: Command, arguments: &[&str]) -> Result<Self> {
        let mut child = command
            .args(["serve", "--port", "0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start `{}`", command.get_program().display()))?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("no standard output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line
            .trim()
            .rsplit(' ')
            .next()
            .unwrap_or_default()
            .to_owned();
        Ok(Self { child, address })
    }

    pub(crate) async fn ready(&self) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Ok(answer) = reqwest::get(format!("{}/ready", self.address)).await
                && answer.status().is_success()
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        bail!(
            "`{}` did not become ready within {PATIENCE:?}",
            self.address
        )
    }

    fn pss_bytes(&self) -> Result<u64> {
        let rollup = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id()))?;
        let kilobytes: u64 = rollup
            .lines()
            .find_map(|line| line.strip_prefix("Pss:"))
            .and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok())
            .context("no `Pss` in smaps_rollup")?;
        Ok(kilobytes * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
