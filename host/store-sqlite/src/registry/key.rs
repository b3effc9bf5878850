//! Keys of publishers: added once, revoked for good, never deleted.

use phagen_domain::plugin::PublisherKey;
use phagen_store::{AuditChange, StoreError};
use sqlx::FromRow;

use crate::{
    SqliteStore, audit,
    row::{failed, time},
};

const ADD: &str = "
insert into publisher_key (name, public_key, added_at, added_by, expires_at)
select ?1, ?2, now, ?3, ?4 from clock where true
on conflict do nothing
returning name, public_key, added_at, added_by, expires_at, revoked_at";

const FIND_NAME: &str = "
select name from publisher_key where public_key = ?1";

const FIND: &str = "
select name, public_key, added_at, added_by, expires_at, revoked_at
from publisher_key where name = ?1";

const REVOKE: &str = "
update publisher_key set revoked_at = (select now from clock)
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
    let added: Option<KeyRow> = sqlx::query_as(ADD)
        .bind(&key.name)
        .bind(&key.public_key)
        .bind(&key.added_by)
        .bind(key.expires_at.map(|at| at.timestamp_millis()))
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed(TRIED))?;
    if let Some(added) = added {
        let change = AuditChange::of_publisher_added(&added.into_key()?)?;
        audit::record(&mut transaction, change).await?;
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

pub(super) async fn revoke(
    store: &SqliteStore,
    name: &str,
    revoked_by: &str,
) -> Result<PublisherKey, StoreError> {
    const TRIED: &str = "revoke a publisher key";
    let mut transaction = store.begin(TRIED).await?;
    let found: Option<KeyRow> = sqlx::query_as(FIND)
        .bind(name)
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed(TRIED))?;
    let found = found.ok_or_else(|| StoreError::UnknownKey(name.to_owned()))?;
    let found = found.into_key()?;
    if found.revoked_at.is_some() {
        return Ok(found);
    }
    let revoked: KeyRow = sqlx::query_as(REVOKE)
        .bind(name)
        .fetch_one(&mut *transaction)
        .await
        .map_err(failed(TRIED))?;
    let revoked = revoked.into_key()?;
    let change = AuditChange::of_publisher_revoked(&revoked, revoked_by)?;
    audit::record(&mut transaction, change).await?;
    transaction.commit().await.map_err(failed(TRIED))?;
    Ok(revoked)
}

pub(super) async fn list(store: &SqliteStore) -> Result<Vec<PublisherKey>, StoreError> {
    let rows: Vec<KeyRow> = sqlx::query_as(LIST)
        .fetch_all(&store.readers)
        .await
        .map_err(failed("list the publisher keys"))?;
    rows.into_iter().map(KeyRow::into_key).collect()
}
