//! What users say of evidence.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use phagen_domain::{
    digest::Digest,
    evidence::EvidenceKind,
    feedback::{Feedback, Vote, VoteCounts},
    job::JobId,
};

use super::{Harness, specimen::evidence_id};

pub fn vote(job_id: JobId, voter: &str, evidence: &str, vote: Vote) -> Feedback {
    Feedback {
        job_id,
        evidence_id: evidence_id(evidence),
        kind: EvidenceKind::Literature,
        vote,
        comment: Some("not this \"disease\"".to_owned()),
        voter: voter.to_owned(),
        molecule: "aspirin".to_owned(),
        rank: 3,
        reranker_digest: Digest::of(b"reranker"),
        artifact_digest: Some(Digest::of(b"weights")),
        feature_names: vec!["bm25_title".to_owned(), "recency".to_owned()],
        features: vec![0.1, -1.0e-7],
        text_digest: Digest::of(b"text"),
        created_at: at(0),
    }
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::seconds(seconds)
}

pub async fn the_last_vote_wins(harness: &dyn Harness) {
    let store = harness.store();
    let job_id = JobId::new();
    let first = vote(job_id, "anonymous", "PMID:1", Vote::Upvote);
    let others = Feedback {
        created_at: at(1),
        ..vote(job_id, "key-7", "PMID:1", Vote::Upvote)
    };
    let changed = Feedback {
        vote: Vote::Flag,
        comment: None,
        artifact_digest: None,
        rank: 1,
        features: vec![2.5, 0.0],
        created_at: at(2),
        ..first.clone()
    };
    for vote in [&first, &others, &changed] {
        store.record_feedback(vote).await.expect("a vote");
    }
    let votes = store.list_job_feedback(job_id).await.expect("votes");
    assert_eq!(votes, [others, changed], "oldest first, each whole");
}

pub async fn a_vote_outlives_its_job(harness: &dyn Harness) {
    let store = harness.store();
    // No job of these ids was ever stored here, as when it was pruned.
    let older = vote(JobId::new(), "anonymous", "PMID:1", Vote::Downvote);
    let newer = Feedback {
        created_at: at(1),
        ..vote(JobId::new(), "anonymous", "PMID:1", Vote::Upvote)
    };
    for vote in [&newer, &older] {
        store.record_feedback(vote).await.expect("a vote");
    }
    let votes = store.list_feedback().await.expect("votes");
    assert_eq!(votes, [older.clone(), newer]);
    let of_job = store.list_job_feedback(older.job_id).await.expect("votes");
    assert_eq!(of_job, [older]);
    let none = store.list_job_feedback(JobId::new()).await.expect("votes");
    assert_eq!(none, []);
}

pub async fn votes_add_up_across_jobs(harness: &dyn Harness) {
    let store = harness.store();
    let none = store.feedback_stats().await.expect("sums");
    assert_eq!(none, crate::FeedbackStats::default());
    let [first, second] = [JobId::new(), JobId::new()];
    let clinical = |vote: Feedback| Feedback {
        kind: EvidenceKind::Clinical,
        ..vote
    };
    let votes = [
        vote(first, "anonymous", "PMID:1", Vote::Upvote),
        vote(first, "anonymous", "PMID:1", Vote::Upvote),
        vote(second, "anonymous", "PMID:1", Vote::Upvote),
        vote(second, "key-7", "PMID:1", Vote::Flag),
        vote(second, "key-7", "PMID:2", Vote::Downvote),
        clinical(vote(second, "key-7", "NCT01907900", Vote::Downvote)),
    ];
    for vote in &votes {
        store.record_feedback(vote).await.expect("a vote");
    }
    let stats = store.feedback_stats().await.expect("sums");
    let counts = |upvotes, downvotes, flags| VoteCounts {
        upvotes,
        downvotes,
        flags,
    };
    assert_eq!(stats.total, counts(2, 2, 1));
    assert_eq!(
        stats.by_kind,
        BTreeMap::from([
            (EvidenceKind::Literature, counts(2, 1, 1)),
            (EvidenceKind::Clinical, counts(0, 1, 0)),
        ])
    );
    assert_eq!(
        stats.by_evidence,
        BTreeMap::from([
            (evidence_id("PMID:1"), counts(2, 0, 1)),
            (evidence_id("PMID:2"), counts(0, 1, 0)),
            (evidence_id("NCT01907900"), counts(0, 1, 0)),
        ])
    );
}
