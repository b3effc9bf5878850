//! `k8s/compose.yaml` keeps the rules of the cluster on one machine.

use std::{
    collections::{BTreeMap, HashMap},
    sync::OnceLock,
};

use phagen_server::config::{self, OperationsBind, Settings};
use serde_json::Value;

use crate::{
    cluster::{is_phagen, items, text},
    image, phagen,
    pods::is_pinned,
    repository::{Copy, read, told},
    secrets::{self, is_secret, variables},
    wiring,
};

/// These end when they are done.
const ONE_SHOT: [&str; 2] = ["migrate", "bucket"];
/// Its image holds nothing that could ask it, and nothing waits for it.
const UNASKED: &str = "otel-collector";
/// A new volume belongs to root, and its image knows no other user.
const ROOT: &str = "object-store";

/// The folder in which an operator has made passwords.
fn made() -> &'static Copy {
    static COPY: OnceLock<Copy> = OnceLock::new();
    COPY.get_or_init(|| {
        let copy = Copy::new();
        let output = secrets::script(&copy, &["compose"]);
        assert!(output.status.success(), "{}", told(&output));
        copy
    })
}

fn file() -> Value {
    serde_saphyr::from_str(&read("k8s/compose.yaml")).expect("YAML")
}

fn services(file: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let services = file["services"].as_object().expect("services");
    services
        .iter()
        .map(|(name, service)| (name.as_str(), service))
}

/// What a service is told, from its files and its own lines.
fn environment(service: &Value) -> HashMap<String, String> {
    let mut all: BTreeMap<String, String> = image::environment();
    for path in items(&service["env_file"]) {
        all.extend(variables(&made().read(&format!("k8s/{}", text(path)))));
    }
    for (name, value) in service["environment"].as_object().into_iter().flatten() {
        all.insert(name.clone(), text(value).to_owned());
    }
    all.into_iter().collect()
}

fn ours(file: &Value) -> Vec<(&str, &Value, Settings)> {
    let ours = services(file).filter(|(_, service)| is_phagen(text(&service["image"])));
    let ours: Vec<_> = ours
        .map(|(name, service)| {
            let settings = config::load_from(None, environment(service));
            (
                name,
                service,
                settings.unwrap_or_else(|error| panic!("{name}: {error}")),
            )
        })
        .collect();
    assert_eq!(ours.len(), 3);
    ours
}

#[test]
fn every_setting_is_known_and_fits() {
    let file = file();
    for (name, service, settings) in ours(&file) {
        assert!(settings.database.url.is_some(), "{name}");
        assert_eq!(settings.database.direct_url.is_some(), name == "migrate");
        let command = items(&service["command"]).map(text);
        phagen::assert_understood(&command.collect::<Vec<_>>());
        if ONE_SHOT.contains(&name) {
            continue;
        }
        assert!(settings.auth_required(), "{name}");
        assert!(
            matches!(settings.operations.bind, OperationsBind::At(_)),
            "{name}"
        );
        assert!(settings.cache.redis_url.is_some(), "{name}");
        assert!(settings.traces.enabled, "{name}");
        let volumes: Vec<&str> = items(&service["volumes"]).map(text).collect();
        let lies = |volume: &&str| {
            let target = volume.split(':').nth(1).expect("a target");
            settings.data_dir.starts_with(target)
        };
        assert!(volumes.iter().any(lies), "{name}: {volumes:?}");
    }
}

#[test]
fn nothing_has_more_rights_than_it_needs() {
    for (name, service) in services(&file()) {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]), "{name}");
        assert_eq!(service["cap_add"], Value::Null, "{name}");
        assert_eq!(service["privileged"], Value::Null, "{name}");
        let options: Vec<&str> = items(&service["security_opt"]).map(text).collect();
        assert_eq!(options, ["no-new-privileges:true"], "{name}");
        let user = text(&service["user"]);
        assert_eq!(user == "0:0", name == ROOT, "{name} runs as {user}");
        for limit in ["mem_limit", "pids_limit", "restart"] {
            assert!(!service[limit].is_null(), "{name}: no {limit}");
        }
    }
}

#[test]
fn only_the_api_is_reached_from_outside_and_only_from_this_machine() {
    let file = file();
    assert_eq!(file["networks"]["inside"]["internal"], true);
    for (name, service) in services(&file) {
        for port in items(&service["ports"]).map(text) {
            assert_eq!(name, "api", "{port}");
            assert!(port.starts_with("127.0.0.1:"), "{port}");
        }
        let networks: Vec<&str> = items(&service["networks"]).map(text).collect();
        assert!(networks.contains(&"inside"), "{name}");
        let goes_out = ["api", "worker", UNASKED].contains(&name);
        assert_eq!(networks.contains(&"outside"), goes_out, "{name}");
    }
}

