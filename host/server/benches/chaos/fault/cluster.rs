//! One API and some processes of one worker each, started as an operator starts them, and the words
//! to talk to them.

use std::{fmt, process::Command, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use phagen_domain::job::JobId;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{
    place::Place,
    process::{PATIENCE, POLL, Process},
    slow_source::SLOT,
};

/// One answer; those of a database that is gone come sooner.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

pub(crate) struct Cluster {
    pub(crate) api: Api,
    workers: Vec<Process>,
}

impl Cluster {
    pub(crate) async fn start(place: &Place, n_workers: usize) -> Result<Self> {
        Self::start_dressed(place, n_workers, |_, _| {}).await
    }

    /// `dress` is given each worker's number and command.
    pub(crate) async fn start_dressed(
        place: &Place,
        n_workers: usize,
        dress: impl Fn(usize, &mut Command),
    ) -> Result<Self> {
        let api = Api::start(place)?;
        let mut workers = Vec::new();
        for number in 0..n_workers {
            let mut command = worker(place);
            dress(number, &mut command);
            workers.push(place.start(&mut command)?.0);
        }
        api.until_ready("ok").await?;
        Ok(Self { api, workers })
    }

    pub(crate) fn n_workers(&self) -> usize {
        self.workers.len()
    }

    /// Kills worker `at`, as a machine does that loses its power, and starts another in its place.
    pub(crate) fn kill(&mut self, place: &Place, at: usize) -> Result<()> {
        self.workers[at].kill();
        self.workers[at] = place.start(&mut worker(place))?.0;
        Ok(())
    }

    /// Asks worker `at` to stop, waits until it has, and starts another in its place. Whether it
    /// ended well.
    pub(crate) async fn replace(&mut self, place: &Place, at: usize) -> Result<bool> {
        let ended = self.workers[at].end_by("TERM").await?;
        self.workers[at] = place.start(&mut worker(place))?.0;
        Ok(ended.success())
    }

    /// Which worker runs as process `pid`, if that is still alive.
    pub(crate) fn worker_of(&self, pid: u32) -> Option<usize> {
        (0..self.workers.len()).find(|at| self.workers[*at].id() == pid)
    }

    pub(crate) fn pid_of(&self, at: usize) -> u32 {
        self.workers[at].id()
    }

    /// Processes that ended by themselves.
    pub(crate) fn n_ended(&mut self) -> Result<usize> {
        let mut n_ended = usize::from(self.api.process.has_ended()?);
        for worker in &mut self.workers {
            n_ended += usize::from(worker.has_ended()?);
        }
        Ok(n_ended)
    }
}

/// What became of a request for a job.
pub(crate) enum Submitted {
    Accepted(JobId),
    /// Turned away as the API promises: 503, with a problem that says so.
    Refused,
    /// The server took no connection.
    NotTaken,
    /// Anything else: an answer of another kind, or none on a connection that was there.
    Broken(String),
}

impl fmt::Display for Submitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(id) => write!(f, "accepted as job `{id}`"),
            Self::Refused => f.write_str("refused with 503"),
            Self::NotTaken => f.write_str("not taken: no connection"),
            Self::Broken(why) => f.write_str(why),
        }
    }
}

/// A process of the API.
pub(crate) struct Api {
    pub(crate) process: Process,
    pub(crate) caller: Caller,
}

/// Who talks to one API, from any task.
#[derive(Clone)]
pub(crate) struct Caller {
    address: String,
    client: Client,
}

impl Api {
    pub(crate) fn start(place: &Place) -> Result<Self> {
        let mut command = place.phagen();
        command.args(["serve", "--workers", "0", "--port", "0"]);
        let (process, line) = place.start(&mut command)?;
        let address = line.trim().rsplit(' ').next().unwrap_or_default();
        Ok(Self {
            process,
            caller: Caller {
                address: address.to_owned(),
                client: Client::builder()
                    .timeout(ANSWER_TIMEOUT)
                    .no_proxy()
                    .build()?,
            },
        })
    }

    /// Waits until `/ready` says so of the whole, and gives how long it took.
    pub(crate) async fn until_ready(&self, wanted: &str) -> Result<Duration> {
        let begun = Instant::now();
        self.caller
            .until("/ready", |ready| ready["status"] == wanted)
            .await?;
        Ok(begun.elapsed())
    }
}

impl Caller {
    /// Whatever its status says.
    pub(crate) async fn ask(&self, path: &str) -> Result<(StatusCode, Value)> {
        let answer = self.client.get(self.url(path)).send().await?;
        Ok((answer.status(), answer.json().await?))
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let answer = self.client.post(self.url(path)).json(body).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "`{path}` answered {status}: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    pub(crate) async fn upload(&self, name: &str, component: Vec<u8>) -> Result<()> {
        let request = self
            .client
            .post(self.url(&format!("/api/plugins?name={name}")))
            .header("content-type", "application/wasm");
        request.body(component).send().await?.error_for_status()?;
        Ok(())
    }

    /// Asks again and again until `is_so` of the answer.
    pub(crate) async fn until(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.ask(path).await?;
            if is_so(&answer.1) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!(
                    "after {PATIENCE:?} `{path}` is still {} {}",
                    answer.0,
                    answer.1
                );
            }
            sleep(POLL).await;
        }
    }

    /// Waits for the end of a job.
    pub(crate) async fn until_ended(&self, id: JobId) -> Result<()> {
        let has_ended = |job: &Value| job["status"] == "succeeded" || job["status"] == "failed";
        self.until(&format!("/api/jobs/{id}"), has_ended).await
    }

    /// Once, under a key of the caller's: who repeats it makes no second job.
    pub(crate) async fn submit(&self, molecule: &str, key: Uuid) -> Submitted {
        let request = self
            .client
            .post(self.url("/api/jobs"))
            .header("idempotency-key", key.to_string())
            .json(&json!({ "molecule": molecule, "sources": [SLOT] }));
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => return Submitted::NotTaken,
            Err(error) => return Submitted::Broken(format!("{error:?}")),
        };
        let status = answer.status();
        let body: Value = match answer.json().await {
            Ok(body) => body,
            Err(error) => return Submitted::Broken(format!("{status}: {error:?}")),
        };
        let id = body["job_id"].as_str().and_then(|id| id.parse().ok());
        match id {
            Some(id) if status == StatusCode::ACCEPTED => Submitted::Accepted(id),
            _ if status == StatusCode::SERVICE_UNAVAILABLE && body["type"].is_string() => {
                Submitted::Refused
            }
            _ => Submitted::Broken(format!("{status}: {body}")),
        }
    }

    /// Repeats the request under its key until the API takes it.
    pub(crate) async fn submit_surely(&self, molecule: &str, key: Uuid) -> Result<JobId> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let submitted = self.submit(molecule, key).await;
            if let Submitted::Accepted(id) = submitted {
                return Ok(id);
            }
            if Instant::now() >= deadline {
                bail!("no job is taken for {PATIENCE:?}: {submitted}");
            }
            sleep(POLL).await;
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }
}

fn worker(place: &Place) -> Command {
    let mut command = place.phagen();
    command.args(["worker", "--count", "1"]);
    command
}

/// The number of the process that a worker is called after.
pub(crate) fn pid_in(worker: &str) -> Result<u32> {
    let pid = worker.split('-').next().and_then(|pid| pid.parse().ok());
    pid.with_context(|| format!("`{worker}` does not name a process"))
}
