//! Many processes on one Postgres, as in a cluster: an API without workers, workers without an API,
//! a pooler between them and the database. On one data folder, as on a shared volume.

mod audited;
mod copying;
mod database;
mod heartbeat;
mod opening;
mod shared_blobs;
mod snapshots;
mod working;

use phagen_domain::job::JobId;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    answer::Answer,
    data_dir::DataDir,
    plugin::POLL,
    process::{Ended, PATIENCE, Process},
    server::Server,
};

use database::{Database, Way};

struct Cluster {
    dir: DataDir,
    database: Database,
    url: String,
    direct_url: String,
}

impl Cluster {
    /// Work goes this way; migrations go to the server itself.
    async fn empty(way: Way) -> Self {
        let database = Database::empty().await;
        Self {
            dir: DataDir::ready(),
            url: database.url(way),
            direct_url: database.url(Way::Direct),
            database,
        }
    }

    async fn migrated(way: Way) -> Self {
        let cluster = Self::empty(way).await;
        cluster.run(&["migrate"]).expect_success();
        cluster
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        self.spawn(arguments, &[]).wait(PATIENCE)
    }

    fn spawn(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Process {
        self.dir.spawn(arguments, &self.settings(settings))
    }

    /// Without workers.
    fn serve(&self) -> Server {
        let arguments = ["--workers", "0"];
        Server::start_with(&self.dir, &arguments, &self.settings(&[]))
    }

    /// A worker process that is at work.
    fn worker(&self, settings: &[(&str, &str)]) -> Process {
        let mut process = self.spawn(&["worker"], settings);
        process.wait_until("the worker works", |stdout| stdout.contains("at a time"));
        process
    }

    fn settings<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let mut settings = vec![
            ("PHAGEN_DATABASE__URL", self.url.as_str()),
            ("PHAGEN_DATABASE__DIRECT_URL", self.direct_url.as_str()),
            ("PHAGEN_DATABASE__N_CONNECTIONS", "4"),
            ("PHAGEN_CACHE__ENABLED", "false"),
        ];
        settings.extend(more);
        settings
    }
}

impl Process {
    /// Waits until it has told what `condition` looks for, on either of its outputs.
    fn wait_until_told(&mut self, what: &str, condition: impl Fn(&str) -> bool) {
        let begun = std::time::Instant::now();
        while !condition(&self.to_string()) {
            assert!(begun.elapsed() < PATIENCE, "{what} did not happen: {self}");
            std::thread::sleep(POLL);
        }
    }
}

/// As many jobs as asked for, each of another molecule.
async fn submit(server: &Server, n_jobs: usize) -> Vec<JobId> {
    let mut jobs = Vec::new();
    for number in 0..n_jobs {
        let body = json!({
            "molecule": "dexamethasone",
            "synonyms": [format!("dexamethasone salt {number}")],
            "limit": 100,
        });
        let request = server
            .request(Method::POST, "/api/jobs")
            .header("idempotency-key", Uuid::new_v4().to_string())
            .json(&body);
        let answer = Answer::to(request).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        jobs.push(answer.job_id());
    }
    jobs
}

/// What puts a guest that never returns into the reranker's slot.
fn endless() -> Value {
    json!({
        "slot": "reranker",
        "reason": "a job that lasts until something ends it",
        "config": [{ "key": "mode", "value": "loop" }],
    })
}
