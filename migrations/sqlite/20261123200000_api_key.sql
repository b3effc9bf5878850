-- Whoever calls the API shows a key, and what it lets them do is decided here, so that a key can be
-- made, limited in time and taken back while hosts run. Only its hash is kept: 32 random bytes need
-- no salt and no slow hash. A name is used once and for good, since the record of changes holds it.
create table api_key (
    name text primary key check (name <> ''),
    prefix text not null check (prefix <> ''),
    hash text not null unique check (length(hash) = 64),
    scopes text not null check (scopes <> ''),
    created_at integer not null,
    created_by text not null,
    expires_at integer,
    revoked_at integer,
    revoked_by text,
    -- To the minute: a write for each request would cost more than the request.
    last_used_at integer,
    check ((revoked_at is null) = (revoked_by is null))
) strict, without rowid;

create index api_key_prefix on api_key (prefix);
