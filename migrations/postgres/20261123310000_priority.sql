-- Who goes first, and for whom: a job has a priority (1 is the soonest) and a tenant, the key that it
-- was submitted with, so that a flood of one tenant can be told from the work of the others. It also
-- carries the trace of the request that made it on to the worker that runs it. The twin of SQLite's.

alter table job
    add column priority smallint not null default 2 check (priority between 1 and 4),
    -- Empty: nobody's. Not null, so that the tenants that wait are walked by one index, nobody among
    -- them; sorted as bytes, whatever the locale of the server.
    add column tenant text collate "C" not null default '',
    -- W3C's `traceparent`.
    add column trace_parent text;

-- The oldest of each priority is one step away, however many there are of the others. `attempt >= 0`
-- is true of every row: it only keeps the planner from answering by this index what is asked of one
-- tenant, for which it would walk past the rows of all the others.
drop index job_due;
create index job_due on job (priority, run_at, id) where state = 'queued' and attempt >= 0;
-- And so is the oldest of each tenant, for those who pass over whoever has enough running.
create index job_due_by_tenant on job (tenant, priority, run_at, id) where state = 'queued';
