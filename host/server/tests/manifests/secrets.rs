//! No secret is in a manifest: pods name them, the README says which there are, and the script makes
//! those of the parts that the cluster itself starts.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::{Command, Output},
};

use serde_json::Value;

use crate::{
    cluster::{Cluster, items, name_of, text},
    repository::{Copy, told},
};

/// Secrets and their keys that pods and operators ask for.
pub(crate) fn named(cluster: &Cluster) -> BTreeSet<(&str, &str)> {
    let mut named = BTreeSet::new();
    for workload in cluster.workloads() {
        for container in workload.containers() {
            for variable in items(&container["env"]) {
                let secret = &variable["valueFrom"]["secretKeyRef"];
                if secret.is_object() {
                    named.insert((text(&secret["name"]), text(&secret["key"])));
                }
            }
        }
        for volume in items(&workload.pod()["volumes"]) {
            let secret = &volume["secret"];
            for item in items(&secret["items"]) {
                named.insert((text(&secret["secretName"]), text(&item["key"])));
            }
        }
    }
    for access in cluster.of_kind("TriggerAuthentication") {
        for secret in items(&access["spec"]["secretTargetRef"]) {
            named.insert((text(&secret["name"]), text(&secret["key"])));
        }
    }
    named
}

/// Words in the name of a variable whose value nobody else may read.
const SECRET_WORDS: [&str; 6] = [
    "PASSWORD",
    "SECRET",
    "ACCESS_KEY",
    "TOKEN",
    "_URL",
    "CREDENTIAL",
];
/// Names with such a word whose values say only where something is.
const PLACES: [&str; 2] = ["PHAGEN_BLOB__URL", "OTEL_EXPORTER_OTLP_ENDPOINT"];

pub(crate) fn is_secret(name: &str) -> bool {
    let has_word = SECRET_WORDS.iter().any(|word| name.contains(word));
    has_word && !name.ends_with("_FILE") && !PLACES.contains(&name)
}

#[test]
fn no_manifest_holds_one() {
    for cluster in Cluster::all() {
        assert!(cluster.of_kind("Secret").is_empty(), "{}", cluster.name);
        for workload in cluster.workloads() {
            for container in workload.containers() {
                for variable in items(&container["env"]) {
                    let is_open = variable["value"].is_string();
                    let name = text(&variable["name"]);
                    assert!(!(is_open && is_secret(name)), "{}: {name}", cluster.name);
                }
            }
        }
        for map in cluster.of_kind("ConfigMap") {
            for (name, value) in map["data"].as_object().into_iter().flatten() {
                assert!(!is_secret(name), "{}: {name}", name_of(map));
                let is_url = text(value).contains("postgres://");
                assert!(!is_url, "{}: {name} holds an address", name_of(map));
            }
        }
    }
}

#[test]
fn the_word_for_a_secret_is_known() {
    for (name, secret) in [
        ("PHAGEN_DATABASE__URL", true),
        ("PHAGEN_BLOB__SECRET_KEY", true),
        ("PHAGEN_BLOB__URL", false),
        ("POSTGRES_PASSWORD", true),
        ("POSTGRES_PASSWORD_FILE", false),
        ("PHAGEN_SERVER__HOST", false),
    ] {
        assert_eq!(is_secret(name), secret, "{name}");
    }
}

/// Runs the script in a copy.
pub(crate) fn script(copy: &Copy, arguments: &[&str]) -> Output {
    Command::new(copy.path().join("k8s/secrets.sh"))
        .args(arguments)
        .output()
        .expect("the script runs")
}

fn made(copy: &Copy) -> Vec<Value> {
    let output = script(copy, &["kubernetes", "phagen-dev"]);
    assert!(output.status.success(), "{}", told(&output));
    let yaml = String::from_utf8(output.stdout).expect("YAML is text");
    serde_saphyr::from_multiple(&yaml).expect("YAML")
}

#[test]
fn the_script_makes_every_secret_of_the_small_cluster() {
    let copy = Copy::new();
    let secrets = made(&copy);
    let has = |name: &str, key: &str| {
        let found = secrets.iter().find(|secret| name_of(secret) == name);
        found.is_some_and(|secret| secret["stringData"][key].is_string())
    };
    for secret in &secrets {
        assert_eq!(secret["metadata"]["namespace"], "phagen-dev");
    }
    for (name, key) in named(&Cluster::of("overlays/dev")) {
        assert!(has(name, key), "no `{key}` of `{name}`");
    }
}

#[test]
fn the_script_makes_other_passwords_each_time() {
    let copy = Copy::new();
    let password = |secrets: &[Value]| {
        let of = |name: &str, key: &str| {
            let secret = secrets.iter().find(|secret| name_of(secret) == name);
            text(&secret.expect("a secret")["stringData"][key]).to_owned()
        };
        let postgres = of("phagen-postgres", "password");
        // One role: whoever logs in through the pooler or past it shows the same.
        for address in ["url", "direct-url"] {
            assert!(of("phagen-database", address).contains(&postgres));
        }
        assert!(of("phagen-pgbouncer", "userlist.txt").contains(&postgres));
        let is_long = postgres.len() == 40 && postgres.bytes().all(|b| b.is_ascii_hexdigit());
        assert!(is_long, "{postgres}");
        [
            postgres,
            of("phagen-object-store", "secret-key"),
            of("phagen-redis", "url"),
        ]
    };
    let (one, other) = (password(&made(&copy)), password(&made(&copy)));
    let all: BTreeSet<&String> = one.iter().chain(&other).collect();
    assert_eq!(all.len(), 6);
}

#[test]
fn what_runs_keeps_its_passwords() {
    let copy = Copy::new();
    let first = script(&copy, &["compose"]);
    assert!(first.status.success(), "{}", told(&first));
    let before = copy.read("k8s/secret/phagen.env");
    let second = script(&copy, &["compose"]);
    assert!(!second.status.success());
    assert!(told(&second).contains("already"), "{}", told(&second));
    assert_eq!(copy.read("k8s/secret/phagen.env"), before);
}

/// Variables in a file of `NAME=value` lines.
pub(crate) fn variables(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (name, value) = line.split_once('=').expect("a name and a value");
            (name.to_owned(), value.to_owned())
        })
        .collect()
}
