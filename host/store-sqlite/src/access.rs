//! Keys of the API as rows: made once, revoked for good, never deleted.

use async_trait::async_trait;
use phagen_store::{ApiKey, AuditChange, KeyStore, NewApiKey, Standing, StoreError};
use sqlx::FromRow;

use crate::{
    SqliteStore, audit,
    row::{failed, parse, time},
};

const TABLE: &str = "api_key";

const ADD: &str = "
insert into api_key (name, prefix, hash, scopes, created_at, created_by, expires_at)
select ?1, ?2, ?3, ?4, now, ?5, ?6 from clock where true
on conflict (name) do nothing
returning name, prefix, hash, scopes, created_at, created_by, expires_at, revoked_at,
    last_used_at, (select now from clock) as now";

const FIND_NAME: &str = "
select name, prefix, hash, scopes, created_at, created_by, expires_at, revoked_at,
    last_used_at, (select now from clock) as now
from api_key where name = ?1";

const REVOKE: &str = "
update api_key set revoked_by = ?2, revoked_at = (select now from clock)
where name = ?1
returning name, prefix, hash, scopes, created_at, created_by, expires_at, revoked_at,
    last_used_at, (select now from clock) as now";

const LIST: &str = "
select name, prefix, hash, scopes, created_at, created_by, expires_at, revoked_at,
    last_used_at, (select now from clock) as now
from api_key order by name";

const FIND: &str = "
select name, prefix, hash, scopes, created_at, created_by, expires_at, revoked_at,
    last_used_at, (select now from clock) as now
from api_key where prefix = ?1 order by name";

const TOUCH: &str = "
update api_key set last_used_at = now / 60000 * 60000
from clock
where name = ?1 and coalesce(last_used_at, 0) < now / 60000 * 60000";

#[derive(FromRow)]
struct KeyRow {
    name: String,
    prefix: String,
    hash: String,
    scopes: String,
    created_at: i64,
    created_by: String,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    last_used_at: Option<i64>,
    now: i64,
}

impl KeyRow {
    fn into_key(self) -> Result<ApiKey, StoreError> {
        let optional_time = |at: Option<i64>| at.map(|at| time(TABLE, at)).transpose();
        let expires_at = optional_time(self.expires_at)?;
        let revoked_at = optional_time(self.revoked_at)?;
        Ok(ApiKey {
            name: self.name,
            prefix: self.prefix,
            hash: parse(TABLE, &self.hash)?,
            scopes: parse(TABLE, &self.scopes)?,
            created_at: time(TABLE, self.created_at)?,
            created_by: self.created_by,
            expires_at,
            revoked_at,
            last_used_at: optional_time(self.last_used_at)?,
            standing: Standing::at(time("clock", self.now)?, expires_at, revoked_at),
        })
    }
}

#[async_trait]
impl KeyStore for SqliteStore {
    async fn add_api_key(&self, key: &NewApiKey) -> Result<ApiKey, StoreError> {
        const TRIED: &str = "add a key of the API";
        let mut transaction = self.begin(TRIED).await?;
        let added: Option<KeyRow> = sqlx::query_as(ADD)
            .bind(&key.name)
            .bind(&key.prefix)
            .bind(key.hash.to_string())
            .bind(key.scopes.to_string())
            .bind(&key.created_by)
            .bind(key.expires_at.map(|at| at.timestamp_millis()))
            .fetch_optional(&mut *transaction)
            .await
            .map_err(failed(TRIED))?;
        let added = added
            .ok_or_else(|| StoreError::ApiKeyExists(key.name.clone()))?
            .into_key()?;
        audit::record(&mut transaction, AuditChange::of_key_created(&added)?).await?;
        transaction.commit().await.map_err(failed(TRIED))?;
        Ok(added)
    }

    async fn revoke_api_key(&self, name: &str, revoked_by: &str) -> Result<ApiKey, StoreError> {
        const TRIED: &str = "revoke a key of the API";
        let mut transaction = self.begin(TRIED).await?;
        let found: Option<KeyRow> = sqlx::query_as(FIND_NAME)
            .bind(name)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(failed(TRIED))?;
        let found = found
            .ok_or_else(|| StoreError::UnknownApiKey(name.to_owned()))?
            .into_key()?;
        if found.revoked_at.is_some() {
            return Ok(found);
        }
        let revoked: KeyRow = sqlx::query_as(REVOKE)
            .bind(name)
            .bind(revoked_by)
            .fetch_one(&mut *transaction)
            .await
            .map_err(failed(TRIED))?;
        let revoked = revoked.into_key()?;
        let change = AuditChange::of_key_revoked(&revoked, revoked_by)?;
        audit::record(&mut transaction, change).await?;
        transaction.commit().await.map_err(failed(TRIED))?;
        Ok(revoked)
    }

    async fn list_api_keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        let rows: Vec<KeyRow> = sqlx::query_as(LIST)
            .fetch_all(&self.readers)
            .await
            .map_err(failed("list the keys of the API"))?;
        rows.into_iter().map(KeyRow::into_key).collect()
    }

    async fn find_api_keys(&self, prefix: &str) -> Result<Vec<ApiKey>, StoreError> {
        let rows: Vec<KeyRow> = sqlx::query_as(FIND)
            .bind(prefix)
            .fetch_all(&self.readers)
            .await
            .map_err(failed("find a key of the API"))?;
        rows.into_iter().map(KeyRow::into_key).collect()
    }

    async fn touch_api_key(&self, name: &str) -> Result<(), StoreError> {
        sqlx::query(TOUCH)
            .bind(name)
            .execute(&self.writer)
            .await
            .map(drop)
            .map_err(failed("note the use of a key of the API"))
    }
}
