-- Every change of what serves and of who is let in, as a chain: each row holds the hash of the one
-- before it. The record of moves (`plugin_event`) says what happened; this says whether that record,
-- and the keys, are still what was written. It begins with the first change after this migration.
create table audit (
    seq bigint primary key check (seq >= 1),
    at timestamptz not null,
    actor text not null check (actor <> ''),
    action text not null check (action <> ''),
    subject text not null check (subject <> ''),
    digest text not null check (length(digest) = 64),
    previous text not null check (length(previous) = 64),
    hash text not null unique check (length(hash) = 64)
);

create function audit_stays() returns trigger
language plpgsql
as $$ begin raise exception 'the record of changes is never changed and never deleted'; end $$;

create trigger audit_is_not_changed before update or delete on audit
for each row execute function audit_stays();

create trigger audit_is_not_emptied before truncate on audit
for each statement execute function audit_stays();
