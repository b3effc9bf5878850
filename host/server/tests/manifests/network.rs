//! Network policies let through what the pods need, between pods that are there, and nothing else.

use serde_json::{Value, json};

use crate::cluster::{Cluster, Workload, items, name_of, selects, text};

const PRIVATE: [&str; 4] = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
];

/// Pods that are not in `k8s/`: cert-manager starts them, where it gets a certificate.
fn is_of_the_issuer(policy: &Value) -> bool {
    policy["spec"]["podSelector"]
        == json!({ "matchLabels": { "acme.cert-manager.io/http01-solver": "true" } })
}

fn taken<'a>(cluster: &'a Cluster, selector: &Value) -> Vec<Workload<'a>> {
    let workloads = cluster.workloads().into_iter();
    workloads
        .filter(|workload| selects(selector, &workload.labels()))
        .collect()
}

fn ports(rule: &Value) -> impl Iterator<Item = &Value> {
    items(&rule["ports"]).map(|port| &port["port"])
}

#[test]
fn nothing_passes_that_no_policy_names() {
    for cluster in Cluster::all() {
        let deny = cluster.find("NetworkPolicy", "default-deny");
        let deny = deny.unwrap_or_else(|| panic!("{} denies nothing", cluster.name));
        let all = json!({ "podSelector": {}, "policyTypes": ["Ingress", "Egress"] });
        assert_eq!(deny["spec"], all, "{}", cluster.name);
        for policy in cluster.of_kind("NetworkPolicy") {
            for (rules, peers) in [("ingress", "from"), ("egress", "to")] {
                for rule in items(&policy["spec"][rules]) {
                    let place = format!("{}: {}", cluster.name, name_of(policy));
                    // An empty list of either lets everything through.
                    assert!(items(&rule[peers]).count() > 0, "{place}: {rule}");
                    assert!(ports(rule).count() > 0, "{place}: {rule}");
                }
            }
        }
    }
}

#[test]
fn policies_are_for_pods_and_ports_that_are_there() {
    for cluster in Cluster::all() {
        let policies = cluster.of_kind("NetworkPolicy").into_iter();
        for policy in policies.filter(|policy| !is_of_the_issuer(policy)) {
            let spec = &policy["spec"];
            let place = format!("{}: {}", cluster.name, name_of(policy));
            let pods = taken(&cluster, &spec["podSelector"]);
            assert!(!pods.is_empty(), "{place} is for no pod");
            for rule in items(&spec["ingress"]) {
                for (port, pod) in
                    ports(rule).flat_map(|port| pods.iter().map(move |pod| (port, pod)))
                {
                    assert!(
                        pod.port(port).is_some(),
                        "{place}: {port} of {}",
                        pod.name()
                    );
                }
            }
            let peers = ["ingress", "egress"].map(|rules| items(&spec[rules]));
            for rule in peers.into_iter().flatten() {
                for peer in items(&rule["from"]).chain(items(&rule["to"])) {
                    let is_ours =
                        peer["podSelector"].is_object() && peer["namespaceSelector"].is_null();
                    if !is_ours {
                        continue;
                    }
                    let peers = taken(&cluster, &peer["podSelector"]);
                    assert!(!peers.is_empty(), "{place}: {peer}");
                    if rule["to"].is_array() {
                        let has_port = |port| peers.iter().all(|peer| peer.port(port).is_some());
                        assert!(ports(rule).all(has_port), "{place}: {rule}");
                    }
                }
            }
        }
    }
}

/// Whether a policy lets `from` out to pods of `to` on `port`, and another lets it in there.
fn reaches(cluster: &Cluster, from: &str, to: &str, port: u64) -> bool {
    let (from, to) = (cluster.workload(from), cluster.workload(to));
    let passes = |of: Workload<'_>, peer: Workload<'_>, [rules, peers]: [&str; 2]| {
        let policies = cluster.of_kind("NetworkPolicy").into_iter();
        let mut rules = policies
            .filter(|policy| selects(&policy["spec"]["podSelector"], &of.labels()))
            .flat_map(|policy| items(&policy["spec"][rules]));
        rules.any(|rule| {
            let is_peer = |it: &Value| {
                it["podSelector"].is_object()
                    && it["namespaceSelector"].is_null()
                    && selects(&it["podSelector"], &peer.labels())
            };
            items(&rule[peers]).any(is_peer) && ports(rule).any(|it| *it == json!(port))
        })
    };
    passes(from, to, ["egress", "to"]) && passes(to, from, ["ingress", "from"])
}

