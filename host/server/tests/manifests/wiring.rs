//! What refers to something finds it: selectors, ports, autoscalers, budgets, the pooler's numbers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, Workload, items, labels, name_of, selects, text},
    repository::read,
};

fn selected<'a>(cluster: &'a Cluster, selector: &Value) -> Vec<Workload<'a>> {
    let workloads = cluster.workloads().into_iter();
    workloads
        .filter(|workload| selects(selector, &workload.labels()))
        .collect()
}

#[test]
fn selectors_take_the_pods_that_they_are_for() {
    for cluster in Cluster::all() {
        for workload in cluster.workloads().into_iter().filter(|it| it.stays()) {
            let found = selected(&cluster, &workload.resource["spec"]["selector"]);
            let names: Vec<&str> = found.iter().map(|it| it.name()).collect();
            assert_eq!(names, [workload.name()], "{}", cluster.name);
        }
        for (kind, of_spec) in [
            ("PodDisruptionBudget", "selector"),
            ("PodMonitor", "selector"),
        ] {
            for resource in cluster.of_kind(kind) {
                let found = selected(&cluster, &resource["spec"][of_spec]);
                assert_eq!(
                    found.len(),
                    1,
                    "{}: {kind} {}",
                    cluster.name,
                    name_of(resource)
                );
            }
        }
    }
}

#[test]
fn services_lead_to_ports_that_pods_have() {
    for cluster in Cluster::all() {
        for service in cluster.of_kind("Service") {
            let place = format!("{}: {}", cluster.name, name_of(service));
            let selector = json!({ "matchLabels": service["spec"]["selector"] });
            let [workload] = selected(&cluster, &selector)[..] else {
                panic!("{place} leads to none or to many")
            };
            for port in items(&service["spec"]["ports"]) {
                let target = workload.port(&port["targetPort"]);
                assert!(target.is_some(), "{place}: {port}");
            }
        }
        for monitor in cluster.of_kind("ServiceMonitor") {
            let wanted = labels(&monitor["spec"]["selector"]["matchLabels"]);
            let services = cluster.of_kind("Service").into_iter().filter(|service| {
                let has = labels(&service["metadata"]["labels"]);
                wanted
                    .iter()
                    .all(|(key, value)| has.get(key) == Some(value))
            });
            let services: Vec<&Value> = services.collect();
            let [service] = services[..] else {
                panic!("{}: {} services", cluster.name, services.len())
            };
            for endpoint in items(&monitor["spec"]["endpoints"]) {
                assert!(port_of(service, &endpoint["port"]).is_some(), "{endpoint}");
            }
        }
        for monitor in cluster.of_kind("PodMonitor") {
            let workload = selected(&cluster, &monitor["spec"]["selector"])[0];
            for endpoint in items(&monitor["spec"]["podMetricsEndpoints"]) {
                assert!(workload.port(&endpoint["port"]).is_some(), "{endpoint}");
            }
        }
    }
}

fn port_of<'a>(service: &'a Value, name: &Value) -> Option<&'a Value> {
    items(&service["spec"]["ports"]).find(|port| port["name"] == *name)
}

#[test]
fn probes_ask_ports_that_pods_have() {
    for cluster in Cluster::all() {
        for workload in cluster.workloads() {
            for container in workload.containers() {
                for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
                    for way in ["httpGet", "tcpSocket"] {
                        let asked = &container[probe][way];
                        let is_there = asked.is_null() || workload.port(&asked["port"]).is_some();
                        assert!(is_there, "{}: {probe} {asked}", workload.name());
                    }
                }
            }
        }
    }
}

