//! Keys of publishers: added once, revoked for good, never deleted.

use phagen_domain::plugin::PublisherKey;
use phagen_store::StoreError;
use sqlx::FromRow;

use crate::{
    SqliteStore,
    row::{failed, time},
};

const ADD: &str = "
insert into publisher_key (name, public_key, added_at, added_by, expires_at)
select ?1, ?2, now, ?3, ?4 from clock where true
on conflict do nothing";

const FIND_NAME: &str = "
select name from publisher_key where public_key = ?1";

const REVOKE: &str = "
update publisher_key set revoked_at = coalesce(revoked_at, (select now from clock))
where name = ?1
returning name, public_key, added_at, added_by, expires_at, revoked_at";

const LIST: &str = "
select name, public_key, added_at, added_by, expires_at, revoked_at
from publisher_key order by name";

#[derive(FromRow)]
struct KeyRow {
    name: String,
    public_key: String,
    added_at: i64,
    added_by: String,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
}

impl KeyRow {
    fn into_key(self) -> Result<PublisherKey, StoreError> {
        let optional_time = |at: Option<i64>| at.map(|at| time("publisher_key", at)).transpose();
        Ok(PublisherKey {
            name: self.name,
            public_key: self.public_key,
            added_at: time("publisher_key", self.added_at)?,
            added_by: self.added_by,
            expires_at: optional_time(self.expires_at)?,
            revoked_at: optional_time(self.revoked_at)?,
        })
    }
}

pub(super) async fn add(store: &SqliteStore, key: &PublisherKey) -> Result<(), StoreError> {
    const TRIED: &str = "add a publisher key";
    let mut transaction = store.begin(TRIED).await?;
    let added = sqlx::query(ADD)
        .bind(&key.name)
        .bind(&key.public_key)
        .bind(&key.added_by)
        .bind(key.expires_at.map(|at| at.timestamp_millis()))
        .execute(&mut *transaction)
        .await
        .map_err(failed(TRIED))?;
    if added.rows_affected() > 0 {
        return transaction.commit().await.map_err(failed(TRIED));
    }
    let holder: Option<String> = sqlx::query_scalar(FIND_NAME)
        .bind(&key.public_key)
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed(TRIED))?;
    match holder {
        None => Err(StoreError::KeyExists(key.name.clone())),
        Some(name) if name == key.name => Ok(()),
        Some(name) => Err(StoreError::KeyHeld(name)),
    }
}

pub(super) async fn revoke(store: &SqliteStore, name: &str) -> Result<PublisherKey, StoreError> {
    let row: Option<KeyRow> = sqlx::query_as(REVOKE)
        .bind(name)
        .fetch_optional(&store.writer)
        .await
        .map_err(failed("revoke a publisher key"))?;
    row.ok_or_else(|| StoreError::UnknownKey(name.to_owned()))?
        .into_key()
}

pub(super) async fn list(store: &SqliteStore) -> Result<Vec<PublisherKey>, StoreError> {
    let rows: Vec<KeyRow> = sqlx::query_as(LIST)
        .fetch_all(&store.readers)
        .await
        .map_err(failed("list the publisher keys"))?;
    rows.into_iter().map(KeyRow::into_key).collect()
}
