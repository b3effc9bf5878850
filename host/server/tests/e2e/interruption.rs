//! SIGTERM, SIGINT and kill -9 while jobs run: none is lost, and the database stays whole.

use std::{collections::BTreeMap, time::Duration};

use phagen_domain::job::JobId;

use crate::{
    data_dir::DataDir,
    database::{assert_sound, n_jobs_by_state, running_job},
    process::Ended,
    server::Server,
};

/// As docs/operators.md promises to whoever stops the server.
const STOP_LIMIT: Duration = Duration::from_secs(20);
/// Enough that some are always left when the first has begun.
const N_JOBS: i64 = 20;

/// Each of another molecule, so that none is answered from the cache.
async fn submit_jobs(server: &Server) -> Vec<JobId> {
    let mut jobs = Vec::new();
    for number in 0..N_JOBS {
        let body = serde_json::json!({
            "molecule": "dexamethasone",
            "synonyms": [format!("dexamethasone salt {number}")],
            "limit": 100,
        });
        let answer = server.post("/api/jobs", &body).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        jobs.push(answer.job_id());
    }
    jobs
}

async fn stop_amid_work(
    dir: &DataDir,
    signal: &str,
    settings: &[(&str, &str)],
) -> (Vec<JobId>, Ended) {
    let server = Server::start_with(dir, &[], settings);
    let jobs = submit_jobs(&server).await;
    server.job_when(jobs[0], &["running", "succeeded"]).await;
    (jobs, server.end_by(signal, STOP_LIMIT))
}

fn n_in(states: &BTreeMap<String, i64>, state: &str) -> i64 {
    states.get(state).copied().unwrap_or_default()
}

async fn assert_nothing_lost(dir: &DataDir, jobs: &[JobId]) {
    assert_sound(dir).await;
    let states = n_jobs_by_state(dir).await;
    assert_eq!(
        n_in(&states, "queued") + n_in(&states, "succeeded"),
        N_JOBS,
        "{states:?}"
    );
    assert!(
        n_in(&states, "queued") > 0,
        "nothing was left to lose: {states:?}"
    );
    let server = Server::start(dir);
    for id in jobs {
        server.result_of(*id).await;
    }
}

#[tokio::test]
async fn sigterm_lets_the_running_job_finish_and_leaves_the_rest_queued() {
    let dir = DataDir::ready();
    let (jobs, ended) = stop_amid_work(&dir, "TERM", &[]).await;
    assert!(ended.stderr.contains("stopping"), "{ended:?}");
    assert!(
        !ended.stderr.contains('\u{1b}'),
        "colours in a file: {ended:?}"
    );
    ended.expect_success();
    assert!(n_in(&n_jobs_by_state(&dir).await, "succeeded") > 0);
    assert_nothing_lost(&dir, &jobs).await;
}

#[tokio::test]
async fn sigint_without_time_to_finish_hands_the_running_job_back() {
    let dir = DataDir::ready();
    let settings = [("PHAGEN_WORKER__DRAIN_SECONDS", "0")];
    let (jobs, ended) = stop_amid_work(&dir, "INT", &settings).await;
    ended.expect_success();
    assert_nothing_lost(&dir, &jobs).await;
}

#[tokio::test]
async fn a_job_whose_server_was_killed_is_taken_back_and_succeeds() {
    const SHORT_LEASE: [(&str, &str); 1] = [("PHAGEN_WORKER__LEASE_SECONDS", "1")];
    /// A kill may fall between two jobs, when none is running.
    const MAX_KILLS: usize = 10;
    let dir = DataDir::ready();
    let mut n_kills = 0;
    let killed = loop {
        let (_, ended) = stop_amid_work(&dir, "KILL", &SHORT_LEASE).await;
        assert_eq!(ended.code, None, "{ended:?}");
        assert_sound(&dir).await;
        n_kills += 1;
        if let Some(id) = running_job(&dir).await {
            break id;
        }
        assert!(n_kills < MAX_KILLS, "no kill met a running job");
    };
    let server = Server::start_with(&dir, &[], &SHORT_LEASE);
    server.result_of(killed).await;
    assert_eq!(server.job(killed).await["attempt"], 2);
}
