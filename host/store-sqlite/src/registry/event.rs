//! The append-only record of moves, and the keys by which a repeated request finds its first answer.

use phagen_domain::{
    digest::Digest,
    plugin::{Cause, PluginEvent, Slot, SlotName, Verb, VersionState},
};
use phagen_store::{AuditChange, EventFilter, IdempotencyKey, StoreError};
use sqlx::{FromRow, SqliteConnection};

use crate::{
    SqliteStore, audit,
    row::{corrupt, failed, from_json, integer, milliseconds, number, parse, parse_optional, time},
};

const RECORD: &str = "
insert into plugin_event (at, verb, actor, reason, digest, state, slot, generation, slot_row)
select now, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 from clock
returning seq, at, verb, actor, reason, digest, state, slot, generation";

const SET_GENERATION: &str = "
select coalesce(max(seq), 0) from plugin_event where slot is not null or verb = 'quarantine'";

const LIST: &str = "
select seq, at, verb, actor, reason, digest, state, slot, generation
from plugin_event where seq > ?1
order by seq limit ?2";

const LIST_OF_SLOT: &str = "
select seq, at, verb, actor, reason, digest, state, slot, generation
from plugin_event where slot = ?3 and seq > ?1
order by seq limit ?2";

const LIST_OF_VERSION: &str = "
select seq, at, verb, actor, reason, digest, state, slot, generation
from plugin_event where digest = ?3 and seq > ?1 and (?4 is null or slot = ?4)
order by seq limit ?2";

const DELETE_EXPIRED_KEYS: &str = "
delete from plugin_key where expires_at <= (select now from clock)";

const FIND_KEY: &str = "
select request_digest, event_seq from plugin_key where key = ?1";

const INSERT_KEY: &str = "
insert into plugin_key (key, request_digest, event_seq, expires_at)
select ?1, ?2, ?3, now + ?4 from clock";

const FIND: &str = "
select seq, at, verb, actor, reason, digest, state, slot, generation
from plugin_event where seq = ?1";

const FIND_SLOT_ROW: &str = "
select slot_row from plugin_event where seq = ?1";

const LIST_WITH_SLOTS: &str = "
select seq, at, verb, actor, reason, digest, state, slot, generation, slot_row
from plugin_event where seq > ?1
order by seq limit ?2";

/// An event before it has a number and a time.
pub(super) struct NewEvent<'a> {
    pub(super) cause: &'a Cause,
    pub(super) digest: Digest,
    pub(super) state: VersionState,
    pub(super) slot: Option<SlotStep<'a>>,
}

/// What became of the slot that changed.
pub(super) struct SlotStep<'a> {
    pub(super) name: &'a SlotName,
    pub(super) generation: u64,
    /// The row after the change as JSON; none when it was taken away.
    pub(super) row: Option<String>,
}

#[derive(FromRow)]
struct EventRow {
    seq: i64,
    at: i64,
    verb: String,
    actor: String,
    reason: Option<String>,
    digest: String,
    state: String,
    slot: Option<String>,
    generation: Option<i64>,
}

impl EventRow {
    fn into_event(self) -> Result<PluginEvent, StoreError> {
        const TABLE: &str = "plugin_event";
        Ok(PluginEvent {
            seq: number(TABLE, "seq", self.seq)?,
            at: time(TABLE, self.at)?,
            cause: Cause {
                verb: Verb::from_name(&self.verb)
                    .ok_or_else(|| corrupt(TABLE, format!("`{}` is not a verb", self.verb)))?,
                actor: self.actor,
                reason: self.reason,
            },
            digest: parse(TABLE, &self.digest)?,
            state: VersionState::from_name(&self.state)
                .ok_or_else(|| corrupt(TABLE, format!("`{}` is not a state", self.state)))?,
            slot: parse_optional(TABLE, self.slot.as_deref())?,
            generation: self
                .generation
                .map(|generation| number(TABLE, "generation", generation))
                .transpose()?,
        })
    }
}

/// Appends an event, and its row of the record of changes, in the transaction that makes it true.
pub(super) async fn record(
    transaction: &mut SqliteConnection,
    event: NewEvent<'_>,
) -> Result<PluginEvent, StoreError> {
    let step = event.slot.as_ref();
    let row: EventRow = sqlx::query_as(RECORD)
        .bind(event.cause.verb.as_str())
        .bind(&event.cause.actor)
        .bind(event.cause.reason.as_deref())
        .bind(event.digest.to_string())
        .bind(event.state.as_str())
        .bind(step.map(|step| step.name.as_str()))
        .bind(step.map(|step| integer(step.generation)))
        .bind(step.and_then(|step| step.row.as_deref()))
        .fetch_one(&mut *transaction)
        .await
        .map_err(failed("record an event of a plugin"))?;
    let recorded = row.into_event()?;
    let slot_row = step.and_then(|step| step.row.as_deref());
    audit::record(transaction, AuditChange::of_event(&recorded, slot_row)?).await?;
    Ok(recorded)
}

