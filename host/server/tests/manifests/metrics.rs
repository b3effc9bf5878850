//! Alerts and the dashboard ask for metrics that exist, by names that are spelled right.

use phagen_server::telemetry::{Kind, METRICS};
use serde_json::Value;

use crate::{
    cluster::{Cluster, items, text},
    repository::read,
};

/// How the names of all our metrics begin.
const PREFIXES: [&str; 3] = ["phagen_", "http_server_", "process_"];
/// What a histogram is read by.
const SERIES: [&str; 3] = ["_bucket", "_count", "_sum"];

/// Names in an expression that are, or want to be, ours. What stands in quotes is a label's value.
fn names(expression: &str) -> Vec<&str> {
    let outside = expression.split('"').step_by(2);
    outside
        .flat_map(|part| part.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'))
        .filter(|word| PREFIXES.iter().any(|prefix| word.starts_with(prefix)))
        .collect()
}

fn exists(name: &str) -> bool {
    METRICS.iter().any(|metric| match metric.kind {
        Kind::Histogram => SERIES
            .iter()
            .any(|end| name.strip_suffix(end) == Some(metric.name)),
        Kind::Counter | Kind::Gauge => name == metric.name,
    })
}

#[track_caller]
fn assert_known(expression: &str) {
    let names = names(expression);
    assert!(!names.is_empty(), "no metric of ours in `{expression}`");
    for name in names {
        assert!(exists(name), "`{name}` in `{expression}`");
    }
    let n_opening = expression.matches('(').count();
    assert_eq!(n_opening, expression.matches(')').count(), "`{expression}`");
}

#[test]
fn a_planted_slip_is_found() {
    for wrong in [
        "phagen_queue_job",
        "rate(phagen_plugin_call_seconds[5m])",
        "phagen_queue_jobs_total",
    ] {
        assert!(!names(wrong).into_iter().all(exists), "{wrong}");
    }
    assert_known(r#"rate(phagen_plugin_call_seconds_count{slot="phagen_x"}[5m])"#);
}

#[test]
fn alerts_ask_for_metrics_that_exist() {
    let cluster = Cluster::of("overlays/prod");
    let [rules] = cluster.of_kind("PrometheusRule")[..] else {
        panic!("not one set of alerts")
    };
    let groups = items(&rules["spec"]["groups"]);
    let rules: Vec<&Value> = groups.flat_map(|group| items(&group["rules"])).collect();
    assert!(rules.len() >= 8, "only {} alerts", rules.len());
    for rule in rules {
        assert_known(text(&rule["expr"]));
        for annotation in ["summary", "description"] {
            assert!(rule["annotations"][annotation].is_string(), "{rule}");
        }
        let severity = text(&rule["labels"]["severity"]);
        assert!(["warning", "critical"].contains(&severity), "{rule}");
    }
}

#[test]
fn the_dashboard_asks_for_metrics_that_exist() {
    let cluster = Cluster::of("overlays/prod");
    let maps = cluster.of_kind("ConfigMap");
    let map = maps
        .iter()
        .find(|map| map["metadata"]["labels"]["grafana_dashboard"] == "1")
        .expect("the dashboard");
    let text_of_it = text(&map["data"]["phagen.json"]);
    assert_eq!(text_of_it, read("k8s/components/monitoring/phagen.json"));
    let dashboard: Value = serde_json::from_str(text_of_it).expect("JSON");
    let mut n_targets = 0;
    let mut ids = Vec::new();
    for panel in items(&dashboard["panels"]) {
        ids.push(panel["id"].as_u64().expect("an id"));
        for target in items(&panel["targets"]) {
            assert_known(text(&target["expr"]));
            n_targets += 1;
        }
    }
    assert!(n_targets >= 12, "only {n_targets}");
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), items(&dashboard["panels"]).count(), "ids repeat");
    for variable in items(&dashboard["templating"]["list"]) {
        if let Some(query) = variable["query"]["query"].as_str() {
            assert_known(query);
        }
    }
}
