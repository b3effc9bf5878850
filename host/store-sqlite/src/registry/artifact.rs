//! Artifacts as rows. The weights lie among the blobs.

use phagen_domain::{artifact::ArtifactRecord, digest::Digest};
use phagen_store::{AuditChange, StoreError};

use crate::{
    SqliteStore, audit,
    row::{failed, integer, number, parse, time},
};

type Row = (String, String, String, i64, i64);

const RECORD: &str = "
insert into artifact (digest, name, format, size_bytes, created_at)
values (?1, ?2, ?3, ?4, ?5)
on conflict (digest) do nothing
returning digest, name, format, size_bytes, created_at";

const LIST: &str = "
select digest, name, format, size_bytes, created_at
from artifact order by created_at desc, digest";

pub(super) async fn record(
    store: &SqliteStore,
    artifact: &ArtifactRecord,
    recorded_by: &str,
) -> Result<(), StoreError> {
    const TRIED: &str = "record an artifact";
    let mut transaction = store.begin(TRIED).await?;
    let recorded: Option<Row> = sqlx::query_as(RECORD)
        .bind(artifact.digest.to_string())
        .bind(&artifact.name)
        .bind(&artifact.format)
        .bind(integer(artifact.size_bytes))
        .bind(artifact.created_at.timestamp_millis())
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed(TRIED))?;
    let Some(recorded) = recorded else {
        return Ok(());
    };
    let change = AuditChange::of_model_recorded(&into_record(recorded)?, recorded_by)?;
    audit::record(&mut transaction, change).await?;
    transaction.commit().await.map_err(failed(TRIED))
}

pub(super) async fn list(store: &SqliteStore) -> Result<Vec<ArtifactRecord>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(LIST)
        .fetch_all(&store.readers)
        .await
        .map_err(failed("list the artifacts"))?;
    rows.into_iter().map(into_record).collect()
}

fn into_record(row: Row) -> Result<ArtifactRecord, StoreError> {
    let (digest, name, format, size_bytes, created_at) = row;
    Ok(ArtifactRecord {
        digest: parse::<Digest>("artifact", &digest)?,
        name,
        format,
        size_bytes: number("artifact", "size_bytes", size_bytes)?,
        created_at: time("artifact", created_at)?,
    })
}
