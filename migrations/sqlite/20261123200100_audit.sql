-- Every change of what serves and of who is let in, as a chain: each row holds the hash of the one
-- before it. The record of moves (`plugin_event`) says what happened; this says whether that record,
-- and the keys, are still what was written. It begins with the first change after this migration.
create table audit (
    seq integer primary key check (seq >= 1),
    at integer not null,
    actor text not null check (actor <> ''),
    action text not null check (action <> ''),
    subject text not null check (subject <> ''),
    digest text not null check (length(digest) = 64),
    previous text not null check (length(previous) = 64),
    hash text not null unique check (length(hash) = 64)
) strict;

create trigger audit_is_not_changed before update on audit
begin
    select raise(abort, 'the record of changes is never changed');
end;

create trigger audit_is_not_deleted before delete on audit
begin
    select raise(abort, 'rows of the record of changes are never deleted');
end;

-- `insert or replace` deletes without asking the trigger above.
create trigger audit_is_not_replaced before insert on audit
when exists (select 1 from audit where seq = new.seq)
begin
    select raise(abort, 'rows of the record of changes are never replaced');
end;
