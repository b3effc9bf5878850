//! Values for the stories, as rich as real ones.

use std::{collections::BTreeMap, time::Duration};

use chrono::NaiveDate;
use phagen_domain::{
    assessment::{Assessment, GateInput, Recommendation},
    digest::Digest,
    evidence::{Attribute, Evidence, EvidenceId, EvidenceKind, Passage, Signal},
    finding::{Span, Stance},
    job::{JobFailure, JobId, JobRequest, Progress, Stage},
    mesh::MeshId,
    molecule::{MoleculeProperties, OtherDrug, ResolvedMolecule},
    plugin::{SlotName, World},
    result::{
        JobResult, PassingFailure, Provenance, RankedEvidence, Reranking, SlotVersion,
        SourceReport, SourceStatus, Versions,
    },
    story::{Quote, Sentence},
    suggestion::{Basis, StanceCounts, Suggestion},
};

use crate::{ClaimedJob, NewJob, RetryPolicy, Store};

pub const LEASE: Duration = Duration::from_mins(1);

/// So long that no test lives to see a retry come due by itself.
pub const LONG: Duration = Duration::from_hours(1);

pub const POLICY: RetryPolicy = RetryPolicy {
    base: LONG,
    cap: LONG,
};

pub fn job(molecule: &str) -> NewJob {
    let request = JobRequest {
        molecule: molecule.to_owned(),
        smiles: Some("CC(=O)Oc1ccccc1C(=O)O".to_owned()),
        synonyms: vec!["acetylsalicylic acid".to_owned()],
        sources: Some(vec![slot_name("clinical"), slot_name("literature")]),
        limit: 20,
        record: false,
    };
    NewJob::new(request, 3)
}

/// Enqueues a job that is due at once.
pub async fn enqueued(store: &dyn Store, molecule: &str) -> JobId {
    let job = job(molecule);
    store.enqueue(&job, None).await.expect("a job is enqueued");
    job.id
}

/// Claims what must be there.
pub async fn claimed(store: &dyn Store) -> ClaimedJob {
    store
        .claim("worker-1", LEASE)
        .await
        .expect("the queue answers")
        .expect("a job is due")
}

pub fn failure(retryable: bool) -> JobFailure {
    JobFailure {
        message: "source `clinical` is down".to_owned(),
        retryable,
    }
}

pub fn progress(stage: Stage, detail: &str) -> Progress {
    Progress {
        stage,
        detail: detail.to_owned(),
    }
}

pub fn slot_name(name: &str) -> SlotName {
    name.parse().expect("a slot name")
}

pub fn evidence_id(id: &str) -> EvidenceId {
    id.parse().expect("an evidence id")
}

fn mesh_id(id: &str) -> MeshId {
    id.parse().expect("a MeSH id")
}

/// A result that fills every field, so that a round trip loses nothing unseen.
pub fn result(molecule: &str) -> JobResult {
    let trial = ranked("NCT01907900", EvidenceKind::Clinical, 1, 0.1);
    let paper = ranked("PMID:7605421", EvidenceKind::Literature, 1, -3.402_823e-5);
    JobResult {
        molecule: resolved(molecule),
        as_of: NaiveDate::from_ymd_opt(2026, 11, 22).expect("a date"),
        evidence: BTreeMap::from([
            (EvidenceKind::Clinical, vec![trial]),
            (EvidenceKind::Literature, vec![paper]),
            (EvidenceKind::Patent, vec![]),
        ]),
        reranking: Reranking {
            slot: slot_name("reranker"),
            plugin_digest: Digest::of(b"reranker"),
            artifact_digest: Some(Digest::of(b"weights")),
            feature_names: vec!["bm25_title".to_owned(), "recency".to_owned()],
        },
        repurposing_suggestions: vec![suggestion()],
        recommendation: assessment(),
        innovation_story: vec![Sentence {
            text: "Aspirin lowered the risk of colorectal cancer (β = −0.3).".to_owned(),
            quotes: vec![Quote {
                evidence_id: evidence_id("PMID:7605421"),
                span: SPAN,
                digest: Digest::of(b"lowered the risk"),
            }],
            struck: false,
        }],
        sources: vec![report(SourceStatus::Found), report(SourceStatus::Failed)],
        degraded: true,
        warnings: vec!["source `market` did not answer within 10 s".to_owned()],
        timings: BTreeMap::from([("gather".to_owned(), 12.5), ("map".to_owned(), 0.25)]),
        versions: versions(),
        recording: Some(Digest::of(b"recording")),
    }
}

const SPAN: Span = Span {
    passage: 1,
    start: 8,
    end: 24,
};

