//! Plugins in Python and JavaScript, called through the same host code as those in Rust: the
//! examples of `sdk/`, and one of each language that misbehaves. `cargo xtask languages` builds
//! them. Each test compiles one component of 12 to 19 MB where the cache has it not yet.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use phagen_domain::{
    evidence::{EvidenceId, Passage},
    finding::Ground,
    plugin::{Activation, Failure, Manifest, World},
};
use phagen_package::GoldenCases;
use phagen_plugin::{ActiveSlot, Document, PluginError, Reranked};

use crate::common::{Room, artifact, attribute, candidate, day, query};

/// Time of a call after `init`, for guests that have no end.
const DEADLINE: Duration = Duration::from_secs(2);
/// What either language is content with; the host's own default is twice that.
const MEMORY_BYTES: usize = 64 << 20;

/// A component with its manifest and its golden cases.
struct Example {
    bytes: Vec<u8>,
    manifest: Manifest,
    cases: Option<GoldenCases>,
}

/// `examples/source` of language `python`, and the like.
fn example(language: &str, folder: &str) -> Example {
    let name = folder.rsplit('/').next().expect("a name");
    let component = built(language, name);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../sdk")
        .join(language)
        .join(folder);
    let toml = fs::read_to_string(folder.join("plugin.toml")).expect("a manifest");
    let manifest = phagen_package::parse_manifest(&toml).expect("a manifest");
    let cases = manifest
        .self_test
        .cases
        .as_ref()
        .map(|file| fs::read(folder.join(file)).expect("golden cases"));
    let bytes = phagen_package::embed(&component, &manifest, cases.as_deref(), None);
    Example {
        bytes: bytes.expect("a package"),
        manifest,
        cases: cases.map(|json| GoldenCases::parse(&json).expect("golden cases")),
    }
}

fn built(language: &str, name: &str) -> Vec<u8> {
    let folder = std::env::var_os("PHAGEN_TEST_LANGUAGES").map(PathBuf::from);
    let path = folder
        .expect(
            "`PHAGEN_TEST_LANGUAGES` is not set: run `cargo xtask test`, which builds the guests",
        )
        .join(language)
        .join(format!("{name}.wasm"));
    fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "cannot read `{}`: {error}; run `cargo xtask languages`",
            path.display()
        )
    })
}

fn room() -> Room {
    Room::with(|settings| {
        settings.limits.memory_bytes = MEMORY_BYTES;
        settings.limits.scoring_deadline = DEADLINE;
    })
}

/// A slot that grants all that the example asks for.
fn slot(room: &Room, example: &Example, config: &[(&str, &str)]) -> ActiveSlot {
    let plugin = room
        .host
        .load(example.manifest.plugin.world, &example.bytes)
        .expect("a plugin");
    let activation = Activation {
        plugin: plugin.name().to_owned(),
        plugin_digest: plugin.digest(),
        artifact_digest: None,
        config: config.iter().map(|(k, v)| attribute(k, v)).collect(),
        grant: example.manifest.grant.clone(),
    };
    let name = "test".parse().expect("a slot name");
    ActiveSlot::new(name, 1, activation, plugin, None)
}

/// Loads an example, holds what it says of itself against its manifest, and lets it pass the gate
/// that every version passes before it serves, golden cases included.
async fn checked(room: &Room, language: &str, world: World, config: &[(&str, &str)]) -> ActiveSlot {
    let example = example(language, &format!("examples/{world}"));
    let slot = slot(room, &example, config);
    let facts = &example.manifest.plugin;
    for (key, value) in [
        ("name", Some(facts.name.to_string())),
        ("version", Some(facts.version.clone())),
        ("description", facts.description.clone()),
        ("license", facts.license.clone()),
    ] {
        let told = slot.plugin.facts().iter().find(|fact| fact.key == key);
        assert_eq!(told.map(|fact| fact.value.clone()), value, "{key}");
    }
    slot.self_test(day(2026)).await.expect("a sound plugin");
    let report = room
        .host
        .check(slot.clone(), example.cases.as_ref(), day(2026))
        .await
        .unwrap_or_else(|error| panic!("{language} {world}: {error}"));
    assert!(!report.is_deferred, "{report:?}");
    assert_eq!(
        Some(report.n_cases),
        example.cases.map(|golden| golden.cases.len())
    );
    slot
}

/// A source's network is its golden cases here; `tests/egress` has a real one.
async fn the_source_serves(language: &str) {
    let room = room();
    let config = [("base_url", "https://api.example.org")];
    let source = checked(&room, language, World::Source, &config).await;
    let mut ungranted = source.clone();
    ungranted.activation.grant.http.clear();
    let error = ungranted
        .search(&query(), 5, None)
        .await
        .expect_err("denied");
    assert_eq!(error.code(), "plugin_denied", "{error}");
}

