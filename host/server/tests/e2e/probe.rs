//! `phagen probe`, the health check of a container that holds no other program.

use std::{thread, time::Instant};

use crate::{
    data_dir::DataDir,
    plugin::POLL,
    process::{Ended, PATIENCE},
};

fn bind_of(address: &str) -> [(&'static str, &str); 1] {
    let address = address.strip_prefix("http://").expect("an address");
    [("PHAGEN_OPERATIONS__BIND", address)]
}

/// Asks until the answer is what is awaited: a check may be a moment behind.
fn asked_until(ask: impl Fn() -> Ended, is_there: impl Fn(&Ended) -> bool) {
    let begun = Instant::now();
    loop {
        let answer = ask();
        if is_there(&answer) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{answer:?}");
        thread::sleep(POLL);
    }
}

fn is_well(answer: &Ended) -> bool {
    answer.code == Some(0) && answer.stdout.trim() == "ok"
}

#[test]
fn a_worker_is_asked_while_it_lives() {
    let dir = DataDir::ready();
    let mut worker = dir.spawn(&["worker"], &[]);
    worker.wait_until("the worker works", |stdout| stdout.contains("phagen works"));
    let address = worker.operations();
    let bind = bind_of(&address);
    let ask = |what| dir.spawn(&["probe", what], &bind).wait(PATIENCE);
    for what in ["health", "ready"] {
        asked_until(|| ask(what), is_well);
    }
    worker.signal("TERM");
    worker.wait(PATIENCE).expect_success();
    let error = ask("health").expect_failure();
    assert!(error.contains("no process answers"), "{error}");
}

#[test]
fn a_server_that_stops_lives_and_is_not_ready() {
    let dir = DataDir::ready();
    // It does not end before the test does.
    let settings = [("PHAGEN_SERVER__DRAIN_SECONDS", "3600")];
    let mut server = dir.spawn(&["serve", "--port", "0"], &settings);
    server.wait_until("the server listens", |stdout| stdout.contains("listens"));
    let address = server.operations();
    let bind = bind_of(&address);
    let ask = |what| dir.spawn(&["probe", what], &bind).wait(PATIENCE);
    server.signal("TERM");
    asked_until(
        || ask("ready"),
        |answer| answer.code == Some(1) && answer.stderr.contains("shutting down"),
    );
    assert_eq!(ask("health").expect_success().trim(), "ok");
}

#[test]
fn without_a_port_there_is_nothing_to_ask() {
    let dir = DataDir::empty();
    let bind = [("PHAGEN_OPERATIONS__BIND", "off")];
    let asked = dir.spawn(&["probe", "ready"], &bind).wait(PATIENCE);
    let error = asked.expect_failure();
    assert!(error.contains("operations.bind"), "{error}");
}
