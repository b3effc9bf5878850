//! Worker processes come and go: no job is lost, none ends twice, and all serve the same plugins.

use phagen_domain::{digest::Digest, job::JobId};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgConnection;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{Cluster, database::Way, endless, submit};
use crate::{
    answer::Answer,
    plugin::{POLL, guest, in_slot, reranked_by, reranker_version},
    process::{PATIENCE, Process},
    server::Server,
};

const RERANKER: &str = "evidence-reranker";
/// So short that the job of a dead worker is soon taken back.
const SHORT_LEASE: (&str, &str) = ("PHAGEN_WORKER__LEASE_SECONDS", "2");
/// Enough that some are always left when the first has begun.
const N_JOBS: usize = 16;

/// What it is called in the database.
fn name_of(worker: &Process) -> String {
    let told = worker.stdout();
    let name = told.strip_prefix("phagen works as ");
    let (name, _) = name.and_then(|rest| rest.split_once(':')).expect("a name");
    name.to_owned()
}

/// The job that this process runs, as the database has it.
async fn job_of(worker: &Process, rows: &mut PgConnection) -> Option<Uuid> {
    let held = "select id from job where state = 'running' and locked_by like $1 || '-%'";
    sqlx::query_scalar(held)
        .bind(name_of(worker))
        .fetch_optional(rows)
        .await
        .expect("jobs are read")
}

/// Kills a worker while it holds a job.
async fn kill_at_work(worker: Process, rows: &mut PgConnection) -> Uuid {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if job_of(&worker, rows).await.is_some() {
            // It holds still, so that what it holds is known.
            worker.signal("STOP");
            sleep(POLL).await;
            if let Some(id) = job_of(&worker, rows).await {
                worker.signal("KILL");
                assert_eq!(worker.wait(PATIENCE).code, None);
                return id;
            }
            worker.signal("CONT");
        }
        assert!(Instant::now() < deadline, "no kill met a running job");
        sleep(POLL).await;
    }
}

#[tokio::test]
async fn every_job_ends_once_though_a_worker_is_killed_in_the_middle() {
    let cluster = Cluster::migrated(Way::Pooled).await;
    let server = cluster.serve();
    let victim = cluster.worker(&[SHORT_LEASE]);
    let _other = cluster.worker(&[SHORT_LEASE]);
    let jobs = submit(&server, N_JOBS).await;
    let mut rows = cluster.database.rows().await;
    let killed = kill_at_work(victim, &mut rows).await;
    for id in &jobs {
        server.result_of(*id).await;
    }
    assert!(attempt(&server, JobId(killed)).await >= 2);
    let ends = "select job.state, (select count(*) from job_event
            where job_id = job.id and kind in ('succeeded', 'failed', 'cancelled')) from job";
    let ends: Vec<(String, i64)> = sqlx::query_as(ends)
        .fetch_all(&mut rows)
        .await
        .expect("ends are read");
    assert_eq!(ends, vec![("succeeded".to_owned(), 1); N_JOBS]);
}

#[tokio::test]
async fn every_process_follows_a_swap() {
    let cluster = Cluster::migrated(Way::Pooled).await;
    let server = cluster.serve();
    let _workers = [cluster.worker(&[]), cluster.worker(&[])];
    let before = reranked_by(&server.analyse("aspirin").await);
    let component = reranker_version("9.9.9");
    let digest = Digest::of(&component);
    // The API runs no gate: a worker has taken it up and told by the database.
    let version = server.upload(RERANKER, &component).await;
    assert_eq!(version["state"], "checked", "{version}");
    until_there_are_hosts(&server, 3).await;
    server
        .moves(RERANKER, digest, "activate", &in_slot("reranker"))
        .await;
    let mut served = Vec::new();
    for id in submit(&server, N_JOBS).await {
        served.push(reranked_by(&server.result_of(id).await));
    }
    assert_ne!(digest, before);
    assert_eq!(served, [digest; N_JOBS]);
    let scraped = server.watch("/metrics").await.text;
    let most = r#"phagen_database_connections_max{pool="work"} 4"#;
    assert!(scraped.contains(most), "{scraped}");
}

async fn until_there_are_hosts(server: &Server, n_hosts: usize) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let plugins = server.plugins().await;
        if plugins["hosts"].as_array().map(Vec::len) == Some(n_hosts) {
            return;
        }
        assert!(Instant::now() < deadline, "{n_hosts} hosts in {plugins}");
        sleep(POLL).await;
    }
}

async fn attempt(server: &Server, id: JobId) -> u64 {
    let job = server.job(id).await;
    job["attempt"].as_u64().expect("a number")
}

/// A job that a worker runs and that never ends by itself.
struct Stuck {
    cluster: Cluster,
    server: Server,
    worker: Process,
    job: JobId,
    endless: Digest,
}

