//! Slots and artifacts as rows.

use async_trait::async_trait;
use phagen_domain::{
    artifact::ArtifactRecord,
    digest::Digest,
    plugin::{Grant, Slot, World},
};
use phagen_store::{RegistryStore, SlotChange, StoreError};
use sqlx::{FromRow, SqliteConnection};

use crate::{
    SqliteStore,
    row::{corrupt, failed, from_json, integer, number, parse, parse_optional, time, to_json},
};

const SEED_SLOT: &str = "
insert into slot (name, world, plugin, plugin_digest, artifact_digest, config,
    grant_corpus, grant_artifact, generation)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
on conflict (name) do nothing";

const LIST_SLOTS: &str = "
select name, world, plugin, plugin_digest, artifact_digest, config,
    grant_corpus, grant_artifact, generation
from slot order by name";

const CHANGE_ARTIFACT: &str = "
update slot set artifact_digest = ?3, generation = generation + 1
where name = ?1 and generation = ?2
returning generation";

const FIND_GENERATION: &str = "
select generation from slot where name = ?1";

const UPDATE_BUILTIN: &str = "
update slot set
    world = ?2, plugin_digest = ?4, artifact_digest = ?5, config = ?6,
    grant_corpus = ?7, grant_artifact = ?8, generation = generation + 1
where name = ?1 and plugin = ?3 and plugin_digest <> ?4";

const RECORD_ARTIFACT: &str = "
insert into artifact (digest, name, format, size_bytes, created_at)
values (?1, ?2, ?3, ?4, ?5)
on conflict (digest) do nothing";

const LIST_ARTIFACTS: &str = "
select digest, name, format, size_bytes, created_at
from artifact order by created_at desc, digest";

#[derive(FromRow)]
struct SlotRow {
    name: String,
    world: String,
    plugin: String,
    plugin_digest: String,
    artifact_digest: Option<String>,
    config: String,
    grant_corpus: bool,
    grant_artifact: bool,
    generation: i64,
}

impl SlotRow {
    fn into_slot(self) -> Result<Slot, StoreError> {
        Ok(Slot {
            name: parse("slot", &self.name)?,
            world: World::from_name(&self.world)
                .ok_or_else(|| corrupt("slot", format!("`{}` is not a world", self.world)))?,
            plugin: self.plugin,
            plugin_digest: parse("slot", &self.plugin_digest)?,
            artifact_digest: parse_optional("slot", self.artifact_digest.as_deref())?,
            config: from_json("slot", "config", &self.config)?,
            grant: Grant {
                corpus: self.grant_corpus,
                artifact: self.grant_artifact,
            },
            generation: number("slot", "generation", self.generation)?,
        })
    }
}

#[async_trait]
impl RegistryStore for SqliteStore {
    async fn seed_slots(&self, slots: &[Slot]) -> Result<u64, StoreError> {
        const TRIED: &str = "seed the slots";
        let mut transaction = self.begin(TRIED).await?;
        let mut n_inserted = 0;
        for slot in slots {
            let inserted = sqlx::query(SEED_SLOT)
                .bind(slot.name.as_str())
                .bind(slot.world.as_str())
                .bind(&slot.plugin)
                .bind(slot.plugin_digest.to_string())
                .bind(slot.artifact_digest.map(|digest| digest.to_string()))
                .bind(to_json(TRIED, &slot.config)?)
                .bind(slot.grant.corpus)
                .bind(slot.grant.artifact)
                .bind(integer(slot.generation))
                .execute(&mut *transaction)
                .await
                .map_err(failed(TRIED))?;
            n_inserted += inserted.rows_affected();
        }
        transaction.commit().await.map_err(failed(TRIED))?;
        Ok(n_inserted)
    }

    async fn list_slots(&self) -> Result<Vec<Slot>, StoreError> {
        let rows: Vec<SlotRow> = sqlx::query_as(LIST_SLOTS)
            .fetch_all(&self.readers)
            .await
            .map_err(failed("list the slots"))?;
        rows.into_iter().map(SlotRow::into_slot).collect()
    }

    async fn change_artifact(&self, change: &SlotChange) -> Result<u64, StoreError> {
        const TRIED: &str = "change the artifact of a slot";
        let mut transaction = self.begin(TRIED).await?;
        let moved: Option<i64> = sqlx::query_scalar(CHANGE_ARTIFACT)
            .bind(change.slot.as_str())
            .bind(integer(change.generation))
            .bind(change.artifact_digest.map(|digest| digest.to_string()))
            .fetch_optional(&mut *transaction)
            .await
            .map_err(failed(TRIED))?;
        let Some(generation) = moved else {
            let found = generation_of(&mut transaction, change.slot.as_str()).await?;
            return Err(StoreError::GenerationMoved {
                slot: change.slot.to_string(),
                expected: change.generation,
                found,
            });
        };
        transaction.commit().await.map_err(failed(TRIED))?;
        number("slot", "generation", generation)
    }

    async fn update_builtin(&self, slot: &Slot) -> Result<bool, StoreError> {
        const TRIED: &str = "update a slot to its built-in plugin";
        let mut transaction = self.begin(TRIED).await?;
        let updated = sqlx::query(UPDATE_BUILTIN)
            .bind(slot.name.as_str())
            .bind(slot.world.as_str())
            .bind(&slot.plugin)
            .bind(slot.plugin_digest.to_string())
            .bind(slot.artifact_digest.map(|digest| digest.to_string()))
            .bind(to_json(TRIED, &slot.config)?)
            .bind(slot.grant.corpus)
            .bind(slot.grant.artifact)
            .execute(&mut *transaction)
            .await
            .map_err(failed(TRIED))?;
        if updated.rows_affected() == 0 {
            generation_of(&mut transaction, slot.name.as_str()).await?;
            return Ok(false);
        }
        transaction.commit().await.map_err(failed(TRIED))?;
        Ok(true)
    }

    async fn record_artifact(&self, artifact: &ArtifactRecord) -> Result<(), StoreError> {
        sqlx::query(RECORD_ARTIFACT)
            .bind(artifact.digest.to_string())
            .bind(&artifact.name)
            .bind(&artifact.format)
            .bind(integer(artifact.size_bytes))
            .bind(artifact.created_at.timestamp_millis())
            .execute(&self.writer)
            .await
            .map_err(failed("record an artifact"))?;
        Ok(())
    }

    async fn list_artifacts(&self) -> Result<Vec<ArtifactRecord>, StoreError> {
        let rows: Vec<(String, String, String, i64, i64)> = sqlx::query_as(LIST_ARTIFACTS)
            .fetch_all(&self.readers)
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
}

/// Generation of a slot that must exist.
async fn generation_of(transaction: &mut SqliteConnection, name: &str) -> Result<u64, StoreError> {
    let generation: Option<i64> = sqlx::query_scalar(FIND_GENERATION)
        .bind(name)
        .fetch_optional(transaction)
        .await
        .map_err(failed("find a slot"))?;
    match generation {
        Some(generation) => number("slot", "generation", generation),
        None => Err(StoreError::UnknownSlot(name.to_owned())),
    }
}