#[test]
fn pods_reach_what_they_work_with_and_no_more() {
    let cluster = Cluster::of("overlays/dev");
    for (from, to, port) in [
        ("api", "pgbouncer", 6432),
        ("worker", "pgbouncer", 6432),
        ("pgbouncer", "postgres", 5432),
        ("migrate", "postgres", 5432),
        ("api", "redis", 6379),
        ("worker", "redis", 6379),
        ("api", "object-store", 9000),
        ("worker", "object-store", 9000),
        ("bucket", "object-store", 9000),
        ("api", "otel-collector", 4318),
        ("worker", "otel-collector", 4318),
    ] {
        assert!(
            reaches(&cluster, from, to, port),
            "{from} does not reach {to}"
        );
    }
    for (from, to, port) in [
        ("api", "postgres", 5432),
        ("worker", "postgres", 5432),
        ("migrate", "redis", 6379),
        ("worker", "api", 8000),
        ("bucket", "postgres", 5432),
    ] {
        assert!(!reaches(&cluster, from, to, port), "{from} reaches {to}");
    }
}

#[test]
fn behind_a_pooler_only_it_and_the_migration_reach_postgres() {
    for (folder, expected) in [
        ("base", &["api", "migrate", "worker"][..]),
        ("overlays/prod", &["migrate", "pgbouncer"]),
    ] {
        let cluster = Cluster::of(folder);
        let policy = cluster.find("NetworkPolicy", "postgres").expect("a policy");
        let pods = taken(&cluster, &policy["spec"]["podSelector"]);
        let mut roles: Vec<&str> = pods.iter().map(|pod| pod.component()).collect();
        roles.sort_unstable();
        assert_eq!(roles, expected, "{folder}");
    }
}

#[test]
fn the_internet_is_reached_by_tls_and_without_private_addresses() {
    for cluster in Cluster::all() {
        for policy in cluster.of_kind("NetworkPolicy") {
            for rule in items(&policy["spec"]["egress"]) {
                for block in items(&rule["to"]).map(|peer| &peer["ipBlock"]) {
                    if block["cidr"] != "0.0.0.0/0" {
                        continue;
                    }
                    let ports: Vec<&Value> = ports(rule).collect();
                    assert_eq!(ports, [&json!(443)], "{}", name_of(policy));
                    let excepted: Vec<&str> = items(&block["except"]).map(text).collect();
                    let left = PRIVATE.iter().find(|range| !excepted.contains(range));
                    assert_eq!(left, None, "{}", name_of(policy));
                }
            }
        }
    }
}

#[test]
fn metrics_are_scraped_from_one_namespace_and_never_routed() {
    let cluster = Cluster::of("overlays/prod");
    let policy = cluster.find("NetworkPolicy", "monitoring-to-operations");
    let policy = policy.expect("a way to the operations port");
    let port = cluster.workload("worker").port(&json!("operations"));
    let [rule] = &items(&policy["spec"]["ingress"]).collect::<Vec<_>>()[..] else {
        panic!("several ways")
    };
    let scraped: Vec<Option<u64>> = ports(rule).map(Value::as_u64).collect();
    assert_eq!(scraped, [port]);
    for ingress in cluster.of_kind("Ingress") {
        for rule in items(&ingress["spec"]["rules"]) {
            for path in items(&rule["http"]["paths"]) {
                let service = &path["backend"]["service"];
                assert_eq!(service["port"]["name"], "http", "{path}");
                let found = cluster.find("Service", text(&service["name"]));
                assert!(found.is_some(), "{path}");
            }
        }
    }
}

#[test]
fn the_issuer_of_certificates_can_look_whether_the_host_is_ours() {
    for folder in ["overlays/staging", "overlays/prod"] {
        let cluster = Cluster::of(folder);
        let mut policies = cluster.of_kind("NetworkPolicy");
        policies.retain(|policy| is_of_the_issuer(policy));
        let [policy] = policies[..] else {
            panic!("{folder}: {} policies", policies.len())
        };
        // From where the API is reached too, on the port that cert-manager's solver listens on.
        let expected = json!([{
            "from": [{ "namespaceSelector": {
                "matchLabels": { "kubernetes.io/metadata.name": "ingress-nginx" }
            } }],
            "ports": [{ "port": 8089, "protocol": "TCP" }],
        }]);
        assert_eq!(policy["spec"]["ingress"], expected, "{folder}");
        let api = cluster.find("NetworkPolicy", "ingress-to-api");
        let api = api.expect("a way in");
        assert_eq!(
            api["spec"]["ingress"][0]["from"], expected[0]["from"],
            "{folder}"
        );
    }
}

#[test]
fn the_way_in_is_encrypted() {
    for folder in ["overlays/staging", "overlays/prod"] {
        let cluster = Cluster::of(folder);
        let ingresses = cluster.of_kind("Ingress");
        assert_eq!(ingresses.len(), 1, "{folder}");
        let ingress = ingresses[0];
        let tls = items(&ingress["spec"]["tls"]).flat_map(|it| items(&it["hosts"]));
        let hosts: Vec<&Value> = items(&ingress["spec"]["rules"])
            .map(|it| &it["host"])
            .collect();
        assert_eq!(tls.collect::<Vec<_>>(), hosts, "{folder}");
        let annotations = &ingress["metadata"]["annotations"];
        for key in [
            "cert-manager.io/cluster-issuer",
            "nginx.ingress.kubernetes.io/force-ssl-redirect",
        ] {
            assert!(annotations[key].is_string(), "{folder}: {key}");
        }
    }
}