#[test]
fn what_pods_mount_and_read_is_there() {
    for cluster in Cluster::all() {
        for workload in cluster.workloads() {
            let place = format!("{}: {}", cluster.name, workload.name());
            let pod = workload.pod();
            if let Some(account) = pod["serviceAccountName"].as_str() {
                assert!(cluster.find("ServiceAccount", account).is_some(), "{place}");
            }
            let claimed = items(&workload.resource["spec"]["volumeClaimTemplates"]).map(name_of);
            let volumes = items(&pod["volumes"]).map(|volume| text(&volume["name"]));
            let volumes: Vec<&str> = volumes.chain(claimed).collect();
            for volume in items(&pod["volumes"]) {
                let map = &volume["configMap"];
                let is_there = map.is_null()
                    || map["optional"] == true
                    || cluster.find("ConfigMap", text(&map["name"])).is_some();
                assert!(is_there, "{place}: {map}");
                let claim = &volume["persistentVolumeClaim"]["claimName"];
                let is_there =
                    claim.is_null() || cluster.find("PersistentVolumeClaim", text(claim)).is_some();
                assert!(is_there, "{place}: {claim}");
            }
            for container in workload.containers() {
                for mount in items(&container["volumeMounts"]) {
                    let name = text(&mount["name"]);
                    assert!(volumes.contains(&name), "{place}: no volume `{name}`");
                }
            }
        }
        for set in cluster.of_kind("StatefulSet") {
            let service = text(&set["spec"]["serviceName"]);
            assert!(cluster.find("Service", service).is_some(), "{service}");
            assert!(items(&set["spec"]["volumeClaimTemplates"]).count() == 1);
        }
    }
}

/// Workloads that an autoscaler owns, each with the autoscalers that claim it.
fn owned(cluster: &Cluster) -> BTreeMap<String, Vec<&str>> {
    let mut owned: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for kind in ["HorizontalPodAutoscaler", "ScaledObject"] {
        for scaler in cluster.of_kind(kind) {
            let target = &scaler["spec"]["scaleTargetRef"];
            let (of_kind, name) = (text(&target["kind"]), text(&target["name"]));
            let found = cluster.find(of_kind, name);
            let found = found.unwrap_or_else(|| panic!("{}: no {of_kind} `{name}`", cluster.name));
            assert_eq!(found["apiVersion"], target["apiVersion"]);
            assert_eq!(
                found["spec"]["replicas"],
                Value::Null,
                "{name} has replicas of its own"
            );
            owned.entry(name.to_owned()).or_default().push(kind);
        }
    }
    owned
}

#[test]
fn one_autoscaler_owns_a_workload_and_its_replicas() {
    let mut kinds = Vec::new();
    for cluster in Cluster::all() {
        let owned = owned(&cluster);
        assert_eq!(owned.len(), 2, "{}: {owned:?}", cluster.name);
        for (name, by) in owned {
            assert_eq!(
                by.len(),
                1,
                "{}: {name} is pulled at by {by:?}",
                cluster.name
            );
            kinds.extend(by.iter().map(|kind| (*kind).to_owned()));
        }
    }
    // Both ways are there to be looked at.
    assert!(kinds.iter().any(|kind| kind == "ScaledObject"));
}

fn bounds(cluster: &Cluster, name: &str) -> (u64, u64) {
    let (scaler, [least, most]) = cluster.find("HorizontalPodAutoscaler", name).map_or_else(
        || {
            (
                cluster.find("ScaledObject", name),
                ["minReplicaCount", "maxReplicaCount"],
            )
        },
        |scaler| (Some(scaler), ["minReplicas", "maxReplicas"]),
    );
    let spec = &scaler.expect("an autoscaler")["spec"];
    let number = |field: &str| spec[field].as_u64().expect("a number");
    (number(least), number(most))
}

/// The most pods that a workload may have; none where nothing says.
pub(crate) fn most_replicas(cluster: &Cluster, name: &str) -> Option<u64> {
    owned(cluster)
        .contains_key(name)
        .then(|| bounds(cluster, name).1)
}

