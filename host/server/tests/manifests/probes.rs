//! What probes and scrapers ask for is answered, by the operations port itself.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use phagen_cache::Cache;
use phagen_server::{
    clock::SystemClock,
    http::{self, HealthChecks, OperationsState},
    telemetry::Metrics,
};
use phagen_store_sqlite::SqliteStore;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::cluster::{Cluster, Workload, items, text};

/// Path and port of what the kubelet asks.
fn probes(workload: Workload<'_>) -> BTreeSet<(&str, &str)> {
    let containers = workload.containers();
    let probes = containers.flat_map(|container| {
        ["startupProbe", "livenessProbe", "readinessProbe"].map(|probe| &container[probe])
    });
    probes
        .map(|probe| {
            let asked = &probe["httpGet"];
            (text(&asked["path"]), text(&asked["port"]))
        })
        .collect()
}

/// Every path that is asked for on the operations port, in any cluster.
fn asked() -> BTreeSet<String> {
    let mut asked = BTreeSet::new();
    for cluster in Cluster::all() {
        for role in ["api", "worker"] {
            for (path, port) in probes(cluster.workload(role)) {
                assert_eq!(port, "operations", "{}: {role}", cluster.name);
                asked.insert(path.to_owned());
            }
        }
        for (kind, endpoints) in [
            ("ServiceMonitor", "endpoints"),
            ("PodMonitor", "podMetricsEndpoints"),
        ] {
            for monitor in cluster.of_kind(kind) {
                for endpoint in items(&monitor["spec"][endpoints]) {
                    assert_eq!(endpoint["port"], "operations");
                    asked.insert(text(&endpoint["path"]).to_owned());
                }
            }
        }
    }
    asked
}

#[tokio::test]
async fn the_operations_port_answers_them() {
    let paths = asked();
    let expected = ["/health", "/metrics", "/ready"].map(str::to_owned);
    assert_eq!(paths, BTreeSet::from(expected));

    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SqliteStore::open(&folder.path().join("phagen.db"))
        .await
        .expect("a new database opens");
    let state = OperationsState {
        store: Arc::new(store),
        health: Arc::new(HealthChecks::new(Arc::new(SystemClock), &[])),
        answers: Arc::new(Cache::off()),
        metrics: Metrics::install("0.0.0-test").expect("the process has no other recorder"),
        stopping: CancellationToken::new(),
        check_timeout: Duration::from_secs(10),
        check_ttl: Duration::ZERO,
        version: "0.0.0-test",
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let ended = CancellationToken::new();
    phagen_package::oci::install_tls();
    let asking = async {
        for path in paths {
            let url = format!("http://{address}{path}");
            let answer = reqwest::get(url).await.expect("an answer");
            assert_eq!(answer.status(), 200, "{path}");
        }
        ended.cancel();
    };
    let (served, ()) = tokio::join!(
        http::serve_operations(listener, state, ended.clone()),
        asking
    );
    served.expect("serving ends well");
}
