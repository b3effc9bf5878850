-- Answers that need not be asked for twice, so that they outlive the process and another process on
-- this machine finds them. All of it may be thrown away at any time: nothing here is the truth.

create table cache (
    key blob primary key check (length(key) = 32),
    value blob not null,
    expires_at integer not null
) strict;

create index cache_expires_at on cache (expires_at);

-- A counter is part of the keys of the answers it stands for: moving it on forgets them all.
create table cache_generation (
    bucket integer primary key check (bucket between 0 and 65535),
    generation integer not null check (generation > 0)
) strict;

-- Tells these counters from any before them, and their state from the one before it.
create table cache_state (
    id integer primary key check (id = 1),
    base text not null,
    version integer not null
) strict;

insert into cache_state (id, base, version) values (1, lower(hex(randomblob(16))), 0);
