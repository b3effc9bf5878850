//! Slots as rows: read whole, written whole, and only from the generation that the change was
//! decided on.

use std::collections::BTreeSet;

use phagen_domain::{
    digest::Digest,
    plugin::{Activation, Candidate, Cause, PluginEvent, Slot, SlotName, Verb, World},
};
use phagen_store::{Moved, SlotMove, StoreError};
use serde::de::DeserializeOwned;
use sqlx::{FromRow, PgConnection};

use super::{
    event::{self, NewEvent, SlotStep},
    settle::settle,
};
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

const INSERT: &str = "
insert into slot (name, world, place, serving, previous, candidate, generation)
values ($1, $2, $3, $4::json, $5::json, $6::json, $7)";

const UPDATE: &str = "
update slot set
    world = $2, place = $3, serving = $4::json, previous = $5::json, candidate = $6::json,
    generation = $7
where name = $1";

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

pub(super) async fn seed(store: &PostgresStore, slots: &[Slot]) -> Result<u64, StoreError> {
    const TRIED: &str = "seed the slots";
    let cause = Cause {
        verb: Verb::Seed,
        actor: Cause::HOST.to_owned(),
        reason: None,
    };
    let mut transaction = store.begin_move(TRIED).await?;
    let mut n_made = 0;
    for slot in slots {
        if find(&mut transaction, &slot.name).await?.is_none() {
            write(&mut transaction, INSERT, slot).await?;
            let step = step_to(slot)?;
            let digest = slot.serving.plugin_digest;
            tell(&mut transaction, digest, &cause, step, named_by(slot)).await?;
            n_made += 1;
        }
    }
    transaction.commit().await.map_err(failed(TRIED))?;
    Ok(n_made)
}

pub(super) async fn list(store: &PostgresStore) -> Result<Vec<Slot>, StoreError> {
    let rows: Vec<SlotRow> = sqlx::query_as(LIST)
        .fetch_all(&store.pool)
        .await
        .map_err(failed("list the slots"))?;
    rows.into_iter().map(SlotRow::into_slot).collect()
}

pub(super) async fn change(store: &PostgresStore, change: &SlotMove) -> Result<Moved, StoreError> {
    const TRIED: &str = "move a slot";
    let mut transaction = store.begin_move(TRIED).await?;
    if let Some(key) = &change.key
        && let Some((event, slot)) = event::find_answer(&mut transaction, key).await?
    {
        // What ran out was swept; what the key answers stays as it is.
        transaction.commit().await.map_err(failed(TRIED))?;
        // An event without a slot took one away: the key was another request's.
        let slot = slot.ok_or_else(|| StoreError::KeyReused(key.key.clone()))?;
        return Ok(Moved {
            slot,
            event,
            is_repeat: true,
        });
    }
    let found = find(&mut transaction, &change.to.name).await?;
    let slot = Slot {
        generation: next_generation(change, found.as_ref())?,
        ..change.to.clone()
    };
    // The turn was taken before the row was read, so the row is still what was found.
    let statement = if found.is_some() { UPDATE } else { INSERT };
    write(&mut transaction, statement, &slot).await?;
    let mut digests = named_by(&slot);
    digests.extend(found.iter().flat_map(Slot::plugin_digests));
    let step = step_to(&slot)?;
    let event = tell(
        &mut transaction,
        change.digest,
        &change.cause,
        step,
        digests,
    )
    .await?;
    if let Some(key) = &change.key {
        event::hold_key(&mut transaction, key, &event).await?;
    }
    transaction.commit().await.map_err(failed(TRIED))?;
    Ok(Moved {
        slot,
        event,
        is_repeat: false,
    })
}

