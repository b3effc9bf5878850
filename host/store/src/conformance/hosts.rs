//! What each process of a fleet says it serves.

use std::time::Duration;

use chrono::DateTime;

use super::{Harness, plugin_specimen::digest, specimen::LONG};
use crate::HostReport;

pub(super) fn report(host: &str, set_generation: u64) -> HostReport {
    HostReport {
        host: host.to_owned(),
        set_generation,
        draining: vec![digest("old"), digest("older")],
        seen_at: DateTime::UNIX_EPOCH,
    }
}

pub async fn a_host_says_what_it_serves(harness: &dyn Harness) {
    let store = harness.store();
    assert_eq!(store.list_hosts(LONG).await.expect("hosts"), []);
    let before = store.ping().await.expect("the time");
    let last = HostReport {
        draining: vec![],
        ..report("b", 8)
    };
    for report in [&report("b", 7), &report("a", 7), &last] {
        store.report_host(report).await.expect("a report");
    }
    let hosts = store.list_hosts(LONG).await.expect("hosts");
    for host in &hosts {
        assert!(host.seen_at >= before, "by the database's clock");
    }
    let said: Vec<HostReport> = hosts
        .into_iter()
        .map(|host| HostReport {
            seen_at: DateTime::UNIX_EPOCH,
            ..host
        })
        .collect();
    assert_eq!(
        said,
        [report("a", 7), last],
        "by name, the last word of each"
    );
}

pub async fn a_host_that_fell_silent_is_left_out(harness: &dyn Harness) {
    let store = harness.store();
    for host in ["a", "b"] {
        store.report_host(&report(host, 1)).await.expect("a report");
    }
    harness.age_host("a", LONG).await;
    let names = async |age| {
        let hosts = store.list_hosts(age).await.expect("hosts");
        hosts.into_iter().map(|host| host.host).collect::<Vec<_>>()
    };
    assert_eq!(names(Duration::from_mins(30)).await, ["b"]);
    assert_eq!(names(LONG * 2).await, ["a", "b"]);
    assert_eq!(names(Duration::MAX).await, ["a", "b"]);
    // After a day it is forgotten, so that a fleet of short-lived names does not pile up.
    harness.age_host("a", LONG * 24).await;
    store.report_host(&report("b", 2)).await.expect("a report");
    assert_eq!(names(Duration::MAX).await, ["b"]);
}