#[test]
fn images_are_those_of_the_cluster() {
    let images: Value =
        serde_saphyr::from_str(&read("k8s/components/images/kustomization.yaml")).expect("YAML");
    let known: Vec<String> = items(&images["images"])
        .map(|image| format!("{}:{}", text(&image["name"]), text(&image["newTag"])))
        .collect();
    for (name, service) in services(&file()) {
        let image = text(&service["image"]);
        assert!(is_pinned(image), "{name}: {image}");
        let ours = format!("phagen:{}", env!("CARGO_PKG_VERSION"));
        assert!(
            image == ours || known.iter().any(|it| it == image),
            "{name}: {image}"
        );
    }
}

#[test]
fn passwords_come_from_files_that_must_be_made() {
    let file = file();
    for (name, service) in services(&file) {
        for (variable, value) in service["environment"].as_object().into_iter().flatten() {
            assert!(!is_secret(variable), "{name}: {variable}");
            // With a default it would be one that everybody knows.
            assert!(!text(value).contains("${"), "{name}: {variable}");
        }
        for secret in items(&service["secrets"]) {
            let source = secret["source"]
                .as_str()
                .or(secret.as_str())
                .expect("a name");
            assert!(file["secrets"][source].is_object(), "{name}: no `{source}`");
        }
    }
    for (name, secret) in file["secrets"].as_object().into_iter().flatten() {
        let made = made().read(&format!("k8s/{}", text(&secret["file"])));
        assert!(made.trim().len() >= 16, "{name}");
    }
}

#[test]
fn whatever_stays_is_asked_how_it_is() {
    let file = file();
    for (name, service) in services(&file) {
        let test = &service["healthcheck"]["test"];
        let is_asked = test.is_array();
        let is_exempt = ONE_SHOT.contains(&name) || name == UNASKED;
        assert_eq!(is_asked, !is_exempt, "{name}");
        if is_asked && is_phagen(text(&service["image"])) {
            let words: Vec<&str> = items(test).map(text).collect();
            let ["CMD", "/usr/local/bin/phagen", arguments @ ..] = &words[..] else {
                panic!("{name}: {words:?}")
            };
            phagen::assert_understood(arguments);
        }
    }
}

#[test]
fn services_wait_for_what_they_need_in_a_way_that_ends() {
    let file = file();
    for (name, service) in services(&file) {
        for (other, need) in service["depends_on"].as_object().into_iter().flatten() {
            let other_one = &file["services"][other];
            assert!(other_one.is_object(), "{name} waits for `{other}`");
            let is_one_shot = ONE_SHOT.contains(&other.as_str());
            let expected = match other.as_str() {
                _ if is_one_shot => "service_completed_successfully",
                UNASKED => "service_started",
                _ => "service_healthy",
            };
            assert_eq!(need["condition"], expected, "{name}: {other}");
            let ends = text(&other_one["restart"]).starts_with("on-failure");
            assert_eq!(ends, is_one_shot, "{other}");
        }
    }
    for one in ["api", "worker"] {
        let needs = &file["services"][one]["depends_on"];
        for other in ["migrate", "bucket", "pgbouncer", "redis"] {
            assert!(needs[other].is_object(), "{one} does not wait for {other}");
        }
    }
}

#[test]
fn files_that_are_mounted_are_there() {
    for (name, service) in services(&file()) {
        for volume in items(&service["volumes"]).map(text) {
            let (source, _) = volume.split_once(':').expect("a source");
            match source.strip_prefix("./") {
                Some(path) => {
                    assert!(volume.ends_with(":ro"), "{name}: {volume}");
                    let _ = read(&format!("k8s/{path}"));
                }
                None => assert!(file()["volumes"][source].is_object(), "{name}: {volume}"),
            }
        }
    }
}

#[test]
fn the_one_pooler_has_what_the_clusters_share() {
    let ini = read("k8s/components/pgbouncer/pgbouncer.ini") + &read("k8s/compose/upstream.ini");
    assert_eq!(wiring::number(&ini, "max_db_connections"), Some(100));
    let file = file();
    let arguments: Vec<&str> = items(&file["services"]["postgres"]["command"])
        .map(text)
        .collect();
    assert_eq!(arguments, ["-c", "max_connections=150"]);
}
