//! One molecule through the API: found, ranked, traceable, and nothing invented.

use std::collections::BTreeMap;

use phagen_domain::{
    assessment::Recommendation,
    digest::Digest,
    finding::Stance,
    job::{JobRequest, Stage},
    plugin::World,
    result::{JobResult, SourceStatus},
    suggestion::Suggestion,
};
use serde_json::{Value, json};

use crate::{
    data_dir::DataDir,
    server::{Server, evidence},
};

const ASPIRIN_SMILES: &str = "CC(=O)OC1=CC=CC=C1C(=O)O";
const COLORECTAL_NEOPLASMS: &str = "D015179";
const GASTROINTESTINAL_HEMORRHAGE: &str = "D006471";
const URTICARIA: &str = "D014581";
/// Shorter names count only beside a longer one.
const MAX_SHORT_NAME_CHARS: usize = 4;

#[tokio::test]
async fn aspirin_becomes_ranked_and_traceable_evidence() {
    let dir = DataDir::ready();
    let server = Server::start(&dir);
    let body = json!({ "molecule": "aspirin", "smiles": ASPIRIN_SMILES });
    let accepted = server.post("/api/jobs", &body).await;
    insta::assert_snapshot!(accepted.snapshot(), @r#"
    202
    {
      "job_id": "[id]",
      "links": {
        "events": "/api/jobs/[id]/events",
        "self": "/api/jobs/[id]"
      },
      "molecule": "aspirin",
      "status": "queued"
    }
    "#);
    let id = accepted.job_id();
    assert_eq!(
        accepted.header("location"),
        Some(format!("/api/jobs/{id}").as_str())
    );

    let result = server.result_of(id).await;
    assert_eq!(
        result.molecule.inchi_key.as_deref(),
        Some("BSYNRYMUTXBXSQ-UHFFFAOYSA-N")
    );
    assert_evidence_names_the_molecule(&result);
    assert_order(&result);
    assert_suggestions(&result);
    assert_quotes_stand(&result);
    assert_traceable(&result, &server.get("/api/plugins").await.json());
    assert_eq!(result.recommendation.label, Recommendation::Go);
    assert_eq!(result.recommendation.gate, 5);
    assert!(!result.recommendation.smallest_change.is_empty());
    assert!(!result.degraded && result.warnings.is_empty());

    let svg = server.get(&format!("/api/jobs/{id}/structure.svg")).await;
    assert_eq!(svg.header("content-type"), Some("image/svg+xml"));
    assert!(svg.text.contains("<svg"), "{}", svg.text);
}

#[tokio::test]
async fn a_molecule_nobody_knows_ends_with_nothing_and_says_so() {
    let dir = DataDir::ready();
    let server = Server::start(&dir);
    let result = server.analyse("Xylophazinib-77").await;
    assert_eq!(evidence(&result).count(), 0);
    assert_eq!(result.repurposing_suggestions, []);
    assert_eq!(
        result.recommendation.label,
        Recommendation::InsufficientEvidence
    );
    assert_eq!(result.recommendation.gate, 1);
    assert_eq!(result.recommendation.mesh_id, None);
    let molecule = &result.molecule;
    assert_eq!(
        (&molecule.drug_id, &molecule.smiles, &molecule.inchi_key),
        (&None, &None, &None)
    );
    assert!(molecule.synonyms.is_empty() && molecule.targets.is_empty());
    assert!(
        result
            .innovation_story
            .iter()
            .all(|sentence| sentence.quotes.is_empty() && !sentence.struck)
    );
    assert!(
        result
            .sources
            .iter()
            .all(|source| source.n_kept == 0 && source.error.is_none())
    );
    assert!(!result.degraded, "{:?}", result.warnings);
}

#[tokio::test]
async fn the_same_question_again_is_answered_from_the_cache() {
    let dir = DataDir::ready();
    let server = Server::start(&dir);
    let first = server.analyse("metformin").await;
    let second = server.analyse("metformin").await;
    let cached = |result: &JobResult| -> Vec<bool> {
        result.sources.iter().map(|source| source.cached).collect()
    };
    assert_eq!(cached(&first), [false; 5]);
    assert_eq!(cached(&second), [true; 5]);
    assert!(evidence(&first).count() > 10);
    // But for the times that things took, nothing else may differ.
    assert_eq!(without_times(first), without_times(second));
}

fn without_times(mut result: JobResult) -> JobResult {
    result.timings.clear();
    for source in &mut result.sources {
        source.cached = false;
        source.milliseconds = 0.0;
    }
    result
}

fn assert_evidence_names_the_molecule(result: &JobResult) {
    assert!(evidence(result).count() >= 20);
    let molecule = &result.molecule;
    let names: Vec<String> = std::iter::once(&molecule.name)
        .chain(&molecule.synonyms)
        .map(|name| plain(name))
        .filter(|name| name.trim().chars().count() > MAX_SHORT_NAME_CHARS)
        .collect();
    assert!(names.contains(&plain("acetylsalicylic acid")), "{names:?}");
    for ranked in evidence(result) {
        let evidence = &ranked.evidence;
        let texts =
            std::iter::once(&evidence.title).chain(evidence.passages.iter().map(|p| &p.text));
        let text: String = texts.map(|text| plain(text)).collect();
        assert!(
            names.iter().any(|name| text.contains(name.trim())),
            "{} names no aspirin: {text}",
            evidence.evidence_id
        );
    }
}

/// Lower case, with one space for whatever is neither letter nor digit.
fn plain(text: &str) -> String {
    let words: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    format!(" {} ", words.join(" "))
}

fn assert_order(result: &JobResult) {
    for ranked in result.evidence.values() {
        assert!(ranked.len() <= JobRequest::DEFAULT_LIMIT as usize);
        for (index, pair) in ranked.windows(2).enumerate() {
            assert_eq!(pair[0].rank as usize, index + 1);
            assert!(pair[0].score >= pair[1].score);
        }
    }
    for ranked in evidence(result) {
        assert_eq!(ranked.features.len(), result.reranking.feature_names.len());
        assert!(ranked.score.is_finite() && !ranked.evidence.citation.is_empty());
    }
}

fn assert_suggestions(result: &JobResult) {
    let suggestions = &result.repurposing_suggestions;
    let find = |mesh_id: &str| -> Option<&Suggestion> {
        suggestions.iter().find(|s| s.mesh_id.as_str() == mesh_id)
    };
    let cancer = find(COLORECTAL_NEOPLASMS).expect("aspirin against colorectal cancer");
    assert_eq!(cancer.disease, "Colorectal Neoplasms");
    assert_eq!(cancer.stance, Stance::Treats);
    assert!(cancer.stance_counts.treats >= 2 && !cancer.evidence_ids.is_empty());
    assert!(
        cancer
            .tree_numbers
            .iter()
            .all(|number| number.starts_with('C'))
    );
    // Side effects are not uses.
    for harm in [GASTROINTESTINAL_HEMORRHAGE, URTICARIA] {
        assert_ne!(find(harm).map(|s| s.stance), Some(Stance::Treats), "{harm}");
    }
    for (index, suggestion) in suggestions.iter().enumerate() {
        assert_eq!(suggestion.rank as usize, index + 1);
        assert!((0.0..=1.0).contains(&suggestion.score));
        assert!(!suggestion.basis.is_empty(), "{}", suggestion.disease);
        for basis in &suggestion.basis {
            let ranked = result.find_evidence(&basis.evidence_id);
            let ranked = ranked.expect("a basis is evidence of the result");
            let span = basis.span.expect("the built-in mapper reads the text");
            let text = ranked.evidence.text_of(span.passage);
            let matched = text.and_then(|text| span.of(text));
            assert_eq!(matched, Some(basis.matched_text.as_str()));
        }
    }
}

/// Every quote is found in the result's own text, byte for byte.
fn assert_quotes_stand(result: &JobResult) {
    let mut n_quotes = 0;
    for sentence in &result.innovation_story {
        assert!(!sentence.struck && !sentence.text.is_empty());
        for quote in &sentence.quotes {
            let named = sentence.text.contains(quote.evidence_id.as_str());
            assert!(named, "{} quotes {}", sentence.text, quote.evidence_id);
            let ranked = result.find_evidence(&quote.evidence_id).expect("evidence");
            let text = ranked.evidence.text_of(quote.span.passage);
            let words = text.and_then(|text| quote.span.of(text)).expect("a span");
            assert_eq!(Digest::of(words.as_bytes()), quote.digest, "{words}");
            n_quotes += 1;
        }
    }
    assert!(n_quotes >= 2);
}

/// Everything that touched the answer is named by what `/api/plugins` says serves.
fn assert_traceable(result: &JobResult, plugins: &Value) {
    let serving: BTreeMap<&str, (&str, Option<&str>)> = plugins["items"]
        .as_array()
        .expect("slots")
        .iter()
        .map(|slot| {
            let text = |key: &str| slot[key].as_str();
            let plugin = text("plugin_digest").expect("a digest");
            (
                text("slot").expect("a name"),
                (plugin, text("artifact_digest")),
            )
        })
        .collect();
    let assert_serves = |slot: &str, plugin: Digest, artifact: Option<Digest>| {
        let (plugin, artifact) = (
            plugin.to_string(),
            artifact.map(|digest| digest.to_string()),
        );
        assert_eq!(
            serving.get(slot),
            Some(&(plugin.as_str(), artifact.as_deref()))
        );
    };
    for ranked in evidence(result) {
        assert!(!ranked.provenance.is_empty());
        for provenance in &ranked.provenance {
            let slot = provenance.slot.as_str();
            assert_serves(slot, provenance.plugin_digest, provenance.artifact_digest);
        }
    }
    let reranking = &result.reranking;
    assert_serves(
        "reranker",
        reranking.plugin_digest,
        reranking.artifact_digest,
    );
    assert!(reranking.artifact_digest.is_some());

    let versions = &result.versions;
    for slot in &versions.slots {
        assert_serves(slot.slot.as_str(), slot.plugin_digest, slot.artifact_digest);
    }
    let mut worlds: Vec<World> = versions.slots.iter().map(|slot| slot.world).collect();
    worlds.dedup();
    assert_eq!(worlds, [World::Source, World::Mapper, World::Reranker]);
    assert_eq!(versions.slots.len(), serving.len());
    assert_eq!(versions.phagen, env!("CARGO_PKG_VERSION"));
    assert!(versions.wasmtime.starts_with("48."), "{versions:?}");
    assert_eq!(versions.contract, "phagen:plugin@0.2.0");
    assert_eq!(versions.rule_set, result.recommendation.rule_set);
    assert!(versions.corpus_generation > 0);

    for stage in Stage::ALL {
        let milliseconds = result.timings.get(stage.as_str());
        assert!(milliseconds.is_some_and(|ms| *ms > 0.0), "{stage:?}");
    }
    assert!(result.timings["total"] >= result.timings["gather"]);
    assert_eq!(result.sources.len(), 5);
    for source in &result.sources {
        assert!(matches!(
            source.status,
            SourceStatus::Found | SourceStatus::Empty
        ));
        assert!(source.milliseconds > 0.0 && !source.cached);
    }
}
