-- The queue lives in the database, so that a job, its idempotency key and its first event are
-- stored together or not at all, and losing a worker loses no job.
-- Times are whole milliseconds since 1970, ids are UUIDv7 as text; STRICT keeps both that way.

-- Queue times come from here and nowhere else: one clock, whatever the workers' clocks say.
create view clock (now) as
select cast(round(unixepoch('subsec') * 1000) as integer);

create table job (
    id text primary key,
    -- Lower-cased, since `nocase` folds ASCII only and a molecule may be called `β-carotene`.
    molecule_folded text not null,
    molecule text not null,
    request text not null,
    state text not null check (state in ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    run_at integer not null,
    attempt integer not null check (attempt >= 0),
    max_attempts integer not null check (max_attempts >= 1),
    lease_token text,
    lease_until integer,
    locked_by text,
    cancel_requested_at integer,
    created_at integer not null,
    finished_at integer,
    failure text,
    -- Last, so that a scan of the columns above never walks its overflow pages.
    result text,
    -- The wrong state cannot be written.
    check ((state = 'running') = (lease_token is not null)),
    check ((state = 'running') = (lease_until is not null)),
    check ((state = 'running') = (locked_by is not null)),
    check ((state in ('succeeded', 'failed', 'cancelled')) = (finished_at is not null)),
    check ((state = 'succeeded') = (result is not null)),
    check ((state = 'failed') = (failure is not null)),
    check (state <> 'queued' or cancel_requested_at is null)
) strict;

create index job_due on job (run_at, id) where state = 'queued';
create index job_leased on job (lease_until) where state = 'running';
create index job_newest on job (created_at, id);
create index job_newest_by_state on job (state, created_at, id);
create index job_newest_by_molecule on job (molecule_folded, created_at, id);

-- A job's progress is its newest `progress` event: one insert per report, and no second truth.
create table job_event (
    job_id text not null references job (id) on delete cascade,
    seq integer not null check (seq >= 1),
    kind text not null,
    data text not null,
    at integer not null,
    primary key (job_id, seq)
) strict, without rowid;

create table idempotency_key (
    key text primary key,
    request_digest text not null,
    job_id text not null references job (id) on delete cascade,
    expires_at integer not null
) strict, without rowid;

create index idempotency_key_expiry on idempotency_key (expires_at);
create index idempotency_key_job on idempotency_key (job_id);
