//! Artifacts as rows. The weights lie among the blobs.

use phagen_domain::{artifact::ArtifactRecord, digest::Digest};
use phagen_store::StoreError;

use crate::{
    SqliteStore,
    row::{failed, integer, number, parse, time},
};

const RECORD: &str = "
insert into artifact (digest, name, format, size_bytes, created_at)
values (?1, ?2, ?3, ?4, ?5)
on conflict (digest) do nothing";

const LIST: &str = "
select digest, name, format, size_bytes, created_at
from artifact order by created_at desc, digest";

pub(super) async fn record(
    store: &SqliteStore,
    artifact: &ArtifactRecord,
) -> Result<(), StoreError> {
    sqlx::query(RECORD)
        .bind(artifact.digest.to_string())
        .bind(&artifact.name)
        .bind(&artifact.format)
        .bind(integer(artifact.size_bytes))
        .bind(artifact.created_at.timestamp_millis())
        .execute(&store.writer)
        .await
        .map_err(failed("record an artifact"))?;
    Ok(())
}

pub(super) async fn list(store: &SqliteStore) -> Result<Vec<ArtifactRecord>, StoreError> {
    let rows: Vec<(String, String, String, i64, i64)> = sqlx::query_as(LIST)
        .fetch_all(&store.readers)
        .await
        .map_err(failed("list the artifacts"))?;
    rows.into_iter()
        .map(|(digest, name, format, size_bytes, created_at)| {
            Ok(ArtifactRecord {
                digest: parse::<Digest>("artifact", &digest)?,
                name,
                format,
                size_bytes: number("artifact", "size_bytes", size_bytes)?,
                created_at: time("artifact", created_at)?,
            })
        })
        .collect()
}
