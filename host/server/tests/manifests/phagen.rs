//! The host itself in the manifests: its command lines parse, its settings load, and the numbers that
//! must fit each other do.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use phagen_server::{
    config::{self, OperationsBind, Settings},
    http::HttpLimits,
};
use serde_json::Value;

use crate::{
    cluster::{Cluster, Workload, items, text},
    image,
};

/// A value of the right form for a variable whose value is a secret.
pub(crate) fn sample(variable: &str) -> String {
    let sample = match variable {
        "PHAGEN_DATABASE__URL" | "PHAGEN_DATABASE__DIRECT_URL" => "postgres://a:b@c:5432/d",
        "PHAGEN_CACHE__REDIS_URL" => "redis://:a@b:6379/0",
        _ => "a-secret",
    };
    sample.to_owned()
}

/// All that the container of `workload` is told, the image's own variables included.
fn environment(cluster: &Cluster, workload: Workload<'_>) -> HashMap<String, String> {
    let container = container(workload);
    let mut variables: HashMap<String, String> = image::environment().into_iter().collect();
    for source in items(&container["envFrom"]) {
        let name = text(&source["configMapRef"]["name"]);
        let map = cluster.find("ConfigMap", name);
        let map = map.unwrap_or_else(|| panic!("{}: no ConfigMap `{name}`", cluster.name));
        for (key, value) in map["data"].as_object().into_iter().flatten() {
            variables.insert(key.clone(), text(value).to_owned());
        }
    }
    for variable in items(&container["env"]) {
        let name = text(&variable["name"]);
        let value = variable["value"].as_str().map(str::to_owned);
        variables.insert(name.to_owned(), value.unwrap_or_else(|| sample(name)));
    }
    variables
}

fn container(workload: Workload<'_>) -> &Value {
    &workload.pod()["containers"][0]
}

/// Our own workloads with the settings that they start with.
fn ours(cluster: &Cluster) -> Vec<(Workload<'_>, Settings)> {
    let ours = cluster.workloads().into_iter().filter(|it| it.is_phagen());
    let ours: Vec<_> = ours
        .map(|workload| {
            let settings = config::load_from(None, environment(cluster, workload));
            let place = format!("{}: {}", cluster.name, workload.name());
            (
                workload,
                settings.unwrap_or_else(|error| panic!("{place}: {error}")),
            )
        })
        .collect();
    assert_eq!(ours.len(), 3, "{}", cluster.name);
    ours
}

#[test]
fn every_setting_is_known_and_fits() {
    for cluster in Cluster::all() {
        for (workload, settings) in ours(&cluster) {
            assert!(settings.database.url.is_some(), "{}", workload.name());
        }
    }
}

