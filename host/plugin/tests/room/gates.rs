//! The three gates, and what each says.

use phagen_domain::plugin::{
    HttpGrant, InstancePolicy, Keep, LimitRequest, Manifest, SelfTest, World,
};
use phagen_package::GoldenCases;
use phagen_plugin::{CheckReport, PluginError};
use serde_json::{Value, json};

use crate::common::{Room, attribute, candidate, day, guest, manifest, packaged};

fn verify(bytes: &[u8]) -> Result<phagen_plugin::Verified, PluginError> {
    Room::new().host.verify(bytes)
}

fn refused(bytes: &[u8]) -> &'static str {
    verify(bytes).expect_err("refused").code()
}

#[test]
fn the_guests_of_the_house_pass_the_first_gate() {
    for (world, name) in [
        (World::Source, "corpus_source"),
        (World::Mapper, "mesh_mapper"),
        (World::Reranker, "evidence_reranker"),
        (World::Reranker, "first_contract"),
    ] {
        let verified = verify(&guest(name)).expect(name);
        assert_eq!(verified.world, world);
        assert!(verified.notes.len() >= 3, "{:?}", verified.notes);
    }
}

#[test]
fn notes_of_the_first_gate_are_for_people() {
    let wanted = Manifest {
        limits: LimitRequest {
            memory_bytes: Some(256 << 20),
            ..LimitRequest::default()
        },
        ..manifest(World::Reranker)
    };
    let verified = verify(&packaged("unruly_reranker", &wanted)).expect("verified");
    let notes = verified.notes.join("\n");
    for part in [
        "valid WebAssembly",
        "world `reranker` of phagen:plugin/",
        "gets 256 MiB of memory, 5s a call and 5s for `init`",
    ] {
        assert!(notes.contains(part), "{notes}");
    }
    let notes = verify(&guest("unruly_reranker"))
        .expect("verified")
        .notes
        .join("\n");
    assert!(
        notes.contains("no manifest: it asks for nothing"),
        "{notes}"
    );
}

#[test]
fn the_first_gate_refuses_by_what_is_wrong() {
    let whole = packaged("unruly_guest", &manifest(World::Source));
    assert_eq!(refused(b"<!doctype html>"), "plugin_not_a_component");
    assert_eq!(refused(b"\0asm\x01\0\0\0"), "plugin_not_a_component");
    assert_eq!(refused(&vec![0; (32 << 20) + 1]), "plugin_too_large");
    assert_eq!(refused(&whole[..whole.len() / 2]), "plugin_invalid");
    assert_eq!(refused(&guest("trespasser_guest")), "plugin_foreign_import");
    // Its header alone: a component of no world.
    assert_eq!(refused(b"\0asm\x0d\0\x01\0"), "plugin_package");
    let error = verify(&two_manifests(&whole)).expect_err("refused");
    assert_eq!(error.code(), "plugin_package");
}

/// The manifest section comes last: append it once more.
fn two_manifests(whole: &[u8]) -> Vec<u8> {
    let without = packaged_length(whole);
    [whole, &whole[without..]].concat()
}

fn packaged_length(whole: &[u8]) -> usize {
    let name = b"phagen:manifest";
    let at = whole
        .windows(name.len())
        .rposition(|bytes| bytes == name)
        .expect("a manifest");
    // Kind, length of the section in two bytes, length of the name in one.
    at - 4
}

#[test]
fn a_component_of_too_many_parts_is_refused_with_both_numbers() {
    let instances = "(core instance (instantiate $m))".repeat(41);
    for (module, parts, what) in [
        (
            "(core module $m)",
            instances.as_str(),
            "41 core instances, and one plugin gets at most 40",
        ),
        (
            "(core module $m (memory 1))",
            &"(core instance (instantiate $m))".repeat(5),
            "5 memories, and one plugin gets at most 4",
        ),
        (
            "(core module $m (table 1 funcref) (table 1 funcref) (table 1 funcref))",
            &"(core instance (instantiate $m))".repeat(6),
            "18 tables, and one plugin gets at most 16",
        ),
        (
            "(component $c (core module $m (memory 1)) (core instance (instantiate $m)) (core instance (instantiate $m)))",
            &"(instance (instantiate $c))".repeat(3),
            "6 memories, and one plugin gets at most 4",
        ),
    ] {
        let bytes = wat::parse_str(format!("(component {module} {parts})")).expect("a component");
        let error = verify(&bytes).expect_err("refused");
        assert_eq!(error.code(), "plugin_too_many_parts");
        assert!(error.to_string().contains(what), "{error}");
    }
}

