//! The operations port of real processes: metrics of a real job, probes of a worker, ports that are
//! taken, and what is said while a process stops.

use std::{collections::BTreeSet, net::TcpListener};

use phagen_server::telemetry::{Kind, METRICS};
use tokio::time::{Instant, sleep};

use crate::{
    answer::Answer,
    data_dir::DataDir,
    plugin::POLL,
    process::{PATIENCE, Process},
    server::Server,
};

const BIND: &str = "PHAGEN_OPERATIONS__BIND";

/// What one scrape said.
struct Scrape(String);

impl Scrape {
    /// The sum of the series that have all of `labels`.
    #[track_caller]
    fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let has_name = |line: &str| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
        };
        let values: Vec<f64> = self
            .0
            .lines()
            .filter(|line| has_name(line) && labels.iter().all(|label| line.contains(label)))
            .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
            .collect();
        assert!(
            !values.is_empty(),
            "no {name} with {labels:?} in {}",
            self.0
        );
        values.iter().sum()
    }

    #[track_caller]
    fn assert_is(&self, name: &str, labels: &[&str], expected: f64) {
        let found = self.sum(name, labels);
        assert!(
            (found - expected).abs() < f64::EPSILON,
            "{name} {labels:?} is {found}, not {expected}"
        );
    }

    #[track_caller]
    fn assert_above(&self, name: &str, labels: &[&str], least: f64) {
        let found = self.sum(name, labels);
        assert!(
            found > least,
            "{name} {labels:?} is {found}, not above {least}"
        );
    }

    /// `(name, kind)` of each family.
    fn families(&self) -> BTreeSet<(String, String)> {
        let types = self
            .0
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "));
        types
            .filter_map(|family| family.split_once(' '))
            .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
            .collect()
    }
}

async fn get(address: &str, path: &str) -> Answer {
    phagen_package::oci::install_tls();
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .no_proxy()
        .build()
        .expect("a client");
    Answer::to(client.get(format!("{address}{path}"))).await
}

/// Asks until the answer is what is awaited: checks and counts are a moment behind what they tell of.
async fn asked_until(address: &str, path: &str, is_there: impl Fn(&Answer) -> bool) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = get(address, path).await;
        if is_there(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{path}: {}", answer.text);
        sleep(POLL).await;
    }
}

fn is_ready(answer: &Answer) -> bool {
    answer.status == 200
}

fn worker(dir: &DataDir, settings: &[(&str, &str)]) -> Process {
    let mut process = dir.spawn(&["worker"], settings);
    process.wait_until("the worker works", |stdout| stdout.contains("at a time"));
    process
}

