//! The commands of `k8s/README.md` do what they say.

use std::collections::BTreeSet;

use crate::{
    cluster::{Cluster, Workload, name_of, selects},
    repository::{Copy, kustomize, kustomized, read},
};

const README: &str = "k8s/README.md";
/// What begins an overlay that a reader is told to write.
const FENCE: &str = "```yaml\n# ";

/// Overlays in the README's text: file and contents.
fn overlays(readme: &str) -> Vec<(String, String)> {
    let parts = readme.split(FENCE).skip(1);
    parts
        .map(|part| {
            let whole = part.split("```").next().unwrap_or_default();
            let (path, text) = whole
                .split_once('\n')
                .expect("a file's name, then its text");
            (path.to_owned(), text.to_owned())
        })
        .collect()
}

/// `k8s/` with the overlays that a reader has written.
fn written(readme: &str) -> Copy {
    let copy = Copy::new();
    for (path, text) in overlays(readme) {
        copy.write(&path, &text);
    }
    copy
}

/// The combinations that the README names, built.
pub(crate) fn combinations() -> Vec<Cluster> {
    let readme = read(README);
    let copy = written(&readme);
    let k8s = copy.path().join("k8s");
    overlays(&readme)
        .iter()
        .map(|(path, _)| {
            let folder = path.strip_prefix("k8s/").expect("a path in `k8s/`");
            let folder = folder.strip_suffix("/kustomization.yaml");
            let folder = folder.expect("an overlay");
            Cluster::parse(folder, &kustomized(&k8s, folder))
        })
        .collect()
}

/// Folders behind `kubectl kustomize`, `apply -k` and `diff -k`.
fn folders(readme: &str) -> BTreeSet<&str> {
    [
        "kubectl kustomize ",
        "kubectl apply -k ",
        "kubectl diff -k ",
    ]
    .into_iter()
    .flat_map(|command| readme.split(command).skip(1))
    .map(|rest| {
        let end = rest.find(|c: char| c.is_whitespace() || c == '`');
        &rest[..end.unwrap_or(rest.len())]
    })
    .collect()
}

#[test]
fn its_kustomize_commands_run() {
    let readme = read(README);
    let copy = written(&readme);
    let folders = folders(&readme);
    for folder in ["k8s/overlays/dev", "k8s/overlays/prod", "k8s/overlays/aks"] {
        assert!(
            folders.contains(folder),
            "the README does not build `{folder}`"
        );
    }
    for folder in folders {
        let printed = kustomize(&copy.path().join(folder));
        assert!(printed.contains("kind: Deployment"), "{folder}: {printed}");
    }
}

#[test]
fn what_its_commands_name_is_there() {
    let readme = read(README);
    let clusters = ["overlays/dev", "overlays/prod"].map(Cluster::of);
    for (word, kind) in [
        ("deployment/", "Deployment"),
        ("service/", "Service"),
        ("job/", "Job"),
    ] {
        let names: BTreeSet<&str> = readme
            .split(&format!(" {word}"))
            .skip(1)
            .map(|rest| rest.split_whitespace().next().expect("a name"))
            .collect();
        assert!(!names.is_empty(), "the README names no {kind}");
        for name in names {
            let found = clusters.iter().all(|it| it.find(kind, name).is_some());
            assert!(found, "the README speaks of {kind} `{name}`");
        }
    }
}

#[test]
fn its_policy_for_a_bucket_is_for_the_pods_that_have_one() {
    let readme = read(README);
    let (_, rest) = readme
        .split_once("```yaml\napiVersion: networking")
        .expect("a policy");
    let (policy, _) = rest.split_once("```").expect("its end");
    let written = Cluster::parse("README", &format!("apiVersion: networking{policy}"));
    let policy = written.find("NetworkPolicy", "bucket").expect("its name");
    let prod = Cluster::of("overlays/prod");
    let workloads = prod.workloads().into_iter();
    let mut roles: Vec<&str> = workloads
        .filter(|it| selects(&policy["spec"]["podSelector"], &it.labels()))
        .map(Workload::component)
        .collect();
    roles.sort_unstable();
    assert_eq!(roles, ["api", "worker"]);
    // Beside a base that has none of the name: an overlay could not add it otherwise.
    assert!(prod.find("NetworkPolicy", "bucket").is_none());
}

#[test]
fn it_names_every_component_and_every_secret() {
    let readme = read(README);
    let components = crate::repository::root().join("k8s/components");
    for entry in std::fs::read_dir(components).expect("components") {
        let name = entry.expect("a component").file_name();
        let name = name.to_string_lossy();
        assert!(readme.contains(&format!("`{name}`")), "nothing of `{name}`");
    }
    for cluster in Cluster::all() {
        for (secret, key) in crate::secrets::named(&cluster) {
            // The cluster's own Postgres is for trying out, and its password is made by the script.
            if secret == "phagen-postgres" {
                continue;
            }
            assert!(
                readme.contains(&format!("`{secret}`")),
                "nothing of `{secret}`"
            );
            assert!(
                readme.contains(&format!("`{key}`")),
                "{secret}: nothing of `{key}`"
            );
        }
    }
}

#[test]
fn the_namespace_of_each_overlay_is_its_own() {
    let mut names = BTreeSet::new();
    for folder in ["overlays/dev", "overlays/staging", "overlays/prod"] {
        let cluster = Cluster::of(folder);
        let [namespace] = cluster.of_kind("Namespace")[..] else {
            panic!("`{folder}` has not one namespace")
        };
        let name = name_of(namespace).to_owned();
        for resource in &cluster.resources {
            let is_in_it = resource["metadata"]["namespace"] == name.as_str();
            assert!(
                is_in_it || resource == namespace,
                "{folder}: {}",
                name_of(resource)
            );
        }
        assert!(names.insert(name), "{folder} shares its namespace");
    }
}
