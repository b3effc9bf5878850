//! Results as a worker would store them, built by hand so that the API is tested without one.

use std::collections::BTreeMap;

use phagen_domain::{
    assessment::{Assessment, Recommendation},
    digest::Digest,
    evidence::{Evidence, EvidenceKind, Passage, Signal},
    finding::{Span, Stance},
    molecule::ResolvedMolecule,
    result::{
        JobResult, Provenance, RankedEvidence, Reranking, SourceReport, SourceStatus, Versions,
    },
    story::{Quote, Sentence},
    suggestion::{Basis, StanceCounts, Suggestion},
};

use super::noon;

pub(crate) const ASPIRIN_SMILES: &str = "CC(=O)OC1=CC=CC=C1C(=O)O";
pub(crate) const TRIAL: &str = "NCT00224679";
pub(crate) const ABSTRACT: &str = "PMID:7605421";
const FEATURES: [&str; 2] = ["bm25_title", "bm25_body"];

/// A disease as a test wants it suggested: MeSH id, name, score.
pub(crate) type Disease = (&'static str, &'static str, f32);

/// One trial, one abstract, and a suggestion per disease.
pub(crate) fn result(molecule: &str, diseases: &[Disease]) -> JobResult {
    let trial = evidence(EvidenceKind::Clinical, TRIAL, molecule);
    let paper = evidence(EvidenceKind::Literature, ABSTRACT, molecule);
    let story = vec![sentence(&paper)];
    let evidence = BTreeMap::from([
        (EvidenceKind::Clinical, vec![ranked(trial, 0.5)]),
        (EvidenceKind::Literature, vec![ranked(paper, 0.25)]),
    ]);
    JobResult {
        molecule: ResolvedMolecule {
            name: molecule.to_owned(),
            preferred_name: None,
            drug_id: None,
            synonyms: Vec::new(),
            smiles: None,
            inchi_key: None,
            properties: None,
            mechanism: None,
            targets: Vec::new(),
            approved_by: Vec::new(),
            also_named: Vec::new(),
            notes: Vec::new(),
        },
        as_of: noon().date_naive(),
        evidence,
        reranking: Reranking {
            slot: "reranker".parse().expect("a slot name"),
            plugin_digest: Digest::of(b"evidence-reranker"),
            artifact_digest: Some(Digest::of(b"weights")),
            feature_names: FEATURES.map(str::to_owned).to_vec(),
        },
        repurposing_suggestions: (1..)
            .zip(diseases)
            .map(|(rank, d)| suggestion(rank, *d))
            .collect(),
        recommendation: assessment(diseases.first().copied()),
        innovation_story: story,
        sources: vec![report("clinical"), report("literature")],
        degraded: false,
        warnings: Vec::new(),
        timings: BTreeMap::from([("gather".to_owned(), 1.5)]),
        versions: Versions {
            phagen: "0.0.0-test".into(),
            wasmtime: "48.0.8".into(),
            contract: "phagen:plugin@0.1.0".into(),
            rule_set: "phagen-gates/1".into(),
            vocabulary_digest: Digest::of(b"vocabulary"),
            drug_list_digest: Digest::of(b"drugs"),
            corpus_generation: 1,
            corpus_digest: None,
            slots: Vec::new(),
        },
        recording: None,
    }
}

/// As [`result`], with a structure.
pub(crate) fn drawn(molecule: &str, smiles: &str) -> JobResult {
    let mut result = result(molecule, &[]);
    result.molecule.smiles = Some(smiles.to_owned());
    result
}

fn evidence(kind: EvidenceKind, id: &str, molecule: &str) -> Evidence {
    Evidence {
        evidence_id: id.parse().expect("an evidence id"),
        kind,
        title: format!("{molecule} for the prevention of colorectal adenoma"),
        citation: format!("Test registry, {id}"),
        url: None,
        date: Some("2019-03".parse().expect("a date")),
        passages: vec![Passage {
            ordinal: 1,
            section: Some("RESULTS".to_owned()),
            text: format!("Adenomas recurred less often with {molecule} than without."),
        }],
        attributes: Vec::new(),
    }
}

fn ranked(evidence: Evidence, feature: f32) -> RankedEvidence {
    RankedEvidence {
        rank: 1,
        score: 2.0 * feature,
        signals: vec![Signal {
            name: FEATURES[0].to_owned(),
            value: feature,
        }],
        features: vec![feature, 0.125],
        provenance: vec![Provenance {
            slot: evidence.kind.as_str().parse().expect("a slot name"),
            plugin_digest: Digest::of(b"corpus-source"),
            artifact_digest: None,
        }],
        same_text_as: Vec::new(),
        text_digest: evidence.text_digest(),
        evidence,
    }
}

/// One sentence that quotes the whole first passage.
fn sentence(evidence: &Evidence) -> Sentence {
    let text = &evidence.passages[0].text;
    Sentence {
        text: format!("One study reports: {text}"),
        quotes: vec![Quote {
            evidence_id: evidence.evidence_id.clone(),
            span: Span {
                passage: 1,
                start: 0,
                end: u32::try_from(text.len()).expect("a short text"),
            },
            digest: Digest::of(text.as_bytes()),
        }],
        struck: false,
    }
}

fn suggestion(rank: u32, disease: Disease) -> Suggestion {
    let (mesh_id, name, score) = disease;
    let evidence_id: phagen_domain::evidence::EvidenceId =
        ABSTRACT.parse().expect("an evidence id");
    Suggestion {
        rank,
        disease: name.to_owned(),
        mesh_id: mesh_id.parse().expect("a MeSH id"),
        tree_numbers: vec!["C04.588".to_owned()],
        score,
        stance: Stance::Treats,
        stance_counts: StanceCounts {
            treats: 1,
            ..StanceCounts::default()
        },
        known_use: false,
        basis: vec![Basis {
            evidence_id: evidence_id.clone(),
            span: Some(Span {
                passage: 1,
                start: 0,
                end: 8,
            }),
            matched_text: "Adenomas".to_owned(),
            quote: None,
            note: None,
            stance: Stance::Treats,
            negated: false,
            score: 1.0,
            mappers: vec![Digest::of(b"mapper")],
        }],
        evidence_ids: vec![evidence_id],
        assessment: assessment(Some(disease)),
    }
}

fn assessment(disease: Option<Disease>) -> Assessment {
    Assessment {
        label: if disease.is_some() {
            Recommendation::Investigate
        } else {
            Recommendation::InsufficientEvidence
        },
        gate: 1,
        rule: "some rule".to_owned(),
        rule_source: "some source".to_owned(),
        rule_set: "phagen-gates/1".to_owned(),
        reasons: Vec::new(),
        inputs: Vec::new(),
        smallest_change: "one more trial".to_owned(),
        disease: disease.map(|(_, name, _)| name.to_owned()),
        mesh_id: disease.map(|(id, _, _)| id.parse().expect("a MeSH id")),
    }
}

fn report(slot: &str) -> SourceReport {
    SourceReport {
        slot: slot.parse().expect("a slot name"),
        plugin: "corpus-source".to_owned(),
        plugin_digest: Digest::of(b"corpus-source"),
        status: SourceStatus::Found,
        n_returned: 1,
        n_off_topic: 0,
        n_kept: 1,
        milliseconds: 1.5,
        cached: false,
        stale: None,
        error: None,
        passing: None,
    }
}
