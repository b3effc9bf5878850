//! What an operator sees: probes, refused settings and a taken port.

use crate::{data_dir::DataDir, server::Server};

#[tokio::test]
async fn probes_tell_of_the_parts() {
    let dir = DataDir::ready();
    let server = Server::start(&dir);
    let health = server.get("/health").await;
    assert_eq!(
        (health.status, &health.json()["status"]),
        (200, &"ok".into())
    );
    assert_eq!(health.json()["version"], env!("CARGO_PKG_VERSION"));
    let ready = server.until_ready().await;
    for check in ["database", "plugins", "corpus"] {
        assert_eq!(ready["checks"][check]["status"], "ok", "{ready}");
    }
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
