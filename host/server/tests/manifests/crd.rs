//! Schemas of the kinds that operators add to a cluster, as far as the manifests use them. They are in
//! no schema of Kubernetes; a field that is not here is a slip until it is added here.

use serde_json::{Value, json};

use crate::schema::assert_conforms;

pub(crate) const KINDS: [(&str, &str); 5] = [
    ("keda.sh/v1alpha1", "ScaledObject"),
    ("keda.sh/v1alpha1", "TriggerAuthentication"),
    ("monitoring.coreos.com/v1", "PodMonitor"),
    ("monitoring.coreos.com/v1", "PrometheusRule"),
    ("monitoring.coreos.com/v1", "ServiceMonitor"),
];

/// Panics with what is wrong; false for what is none of [`KINDS`].
pub(crate) fn check(resource: &Value) -> bool {
    let spec = match resource["kind"].as_str() {
        Some("ScaledObject") => scaled_object(),
        Some("TriggerAuthentication") => trigger_authentication(),
        Some("PodMonitor") => monitor("podMetricsEndpoints"),
        Some("ServiceMonitor") => monitor("endpoints"),
        Some("PrometheusRule") => prometheus_rule(),
        _ => return false,
    };
    let schema = object(&json!({
        "apiVersion": text(),
        "kind": text(),
        "metadata": { "type": "object" },
        "spec": spec,
    }));
    let found = (&resource["apiVersion"], &resource["kind"]);
    let is_known = |(version, kind): &(&str, &str)| found.0 == version && found.1 == kind;
    assert!(KINDS.iter().any(is_known), "{found:?} is not known");
    assert_conforms(&Value::Null, &schema, resource, &found.1.to_string());
    true
}

/// With these fields, all of them, and no other.
fn object(fields: &Value) -> Value {
    let names: Vec<&String> = fields
        .as_object()
        .into_iter()
        .flatten()
        .map(|it| it.0)
        .collect();
    json!({ "type": "object", "properties": fields, "required": names })
}

fn list(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn number() -> Value {
    json!({ "type": "integer" })
}

fn texts() -> Value {
    json!({ "type": "object", "additionalProperties": text() })
}

fn scaled_object() -> Value {
    let target = object(&json!({ "apiVersion": text(), "kind": text(), "name": text() }));
    let slowly = object(&json!({ "stabilizationWindowSeconds": number() }));
    let behavior = object(&json!({ "behavior": object(&json!({ "scaleDown": slowly })) }));
    let trigger = object(&json!({
        "type": text(),
        "metricType": { "type": "string", "enum": ["AverageValue", "Value"] },
        "metadata": texts(),
        "authenticationRef": object(&json!({ "name": text() })),
    }));
    object(&json!({
        "scaleTargetRef": target,
        "minReplicaCount": number(),
        "maxReplicaCount": number(),
        "pollingInterval": number(),
        "fallback": object(&json!({ "failureThreshold": number(), "replicas": number() })),
        "advanced": object(&json!({ "horizontalPodAutoscalerConfig": behavior })),
        "triggers": list(&trigger),
    }))
}

fn trigger_authentication() -> Value {
    let one = object(&json!({ "parameter": text(), "name": text(), "key": text() }));
    object(&json!({ "secretTargetRef": list(&one) }))
}

fn monitor(endpoints: &str) -> Value {
    let endpoint = object(&json!({ "port": text(), "path": text(), "interval": text() }));
    let selector = object(&json!({ "matchLabels": texts() }));
    object(&json!({ "selector": selector, endpoints: list(&endpoint) }))
}

fn prometheus_rule() -> Value {
    let fields = json!({
        "alert": text(), "expr": text(), "for": text(), "labels": texts(), "annotations": texts(),
    });
    let rule = json!({
        "type": "object",
        "properties": fields,
        "required": ["alert", "expr", "labels", "annotations"],
    });
    let group = object(&json!({ "name": text(), "rules": list(&rule) }));
    object(&json!({ "groups": list(&group) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn monitor_with(field: &str) -> Value {
        json!({
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PodMonitor",
            "metadata": { "name": "x" },
            "spec": {
                "selector": { "matchLabels": { "a": "b" } },
                "podMetricsEndpoints": [{ "port": "x", "path": "/metrics", field: "30s" }],
            },
        })
    }

    #[test]
    fn a_monitor_without_a_slip_passes() {
        assert!(check(&monitor_with("interval")));
    }

    #[test]
    #[should_panic(expected = "`interval` is missing")]
    fn a_planted_slip_is_found() {
        check(&monitor_with("intervall"));
    }

    #[test]
    #[should_panic(expected = "is not known")]
    fn another_version_is_another_kind() {
        let mut resource = monitor_with("interval");
        resource["apiVersion"] = json!("monitoring.coreos.com/v2");
        check(&resource);
    }
}