pub(super) async fn set_generation(store: &SqliteStore) -> Result<u64, StoreError> {
    let seq = sqlx::query_scalar(SET_GENERATION)
        .fetch_one(&store.readers)
        .await
        .map_err(failed("read the generation of the set of slots"))?;
    number("plugin_event", "seq", seq)
}

pub(super) async fn list(
    store: &SqliteStore,
    filter: &EventFilter,
) -> Result<Vec<PluginEvent>, StoreError> {
    let slot = filter.slot.as_ref().map(SlotName::as_str);
    // One statement for all filters would use no index, and the record only grows.
    let statement = match (filter.digest, slot) {
        (Some(digest), _) => sqlx::query_as(LIST_OF_VERSION)
            .bind(integer(filter.after.unwrap_or_default()))
            .bind(filter.limit)
            .bind(digest.to_string())
            .bind(slot),
        (None, Some(slot)) => sqlx::query_as(LIST_OF_SLOT)
            .bind(integer(filter.after.unwrap_or_default()))
            .bind(filter.limit)
            .bind(slot),
        (None, None) => sqlx::query_as(LIST)
            .bind(integer(filter.after.unwrap_or_default()))
            .bind(filter.limit),
    };
    let rows: Vec<EventRow> = statement
        .fetch_all(&store.readers)
        .await
        .map_err(failed("list the events of plugins"))?;
    rows.into_iter().map(EventRow::into_event).collect()
}

#[derive(FromRow)]
struct EventWithSlot {
    #[sqlx(flatten)]
    event: EventRow,
    slot_row: Option<String>,
}

/// Every event with the slot that it left, as the row has it.
pub(crate) async fn list_with_slots(
    store: &SqliteStore,
    after: u64,
    limit: u32,
) -> Result<Vec<(PluginEvent, Option<String>)>, StoreError> {
    let rows: Vec<EventWithSlot> = sqlx::query_as(LIST_WITH_SLOTS)
        .bind(integer(after))
        .bind(limit)
        .fetch_all(&store.readers)
        .await
        .map_err(failed("list the events of plugins"))?;
    rows.into_iter()
        .map(|row| Ok((row.event.into_event()?, row.slot_row)))
        .collect()
}

/// The event that the first request under `key` left, with the slot as it was then.
pub(super) async fn find_answer(
    transaction: &mut SqliteConnection,
    key: &IdempotencyKey,
) -> Result<Option<(PluginEvent, Option<Slot>)>, StoreError> {
    const TRIED: &str = "find an idempotency key of a move";
    sqlx::query(DELETE_EXPIRED_KEYS)
        .execute(&mut *transaction)
        .await
        .map_err(failed("delete idempotency keys of moves that ran out"))?;
    let held: Option<(String, i64)> = sqlx::query_as(FIND_KEY)
        .bind(&key.key)
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed(TRIED))?;
    let Some((request_digest, seq)) = held else {
        return Ok(None);
    };
    if request_digest != key.request_digest.to_string() {
        return Err(StoreError::KeyReused(key.key.clone()));
    }
    let event: EventRow = sqlx::query_as(FIND)
        .bind(seq)
        .fetch_one(&mut *transaction)
        .await
        .map_err(failed(TRIED))?;
    let slot: Option<String> = sqlx::query_scalar(FIND_SLOT_ROW)
        .bind(seq)
        .fetch_one(transaction)
        .await
        .map_err(failed(TRIED))?;
    let slot = slot
        .map(|slot| from_json("plugin_event", "slot_row", &slot))
        .transpose()?;
    Ok(Some((event.into_event()?, slot)))
}

/// Ties `key` to the event that answers it.
pub(super) async fn hold_key(
    transaction: &mut SqliteConnection,
    key: &IdempotencyKey,
    event: &PluginEvent,
) -> Result<(), StoreError> {
    sqlx::query(INSERT_KEY)
        .bind(&key.key)
        .bind(key.request_digest.to_string())
        .bind(integer(event.seq))
        .bind(milliseconds(IdempotencyKey::LIFETIME))
        .execute(transaction)
        .await
        .map_err(failed("store an idempotency key of a move"))?;
    Ok(())
}
