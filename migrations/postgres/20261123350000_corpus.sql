-- A corpus index is built once and then the same to the byte wherever it serves, so which one serves
-- is a row and not what happens to lie on a disk. The newest row serves; the rows before say what may
-- still be on its way out. The bytes lie among the blobs, named by what `digest` names.
create table corpus_snapshot (
    generation bigint primary key check (generation > 0),
    -- Of the manifest, which lists all files with theirs.
    digest text not null check (length(digest) = 64),
    n_documents bigint not null check (n_documents >= 0),
    size_bytes bigint not null check (size_bytes >= 0),
    published_at timestamptz not null,
    published_by text not null check (published_by <> '')
);

-- One builds at a time. Whoever dies over it lets the others wait until its time is over, no longer.
create table corpus_import (
    place bigint primary key check (place = 1),
    holder text not null check (holder <> ''),
    held_until timestamptz not null
);
