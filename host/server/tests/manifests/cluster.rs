//! What would be applied to a cluster, as kustomize prints it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    readme,
    repository::{kustomized, root},
};

const OVERLAYS: [&str; 4] = ["base", "overlays/dev", "overlays/staging", "overlays/prod"];

pub(crate) struct Cluster {
    /// Of its folder in `k8s/`.
    pub(crate) name: String,
    pub(crate) resources: Vec<Value>,
}

impl Cluster {
    pub(crate) fn of(folder: &str) -> Self {
        let yaml = kustomized(&root().join("k8s"), folder);
        Self::parse(folder, &yaml)
    }

    /// Every overlay, and every combination that the README names.
    pub(crate) fn all() -> Vec<Self> {
        let overlays = OVERLAYS.map(Self::of);
        overlays.into_iter().chain(readme::combinations()).collect()
    }

    pub(crate) fn parse(name: &str, yaml: &str) -> Self {
        let resources = serde_saphyr::from_multiple(yaml)
            .unwrap_or_else(|error| panic!("`{name}` is no YAML: {error}"));
        Self {
            name: name.to_owned(),
            resources,
        }
    }

    pub(crate) fn of_kind(&self, kind: &str) -> Vec<&Value> {
        let is_of_kind = |resource: &&Value| resource["kind"] == kind;
        self.resources.iter().filter(is_of_kind).collect()
    }

    pub(crate) fn find(&self, kind: &str, name: &str) -> Option<&Value> {
        let of_kind = self.of_kind(kind);
        of_kind
            .into_iter()
            .find(|resource| name_of(resource) == name)
    }

    /// Everything that makes pods.
    pub(crate) fn workloads(&self) -> Vec<Workload<'_>> {
        let templated = |resource| Workload { resource };
        self.resources
            .iter()
            .filter(|resource| resource["spec"]["template"]["spec"].is_object())
            .map(templated)
            .collect()
    }

    pub(crate) fn workload(&self, component: &str) -> Workload<'_> {
        self.workloads()
            .into_iter()
            .find(|workload| workload.component() == component)
            .unwrap_or_else(|| panic!("`{}` has no `{component}`", self.name))
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Workload<'a> {
    pub(crate) resource: &'a Value,
}

impl<'a> Workload<'a> {
    pub(crate) fn kind(self) -> &'a str {
        text(&self.resource["kind"])
    }

    pub(crate) fn name(self) -> &'a str {
        name_of(self.resource)
    }

    /// Of its pods.
    pub(crate) fn labels(self) -> BTreeMap<&'a str, &'a str> {
        labels(&self.resource["spec"]["template"]["metadata"]["labels"])
    }

    pub(crate) fn component(self) -> &'a str {
        let labels = self.labels();
        labels["app.kubernetes.io/component"]
    }

    pub(crate) fn pod(self) -> &'a Value {
        &self.resource["spec"]["template"]["spec"]
    }

    pub(crate) fn containers(self) -> impl Iterator<Item = &'a Value> {
        ["initContainers", "containers"]
            .into_iter()
            .flat_map(move |list| items(&self.pod()[list]))
    }

    /// Whether its pods run until they are told to end.
    pub(crate) fn stays(self) -> bool {
        self.kind() != "Job"
    }

    /// The number behind a port's name, or the number itself.
    pub(crate) fn port(self, port: &Value) -> Option<u64> {
        let ports = self.containers().flat_map(|it| items(&it["ports"]));
        let mut numbers = ports.filter(|it| it["name"] == *port || it["containerPort"] == *port);
        numbers.next()?["containerPort"].as_u64()
    }

    pub(crate) fn is_phagen(self) -> bool {
        self.containers()
            .any(|container| is_phagen(text(&container["image"])))
    }
}

/// Whether it is our own image, wherever it was pushed to.
pub(crate) fn is_phagen(image: &str) -> bool {
    let last = image.rsplit('/').next().unwrap_or_default();
    last.split([':', '@']).next() == Some("phagen")
}

pub(crate) fn name_of(resource: &Value) -> &str {
    text(&resource["metadata"]["name"])
}

pub(crate) fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
}

pub(crate) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

pub(crate) fn labels(value: &Value) -> BTreeMap<&str, &str> {
    let pairs = value.as_object().into_iter().flatten();
    pairs
        .map(|(key, value)| (key.as_str(), text(value)))
        .collect()
}

/// Whether `selector` (`matchLabels`, `matchExpressions` with `In`, or both) takes pods with `labels`.
pub(crate) fn selects(selector: &Value, labels: &BTreeMap<&str, &str>) -> bool {
    let has = |key: &str, value: &str| labels.get(key) == Some(&value);
    let all_labels = self::labels(&selector["matchLabels"])
        .into_iter()
        .all(|(key, value)| has(key, value));
    let mut expressions = items(&selector["matchExpressions"]);
    all_labels
        && expressions.all(|expression| {
            assert_eq!(expression["operator"], "In", "{expression}");
            let key = text(&expression["key"]);
            items(&expression["values"]).any(|value| has(key, text(value)))
        })
}
