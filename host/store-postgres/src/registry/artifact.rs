//! Artifacts as rows. The weights lie among the blobs.

use chrono::{DateTime, Utc};
use phagen_domain::{artifact::ArtifactRecord, digest::Digest};
use phagen_store::StoreError;

use crate::{
    PostgresStore,
    row::{failed, integer, number, parse, to_millisecond},
};

const RECORD: &str = "
insert into artifact (digest, name, format, size_bytes, created_at)
values ($1, $2, $3, $4, $5)
on conflict (digest) do nothing";

const LIST: &str = "
select digest, name, format, size_bytes, created_at
from artifact order by created_at desc, digest";

pub(super) async fn record(
    store: &PostgresStore,
    artifact: &ArtifactRecord,
) -> Result<(), StoreError> {
    sqlx::query(RECORD)
        .bind(artifact.digest.to_string())
        .bind(&artifact.name)
        .bind(&artifact.format)
        .bind(integer(artifact.size_bytes))
        .bind(to_millisecond(artifact.created_at))
        .execute(&store.pool)
        .await
        .map_err(failed("record an artifact"))?;
    Ok(())
}

pub(super) async fn list(store: &PostgresStore) -> Result<Vec<ArtifactRecord>, StoreError> {
    let rows: Vec<(String, String, String, i64, DateTime<Utc>)> = sqlx::query_as(LIST)
        .fetch_all(&store.pool)
        .await
        .map_err(failed("list the artifacts"))?;
    rows.into_iter()
        .map(|(digest, name, format, size_bytes, created_at)| {
            Ok(ArtifactRecord {
                digest: parse::<Digest>("artifact", &digest)?,
                name,
                format,
                size_bytes: number("artifact", "size_bytes", size_bytes)?,
                created_at,
            })
        })
        .collect()
}