#[tokio::test]
async fn a_scrape_after_a_job_tells_of_all_that_took_part() {
    let dir = DataDir::ready();
    let server = Server::start(&dir);
    server.until_ready().await;
    let operations = server.operations();
    asked_until(&operations, "/ready", is_ready).await;
    server.analyse("cisplatin").await;
    server.analyse("cisplatin").await;
    server.get("/api/nowhere").await;
    let has_counted = |answer: &Answer| {
        let mut lines = answer.text.lines();
        lines.any(|line| line.starts_with("phagen_job_seconds_count") && line.ends_with(" 2"))
    };
    let scrape = Scrape(asked_until(&operations, "/metrics", has_counted).await.text);
    let requests = "http_server_request_duration_seconds_count";
    scrape.assert_is(requests, &[r#"route="/api/jobs""#, r#"status="202""#], 2.0);
    let polled = [r#"route="/api/jobs/{job_id}""#, r#"status="200""#];
    scrape.assert_above(requests, &polled, 1.0);
    scrape.assert_is(requests, &[r#"route="unmatched""#, r#"status="404""#], 1.0);
    let done = [r#"kind="analysis""#, r#"outcome="succeeded""#];
    scrape.assert_is("phagen_job_attempts_total", &done, 2.0);
    scrape.assert_is("phagen_job_attempt_seconds_count", &done, 2.0);
    scrape.assert_is("phagen_job_seconds_count", &done, 2.0);
    scrape.assert_above("phagen_job_seconds_sum", &done, 0.0);
    for (slot, plugin, call) in [
        ("literature", "corpus-source", "search"),
        ("mapper", "mesh-mapper", "find"),
        ("reranker", "evidence-reranker", "rerank"),
    ] {
        let labels = [
            format!("slot=\"{slot}\""),
            format!("plugin=\"{plugin}\""),
            format!("call=\"{call}\""),
        ];
        let [slot, plugin, call] = [&*labels[0], &*labels[1], &*labels[2]];
        let called = [slot, plugin, call, r#"outcome="ok""#];
        scrape.assert_above("phagen_plugin_call_seconds_count", &called, 0.0);
        scrape.assert_above("phagen_plugin_memory_bytes_sum", &[slot, plugin], 65_535.0);
        scrape.sum("phagen_plugin_ticks_total", &[slot, plugin, "version="]);
    }
    let retrieval = r#"class="retrieval""#;
    let cache = "phagen_cache_requests_total";
    scrape.assert_is(cache, &[retrieval, r#"outcome="loaded""#], 5.0);
    let kept = [retrieval, r#"tier="memory""#, r#"outcome="hit""#];
    scrape.assert_is(cache, &kept, 5.0);
    scrape.assert_is("phagen_queue_jobs", &[r#"state="queued""#], 0.0);
    scrape.assert_is(
        "phagen_database_connections_max",
        &[r#"pool="writer""#],
        1.0,
    );
    scrape.assert_above("phagen_blob_reads_total", &[r#"outcome="folder""#], 0.0);
    scrape.assert_is("phagen_check_status", &[r#"check="plugins""#], 1.0);
    scrape.assert_is("phagen_build_info", &[env!("CARGO_PKG_VERSION")], 1.0);
    scrape.assert_above("process_resident_memory_bytes", &[], 1_048_576.0);
    scrape.assert_above("process_start_time_seconds", &[], 1e9);

    let kind_of = |kind| match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    let known: BTreeSet<(String, String)> = METRICS
        .iter()
        .map(|metric| (metric.name.to_owned(), kind_of(metric.kind).to_owned()))
        .collect();
    let unknown: Vec<_> = scrape.families().difference(&known).cloned().collect();
    assert_eq!(unknown, [], "metrics that nobody described");
}

#[tokio::test]
async fn two_workers_of_one_machine_are_each_watched() {
    let dir = DataDir::ready();
    // Without a word about ports.
    let usual = [(BIND, "usual")];
    let workers = [worker(&dir, &usual), worker(&dir, &usual)];
    let addresses = workers.each_ref().map(Process::operations);
    assert_ne!(addresses[0], addresses[1]);
    for address in &addresses {
        assert_eq!(get(address, "/health").await.status, 200);
        let ready = asked_until(address, "/ready", is_ready).await;
        let checks = &ready.json()["checks"];
        for check in ["database", "plugins", "corpus"] {
            assert_eq!(checks[check]["status"], "ok", "{checks}");
        }
        assert!(ready.json()["schema_version"].is_i64());
        let scrape = Scrape(get(address, "/metrics").await.text);
        scrape.assert_is("phagen_build_info", &[], 1.0);
        scrape.assert_is("phagen_queue_jobs", &[r#"state="running""#], 0.0);
        assert_eq!(get(address, "/api/jobs").await.status, 404);
    }
    for worker in workers {
        worker.signal("TERM");
        worker.wait(PATIENCE).expect_success();
    }
}

#[tokio::test]
async fn a_worker_whose_database_is_gone_lives_and_is_not_ready() {
    let dir = DataDir::ready();
    let worker = worker(&dir, &[]);
    let address = worker.operations();
    let rows = sqlx::sqlite::SqliteConnectOptions::new().filename(dir.path().join("phagen.db"));
    let mut rows = sqlx::ConnectOptions::connect(&rows)
        .await
        .expect("the database opens");
    sqlx::query("alter table _sqlx_migrations rename to gone")
        .execute(&mut rows)
        .await
        .expect("it can be spoiled");
    let told = serde_json::json!(["`database`: does not answer"]);
    asked_until(&address, "/ready", |ready| {
        ready.status == 503 && ready.json()["reasons"] == told
    })
    .await;
    assert_eq!(get(&address, "/health").await.status, 200);
    assert_eq!(get(&address, "/metrics").await.status, 200);
}

#[test]
fn a_taken_operations_port_is_named() {
    let dir = DataDir::empty();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for command in [&["serve", "--port", "0"][..], &["worker"]] {
        let process = dir.spawn(command, &[(BIND, &address)]);
        let error = process.wait(PATIENCE).expect_failure();
        for part in [&*address, "operations.bind", "taken"] {
            assert!(error.contains(part), "{part} in {error}");
        }
    }
    let error = dir.spawn(&["worker"], &[(BIND, "everywhere")]);
    let error = error.wait(PATIENCE).expect_failure();
    assert!(
        error.contains("operations.bind") && error.contains("0.0.0.0:9464"),
        "{error}"
    );
}

#[test]
fn the_operations_port_may_be_off() {
    let dir = DataDir::ready();
    let worker = worker(&dir, &[(BIND, "off")]);
    worker.signal("TERM");
    let ended = worker.wait(PATIENCE);
    assert!(!ended.stderr.contains("metrics and probes"), "{ended:?}");
    ended.expect_success();
}

#[tokio::test]
async fn a_server_that_is_asked_to_stop_says_so_and_still_serves_for_a_while() {
    let dir = DataDir::ready();
    let drain = [("PHAGEN_SERVER__DRAIN_SECONDS", "600")];
    let server = Server::start_with(&dir, &["--workers", "0"], &drain);
    server.until_ready().await;
    server.signal("TERM");
    let stops = |ready: &Answer| {
        ready.status == 503
            && ready.json()["reasons"]
                .to_string()
                .contains("shutting down")
    };
    for address in [server.address().to_owned(), server.operations()] {
        asked_until(&address, "/ready", stops).await;
    }
    server.submit("aspirin").await;
    let ended = server.end_by("TERM", PATIENCE);
    assert_eq!(ended.code, Some(130), "{ended:?}");
}
