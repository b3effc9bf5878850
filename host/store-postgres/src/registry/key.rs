//! Keys of publishers: added once, revoked for good, never deleted.

use chrono::{DateTime, Utc};
use phagen_domain::plugin::PublisherKey;
use phagen_store::StoreError;
use sqlx::FromRow;

use crate::{
    PostgresStore,
    row::{failed, to_millisecond},
};

const ADD: &str = "
insert into publisher_key (name, public_key, added_at, added_by, expires_at)
values ($1, $2, clock(), $3, $4)
on conflict do nothing";

const FIND_NAME: &str = "
select name from publisher_key where public_key = $1";

const REVOKE: &str = "
update publisher_key set revoked_at = coalesce(revoked_at, clock())
where name = $1
returning name, public_key, added_at, added_by, expires_at, revoked_at";

const LIST: &str = "
select name, public_key, added_at, added_by, expires_at, revoked_at
from publisher_key order by name";

#[derive(FromRow)]
struct KeyRow {
    name: String,
    public_key: String,
    added_at: DateTime<Utc>,
    added_by: String,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
}

impl KeyRow {
    fn into_key(self) -> PublisherKey {
        PublisherKey {
            name: self.name,
            public_key: self.public_key,
            added_at: self.added_at,
            added_by: self.added_by,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
        }
    }
}

pub(super) async fn add(store: &PostgresStore, key: &PublisherKey) -> Result<(), StoreError> {
    const TRIED: &str = "add a publisher key";
    let added = sqlx::query(ADD)
        .bind(&key.name)
        .bind(&key.public_key)
        .bind(&key.added_by)
        .bind(key.expires_at.map(to_millisecond))
        .execute(&store.pool)
        .await
        .map_err(failed(TRIED))?;
    if added.rows_affected() > 0 {
        return Ok(());
    }
    // Keys and their names stay for good, so what was in the way is still there.
    let holder: Option<String> = sqlx::query_scalar(FIND_NAME)
        .bind(&key.public_key)
        .fetch_optional(&store.pool)
        .await
        .map_err(failed(TRIED))?;
    match holder {
        None => Err(StoreError::KeyExists(key.name.clone())),
        Some(name) if name == key.name => Ok(()),
        Some(name) => Err(StoreError::KeyHeld(name)),
    }
}

pub(super) async fn revoke(store: &PostgresStore, name: &str) -> Result<PublisherKey, StoreError> {
    let row: Option<KeyRow> = sqlx::query_as(REVOKE)
        .bind(name)
        .fetch_optional(&store.pool)
        .await
        .map_err(failed("revoke a publisher key"))?;
    row.map(KeyRow::into_key)
        .ok_or_else(|| StoreError::UnknownKey(name.to_owned()))
}

pub(super) async fn list(store: &PostgresStore) -> Result<Vec<PublisherKey>, StoreError> {
    let rows: Vec<KeyRow> = sqlx::query_as(LIST)
        .fetch_all(&store.pool)
        .await
        .map_err(failed("list the publisher keys"))?;
    Ok(rows.into_iter().map(KeyRow::into_key).collect())
}