#[test]
fn a_planted_slip_in_a_setting_is_found() {
    let cluster = Cluster::of("overlays/dev");
    let api = cluster.workload("api");
    for (name, value, told) in [
        ("PHAGEN_SERVER__PROT", "8000", "prot"),
        // What Kubernetes would add for a Service called `phagen-api`.
        ("PHAGEN_API_PORT", "tcp://10.0.0.1:80", "api_port"),
        ("PHAGEN_WORKER__LEASE_SECONDS", "0", "lease_seconds"),
    ] {
        let mut variables = environment(&cluster, api);
        variables.insert(name.to_owned(), value.to_owned());
        let error = config::load_from(None, variables)
            .expect_err(name)
            .to_string();
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn pods_listen_on_the_ports_that_they_name_and_ask_for_keys() {
    for cluster in Cluster::all() {
        for (workload, settings) in ours(&cluster) {
            if !workload.stays() {
                continue;
            }
            let port = |name: &str| workload.port(&name.into());
            let OperationsBind::At(SocketAddr::V4(operations)) = settings.operations.bind else {
                panic!("{} has no operations port", workload.name())
            };
            assert!(operations.ip().is_unspecified());
            assert_eq!(port("operations"), Some(operations.port().into()));
            assert!(settings.auth_required(), "{}", workload.name());
            if workload.component() == "api" {
                assert!(matches!(settings.server.host, IpAddr::V4(ip) if ip.is_unspecified()));
                assert_eq!(port("http"), Some(settings.server.port.into()));
            }
        }
    }
}

#[test]
fn what_they_write_lies_on_a_volume() {
    for cluster in Cluster::all() {
        for (workload, settings) in ours(&cluster) {
            if !workload.stays() {
                continue;
            }
            let mounts: Vec<&str> = items(&container(workload)["volumeMounts"])
                .map(|mount| text(&mount["mountPath"]))
                .collect();
            assert!(mounts.contains(&"/tmp"), "{mounts:?}");
            let head = settings.audit.head_file.iter().map(PathBuf::as_path);
            for path in head.chain([settings.data_dir.as_path()]) {
                // Below it and not it: the root of a volume is not PhaGen's to close to others.
                let lies = mounts
                    .iter()
                    .any(|it| path.starts_with(it) && path != Path::new(it));
                assert!(lies, "{}: `{}` in {mounts:?}", cluster.name, path.display());
            }
        }
    }
}

#[test]
fn pods_get_the_time_that_they_wait_out() {
    /// To hand back leases, to note the end of the record, to end.
    const REST: Duration = Duration::from_secs(10);
    for cluster in Cluster::all() {
        for (workload, settings) in ours(&cluster) {
            let drain = match workload.component() {
                "api" => {
                    let requests = HttpLimits::default().drain_timeout;
                    let drain = Duration::from_secs(settings.server.drain_seconds);
                    // Every router hears of it within that.
                    assert!(drain >= Duration::from_secs(5), "{}", cluster.name);
                    drain + requests
                }
                "worker" => Duration::from_secs(settings.worker.drain_seconds),
                _ => continue,
            };
            let grace = workload.pod()["terminationGracePeriodSeconds"].as_u64();
            let grace = Duration::from_secs(grace.expect("a grace period"));
            assert!(grace >= drain + REST, "{}: {grace:?}", workload.name());
        }
    }
}

#[test]
fn only_the_migration_goes_past_the_pooler() {
    for cluster in Cluster::all() {
        for (workload, settings) in ours(&cluster) {
            let is_direct = settings.database.direct_url.is_some();
            assert_eq!(is_direct, workload.component() == "migrate");
        }
    }
}

#[test]
fn their_command_lines_are_understood() {
    for cluster in Cluster::all() {
        for (workload, _) in ours(&cluster) {
            let arguments = items(&container(workload)["args"]).map(text);
            assert_understood(&arguments.collect::<Vec<_>>());
        }
    }
}

/// Asks the binary itself; `--help` after a command says whether what stands before it can be.
pub(crate) fn assert_understood(arguments: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_phagen"))
        .args(arguments)
        .arg("--help")
        .output()
        .expect("the binary starts");
    let told = crate::repository::told(&output);
    assert!(output.status.success(), "{arguments:?}: {told}");
    assert!(!arguments.is_empty(), "no command");
}

#[test]
#[should_panic(expected = "unexpected argument")]
fn a_planted_slip_in_a_command_line_is_found() {
    assert_understood(&["serve", "--wrokers", "0"]);
}

#[test]
fn the_poolers_have_places_for_all_of_them() {
    for cluster in Cluster::all() {
        if cluster.find("Deployment", "pgbouncer").is_none() {
            continue;
        }
        let mut n_clients = 0;
        for (workload, settings) in ours(&cluster) {
            let most = crate::wiring::most_replicas(&cluster, workload.name());
            // One more for the heartbeat.
            n_clients += most.unwrap_or(1) * u64::from(settings.database.n_connections + 1);
        }
        let places = crate::wiring::pooler(&cluster, "max_client_conn");
        assert!(n_clients < places, "{n_clients} for {places}");
    }
}