impl Stuck {
    async fn begin(settings: &[(&str, &str)]) -> Self {
        let patient = [("PHAGEN_PLUGIN__SCORING_DEADLINE_MILLISECONDS", "600000")];
        let cluster = Cluster::migrated(Way::Pooled).await;
        let server = cluster.serve();
        let worker = cluster.worker(&[&patient, settings].concat());
        let component = guest("unruly_reranker");
        let endless_digest = Digest::of(&component);
        let version = server.upload("unruly-reranker", &component).await;
        assert_eq!(version["state"], "checked", "{version}");
        until_there_are_hosts(&server, 2).await;
        server
            .moves("unruly-reranker", endless_digest, "activate", &endless())
            .await;
        let job = server.submit("aspirin").await;
        let stuck = Self {
            cluster,
            server,
            worker,
            job,
            endless: endless_digest,
        };
        stuck.until_it_reranks(job).await;
        stuck
    }

    async fn until_it_reranks(&self, id: JobId) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let job = self.server.job(id).await;
            let stages = job["progress"].as_array().expect("stages").clone();
            let is_here =
                |stage: &Value| stage["stage"] == "rerank" && stage["status"] == "running";
            if stages.iter().any(is_here) {
                return;
            }
            assert!(Instant::now() < deadline, "{job}\n{}", self.worker);
            sleep(POLL).await;
        }
    }
}

#[tokio::test]
async fn a_worker_that_is_stopped_hands_its_job_back_uncounted() {
    let stuck = Stuck::begin(&[("PHAGEN_WORKER__DRAIN_SECONDS", "0")]).await;
    stuck.worker.signal("TERM");
    stuck.worker.wait(PATIENCE).expect_success();
    let job = stuck.server.job(stuck.job).await;
    assert_eq!(job["status"], "queued", "{job}");
    assert_eq!(job["attempt"], 0, "{job}");

    let path = "unruly-reranker";
    let back = in_slot("reranker");
    stuck
        .server
        .moves(path, stuck.endless, "rollback", &back)
        .await;
    let _another = stuck.cluster.worker(&[]);
    stuck.server.result_of(stuck.job).await;
    assert_eq!(attempt(&stuck.server, stuck.job).await, 1);
}

#[tokio::test]
async fn a_second_signal_ends_a_worker_at_once() {
    let stuck = Stuck::begin(&[("PHAGEN_WORKER__DRAIN_SECONDS", "600")]).await;
    let mut worker = stuck.worker;
    worker.signal("TERM");
    worker.wait_until_told("it stops", |words| words.contains("stopping"));
    worker.signal("TERM");
    assert_eq!(worker.wait(PATIENCE).code, Some(130));
    assert_eq!(stuck.server.job(stuck.job).await["status"], "running");
}

#[tokio::test]
async fn a_cancellation_interrupts_the_guest() {
    let stuck = Stuck::begin(&[]).await;
    let path = format!("/api/jobs/{}", stuck.job);
    assert_eq!(stuck.server.delete(&path).await.status, 202);
    stuck.server.job_when(stuck.job, &["cancelled"]).await;
    // The worker is free again.
    let next = stuck.server.submit("metformin").await;
    stuck.until_it_reranks(next).await;
}

#[tokio::test]
async fn a_lost_lease_stops_the_guest_and_drops_what_it_did() {
    let stuck = Stuck::begin(&[]).await;
    let mut rows = stuck.cluster.database.rows().await;
    let lost = "update job set lease_token = gen_random_uuid(), locked_by = 'another',
        lease_until = clock() + interval '1 hour' where state = 'running'";
    let moved = sqlx::query(lost).execute(&mut rows).await.expect("a move");
    assert_eq!(moved.rows_affected(), 1);
    // The worker is free again.
    let next = stuck.server.submit("metformin").await;
    stuck.until_it_reranks(next).await;
    let job = stuck.server.job(stuck.job).await;
    assert_eq!(job["status"], "running", "{job}");
    let holder: String = sqlx::query_scalar("select locked_by from job where id = $1")
        .bind(stuck.job.0)
        .fetch_one(&mut rows)
        .await
        .expect("a holder");
    assert_eq!(holder, "another");
}

/// Of one key one job runs at a time, and the workers that this leaves serve the others.
#[tokio::test]
async fn a_key_that_has_enough_running_leaves_workers_to_the_others() {
    let stuck = Stuck::begin(&[
        ("PHAGEN_WORKER__COUNT", "3"),
        ("PHAGEN_WORKER__MAX_RUNNING_PER_KEY", "1"),
    ])
    .await;
    let created = stuck
        .cluster
        .run(&["key", "create", "ada", "--scope", "submit"]);
    let key = created.expect_success();
    let of_ada = async || {
        let request = stuck.server.request(Method::POST, "/api/jobs");
        let body = json!({ "molecule": "aspirin", "priority": 1 });
        let answer = Answer::to(request.bearer_auth(key.trim()).json(&body)).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        answer.job_id()
    };
    let first = of_ada().await;
    let second = of_ada().await;
    stuck.until_it_reranks(first).await;
    // Later and less urgent, and yet it gets the worker that is left.
    let of_nobody = stuck.server.submit("metformin").await;
    stuck.until_it_reranks(of_nobody).await;
    assert_eq!(stuck.server.job(second).await["status"], "queued");
    assert_eq!(attempt(&stuck.server, second).await, 0);

    let path = format!("/api/jobs/{first}");
    assert_eq!(stuck.server.delete(&path).await.status, 202);
    stuck.until_it_reranks(second).await;
}
