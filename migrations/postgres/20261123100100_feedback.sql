-- Votes are what rerankers are trained on. They outlive their jobs, so nothing ties `job_id` to a
-- row of `job`, and each carries all that training needs of the result it was cast on.
create table feedback (
    job_id uuid not null,
    -- Sorted as bytes, so that both engines list alike whatever the locale of this one.
    voter text collate "C" not null,
    evidence_id text collate "C" not null,
    kind text not null,
    vote text not null check (vote in ('upvote', 'downvote', 'flag')),
    comment text,
    molecule text not null,
    rank bigint not null check (rank >= 1),
    reranker_digest text not null,
    artifact_digest text,
    feature_names json not null,
    features json not null,
    text_digest text not null,
    created_at timestamptz not null,
    primary key (job_id, voter, evidence_id)
);

create index feedback_oldest on feedback (created_at);
