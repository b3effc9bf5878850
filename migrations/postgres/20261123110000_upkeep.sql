-- Chores that come round again have no scheduler: each process asks for the tick, and the row gives
-- it to one. What ended is found by how and when, so that forgetting the old reads nothing else.

create table tick (
    chore text primary key check (chore <> ''),
    taken_at timestamptz not null
);

create index job_ended on job (state, finished_at) where finished_at is not null;
