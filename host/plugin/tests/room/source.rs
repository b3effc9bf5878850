//! Sources that misbehave, each time followed by a call that works.

use std::time::Instant;

use phagen_domain::{evidence::EvidenceKind, plugin::World};
use phagen_plugin::PluginError;

use crate::common::{DEADLINE, Room, SLACK, artifact, attribute, query};

async fn failure(room: &Room, mode: &str) -> PluginError {
    let error = room.source(mode).search(&query(), 3, None).await;
    // One guest's fault is nobody else's.
    let page = room.source("ok").search(&query(), 3, None).await;
    assert_eq!(page.expect("the next call works").candidates.len(), 1);
    error.expect_err(mode)
}

#[tokio::test]
async fn a_source_sees_the_query_and_the_host_its_evidence() {
    let room = Room::new();
    let page = room
        .source("ok")
        .search(&query(), 3, Some("here"))
        .await
        .expect("a page");
    let evidence = &page.candidates[0].evidence;
    for (key, value) in [
        ("molecule", "aspirin"),
        ("synonyms", "acetylsalicylic acid|ASA"),
        ("smiles", "CC(=O)Oc1ccccc1C(=O)O"),
        ("inchi_key", ""),
        ("as_of", "2026-11-22"),
        ("limit", "3"),
        ("cursor", "here"),
    ] {
        assert_eq!(evidence.attribute(key), Some(value), "{key}");
    }
    assert_eq!(evidence.evidence_id.as_str(), "PMID:1");
    assert_eq!(evidence.kind, EvidenceKind::Literature);
    assert_eq!(evidence.url.as_deref(), Some("https://example.org/1"));
    assert_eq!(evidence.date, "2019-03".parse().ok());
    assert_eq!(evidence.text_of(1), Some("A passage that names aspirin."));
    assert_eq!(page.candidates[0].signals[0].name, "source_rank");
}

#[tokio::test]
async fn a_guest_that_never_returns_ends_at_its_deadline() {
    let room = Room::hasty();
    for (mode, call) in [("loop", "search"), ("init-loop", "init")] {
        let source = room.source(mode);
        let started = Instant::now();
        let error = source.search(&query(), 3, None).await.expect_err(mode);
        let took = started.elapsed();
        assert!(took >= DEADLINE && took < DEADLINE + SLACK, "{took:?}");
        assert_eq!(
            error.to_string(),
            format!("`{call}` ran past its deadline of 300ms")
        );
        assert_eq!(error.code(), "plugin_timeout");
        assert!(error.is_retryable());
        failure(&room, mode).await;
    }
}

#[tokio::test]
async fn a_trap_says_where_and_what_the_guest_said() {
    let room = Room::new();
    for (mode, call) in [("trap", "search"), ("init-trap", "init")] {
        let error = failure(&room, mode).await;
        assert_eq!(error.code(), "plugin_trap");
        assert!(!error.is_retryable());
        let text = error.to_string();
        let words = mode.strip_suffix("-trap").unwrap_or("search");
        assert!(text.starts_with(&format!("`{call}` trapped: ")), "{text}");
        assert!(
            text.contains(&format!("told to trap in `{words}`")),
            "{text}"
        );
        assert!(text.contains("unreachable"), "{text}");
    }
}

#[tokio::test]
async fn endless_recursion_is_a_trap() {
    let error = failure(&Room::new(), "stack").await;
    assert_eq!(error.code(), "plugin_trap");
    // A Rust guest keeps most of its stack in its own memory and runs out of that first.
    let text = error.to_string();
    let known = ["out of bounds memory access", "call stack exhausted"];
    assert!(known.iter().any(|trap| text.contains(trap)), "{text}");
}

