//! The rows of slots: read whole and written whole.

use phagen_domain::plugin::{Activation, Candidate, Slot, SlotName, World};
use phagen_store::StoreError;
use serde::de::DeserializeOwned;
use sqlx::{FromRow, PgConnection};

use crate::{
    PostgresStore,
    row::{corrupt, failed, from_json, integer, number, parse, to_json},
};

/// The order that a job walks them in; of two with one place, by name.
const LIST: &str = "
select name, world, place, serving::text, previous::text, candidate::text, generation
from slot
order by
    case world when 'source' then 0 when 'mapper' then 1 else 2 end,
    case world when 'source' then 0 else place end,
    name";

const FIND: &str = "
select name, world, place, serving::text, previous::text, candidate::text, generation
from slot where name = $1";

/// A name that was used before goes on where it ended, so that nothing that was decided on the slot
/// of before fits the one of now.
const INSERT: &str = "
insert into slot (name, world, place, serving, previous, candidate, generation)
select $1, $2, $3, $4::json, $5::json, $6::json, coalesce(max(generation), 0) + 1
from plugin_event where slot = $1
returning generation";

const UPDATE: &str = "
update slot set
    world = $2, place = $3, serving = $4::json, previous = $5::json, candidate = $6::json,
    generation = $7
where name = $1
returning generation";

const DELETE: &str = "
delete from slot where name = $1";

#[derive(FromRow)]
struct SlotRow {
    name: String,
    world: String,
    place: i64,
    serving: String,
    previous: Option<String>,
    candidate: Option<String>,
    generation: i64,
}

impl SlotRow {
    fn into_slot(self) -> Result<Slot, StoreError> {
        Ok(Slot {
            name: parse("slot", &self.name)?,
            world: World::from_name(&self.world)
                .ok_or_else(|| corrupt("slot", format!("`{}` is not a world", self.world)))?,
            place: number("slot", "place", self.place)?,
            serving: from_json("slot", "serving", &self.serving)?,
            previous: optional::<Activation>("previous", self.previous.as_deref())?,
            candidate: optional::<Candidate>("candidate", self.candidate.as_deref())?,
            generation: number("slot", "generation", self.generation)?,
        })
    }
}

fn optional<T: DeserializeOwned>(
    column: &'static str,
    text: Option<&str>,
) -> Result<Option<T>, StoreError> {
    text.map(|text| from_json("slot", column, text)).transpose()
}

pub(super) async fn list(store: &PostgresStore) -> Result<Vec<Slot>, StoreError> {
    let rows: Vec<SlotRow> = sqlx::query_as(LIST)
        .fetch_all(&store.pool)
        .await
        .map_err(failed("list the slots"))?;
    rows.into_iter().map(SlotRow::into_slot).collect()
}

pub(super) async fn find(
    transaction: &mut PgConnection,
    name: &SlotName,
) -> Result<Option<Slot>, StoreError> {
    let row: Option<SlotRow> = sqlx::query_as(FIND)
        .bind(name.as_str())
        .fetch_optional(transaction)
        .await
        .map_err(failed("find a slot"))?;
    row.map(SlotRow::into_slot).transpose()
}

/// Makes the slot, and answers with it at the generation that it got.
pub(super) async fn insert(
    transaction: &mut PgConnection,
    slot: &Slot,
) -> Result<Slot, StoreError> {
    write(transaction, INSERT, slot, None).await
}

/// Replaces the row, which must be there, and brings it to the slot's generation.
pub(super) async fn update(
    transaction: &mut PgConnection,
    slot: &Slot,
) -> Result<Slot, StoreError> {
    write(transaction, UPDATE, slot, Some(slot.generation)).await
}

pub(super) async fn delete(
    transaction: &mut PgConnection,
    name: &SlotName,
) -> Result<(), StoreError> {
    sqlx::query(DELETE)
        .bind(name.as_str())
        .execute(transaction)
        .await
        .map(drop)
        .map_err(failed("remove a slot"))
}

async fn write(
    transaction: &mut PgConnection,
    statement: &'static str,
    slot: &Slot,
    generation: Option<u64>,
) -> Result<Slot, StoreError> {
    const TRIED: &str = "write a slot";
    let previous = slot
        .previous
        .as_ref()
        .map(|previous| to_json(TRIED, previous));
    let candidate = slot
        .candidate
        .as_ref()
        .map(|candidate| to_json(TRIED, candidate));
    let mut query = sqlx::query_scalar(statement)
        .bind(slot.name.as_str())
        .bind(slot.world.as_str())
        .bind(i64::from(slot.place))
        .bind(to_json(TRIED, &slot.serving)?)
        .bind(previous.transpose()?)
        .bind(candidate.transpose()?);
    if let Some(generation) = generation {
        query = query.bind(integer(generation));
    }
    let generation = query.fetch_one(transaction).await.map_err(failed(TRIED))?;
    Ok(Slot {
        generation: number("slot", "generation", generation)?,
        ..slot.clone()
    })
}
