//! Types side by side.

use phagen_package::{
    Package, embed,
    types_diff::{describe_types, diff, diff_packages, host_types},
};

use crate::specimen::{component, component_of, manifest_with, reranker};

fn against_host(component: &[u8]) -> Vec<String> {
    let plugin = describe_types(component).expect("types");
    let differences = diff(&host_types().expect("the host's types"), &plugin);
    differences.iter().map(ToString::to_string).collect()
}

#[test]
fn a_plugin_of_any_frozen_contract_does_not_differ_from_the_host() {
    for (contract, world) in [
        ("v0.1.0", "source"),
        ("v0.1.0", "mapper"),
        ("v0.1.0", "reranker"),
        ("v0.2.0", "reranker"),
    ] {
        let differences = against_host(&component(contract, world));
        assert!(
            differences.is_empty(),
            "{contract} {world}: {differences:?}"
        );
    }
}

/// The mapper's part of the contract, with changes that nobody may make to it.
const CHANGED: &str = "package phagen:plugin@0.1.0;
interface types {
  record failure { code: string, retryable: bool, retry-after-ms: option<u64>, message: list<u8> }
  record molecule { name: string, synonyms: list<string>, smiles: option<string> }
  record passage { ordinal: u32, section: option<string>, text: string, source: string }
}
interface mapping {
  use types.{failure, molecule, passage};
  record document { evidence-id: string, passages: list<passage> }
  record span { start: u32, passage: u32, end: u32 }
  variant ground { span(span), basis(string), page(u32) }
  record finding { evidence-id: string, ground: ground, mesh-id: string, matched-text: string, negated: bool, stance: string, score: f32 }
  find: func(molecule: option<molecule>, documents: list<document>) -> list<finding>;
  explain: func(finding: finding) -> result<string, failure>;
}
interface tracing { trace: func(); }
world mapper { import tracing; export mapping; }";

#[test]
fn a_changed_contract_is_told_type_by_type() {
    let differences = against_host(&component_of(CHANGED, "mapper"));
    let expected = [
        "function phagen:plugin/mapping@0.1.0.explain: host does not have it; rebuild with the SDK of contract 0.2.0",
        "function phagen:plugin/mapping@0.1.0.find: host has `func(molecule: option<molecule>, documents: list<document>) -> result<list<finding>, failure>`, plugin `func(molecule: option<molecule>, documents: list<document>) -> list<finding>`; rebuild with the SDK of contract 0.2.0",
        "interface phagen:plugin/tracing: host does not have it; rebuild with the SDK of contract 0.2.0",
        "record phagen:plugin/mapping@0.1.0.span: the fields stand in another order; rebuild with the SDK of contract 0.2.0",
        "record phagen:plugin/types@0.1.0.failure: field `message` is `string` in host, `list<u8>` in plugin; rebuild with the SDK of contract 0.2.0",
        "record phagen:plugin/types@0.1.0.molecule: host has 4 fields, plugin 3 without `inchi-key`; rebuild with the SDK of contract 0.2.0",
        "record phagen:plugin/types@0.1.0.passage: host has 3 fields, plugin 4: `source`; rebuild with the SDK of contract 0.2.0",
        "variant phagen:plugin/mapping@0.1.0.ground: host has 2 cases, plugin 3: `page`; rebuild with the SDK of contract 0.2.0",
    ];
    let mut sorted = differences;
    sorted.sort();
    assert_eq!(sorted, expected);
}

#[test]
fn a_newer_contract_is_named_beside_those_of_the_host() {
    let newer = component_of(
        "package phagen:plugin@0.9.0;
        interface reranking { rerank: func() -> list<f32>; }
        world reranker { export reranking; }",
        "reranker",
    );
    assert_eq!(
        against_host(&newer),
        [
            "interface phagen:plugin/reranking: host has version 0.1.0 and 0.2.0, plugin has 0.9.0; rebuild with the SDK of contract 0.2.0"
        ]
    );
}

#[test]
fn two_versions_of_a_plugin_are_compared_both_ways() {
    let old = describe_types(&component("v0.1.0", "reranker")).unwrap();
    let new = describe_types(&reranker()).unwrap();
    let differences: Vec<String> = diff(&old, &new).iter().map(ToString::to_string).collect();
    assert_eq!(
        differences,
        [
            "interface phagen:plugin/reranking: old has version 0.1.0, new has 0.2.0",
            "interface phagen:plugin/reranking@0.1.0: only old has it",
        ]
    );
    assert!(diff(&new, &new).is_empty());
}

#[test]
fn two_packages_are_compared_by_what_they_ask_for() {
    let source = component("v0.1.0", "source");
    let read = |more: &str| {
        let whole = embed(&source, &manifest_with("source", more), None, None).unwrap();
        Package::read(&whole).unwrap()
    };
    let old = read("[grant]\ncorpus = true\n[limits]\nmemory_bytes = 1000\n");
    let new = read(
        "[grant]\nartifact = true\n[[grant.http]]\norigin = \"https://api.fda.gov\"\npath = \"/drug\"\nsecrets = [\"fda\"]\n",
    );
    let differences: Vec<String> = diff_packages(&old, &new)
        .iter()
        .map(ToString::to_string)
        .filter(|line| !line.starts_with("size: "))
        .collect();
    assert_eq!(
        differences,
        [
            "grant.corpus: no longer asked for",
            "grant.artifact: asked for now",
            "grant.http `GET https://api.fda.gov/drug with secrets fda`: added",
            "limits.memory_bytes: `1000` → `the host's`",
        ]
    );
    assert!(diff_packages(&old, &old).is_empty());
}

#[test]
fn a_core_module_has_no_types_to_describe() {
    let refusal = describe_types(b"\0asm\x01\0\0\0").unwrap_err().to_string();
    assert!(refusal.contains("core module"), "{refusal}");
}
