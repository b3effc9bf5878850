-- What serves where is a row and not a setting, so that a promotion takes effect with the next job
-- and every result can name the generation it ran with. The bytes live in the blob folder.
create table slot (
    name text primary key,
    world text not null check (world in ('source', 'mapper', 'reranker')),
    plugin text not null,
    plugin_digest text not null,
    artifact_digest text,
    config text not null,
    grant_corpus integer not null check (grant_corpus in (0, 1)),
    grant_artifact integer not null check (grant_artifact in (0, 1)),
    generation integer not null check (generation >= 0)
) strict;

create table artifact (
    digest text primary key,
    name text not null,
    format text not null,
    size_bytes integer not null check (size_bytes >= 0),
    created_at integer not null
) strict;