pub(super) async fn remove(
    store: &PostgresStore,
    change: &SlotMove,
) -> Result<PluginEvent, StoreError> {
    const TRIED: &str = "remove a slot";
    let mut transaction = store.begin_move(TRIED).await?;
    if let Some(key) = &change.key
        && let Some((event, slot)) = event::find_answer(&mut transaction, key).await?
    {
        transaction.commit().await.map_err(failed(TRIED))?;
        return match slot {
            None => Ok(event),
            Some(_) => Err(StoreError::KeyReused(key.key.clone())),
        };
    }
    let name = &change.to.name;
    let found = find(&mut transaction, name).await?;
    let generation = next_generation(change, found.as_ref())?;
    let Some(found) = found else {
        return Err(StoreError::UnknownSlot(name.to_string()));
    };
    sqlx::query(DELETE)
        .bind(name.as_str())
        .execute(&mut *transaction)
        .await
        .map_err(failed(TRIED))?;
    let step = SlotStep {
        name,
        generation,
        row: None,
    };
    let digests = named_by(&found);
    let event = tell(
        &mut transaction,
        change.digest,
        &change.cause,
        step,
        digests,
    )
    .await?;
    if let Some(key) = &change.key {
        event::hold_key(&mut transaction, key, &event).await?;
    }
    transaction.commit().await.map_err(failed(TRIED))?;
    Ok(event)
}

async fn find(transaction: &mut PgConnection, name: &SlotName) -> Result<Option<Slot>, StoreError> {
    let row: Option<SlotRow> = sqlx::query_as(FIND)
        .bind(name.as_str())
        .fetch_optional(transaction)
        .await
        .map_err(failed("find a slot"))?;
    row.map(SlotRow::into_slot).transpose()
}

/// The generation that `change` leads to, or why it may not be made.
fn next_generation(change: &SlotMove, found: Option<&Slot>) -> Result<u64, StoreError> {
    let slot = change.to.name.to_string();
    match (change.expected, found.map(|slot| slot.generation)) {
        (None, None) => Ok(1),
        (None, Some(_)) => Err(StoreError::SlotExists(slot)),
        (Some(_), None) => Err(StoreError::UnknownSlot(slot)),
        (Some(expected), Some(found)) if expected == found => Ok(found + 1),
        (Some(expected), Some(found)) => Err(StoreError::GenerationMoved {
            slot,
            expected,
            found,
        }),
    }
}

async fn write(
    transaction: &mut PgConnection,
    statement: &'static str,
    slot: &Slot,
) -> Result<(), StoreError> {
    const TRIED: &str = "write a slot";
    let previous = slot
        .previous
        .as_ref()
        .map(|previous| to_json(TRIED, previous));
    let candidate = slot
        .candidate
        .as_ref()
        .map(|candidate| to_json(TRIED, candidate));
    sqlx::query(statement)
        .bind(slot.name.as_str())
        .bind(slot.world.as_str())
        .bind(i64::from(slot.place))
        .bind(to_json(TRIED, &slot.serving)?)
        .bind(previous.transpose()?)
        .bind(candidate.transpose()?)
        .bind(integer(slot.generation))
        .execute(transaction)
        .await
        .map_err(failed(TRIED))?;
    Ok(())
}

fn named_by(slot: &Slot) -> BTreeSet<Digest> {
    slot.plugin_digests().collect()
}

fn step_to(slot: &Slot) -> Result<SlotStep<'_>, StoreError> {
    Ok(SlotStep {
        name: &slot.name,
        generation: slot.generation,
        row: Some(to_json("write a slot", slot)?),
    })
}

/// Brings every version of `digests` and the event's own up to date, then writes the event.
async fn tell(
    transaction: &mut PgConnection,
    digest: Digest,
    cause: &Cause,
    step: SlotStep<'_>,
    digests: BTreeSet<Digest>,
) -> Result<PluginEvent, StoreError> {
    for other in digests.into_iter().filter(|other| *other != digest) {
        settle(transaction, other, None).await?;
    }
    let state = settle(transaction, digest, Some(cause)).await?;
    let event = NewEvent {
        cause,
        digest,
        state,
        slot: Some(step),
    };
    event::record(transaction, event).await
}