async fn the_mapper_serves(language: &str) {
    let room = room();
    let config = [("terms", "migraine=D008881")];
    let mapper = checked(&room, language, World::Mapper, &config).await;
    let id: EvidenceId = "PMID:7".parse().expect("an id");
    let text = "Größe 😀: without migraine";
    let document = Document {
        evidence_id: id.clone(),
        passages: vec![Passage {
            ordinal: 0,
            section: None,
            text: text.to_owned(),
        }],
    };
    let findings = mapper
        .find(day(2026), None, &[document])
        .await
        .expect("findings");
    let [finding] = &findings[..] else {
        panic!("one finding: {findings:?}")
    };
    assert_eq!((&finding.evidence_id, finding.negated), (&id, true));
    let Ground::Span(span) = &finding.ground else {
        panic!("a place: {finding:?}")
    };
    // Characters of two and of four bytes stand before it; languages count them differently.
    let place = span.start as usize..span.end as usize;
    assert_eq!(&text[place], "migraine");
}

async fn the_reranker_serves(language: &str) {
    let room = room();
    let reranker = checked(&room, language, World::Reranker, &[]).await;
    let candidates = [candidate(1, "Acetylsalicylic acid"), candidate(2, "Größe")];
    let reranked = reranker
        .rerank(&query(), &candidates)
        .await
        .expect("scores");
    let log_length = 17_f32.ln_1p();
    assert_eq!(
        reranked,
        Reranked {
            feature_names: [
                "title_match",
                "text_match",
                "log_length",
                "bm25_title",
                "bm25_body"
            ]
            .map(str::to_owned)
            .to_vec(),
            features: vec![
                vec![1.0, 1.0, log_length, 1.5, 0.0],
                vec![0.0, 1.0, log_length, 1.5, 0.0],
            ],
            scores: [1.0, 0.0]
                .map(|title| narrowed(title + 0.5 + 0.05 * f64::from(17_u8).ln_1p() + 0.3 * 1.5))
                .to_vec(),
        }
    );
}

/// Both languages reckon in doubles; the border makes singles of them.
#[expect(
    clippy::cast_possible_truncation,
    reason = "that is what the border does"
)]
fn narrowed(score: f64) -> f32 {
    score as f32
}

#[tokio::test]
async fn the_source_in_python_serves() {
    the_source_serves("python").await;
}

#[tokio::test]
async fn the_source_in_js_serves() {
    the_source_serves("js").await;
}

#[tokio::test]
async fn the_mapper_in_python_serves() {
    the_mapper_serves("python").await;
}

#[tokio::test]
async fn the_mapper_in_js_serves() {
    the_mapper_serves("js").await;
}

#[tokio::test]
async fn the_reranker_in_python_serves() {
    the_reranker_serves("python").await;
}

#[tokio::test]
async fn the_reranker_in_js_serves() {
    the_reranker_serves("js").await;
}

/// The misbehaving guest of a language, told its `mode`.
struct Unruly {
    room: Room,
    example: Example,
}

impl Unruly {
    fn new(language: &str) -> Self {
        Self {
            room: room(),
            example: example(language, "tests/unruly"),
        }
    }

    fn slot(&self, mode: &str) -> ActiveSlot {
        slot(&self.room, &self.example, &[("mode", mode)])
    }

    async fn rerank(&self, mode: &str) -> Result<Vec<f32>, PluginError> {
        let candidates = [candidate(1, "One"), candidate(2, "")];
        let reranked = self.slot(mode).rerank(&query(), &candidates).await;
        reranked.map(|reranked| reranked.scores)
    }

    async fn fault(&self, mode: &str) -> PluginError {
        self.rerank(mode).await.expect_err(mode)
    }

    /// What the plugin itself told, or the runtime in its place.
    async fn failure(&self, mode: &str) -> Failure {
        match self.fault(mode).await {
            PluginError::Guest(failure) => failure,
            other => panic!("{mode}: {other:?}"),
        }
    }

    /// Lines that the guest logged so far.
    fn log(&self) -> Vec<String> {
        let digest = self.slot("ok").plugin.digest();
        let lines = self.room.host.logs(digest, 0);
        lines.into_iter().map(|line| line.line).collect()
    }

    async fn faults_have_their_kinds(&self, kinds: &[(&str, &str)]) {
        assert_eq!(self.rerank("ok").await.expect("scores"), [3.0, 0.0]);
        for (mode, code) in kinds {
            let error = self.fault(mode).await;
            assert_eq!(error.code(), *code, "{mode}: {error}");
        }
        assert_eq!(self.rerank("ok").await.expect("scores"), [3.0, 0.0]);
    }

