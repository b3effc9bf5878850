//! Every pod is restricted as far as Kubernetes can restrict it, has its limits, and an image whose
//! version is written down.

use serde_json::{Value, json};

use crate::cluster::{Cluster, Workload, is_phagen, items, name_of, text};

/// Runs `check` on every workload of every cluster.
fn each(check: impl Fn(&Cluster, Workload<'_>)) {
    for cluster in Cluster::all() {
        let workloads = cluster.workloads();
        assert!(workloads.len() >= 3, "{} is nearly empty", cluster.name);
        for workload in workloads {
            check(&cluster, workload);
        }
    }
}

#[test]
fn pods_have_no_rights() {
    each(|cluster, workload| {
        let place = format!("{}: {}", cluster.name, workload.name());
        let pod = workload.pod();
        assert_eq!(pod["automountServiceAccountToken"], false, "{place}");
        assert_eq!(pod["enableServiceLinks"], false, "{place}");
        for field in ["hostNetwork", "hostPID", "hostIPC"] {
            assert_eq!(pod[field], Value::Null, "{place}: {field}");
        }
        let context = &pod["securityContext"];
        assert_eq!(context["runAsNonRoot"], true, "{place}");
        assert_eq!(
            context["seccompProfile"]["type"], "RuntimeDefault",
            "{place}"
        );
        for id in ["runAsUser", "runAsGroup"] {
            assert!(
                context[id].as_u64().is_some_and(|id| id > 0),
                "{place}: {id}"
            );
        }
        for container in workload.containers() {
            let context = &container["securityContext"];
            let locked = json!({
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": { "drop": ["ALL"] },
            });
            assert_eq!(*context, locked, "{place}");
        }
    });
}

#[test]
fn namespaces_refuse_what_asks_for_more() {
    for cluster in Cluster::all() {
        let [namespace] = cluster.of_kind("Namespace")[..] else {
            panic!("{} has not one namespace", cluster.name)
        };
        let labels = &namespace["metadata"]["labels"];
        for mode in ["enforce", "audit", "warn"] {
            let label = format!("pod-security.kubernetes.io/{mode}");
            assert_eq!(labels[&label], "restricted", "{}", cluster.name);
        }
    }
}

#[test]
fn containers_say_what_they_need_and_at_most_take() {
    each(|cluster, workload| {
        for container in workload.containers() {
            let place = format!("{}: {}", cluster.name, name_of(workload.resource));
            let resources = &container["resources"];
            for (kind, what) in [
                ("requests", "cpu"),
                ("requests", "memory"),
                ("limits", "memory"),
            ] {
                assert!(
                    resources[kind][what].is_string(),
                    "{place}: no {kind} of {what}"
                );
            }
            assert_eq!(resources["limits"]["cpu"], Value::Null, "{place}");
        }
        for volume in items(&workload.pod()["volumes"]) {
            let empty = &volume["emptyDir"];
            assert!(
                empty.is_null() || empty["sizeLimit"].is_string(),
                "{volume}"
            );
            assert_eq!(volume["hostPath"], Value::Null, "{volume}");
        }
    });
}

#[test]
fn whatever_stays_is_probed() {
    each(|cluster, workload| {
        if !workload.stays() {
            return;
        }
        for container in workload.containers() {
            for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
                let is_there = container[probe].is_object();
                assert!(
                    is_there,
                    "{}: {} has no {probe}",
                    cluster.name,
                    workload.name()
                );
            }
        }
    });
}

/// Whether it names one version of an image: a tag that is none of those that move, or a digest.
pub(crate) fn is_pinned(image: &str) -> bool {
    const MOVING: [&str; 4] = ["latest", "stable", "main", "edge"];
    if let Some((_, digest)) = image.split_once("@sha256:") {
        return digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit());
    }
    let last = image.rsplit('/').next().unwrap_or_default();
    last.split_once(':').is_some_and(|(_, tag)| {
        tag.contains(|c: char| c.is_ascii_digit()) && !MOVING.contains(&tag)
    })
}

#[test]
fn images_are_pinned() {
    for (image, pinned) in [
        ("redis", false),
        ("redis:latest", false),
        ("r.example:5000/redis", false),
        ("redis:7.4.6-bookworm", true),
        ("redis@sha256:12", false),
    ] {
        assert_eq!(is_pinned(image), pinned, "{image}");
    }
    for cluster in Cluster::all() {
        for workload in cluster.workloads() {
            for container in workload.containers() {
                let image = text(&container["image"]);
                assert!(is_pinned(image), "{}: `{image}`", cluster.name);
            }
        }
    }
}

#[test]
fn the_version_is_the_one_that_is_built() {
    let version = env!("CARGO_PKG_VERSION");
    for cluster in Cluster::all() {
        for workload in cluster.workloads() {
            for container in workload.containers() {
                let image = text(&container["image"]);
                if is_phagen(image) {
                    assert!(image.contains(&format!(":{version}")), "{image}");
                }
            }
        }
        let job = format!("phagen-migrate-{}", version.replace('.', "-"));
        assert!(
            cluster.find("Job", &job).is_some(),
            "{}: no `{job}`",
            cluster.name
        );
    }
}

#[test]
fn a_zone_or_a_node_takes_not_all_of_them() {
    for cluster in Cluster::all() {
        for role in ["api", "worker"] {
            let workload = cluster.workload(role);
            let labels = workload.labels();
            let keys: Vec<&str> = items(&workload.pod()["topologySpreadConstraints"])
                .inspect(|spread| {
                    let selector = &spread["labelSelector"];
                    assert!(crate::cluster::selects(selector, &labels), "{spread}");
                })
                .map(|spread| text(&spread["topologyKey"]))
                .collect();
            assert_eq!(
                keys,
                ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
            );
        }
    }
}