fn resolved(name: &str) -> ResolvedMolecule {
    ResolvedMolecule {
        name: name.to_owned(),
        preferred_name: Some("Acetylsalicylic acid".to_owned()),
        drug_id: Some("DB00945".to_owned()),
        synonyms: vec!["ASA".to_owned()],
        smiles: Some("CC(=O)Oc1ccccc1C(=O)O".to_owned()),
        inchi_key: Some("BSYNRYMUTXBXSQ-UHFFFAOYSA-N".to_owned()),
        properties: Some(MoleculeProperties {
            formula: "C9H8O4".to_owned(),
            molecular_weight: 180.159,
            log_p: 1.3101,
            tpsa: 63.6,
            n_hydrogen_bond_donors: 1,
            n_hydrogen_bond_acceptors: 3,
            n_rotatable_bonds: 2,
            n_heavy_atoms: 13,
            n_rings: 1,
        }),
        mechanism: Some("irreversible inhibitor of cyclooxygenases".to_owned()),
        targets: vec!["PTGS1".to_owned(), "PTGS2".to_owned()],
        approved_by: vec!["fda".to_owned()],
        also_named: vec![OtherDrug {
            drug_id: "DB00000".to_owned(),
            name: "another".to_owned(),
        }],
        notes: vec!["the drug list gives another SMILES".to_owned()],
    }
}

fn ranked(id: &str, kind: EvidenceKind, rank: u32, score: f32) -> RankedEvidence {
    let evidence = Evidence {
        evidence_id: evidence_id(id),
        kind,
        title: "Aspirin and the risk of colorectal cancer".to_owned(),
        citation: "N Engl J Med. 1995;333:609-14".to_owned(),
        url: Some("https://example.org/7605421".to_owned()),
        date: "1995-09".parse().ok(),
        passages: vec![Passage {
            ordinal: 1,
            section: Some("RESULTS".to_owned()),
            text: "Aspirin lowered the risk.\n\"Quoted\" \u{1F600} and β.".to_owned(),
        }],
        attributes: vec![Attribute {
            key: "phase".to_owned(),
            value: "PHASE3".to_owned(),
        }],
    };
    RankedEvidence {
        text_digest: evidence.text_digest(),
        evidence,
        rank,
        score,
        signals: vec![Signal {
            name: "bm25_title".to_owned(),
            value: 7.123_456,
        }],
        features: vec![0.3, 1.0e-8, 16_777_216.0],
        provenance: vec![Provenance {
            slot: slot_name("literature"),
            plugin_digest: Digest::of(b"corpus-source"),
            artifact_digest: None,
        }],
        same_text_as: vec![evidence_id("S2:4983")],
    }
}

fn suggestion() -> Suggestion {
    Suggestion {
        rank: 1,
        disease: "Colorectal Neoplasms".to_owned(),
        mesh_id: mesh_id("D015179"),
        tree_numbers: vec!["C04.588.274.476.411.307".to_owned()],
        score: 0.7,
        stance: Stance::Treats,
        stance_counts: StanceCounts {
            treats: 2,
            causes: 1,
            neither: 4,
            negated: 1,
        },
        known_use: false,
        basis: vec![Basis {
            evidence_id: evidence_id("PMID:7605421"),
            span: Some(SPAN),
            matched_text: "colorectal cancer".to_owned(),
            quote: Some("Aspirin lowered the risk.".to_owned()),
            note: Some("from the title".to_owned()),
            stance: Stance::Treats,
            negated: false,
            score: 0.9,
            mappers: vec![Digest::of(b"mapper")],
        }],
        evidence_ids: vec![evidence_id("PMID:7605421")],
        assessment: assessment(),
    }
}

fn assessment() -> Assessment {
    Assessment {
        label: Recommendation::Investigate,
        gate: 4,
        rule: "two sources of evidence agree".to_owned(),
        rule_source: "docs/architecture.md".to_owned(),
        rule_set: "phagen-gates/1".to_owned(),
        reasons: vec!["one completed trial".to_owned()],
        inputs: vec![GateInput {
            name: "completed_trials".to_owned(),
            evidence_ids: vec![evidence_id("NCT01907900")],
        }],
        smallest_change: "a second completed trial makes it `go`".to_owned(),
        disease: Some("Colorectal Neoplasms".to_owned()),
        mesh_id: Some(mesh_id("D015179")),
    }
}

fn report(status: SourceStatus) -> SourceReport {
    let failed = status == SourceStatus::Failed;
    SourceReport {
        slot: slot_name("literature"),
        plugin: "corpus-source".to_owned(),
        plugin_digest: Digest::of(b"corpus-source"),
        status,
        n_returned: 12,
        n_off_topic: 3,
        n_kept: 9,
        milliseconds: 3.75,
        cached: true,
        stale: None,
        error: failed.then(|| "registry is down (`unavailable`)".to_owned()),
        passing: failed.then_some(PassingFailure {
            retry_after_milliseconds: Some(1_500),
        }),
    }
}

fn versions() -> Versions {
    Versions {
        phagen: "0.1.0".to_owned(),
        wasmtime: "48.0.8".to_owned(),
        contract: "phagen:plugin@0.1.0".to_owned(),
        rule_set: "phagen-gates/1".to_owned(),
        vocabulary_digest: Digest::of(b"vocabulary"),
        drug_list_digest: Digest::of(b"drug list"),
        corpus_generation: 7,
        corpus_digest: Some(Digest::of(b"corpus")),
        slots: vec![SlotVersion {
            slot: slot_name("mapper"),
            world: World::Mapper,
            plugin: "mesh-mapper".to_owned(),
            plugin_digest: Digest::of(b"mesh-mapper"),
            artifact_digest: None,
            generation: 3,
        }],
    }
}