    async fn failures_keep_their_words(&self) {
        let failure = self.failure("fails").await;
        assert_eq!(
            (failure.code.as_str(), failure.retryable),
            ("unavailable", true)
        );
        assert_eq!(failure.retry_after_ms, Some(250));
        assert_eq!(failure.message, "the weights are on their way");
        assert_eq!(self.failure("init").await.code, "invalid-config");
        assert_eq!(self.failure("unheard").await.code, "internal");
    }

    /// Each mode reaches for what a plugin has not, and is told so in words.
    async fn what_is_absent_is_named(&self, absent: &[(&str, &str)]) {
        for (mode, words) in absent {
            let failure = self.failure(mode).await;
            assert_eq!(failure.code, "internal", "{mode}: {failure}");
            assert!(failure.message.contains(words), "{mode}: {failure}");
        }
    }

    async fn chance_is_the_same_in_every_instance(&self) {
        let first = self.rerank("chance").await.expect("scores");
        assert_ne!(first[0].to_bits(), first[1].to_bits());
        assert_eq!(self.rerank("chance").await.expect("scores"), first);
    }

    async fn an_artifact_is_read_where_it_is_granted(&self) {
        let mut slot = self.slot("artifact");
        slot.artifact = Some(artifact(&vec![7; (2 << 20) + 3]));
        let candidates = [candidate(1, "One")];
        let reranked = slot.rerank(&query(), &candidates).await.expect("scores");
        assert_eq!(reranked.scores, [2_097_155.0]);
        slot.activation.grant.artifact = false;
        let error = slot
            .rerank(&query(), &candidates)
            .await
            .expect_err("denied");
        assert_eq!(error.code(), "plugin_denied", "{error}");
    }
}

#[tokio::test]
async fn faults_in_python_are_those_of_the_contract() {
    let unruly = Unruly::new("python");
    unruly
        .faults_have_their_kinds(&[
            ("raises", "plugin_failed"),
            ("recurses", "plugin_failed"),
            ("text", "plugin_failed"),
            ("loops", "plugin_timeout"),
            ("hoards", "plugin_memory"),
            ("short", "plugin_invalid_output"),
            ("nan", "plugin_invalid_output"),
            // Below the reach of the SDK, in C.
            ("now", "plugin_trap"),
            ("files", "plugin_trap"),
            ("late", "plugin_trap"),
        ])
        .await;
    unruly.failures_keep_their_words().await;
    unruly
        .what_is_absent_is_named(&[
            ("raises", "IndexError: list index out of range"),
            ("exits", "SystemExit: enough"),
            ("recurses", "RecursionError"),
            ("text", "could not convert string to float"),
            ("clock", "`time.time` is not there in a plugin"),
        ])
        .await;
    unruly.chance_is_the_same_in_every_instance().await;
    unruly.an_artifact_is_read_where_it_is_granted().await;
    assert_eq!(unruly.rerank("prints").await.expect("scores"), [3.0, 0.0]);
    let log = unruly.log().join("\n");
    for line in [
        "printed\nin two lines\ncomplained",
        "logged mode=prints",
        "in raises",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
}

#[tokio::test]
async fn faults_in_js_are_those_of_the_contract() {
    let unruly = Unruly::new("js");
    unruly
        .faults_have_their_kinds(&[
            ("raises", "plugin_failed"),
            ("rejects", "plugin_failed"),
            ("recurses", "plugin_failed"),
            ("text", "plugin_failed"),
            ("loops", "plugin_timeout"),
            ("hoards", "plugin_memory"),
            ("short", "plugin_invalid_output"),
            ("nan", "plugin_invalid_output"),
        ])
        .await;
    unruly.failures_keep_their_words().await;
    unruly
        .what_is_absent_is_named(&[
            ("raises", "TypeError: can't access property \"at\""),
            ("rejects", "TypeError: later"),
            ("throwsText", "a text"),
            ("recurses", "too much recursion"),
            ("text", "is `high`, which is no number"),
            ("clock", "`Date.now` is not there in a plugin"),
            ("now", "`new Date()` is not there in a plugin"),
            ("timer", "`setTimeout` is not there in a plugin"),
            ("fetches", "use `http` of phagen-sdk"),
        ])
        .await;
    unruly.chance_is_the_same_in_every_instance().await;
    unruly.an_artifact_is_read_where_it_is_granted().await;
    assert_eq!(unruly.rerank("waits").await.expect("scores"), [3.0, 0.0]);
    assert_eq!(unruly.rerank("dated").await.expect("scores"), [2026.0; 2]);
    assert_eq!(unruly.rerank("prints").await.expect("scores"), [3.0, 0.0]);
    let log = unruly.log().join("\n");
    for line in [
        "printed {\"in\":\"parts\"}\ncomplained\nlogged mode=prints",
        "TypeError: can't",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
}