async fn check(
    room: &Room,
    manifest: &Manifest,
    guest_name: &str,
    mode: &str,
    cases: Option<Value>,
) -> Result<CheckReport, PluginError> {
    let mut slot = room.slot_of(manifest, guest_name, mode);
    if mode.is_empty() {
        slot.activation.config.clear();
    }
    let cases = cases.map(|cases| {
        let json = serde_json::to_vec(&json!({ "cases": cases })).expect("JSON");
        GoldenCases::parse(&json).expect("cases")
    });
    room.host.check(slot, cases.as_ref(), day(2026)).await
}

fn query() -> Value {
    serde_json::to_value(crate::common::query()).expect("JSON")
}

fn ranking(mode: &str, expect: &Value) -> Value {
    json!([{
        "name": "titles",
        "config": { "mode": mode },
        "rerank": { "query": query(), "candidates": [candidate(1, "One"), candidate(2, "Three")] },
        "expect": expect,
    }])
}

#[tokio::test]
async fn golden_cases_are_asked_with_their_own_configuration() {
    let room = Room::new();
    let wanted = manifest(World::Reranker);
    let golden = ranking(
        "ok",
        &json!({ "scores": [3.0, 5.0], "order": ["PMID:2", "PMID:1"] }),
    );
    let report = check(&room, &wanted, "unruly_reranker", "fail", Some(golden)).await;
    let report = report.expect("checked");
    assert_eq!((report.n_cases, report.is_deferred), (1, false));
    assert!(
        report.memory_bytes >= 65_536 && !report.slowest.is_zero(),
        "{report:?}"
    );
    let notes = report.notes.join("\n");
    for part in [
        "two instances started",
        "1 golden cases answered as expected",
        "3 calls",
    ] {
        assert!(notes.contains(part), "{notes}");
    }

    let golden = ranking("ok", &json!({ "scores": [3.0, 4.0] }));
    let error = check(&room, &wanted, "unruly_reranker", "ok", Some(golden)).await;
    let error = error.expect_err("another score");
    assert_eq!(error.code(), "plugin_golden");
    assert_eq!(
        error.to_string(),
        "golden case `titles`: score 1 (from 0): expected 4 within 0.00001, got 5"
    );

    let golden = ranking("trap", &json!({ "scores": [3.0, 4.0] }));
    let error = check(&room, &wanted, "unruly_reranker", "ok", Some(golden)).await;
    let text = error.expect_err("a trap").to_string();
    assert!(text.contains("told to trap in `score`"), "{text}");
    let golden = ranking("fail", &json!({ "error": "internal" }));
    assert!(
        check(&room, &wanted, "unruly_reranker", "ok", Some(golden))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_source_finds_the_corpus_of_its_case() {
    let room = Room::new();
    let golden = json!([{
        "name": "two",
        "config": { "mode": "corpus" },
        "corpus": [candidate(1, "One"), candidate(2, "Two"), candidate(3, "Three")],
        "search": { "query": query(), "limit": 2 },
        "expect": { "evidence_ids": ["PMID:1", "PMID:2"] },
    }]);
    let report = check(
        &room,
        &manifest(World::Source),
        "unruly_guest",
        "ok",
        Some(golden),
    )
    .await;
    assert_eq!(report.expect("checked").n_cases, 1);
    assert!(room.corpus.asked.lock().expect("not poisoned").is_empty());
}

fn fetching() -> Manifest {
    let mut manifest = manifest(World::Source);
    manifest.grant.artifact = false;
    manifest.grant.http.push(HttpGrant {
        origin: "https://api.example.org".parse().expect("an origin"),
        methods: vec!["GET".to_owned()],
        path: "/drug".to_owned(),
        secrets: Vec::new(),
        private_addresses: false,
    });
    manifest
}

fn fetched(url: &str, expect: &Value) -> Value {
    json!([{
        "name": "one page",
        "config": { "url": url },
        "http": [{
            "url": "https://api.example.org/drug?name=aspirin",
            "headers": { "content-type": "application/json" },
            "body": "{}",
        }],
        "search": { "query": query(), "limit": 2 },
        "expect": expect,
    }])
}

#[tokio::test]
async fn a_source_finds_the_network_of_its_case_and_policy_still_decides() {
    let room = Room::new();
    let ok = json!({ "evidence_ids": ["PMID:1"] });
    let url = "https://api.example.org/drug?name=aspirin";
    let mut manifest = fetching();
    let report = check(
        &room,
        &manifest,
        "fetcher_guest",
        "",
        Some(fetched(url, &ok)),
    )
    .await;
    let report = report.expect("checked");
    assert_eq!(
        (report.n_cases, report.is_deferred),
        (1, true),
        "{report:?}"
    );

    // What the manifest does not ask for is denied, whatever the case would answer.
    manifest.grant.http[0].path = "/food".to_owned();
    let error = check(
        &room,
        &manifest,
        "fetcher_guest",
        "",
        Some(fetched(url, &ok)),
    )
    .await;
    let error = error.expect_err("denied").to_string();
    assert!(error.contains("denied"), "{error}");

    let other = "https://api.example.org/drug?name=ibuprofen";
    let error = check(
        &room,
        &fetching(),
        "fetcher_guest",
        "",
        Some(fetched(other, &ok)),
    )
    .await;
    let error = error.expect_err("no answer").to_string();
    assert!(
        error.contains("the golden case has no answer for it"),
        "{error}"
    );
}

#[tokio::test]
async fn a_guest_that_cannot_start_without_its_artifact_is_checked_again_later() {
    let room = Room::new();
    let bytes = packaged("evidence_reranker", &manifest(World::Reranker));
    let plugin = room.host.load(World::Reranker, &bytes).expect("a plugin");
    let mut slot = room.reranker("ok");
    slot.plugin = plugin;
    slot.activation.config.clear();
    let report = room
        .host
        .check(slot, None, day(2026))
        .await
        .expect("passed");
    assert!(report.is_deferred);
    assert!(
        report.notes[0].contains("checked again when it is activated"),
        "{report:?}"
    );
    // With a configuration it is the configuration's fault.
    let slot = room.slot(World::Source, "unruly_guest", "no such mode");
    assert!(room.host.check(slot, None, day(2026)).await.is_err());
}

#[tokio::test]
async fn faults_fail_the_check_with_their_own_code() {
    let room = Room::hasty();
    let reranker = manifest(World::Reranker);
    for (guest_name, mode, code) in [
        ("unruly_reranker", "trap", "plugin_trap"),
        ("unruly_reranker", "loop", "plugin_timeout"),
        ("unruly_reranker", "nan", "plugin_invalid_output"),
        ("unruly_reranker", "fail", "plugin_failed"),
    ] {
        let error = check(&room, &reranker, guest_name, mode, None).await;
        assert_eq!(error.expect_err(mode).code(), code);
    }
    let source = manifest(World::Source);
    for (mode, code) in [
        ("init-loop", "plugin_timeout"),
        ("init-trap", "plugin_trap"),
        ("crowd", "plugin_failed"),
    ] {
        let error = check(&room, &source, "unruly_guest", mode, None).await;
        assert_eq!(error.expect_err(mode).code(), code, "{mode}");
    }
}

#[tokio::test]
async fn a_kept_instance_must_answer_as_a_fresh_one() {
    let room = Room::new();
    let keeping = Manifest {
        instance: InstancePolicy {
            keep: Some(Keep::default()),
        },
        self_test: SelfTest {
            cases: None,
            reads_order: true,
        },
        ..manifest(World::Reranker)
    };
    let report = check(&room, &keeping, "unruly_reranker", "ok", None)
        .await
        .expect("checked");
    let notes = report.notes.join("\n");
    assert!(
        notes.contains("a kept instance answered three times as a fresh one"),
        "{notes}"
    );

    // It draws on random numbers, which go on in a kept instance.
    let error = check(&room, &keeping, "unruly_reranker", "random", None).await;
    let error = error.expect_err("other scores");
    assert_eq!(error.code(), "plugin_not_deterministic");
    let text = error.to_string();
    assert!(text.contains("`answer.reranked."), "{text}");
}

#[tokio::test]
async fn a_score_stands_where_its_candidate_stands_unless_the_manifest_says_otherwise() {
    let room = Room::new();
    let plain = manifest(World::Reranker);
    // By size; and by place, since random numbers are the same in every fresh instance.
    for mode in ["sorted", "random"] {
        let error = check(&room, &plain, "unruly_reranker", mode, None).await;
        let error = error.expect_err(mode);
        assert_eq!(error.code(), "plugin_out_of_order", "{mode}");
        assert!(error.to_string().starts_with("`PMID:"), "{error}");
    }
    let reading_order = Manifest {
        self_test: SelfTest {
            cases: None,
            reads_order: true,
        },
        ..plain
    };
    let checked = check(&room, &reading_order, "unruly_reranker", "random", None).await;
    assert!(checked.is_ok(), "{checked:?}");
}

#[tokio::test]
async fn a_check_says_nothing_to_the_guard_and_leaves_nothing_behind() {
    let room = Room::new();
    let slot = room.reranker("ok");
    let guard = std::sync::Arc::clone(slot.guard());
    let mut slot = slot;
    slot.activation.config.push(attribute("more", "of it"));
    room.host
        .check(slot, None, day(2026))
        .await
        .expect("checked");
    assert_eq!(guard.stats().n_calls, 0);
    assert_eq!(room.host.n_live_instances(), Some(0));
}
