//! One API and six processes of workers, started as an operator starts them.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use reqwest::Client;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::place::Place;

pub(crate) const N_WORKERS: usize = 6;
const PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(50);

pub(crate) struct Cluster {
    _api: Process,
    workers: Vec<Process>,
    address: String,
    client: Client,
}

impl Cluster {
    pub(crate) fn start(place: &Place) -> Result<Self> {
        let mut command = place.phagen()?;
        command.args(["serve", "--workers", "0", "--port", "0"]);
        let (api, line) = Process::start(&mut command)?;
        let address = line.trim().rsplit(' ').next().unwrap_or_default();
        let mut workers = Vec::new();
        for _ in 0..N_WORKERS {
            workers.push(worker(place)?);
        }
        Ok(Self {
            _api: api,
            workers,
            address: address.to_owned(),
            client: Client::builder().timeout(PATIENCE).no_proxy().build()?,
        })
    }

    /// Kills worker `at`, as a machine does that loses its power, and starts another in its place.
    pub(crate) fn kill(&mut self, place: &Place, at: usize) -> Result<()> {
        self.workers[at].kill();
        self.workers[at] = worker(place)?;
        Ok(())
    }

    /// Which worker runs as process `pid`, if that is still alive.
    pub(crate) fn worker_of(&self, pid: u32) -> Option<usize> {
        (0..N_WORKERS).find(|at| self.workers[*at].0.id() == pid)
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        let answer = self.client.get(self.url(path)).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let answer = self.client.post(self.url(path)).json(body).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "`{path}` answered {status}: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    pub(crate) async fn upload(&self, name: &str, component: Vec<u8>) -> Result<()> {
        let answer = self
            .client
            .post(self.url(&format!("/api/plugins?name={name}")))
            .header("content-type", "application/wasm")
            .body(component)
            .send()
            .await?;
        answer.error_for_status()?;
        Ok(())
    }

    /// Asks again and again until `is_so` of the answer.
    pub(crate) async fn wait(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.get(path).await?;
            if is_so(&answer) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!("after {PATIENCE:?} `{path}` is still {answer}");
            }
            sleep(POLL).await;
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }
}

/// A child that does not outlive its owner.
struct Process(Child);

impl Process {
    /// Started, and its first line.
    fn start(command: &mut Command) -> Result<(Self, String)> {
        let child = command.stdout(Stdio::piped()).spawn();
        let mut process = Self(child.context("cannot start `phagen`")?);
        let stdout = process.0.stdout.take().context("no standard output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        ensure!(!line.is_empty(), "`phagen` ended before it worked");
        Ok((process, line))
    }

    /// With SIGKILL, and out of the table of processes.
    fn kill(&mut self) {
        // One that has ended already needs no killing.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn worker(place: &Place) -> Result<Process> {
    let mut command = place.phagen()?;
    command.args(["worker", "--count", "1"]);
    Process::start(&mut command).map(|(process, _)| process)
}
