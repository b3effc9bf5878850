-- Votes are what rerankers are trained on. They outlive their jobs, so nothing ties `job_id` to a
-- row of `job`, and each carries all that training needs of the result it was cast on.
create table feedback (
    job_id text not null,
    voter text not null,
    evidence_id text not null,
    kind text not null,
    vote text not null check (vote in ('upvote', 'downvote', 'flag')),
    comment text,
    molecule text not null,
    rank integer not null check (rank >= 1),
    reranker_digest text not null,
    artifact_digest text,
    feature_names text not null,
    features text not null,
    text_digest text not null,
    created_at integer not null,
    primary key (job_id, voter, evidence_id)
) strict;

create index feedback_oldest on feedback (created_at);
