//! Every resource fits the schemas of the oldest and of the newest Kubernetes that the manifests are
//! for, to the letter: an unknown field fails, and so does a kind that neither they nor we know.

use std::{collections::BTreeMap, io::Write as _, process::Command};

use serde_json::{Value, json};

use crate::{
    cluster::Cluster,
    crd,
    repository::{told, tool},
};

/// Who validates, and against what.
const SCHEMAS: [(&str, &str); 2] = [
    ("PHAGEN_TEST_VALIDATE_OLD", "1.24"),
    ("PHAGEN_TEST_VALIDATE_NEW", "1.37"),
];

/// Lines of what is wrong with `resources`; none when all is well.
fn faults(resources: &[Value], (validator, version): (&str, &str)) -> Vec<String> {
    let mut file = tempfile::NamedTempFile::with_suffix(".yaml").expect("a temporary file");
    for resource in resources {
        // JSON is YAML.
        writeln!(file, "---\n{resource}").expect("the file is written");
    }
    let output = Command::new(tool(validator))
        .args(["-m", "kubernetes_validate", "--strict", "--quiet"])
        .args(["--kubernetes-version", version])
        .arg(file.path())
        .output()
        .expect("kubernetes-validate runs");
    let told = told(&output);
    let mut lines: Vec<String> = told.lines().map(str::to_owned).collect();
    // It only warns of a kind that it does not know. Ours are held against schemas of our own.
    lines.retain(|line| {
        !crd::KINDS.iter().any(|(version, kind)| {
            line.contains(&format!(
                "schema for kind {kind} with api version {version} "
            ))
        })
    });
    if !output.status.success() && lines.is_empty() {
        lines.push(format!("ended with {}", output.status));
    }
    lines
}

/// Once each, however many clusters have it: whose namespace it is in makes no difference here.
fn unique(clusters: Vec<Cluster>) -> Vec<Value> {
    let all = clusters.into_iter().flat_map(|cluster| cluster.resources);
    let by_text: BTreeMap<String, Value> = all
        .map(|mut resource| {
            if resource["metadata"]["namespace"].is_string() {
                resource["metadata"]["namespace"] = json!("x");
            }
            (resource.to_string(), resource)
        })
        .collect();
    by_text.into_values().collect()
}

#[test]
fn every_resource_fits_the_oldest_and_the_newest_schemas() {
    let resources = unique(Cluster::all());
    assert!(resources.len() > 60, "only {} resources", resources.len());
    for schemas in SCHEMAS {
        let faults = faults(&resources, schemas);
        assert!(faults.is_empty(), "{schemas:?}: {faults:#?}");
    }
}

#[test]
fn every_resource_of_an_operator_fits_our_schema_of_it() {
    let mut n_checked = 0;
    for resource in unique(Cluster::all()) {
        n_checked += usize::from(crd::check(&resource));
    }
    assert!(n_checked >= 4, "only {n_checked} were there to check");
}

/// A Deployment as short as it may be, with `spoil` in it.
fn deployment(spoil: impl FnOnce(&mut Value)) -> Value {
    let mut deployment = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": "x" },
        "spec": {
            "selector": { "matchLabels": { "a": "b" } },
            "template": {
                "metadata": { "labels": { "a": "b" } },
                "spec": { "containers": [{ "name": "x", "image": "x:1" }] },
            },
        },
    });
    spoil(&mut deployment);
    deployment
}

#[test]
fn a_planted_slip_is_found() {
    type Spoil = fn(&mut Value);
    let slips: [(Spoil, &str); 5] = [
        (|it| it["spec"]["replica"] = json!(2), "replica"),
        (
            |it| it["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = json!({}),
            "livenesProbe",
        ),
        (|it| it["spec"]["replicas"] = json!("two"), "two"),
        (|it| it["kind"] = json!("Deploymnet"), "Deploymnet"),
        (
            |it| it["apiVersion"] = json!("extensions/v1beta1"),
            "extensions",
        ),
    ];
    for schemas in SCHEMAS {
        assert!(faults(&[deployment(|_| {})], schemas).is_empty());
        let spoilt = slips.map(|(spoil, _)| deployment(spoil));
        let found = faults(&spoilt, schemas);
        assert_eq!(found.len(), slips.len(), "{schemas:?}: {found:#?}");
        for (line, (_, named)) in found.iter().zip(slips) {
            assert!(line.contains(named), "`{named}` in {schemas:?}: {line}");
        }
    }
}

#[test]
fn a_field_that_the_oldest_does_not_know_is_found() {
    // Of 1.25: the newest takes it, a cluster of 1.24 would drop it without a word.
    let newer = deployment(|it| {
        it["spec"]["template"]["spec"]["hostUsers"] = json!(false);
    });
    let [old, new] = SCHEMAS.map(|schemas| faults(std::slice::from_ref(&newer), schemas));
    assert!(old.join("\n").contains("hostUsers"), "{old:?}");
    assert!(new.is_empty(), "{new:?}");
}