#[test]
fn autoscalers_have_the_bounds_that_operators_read_of() {
    for (folder, api, worker) in [
        ("base", (2, 10), (1, 8)),
        ("overlays/staging", (2, 10), (1, 8)),
        ("overlays/prod", (3, 10), (2, 8)),
    ] {
        let cluster = Cluster::of(folder);
        assert_eq!(bounds(&cluster, "phagen-api"), api, "{folder}");
        assert_eq!(bounds(&cluster, "phagen-worker"), worker, "{folder}");
    }
    for cluster in Cluster::all() {
        for scaler in cluster.of_kind("HorizontalPodAutoscaler") {
            let [metric] = &items(&scaler["spec"]["metrics"]).collect::<Vec<_>>()[..] else {
                panic!("{} looks at several figures", name_of(scaler))
            };
            let target = &metric["resource"]["target"]["averageUtilization"];
            assert_eq!(
                (&metric["resource"]["name"], target),
                (&json!("cpu"), &json!(70))
            );
        }
    }
}

/// A number in the pooler's own settings.
pub(crate) fn pooler(cluster: &Cluster, key: &str) -> u64 {
    let text = settings_of_pooler(cluster);
    number(&text, key).unwrap_or_else(|| panic!("no `{key}` in {text}"))
}

pub(crate) fn number(ini: &str, key: &str) -> Option<u64> {
    let value = value(ini, key)?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("`{key}` is `{value}`")),
    )
}

/// The last counts, as it does for the pooler.
pub(crate) fn value<'a>(ini: &'a str, key: &str) -> Option<&'a str> {
    let mut lines = ini.lines().filter_map(|line| line.split_once('='));
    lines
        .rfind(|(name, _)| name.trim() == key)
        .map(|(_, value)| value.trim())
}

fn settings_of_pooler(cluster: &Cluster) -> String {
    let of = |start: &str, file: &str| {
        let maps = cluster.of_kind("ConfigMap").into_iter();
        let mut maps =
            maps.filter(|map| name_of(map).starts_with(start) && map["data"][file].is_string());
        let map = maps
            .next()
            .unwrap_or_else(|| panic!("{}: no `{file}`", cluster.name));
        text(&map["data"][file]).to_owned()
    };
    let upstream = of("pgbouncer-upstream", "upstream.ini");
    // It goes on where the other ends: a heading would set back all that stands before it.
    assert!(!upstream.contains("[pgbouncer]"), "{upstream}");
    assert!(upstream.contains("[databases]"), "{upstream}");
    of("pgbouncer", "pgbouncer.ini") + &upstream
}

#[test]
fn the_poolers_share_what_postgres_has_for_them() {
    const FOR_ALL_POOLERS: u64 = 100;
    for cluster in Cluster::all() {
        let Some(deployment) = cluster.find("Deployment", "pgbouncer") else {
            continue;
        };
        let n_poolers = deployment["spec"]["replicas"]
            .as_u64()
            .expect("a number of pods");
        let of_one = pooler(&cluster, "max_db_connections");
        assert_eq!(of_one, FOR_ALL_POOLERS / n_poolers, "{}", cluster.name);
        assert_eq!(pooler(&cluster, "default_pool_size"), 25);
        assert_eq!(pooler(&cluster, "max_client_conn"), 1_000);
        assert!(pooler(&cluster, "max_prepared_statements") > 0);
        let settings = settings_of_pooler(&cluster);
        assert_eq!(value(&settings, "pool_mode"), Some("transaction"));
        let version = text(&cluster.workload("pgbouncer").pod()["containers"][0]["image"]);
        let version = version.split(":v").nth(1).expect("a version");
        let numbers: Vec<u32> = version
            .split(['.', '-'])
            .take(2)
            .map(|n| n.parse().unwrap())
            .collect();
        assert!(numbers >= vec![1, 21], "{version}");
    }
    assert!(read("k8s/components/postgres/stateful-set.yaml").contains("max_connections=150"));
}
