//! Votes as rows, and their sums, which SQL makes.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use phagen_domain::{
    evidence::EvidenceKind,
    feedback::{Feedback, Vote, VoteCounts},
    job::JobId,
};
use phagen_store::{FeedbackStats, FeedbackStore, StoreError};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    PostgresStore,
    row::{corrupt, failed, from_json, number, parse, parse_optional, to_json, to_millisecond},
};

const RECORD: &str = "
insert into feedback (job_id, voter, evidence_id, kind, vote, comment, molecule, rank,
    reranker_digest, artifact_digest, feature_names, features, text_digest, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::json, $12::json, $13, $14)
on conflict (job_id, voter, evidence_id) do update set
    kind = excluded.kind, vote = excluded.vote, comment = excluded.comment,
    molecule = excluded.molecule, rank = excluded.rank,
    reranker_digest = excluded.reranker_digest, artifact_digest = excluded.artifact_digest,
    feature_names = excluded.feature_names, features = excluded.features,
    text_digest = excluded.text_digest, created_at = excluded.created_at";

const LIST_OF_JOB: &str = "
select job_id, voter, evidence_id, kind, vote, comment, molecule, rank, reranker_digest,
    artifact_digest, feature_names::text, features::text, text_digest, created_at
from feedback where job_id = $1 order by created_at, voter, evidence_id";

const LIST: &str = "
select job_id, voter, evidence_id, kind, vote, comment, molecule, rank, reranker_digest,
    artifact_digest, feature_names::text, features::text, text_digest, created_at
from feedback order by created_at, job_id, voter, evidence_id";

/// Both sums in one statement, so that they agree.
const STATS: &str = "
select 'kind' as of, kind as name,
    count(*) filter (where vote = 'upvote') as upvotes,
    count(*) filter (where vote = 'downvote') as downvotes,
    count(*) filter (where vote = 'flag') as flags
from feedback group by kind
union all
select 'evidence', evidence_id,
    count(*) filter (where vote = 'upvote'),
    count(*) filter (where vote = 'downvote'),
    count(*) filter (where vote = 'flag')
from feedback group by evidence_id";

#[derive(FromRow)]
struct FeedbackRow {
    job_id: Uuid,
    voter: String,
    evidence_id: String,
    kind: String,
    vote: String,
    comment: Option<String>,
    molecule: String,
    rank: i64,
    reranker_digest: String,
    artifact_digest: Option<String>,
    feature_names: String,
    features: String,
    text_digest: String,
    created_at: DateTime<Utc>,
}

impl FeedbackRow {
    fn into_feedback(self) -> Result<Feedback, StoreError> {
        Ok(Feedback {
            job_id: JobId(self.job_id),
            evidence_id: parse("feedback", &self.evidence_id)?,
            kind: EvidenceKind::from_name(&self.kind),
            vote: Vote::from_name(&self.vote)
                .ok_or_else(|| corrupt("feedback", format!("`{}` is not a vote", self.vote)))?,
            comment: self.comment,
            voter: self.voter,
            molecule: self.molecule,
            rank: number("feedback", "rank", self.rank)?,
            reranker_digest: parse("feedback", &self.reranker_digest)?,
            artifact_digest: parse_optional("feedback", self.artifact_digest.as_deref())?,
            feature_names: from_json("feedback", "feature_names", &self.feature_names)?,
            features: from_json("feedback", "features", &self.features)?,
            text_digest: parse("feedback", &self.text_digest)?,
            created_at: self.created_at,
        })
    }
}

#[async_trait]
impl FeedbackStore for PostgresStore {
    async fn record_feedback(&self, feedback: &Feedback) -> Result<(), StoreError> {
        const TRIED: &str = "record a vote";
        sqlx::query(RECORD)
            .bind(feedback.job_id.0)
            .bind(&feedback.voter)
            .bind(feedback.evidence_id.as_str())
            .bind(feedback.kind.as_str())
            .bind(feedback.vote.as_str())
            .bind(feedback.comment.as_deref())
            .bind(&feedback.molecule)
            .bind(i64::from(feedback.rank))
            .bind(feedback.reranker_digest.to_string())
            .bind(feedback.artifact_digest.map(|digest| digest.to_string()))
            .bind(to_json(TRIED, &feedback.feature_names)?)
            .bind(to_json(TRIED, &feedback.features)?)
            .bind(feedback.text_digest.to_string())
            .bind(to_millisecond(feedback.created_at))
            .execute(&self.pool)
            .await
            .map_err(failed(TRIED))?;
        Ok(())
    }

    async fn list_job_feedback(&self, job: JobId) -> Result<Vec<Feedback>, StoreError> {
        let rows: Vec<FeedbackRow> = sqlx::query_as(LIST_OF_JOB)
            .bind(job.0)
            .fetch_all(&self.pool)
            .await
            .map_err(failed("list the votes of a job"))?;
        rows.into_iter().map(FeedbackRow::into_feedback).collect()
    }

    async fn list_feedback(&self) -> Result<Vec<Feedback>, StoreError> {
        let rows: Vec<FeedbackRow> = sqlx::query_as(LIST)
            .fetch_all(&self.pool)
            .await
            .map_err(failed("list the votes"))?;
        rows.into_iter().map(FeedbackRow::into_feedback).collect()
    }

    async fn feedback_stats(&self) -> Result<FeedbackStats, StoreError> {
        let rows: Vec<(String, String, i64, i64, i64)> = sqlx::query_as(STATS)
            .fetch_all(&self.pool)
            .await
            .map_err(failed("add up the votes"))?;
        let mut stats = FeedbackStats::default();
        for (of, name, upvotes, downvotes, flags) in rows {
            let counts = VoteCounts {
                upvotes: number("feedback", "upvotes", upvotes)?,
                downvotes: number("feedback", "downvotes", downvotes)?,
                flags: number("feedback", "flags", flags)?,
            };
            if of == "kind" {
                stats.by_kind.insert(EvidenceKind::from_name(&name), counts);
                stats.total.upvotes += counts.upvotes;
                stats.total.downvotes += counts.downvotes;
                stats.total.flags += counts.flags;
            } else {
                stats.by_evidence.insert(parse("feedback", &name)?, counts);
            }
        }
        Ok(stats)
    }
}
