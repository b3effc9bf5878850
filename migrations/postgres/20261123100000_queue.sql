-- The queue lives in the database, so that a job, its idempotency key and its first event are
-- stored together or not at all, and losing a worker loses no job. The twin of SQLite's, in the
-- types of Postgres. Texts of JSON are `json` and not `jsonb`: they come back byte for byte, they
-- are the same bytes in both engines, and a NUL in a string, which `jsonb` refuses, is no reason to
-- lose a result.

-- Queue times come from here and nowhere else: one clock, whatever the workers' clocks say. It
-- stands still within a statement, so that an index can be asked for it, but not within a
-- transaction, so that what waited for a lock is not dated before what it waited for. In whole
-- milliseconds, as everywhere in the house.
create function clock() returns timestamptz
language sql stable parallel safe
as $$ select date_trunc('milliseconds', statement_timestamp()) $$;

-- A time as events tell it.
create function rfc3339(at timestamptz) returns text
language sql stable parallel safe
as $$ select to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') $$;

create table job (
    id uuid primary key,
    -- Lower-cased by the host, so that both engines fold alike whatever the locale of this one.
    molecule_folded text not null,
    molecule text not null,
    request json not null,
    state text not null check (state in ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    run_at timestamptz not null,
    attempt bigint not null check (attempt >= 0),
    max_attempts bigint not null check (max_attempts >= 1),
    -- Number of the newest event. Events are numbered by the row that they are about: whoever waited
    -- for the row counts on from what it became, which a look at the other table would not see.
    n_events bigint not null check (n_events >= 1),
    lease_token uuid,
    lease_until timestamptz,
    locked_by text,
    cancel_requested_at timestamptz,
    created_at timestamptz not null,
    finished_at timestamptz,
    failure json,
    result json,
    -- The wrong state cannot be written.
    check ((state = 'running') = (lease_token is not null)),
    check ((state = 'running') = (lease_until is not null)),
    check ((state = 'running') = (locked_by is not null)),
    check ((state in ('succeeded', 'failed', 'cancelled')) = (finished_at is not null)),
    check ((state = 'succeeded') = (result is not null)),
    check ((state = 'failed') = (failure is not null)),
    check (state <> 'queued' or cancel_requested_at is null)
)
-- Rows are rewritten where they stand, and the head of the queue is swept before it slows a claim.
with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

create index job_due on job (run_at, id) where state = 'queued';
create index job_leased on job (lease_until) where state = 'running';
create index job_newest on job (created_at, id);
create index job_newest_by_state on job (state, created_at, id);
create index job_newest_by_molecule on job (molecule_folded, created_at, id);

-- A job's progress is its newest `progress` event: one insert per report, and no second truth.
create table job_event (
    job_id uuid not null references job (id) on delete cascade,
    seq bigint not null check (seq >= 1),
    kind text not null,
    data json not null,
    at timestamptz not null,
    primary key (job_id, seq)
);

create table idempotency_key (
    key text primary key,
    request_digest text not null,
    job_id uuid not null references job (id) on delete cascade,
    expires_at timestamptz not null
);

create index idempotency_key_expiry on idempotency_key (expires_at);
create index idempotency_key_job on idempotency_key (job_id);