#[tokio::test]
async fn memory_ends_at_its_limit() {
    let room = Room::with(|settings| settings.limits.memory_bytes = 32 << 20);
    let error = failure(&room, "memory").await;
    assert_eq!(error.code(), "plugin_memory");
    let PluginError::MemoryLimit {
        call,
        asked_bytes,
        max_bytes,
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!((call, max_bytes), ("search", 32 << 20));
    assert!(asked_bytes > max_bytes);
}

#[tokio::test]
async fn a_giant_output_is_refused() {
    let room = Room::new();
    let mut source = room.source("giant");
    let mut megabytes = |n: usize| {
        let bytes = (n << 20).to_string();
        source.activation.config = vec![attribute("mode", "giant"), attribute("bytes", &bytes)];
        source.clone()
    };
    let (small, large) = (megabytes(3), megabytes(5));
    assert!(small.search(&query(), 3, None).await.is_ok());
    let error = large.search(&query(), 3, None).await.expect_err("too much");
    assert_eq!(error.code(), "plugin_output");
    assert!(error.to_string().contains("4194304 bytes"), "{error}");
}

#[tokio::test]
async fn a_page_that_breaks_the_contract_is_refused_by_name() {
    let room = Room::new();
    for (mode, what) in [
        ("crowd", "30 candidates where 3 were asked for"),
        ("bad-evidence", "4 candidates where 3 were asked for"),
    ] {
        let error = failure(&room, mode).await;
        assert_eq!(error.code(), "plugin_invalid_output");
        assert!(error.to_string().ends_with(what), "{error}");
    }
    let source = room.source("bad-evidence");
    let error = source
        .search(&query(), 4, None)
        .await
        .expect_err("a bad id");
    assert!(
        error
            .to_string()
            .contains("`not an id#1` is not an evidence id"),
        "{error}"
    );
}

#[tokio::test]
async fn the_corpus_is_searched_only_where_it_is_granted() {
    let room = Room::new();
    let denied = failure(&room, "corpus").await;
    assert_eq!(denied.code(), "plugin_denied");
    assert!(
        denied.to_string().contains("slot `test` grants no corpus"),
        "{denied}"
    );
    assert!(room.corpus.asked.lock().expect("asked").is_empty());

    let mut source = room.source("corpus");
    source.activation.grant.corpus = true;
    let page = source.search(&query(), 3, None).await.expect("a page");
    assert_eq!(page.cursor.as_deref(), Some("next"));
    assert_eq!(
        page.candidates,
        [crate::common::candidate(7, "Aspirin in the corpus")]
    );
    let asked = room.corpus.asked.lock().expect("asked").clone();
    assert_eq!(asked[0].names, ["aspirin", "acetylsalicylic acid", "ASA"]);
    assert_eq!(asked[0].limit, 3);

    // The corpus fails by its own code, and refuses what it does not take.
    let mut elsewhere = query();
    elsewhere.molecule.name = "unavailable".to_owned();
    let error = source
        .search(&elsewhere, 3, None)
        .await
        .expect_err("failed");
    assert!(matches!(error, PluginError::Guest(failure) if failure.code == "unavailable"));
    let error = source
        .search(&query(), 201, None)
        .await
        .expect_err("refused");
    assert!(
        error.to_string().contains("limit 201; expected 1 to 200"),
        "{error}"
    );
}

#[tokio::test]
async fn an_artifact_is_read_only_where_it_is_granted() {
    let room = Room::new();
    let mut source = room.source("artifact");
    source.artifact = Some(artifact(b"weights"));
    let denied = source.search(&query(), 3, None).await.expect_err("denied");
    assert_eq!(denied.code(), "plugin_denied");

    source.activation.grant.artifact = true;
    let page = source.search(&query(), 3, None).await.expect("a page");
    let told = |key| page.candidates[0].evidence.attribute(key);
    let digest = artifact(b"weights").digest.to_string();
    assert_eq!(told("name"), Some("weights"));
    assert_eq!(told("digest"), Some(digest.as_str()));
    assert_eq!((told("size"), told("n_read")), (Some("7"), Some("7")));

    source.artifact = None;
    let missing = source.search(&query(), 3, None).await.expect_err("missing");
    assert!(matches!(missing, PluginError::Guest(failure) if failure.code == "not-found"));
}

#[tokio::test]
async fn handles_have_a_limit() {
    let room = Room::with(|settings| settings.limits.n_handles = 0);
    let mut source = room.source("artifact");
    source.artifact = Some(artifact(b"weights"));
    source.activation.grant.artifact = true;
    let error = source.search(&query(), 3, None).await.expect_err("no room");
    assert_eq!(error.code(), "plugin_trap");
    assert!(error.to_string().contains("handle"), "{error}");
}

#[tokio::test]
async fn http_is_denied() {
    let error = failure(&Room::new(), "http").await;
    assert_eq!(error.code(), "plugin_denied");
    assert!(error.to_string().contains("HttpRequestDenied"), "{error}");
}

#[tokio::test]
async fn a_source_has_real_time_and_chance() {
    let room = Room::new();
    let source = room.source("random");
    let first = source.search(&query(), 3, None).await.expect("a page");
    let second = source.search(&query(), 3, None).await.expect("a page");
    let told = |page: &phagen_domain::evidence::Page, key| {
        let value = page.candidates[0].evidence.attribute(key);
        value.expect(key).parse::<u64>().expect("a number")
    };
    assert_ne!(told(&first, "random"), told(&second, "random"));
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970");
    assert!(now.as_secs() - told(&first, "unix_seconds") < 60);
}

#[tokio::test]
async fn a_failure_is_retried_only_by_a_known_code() {
    let room = Room::new();
    let error = failure(&room, "fail-retryable").await;
    assert_eq!(error.code(), "plugin_failed");
    assert!(error.is_retryable());
    assert_eq!(
        error.retry_after(),
        Some(std::time::Duration::from_millis(20))
    );

    let error = failure(&room, "fail-unknown").await;
    assert!(!error.is_retryable());
    assert_eq!(error.retry_after(), None);

    let error = failure(&room, "no such mode").await;
    assert!(matches!(error, PluginError::Guest(failure) if failure.code == "invalid-config"));
}

#[tokio::test]
async fn a_guest_checks_itself() {
    let room = Room::new();
    let query = query();
    assert!(room.source("ok").self_test(query.as_of).await.is_ok());
    let error = room
        .source("crowd")
        .self_test(query.as_of)
        .await
        .expect_err("crowd");
    assert_eq!(error.code(), "plugin_failed");
}

#[tokio::test]
async fn a_source_is_not_asked_to_rerank() {
    let room = Room::new();
    let error = room
        .source("ok")
        .rerank(&query(), &[])
        .await
        .expect_err("a source");
    assert_eq!(error.code(), "plugin_wrong_world");
    assert!(
        error.to_string().contains(World::Source.as_str()),
        "{error}"
    );
}
