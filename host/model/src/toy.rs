//! Small made-up votes, with a known rule behind them.

use chrono::DateTime;
use phagen_domain::{
    artifact::LinearReranker,
    digest::Digest,
    evidence::EvidenceKind,
    feedback::{Feedback, Vote},
    job::JobId,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use uuid::Uuid;

pub(crate) fn names(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("feature_{i}")).collect()
}

pub(crate) fn plugin() -> Digest {
    Digest::of(b"reranker")
}

pub(crate) fn reranker(weights: &[f32]) -> LinearReranker {
    LinearReranker {
        format: LinearReranker::FORMAT.to_owned(),
        feature_names: names(weights.len()),
        weights: weights.to_vec(),
        bias: 0.25,
        training: None,
    }
}

pub(crate) fn vote(molecule: &str, evidence_id: &str, vote: Vote, features: &[f32]) -> Feedback {
    Feedback {
        job_id: JobId(Uuid::nil()),
        evidence_id: evidence_id.parse().expect("an evidence id"),
        kind: EvidenceKind::Literature,
        vote,
        comment: None,
        voter: "anonymous".into(),
        molecule: molecule.into(),
        rank: 1,
        reranker_digest: plugin(),
        artifact_digest: None,
        feature_names: names(features.len()),
        features: features.to_vec(),
        text_digest: Digest::of(b"text"),
        created_at: DateTime::UNIX_EPOCH,
    }
}

/// Votes on three features, where 2 · first > second makes an upvote and the third is noise.
pub(crate) fn votes(n_molecules: usize, n_evidence: usize, seed: u64) -> Vec<Feedback> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut votes = Vec::new();
    for molecule in 0..n_molecules {
        for evidence in 0..n_evidence {
            let mut features = [0.0_f32; 3];
            for value in &mut features {
                *value = rng.random_range(-1.0..1.0);
            }
            // Every molecule has both, so that every molecule is a query.
            features[0] = features[0].abs() * if evidence % 2 == 0 { 1.0 } else { -1.0 };
            features[1] *= features[0].abs();
            let cast = if 2.0 * features[0] > features[1] {
                Vote::Upvote
            } else {
                Vote::Downvote
            };
            let id = format!("PMID:{}", 1 + molecule * n_evidence + evidence);
            votes.push(vote(&format!("molecule {molecule}"), &id, cast, &features));
        }
    }
    votes
}
