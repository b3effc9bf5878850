-- A plugin is moved by many hands, people's and the host's own, on many hosts: so what each version
-- went through, what serves where, what is tried beside it and who moved it and why are rows, each
-- changed in the transaction that records the move. The bytes live in the blob folder.

-- `seq` is the order of upload, which two uploads of one millisecond would not tell.
create table plugin_version (
    seq integer primary key autoincrement,
    digest text not null unique check (length(digest) = 64),
    name text not null check (name <> ''),
    version text,
    world text not null check (world in ('source', 'mapper', 'reranker')),
    size_bytes integer not null check (size_bytes >= 0),
    state text not null check (state in ('uploaded', 'verified', 'compiled', 'checked', 'shadow',
        'canary', 'active', 'draining', 'retired', 'rejected', 'quarantined')),
    reason text,
    signature text not null check (
        json_valid(signature)
        and coalesce(signature ->> 'status', '') in ('not_signed', 'failed', 'verified')),
    minisig text,
    manifest text check (manifest is null or json_valid(manifest)),
    built_in integer not null check (built_in in (0, 1)),
    gates text not null check (json_valid(gates) and json_type(gates) = 'array'),
    uploaded_at integer not null,
    uploaded_by text not null,
    -- Until then one worker has it to itself and walks it through a gate.
    gate_lease_until integer,
    -- The wrong state cannot be written.
    check (reason is null or state in ('rejected', 'quarantined')),
    check (gate_lease_until is null or state in ('uploaded', 'verified', 'compiled'))
) strict;

create index plugin_version_gate on plugin_version (seq)
where state in ('uploaded', 'verified', 'compiled');

-- One row says all that was decided about a slot, so that one statement reads one consistent set.
alter table slot rename to slot_before;

create table slot (
    name text primary key,
    world text not null check (world in ('source', 'mapper', 'reranker')),
    place integer not null check (place >= 0),
    serving text not null check (
        json_valid(serving) and coalesce(length(serving ->> 'plugin_digest'), 0) = 64),
    previous text check (
        previous is null
        or json_valid(previous) and coalesce(length(previous ->> 'plugin_digest'), 0) = 64),
    candidate text check (
        candidate is null
        or json_valid(candidate)
        and coalesce(length(candidate ->> '$.activation.plugin_digest'), 0) = 64
        and coalesce(candidate ->> 'mode', '') in ('shadow', 'canary')
        and coalesce(candidate ->> 'share', 0) > 0
        and coalesce(candidate ->> 'share', 2) <= 1),
    generation integer not null check (generation >= 0),
    -- What the states of versions follow from.
    serving_digest text as (serving ->> 'plugin_digest'),
    candidate_digest text as (candidate ->> '$.activation.plugin_digest'),
    candidate_mode text as (candidate ->> 'mode')
) strict;

insert into slot (name, world, place, serving, generation)
select
    name, world, 0,
    json_object(
        'plugin', plugin,
        'plugin_digest', plugin_digest,
        'artifact_digest', artifact_digest,
        'config', json(config),
        'grant', json_object(
            'corpus', json(iif(grant_corpus, 'true', 'false')),
            'artifact', json(iif(grant_artifact, 'true', 'false')))),
    generation
from slot_before;

drop table slot_before;

create index slot_serving on slot (serving_digest);
create index slot_candidate on slot (candidate_digest, candidate_mode)
where candidate_digest is not null;

-- Who moved what, and why. Never changed and never deleted; `slot_row` is the whole slot after the
-- move, none when it was taken away, so that the past can be read and a repeated request answered.
create table plugin_event (
    seq integer primary key autoincrement,
    at integer not null,
    verb text not null check (verb in ('upload', 'verify', 'compile', 'check', 'reject', 'activate',
        'shadow', 'canary', 'promote', 'rollback', 'quarantine', 'retire', 'seed',
        'change_artifact', 'grant')),
    actor text not null,
    reason text,
    digest text not null check (length(digest) = 64),
    state text not null check (state in ('uploaded', 'verified', 'compiled', 'checked', 'shadow',
        'canary', 'active', 'draining', 'retired', 'rejected', 'quarantined')),
    slot text,
    generation integer check (generation >= 0),
    slot_row text check (slot_row is null or json_valid(slot_row)),
    check ((slot is null) = (generation is null)),
    check (slot_row is null or slot is not null)
) strict;

-- The newest of these is what every host of a fleet asks for, several times a second.
create index plugin_event_set on plugin_event (seq) where slot is not null;
create index plugin_event_digest on plugin_event (digest, seq);
create index plugin_event_slot on plugin_event (slot, seq) where slot is not null;

create trigger plugin_event_is_not_changed before update on plugin_event
begin
    select raise(abort, 'events of plugins are never changed');
end;

create trigger plugin_event_is_not_deleted before delete on plugin_event
begin
    select raise(abort, 'events of plugins are never deleted');
end;

-- `insert or replace` deletes without asking the trigger above.
create trigger plugin_event_is_not_replaced before insert on plugin_event
when exists (select 1 from plugin_event where seq = new.seq)
begin
    select raise(abort, 'events of plugins are never replaced');
end;

-- A slot from before there were events begins its story here.
insert into plugin_event (at, verb, actor, reason, digest, state, slot, generation, slot_row)
select
    (select now from clock), 'seed', 'host', 'it served before moves were recorded',
    serving_digest, 'active', name, generation,
    json_object(
        'name', name, 'world', world, 'place', place, 'serving', json(serving),
        'previous', null, 'candidate', null, 'generation', generation)
from slot order by name;

-- A repeated request to move a slot is answered by the event of the first.
create table plugin_key (
    key text primary key,
    request_digest text not null,
    event_seq integer not null references plugin_event (seq),
    expires_at integer not null
) strict, without rowid;

create index plugin_key_expiry on plugin_key (expires_at);

-- What each process last said it serves; a fleet has converged when all say the same.
create table host_report (
    host text primary key check (host <> ''),
    set_generation integer not null check (set_generation >= 0),
    draining text not null check (json_valid(draining) and json_type(draining) = 'array'),
    seen_at integer not null
) strict, without rowid;

-- One job counts once in a trial, however often it was attempted. Nothing ties `job_id` to a row of
-- `job`: what a trial saw outlives its jobs. Numbers must be finite: no score would be `null`.
create table comparison (
    seq integer primary key,
    job_id text not null,
    slot text not null,
    serving_digest text not null check (length(serving_digest) = 64),
    candidate_digest text not null check (length(candidate_digest) = 64),
    at integer not null,
    outcome text not null check (
        json_valid(outcome)
        and case outcome ->> 'outcome'
            when 'failed' then true
            when 'compared' then
                coalesce(outcome ->> 'kendall_tau' between -1 and 1, false)
                and coalesce(outcome ->> 'overlap_at_10' between 0 and 1, false)
                and coalesce(outcome ->> 'max_score_change' >= 0, false)
                and coalesce(outcome ->> 'serving_milliseconds' >= 0, false)
                and coalesce(outcome ->> 'candidate_milliseconds' >= 0, false)
                and json_array_length(outcome, '$.serving_ranking') <= 100
                and json_array_length(outcome, '$.candidate_ranking') <= 100
            else false end),
    unique (slot, candidate_digest, job_id)
) strict;

create index comparison_newest on comparison (slot, candidate_digest, at, seq);

-- One key under two names would still count after one of them was revoked.
create table publisher_key (
    name text primary key check (name <> ''),
    public_key text not null unique check (public_key <> ''),
    added_at integer not null,
    added_by text not null,
    expires_at integer,
    revoked_at integer
) strict, without rowid;
