//! What an operator sees: probes, metrics, refused settings and a taken port.

use crate::{data_dir::DataDir, server::Server};

#[tokio::test]
async fn probes_and_metrics_tell_of_a_job() {
    let dir = DataDir::ready();
    let server = Server::start(&dir);
    let health = server.get("/health").await;
    assert_eq!(
        (health.status, &health.json()["status"]),
        (200, &"ok".into())
    );
    assert_eq!(health.json()["version"], env!("CARGO_PKG_VERSION"));
    let ready = server.get("/ready").await;
    assert_eq!(ready.status, 200, "{}", ready.text);
    for check in ["database", "plugins", "corpus"] {
        assert_eq!(
            ready.json()["checks"][check]["status"],
            "ok",
            "{}",
            ready.text
        );
    }

    server.analyse("cisplatin").await;
    server.get("/api/nowhere").await;
    let metrics = server.get("/metrics").await.text;
    let value_of = |name: &str, labels: &[&str]| -> f64 {
        let line = metrics
            .lines()
            .find(|line| {
                line.starts_with(&format!("{name}{{"))
                    && labels.iter().all(|label| line.contains(label))
            })
            .unwrap_or_else(|| panic!("no {name} with {labels:?} in {metrics}"));
        let value = line.rsplit(' ').next().and_then(|value| value.parse().ok());
        value.unwrap_or_else(|| panic!("no value in `{line}`"))
    };
    let is_one = |value: f64| (value - 1.0).abs() < f64::EPSILON;
    assert!(is_one(value_of(
        "phagen_job_attempts_total",
        &[r#"outcome="succeeded""#]
    )));
    assert!(is_one(value_of(
        "http_server_request_duration_seconds_count",
        &[
            r#"method="POST""#,
            r#"route="/api/jobs""#,
            r#"status="202""#
        ]
    )));
    assert!(
        value_of(
            "http_server_request_duration_seconds_count",
            &[
                r#"method="GET""#,
                r#"route="/api/jobs/{job_id}""#,
                r#"status="200""#
            ]
        ) >= 1.0
    );
    assert!(is_one(value_of(
        "http_server_request_duration_seconds_count",
        &[r#"route="unmatched""#, r#"status="404""#]
    )));
    for (slot, call) in [
        ("literature", "search"),
        ("mapper", "find"),
        ("reranker", "rerank"),
    ] {
        let labels = [format!("slot=\"{slot}\""), format!("call=\"{call}\"")];
        let labels = [labels[0].as_str(), labels[1].as_str(), r#"outcome="ok""#];
        assert!(value_of("phagen_plugin_call_seconds_count", &labels) >= 1.0);
    }
    let queued = value_of("phagen_queue_jobs", &[r#"state="queued""#]);
    assert!(queued.abs() < f64::EPSILON, "{queued} jobs are queued");
}

#[test]
fn an_unknown_key_in_a_settings_file_is_refused_at_start() {
    let dir = DataDir::empty();
    let file = dir.file("wrong.toml", "[worker]\ncount = 1\nleese_seconds = 5\n");
    let file = file.to_str().expect("a name of text");
    for command in [
        &["serve"][..],
        &["analyze", "aspirin"],
        &["corpus", "stats"],
    ] {
        let arguments = [&["--config", file], command].concat();
        let error = dir.run(&arguments).expect_failure();
        assert!(
            error.contains("leese_seconds") && error.contains("expected"),
            "{error}"
        );
    }
    assert!(
        !dir.path().exists(),
        "a refused start left a data folder behind"
    );
}

#[test]
fn an_unknown_setting_of_the_environment_is_refused_at_start() {
    let dir = DataDir::empty();
    let settings = [("PHAGEN_WORKER__COUNTS", "1")];
    let process = dir.spawn(&["serve", "--port", "0"], &settings);
    let error = process.wait(crate::process::PATIENCE).expect_failure();
    assert!(
        error.contains("counts") && error.contains("expected"),
        "{error}"
    );
}

#[test]
fn a_file_of_roots_that_holds_none_is_refused_at_start() {
    let dir = DataDir::empty();
    let file = dir.file("roots.pem", "these are no certificates\n");
    let file = file.to_str().expect("a name of text");
    let settings = [("PHAGEN_PLUGIN__EGRESS__EXTRA_ROOTS", file)];
    let process = dir.spawn(&["serve", "--port", "0"], &settings);
    let error = process.wait(crate::process::PATIENCE).expect_failure();
    for part in [
        "plugin.egress.extra_roots",
        file,
        "-----BEGIN CERTIFICATE-----",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
}

#[test]
fn signatures_are_not_turned_off_where_other_machines_may_call() {
    let dir = DataDir::empty();
    let settings = [
        ("PHAGEN_SERVER__HOST", "0.0.0.0"),
        ("PHAGEN_PLUGIN__SIGNATURE__DEFAULT", "off"),
    ];
    let process = dir.spawn(&["serve", "--port", "0"], &settings);
    let error = process.wait(crate::process::PATIENCE).expect_failure();
    assert!(
        error.contains("plugin.signature") && error.contains("requires keys"),
        "{error}"
    );
}

#[test]
fn a_taken_port_is_named() {
    let dir = DataDir::empty();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let error = dir.run(&["serve", "--port", &port]).expect_failure();
    assert!(error.contains(&format!("127.0.0.1:{port}")), "{error}");
}
