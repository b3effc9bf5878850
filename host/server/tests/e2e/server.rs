//! `phagen serve` on a free port, and the words to talk to it.

use std::time::Duration;

use phagen_domain::{
    job::JobId,
    result::{JobResult, RankedEvidence},
};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    answer::Answer,
    data_dir::DataDir,
    process::{Ended, PATIENCE, Process},
};

const POLL: Duration = Duration::from_millis(10);

pub(crate) struct Server {
    process: Process,
    address: String,
    client: Client,
}

impl Server {
    /// With one worker.
    pub(crate) fn start(dir: &DataDir) -> Self {
        Self::start_with(dir, &[], &[])
    }

    pub(crate) fn start_with(dir: &DataDir, arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        let arguments = [&["serve", "--port", "0"], arguments].concat();
        let mut process = dir.spawn(&arguments, settings);
        process.wait_until("the server listens", |stdout| stdout.contains('\n'));
        let first_line = process.stdout();
        let address = first_line
            .trim()
            .strip_prefix("phagen listens on ")
            .unwrap_or_else(|| panic!("no address in `{first_line}`"))
            .to_owned();
        phagen_package::oci::install_tls();
        Self {
            process,
            address,
            client: Client::builder()
                .timeout(PATIENCE)
                .no_proxy()
                .build()
                .expect("a client"),
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.address))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::GET, path)).await
    }

    /// Its readiness, once it has the corpus and all else.
    pub(crate) async fn until_ready(&self) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let ready = self.get("/ready").await;
            if ready.status == 200 {
                return ready.json();
            }
            assert!(
                Instant::now() < deadline,
                "{}\n{}",
                ready.text,
                self.process
            );
            sleep(POLL).await;
        }
    }

    /// Where the operations port is.
    pub(crate) fn operations(&self) -> String {
        self.process.operations()
    }

    /// Asks the operations port.
    pub(crate) async fn watch(&self, path: &str) -> Answer {
        let url = format!("{}{path}", self.operations());
        Answer::to(self.client.get(url)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::DELETE, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::to(self.request(Method::POST, path).json(body)).await
    }

    /// Asks about a molecule by name alone.
    pub(crate) async fn submit(&self, molecule: &str) -> JobId {
        let answer = self
            .post("/api/jobs", &json!({ "molecule": molecule }))
            .await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        answer.job_id()
    }

    pub(crate) async fn job(&self, id: JobId) -> Value {
        let answer = self.get(&format!("/api/jobs/{id}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    /// The job once its status is one of `wanted`.
    pub(crate) async fn job_when(&self, id: JobId, wanted: &[&str]) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let job = self.job(id).await;
            if wanted.iter().any(|status| job["status"] == *status) {
                return job;
            }
            assert!(
                Instant::now() < deadline,
                "job not {wanted:?} in {PATIENCE:?}: {job}\n{}",
                self.process
            );
            sleep(POLL).await;
        }
    }

    /// The result of a job that must succeed.
    pub(crate) async fn result_of(&self, id: JobId) -> JobResult {
        let mut job = self.job_when(id, &["succeeded", "failed"]).await;
        assert_eq!(job["status"], "succeeded", "{job}\n{}", self.process);
        serde_json::from_value(job["result"].take()).expect("a result as the domain knows it")
    }

    pub(crate) async fn analyse(&self, molecule: &str) -> JobResult {
        let id = self.submit(molecule).await;
        self.result_of(id).await
    }

    pub(crate) async fn vote(&self, id: JobId, ranked: &RankedEvidence, vote: &str) -> Answer {
        let evidence = &ranked.evidence;
        let body = json!({
            "job_id": id,
            "evidence_id": evidence.evidence_id,
            "evidence_type": evidence.kind,
            "feedback_type": vote,
            "comment": "cast by a test",
        });
        self.post("/api/feedback", &body).await
    }

    pub(crate) fn signal(&self, signal: &str) {
        self.process.signal(signal);
    }

    /// Waits until the process has told this on either of its outputs.
    pub(crate) async fn told(&self, what: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.process.to_string().contains(what) {
            assert!(
                Instant::now() < deadline,
                "not told: {what}\n{}",
                self.process
            );
            sleep(POLL).await;
        }
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn end_by(self, signal: &str, patience: Duration) -> Ended {
        self.process.signal(signal);
        self.process.wait(patience)
    }
}

impl Process {
    /// Where its metrics and probes are, as its log tells.
    pub(crate) fn operations(&self) -> String {
        let told = self.to_string();
        let (_, rest) = told
            .split_once("metrics and probes are served on ")
            .unwrap_or_else(|| panic!("no operations port: {self}"));
        let end = rest.find(['"', ' ', '\n']).unwrap_or(rest.len());
        rest[..end].to_owned()
    }
}

/// Every piece of evidence, whatever its kind.
pub(crate) fn evidence(result: &JobResult) -> impl Iterator<Item = &RankedEvidence> {
    result.evidence.values().flatten()
}
