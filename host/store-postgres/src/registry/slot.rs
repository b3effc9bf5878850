//! What becomes of slots: each change made only from the generation that it was decided on, and only
//! to versions that may serve when it is made.

use std::collections::BTreeSet;

use phagen_domain::{
    digest::Digest,
    plugin::{Cause, PluginEvent, Slot, Verb},
};
use phagen_store::{Moved, SlotMove, StoreError};
use sqlx::PgConnection;

use super::{
    event::{self, NewEvent, SlotStep},
    settle::{self, settle},
    slot_row as row,
};
use crate::{
    PostgresStore,
    row::{failed, to_json},
};

pub(super) async fn seed(store: &PostgresStore, slots: &[Slot]) -> Result<u64, StoreError> {
    const TRIED: &str = "seed the slots";
    let mut transaction = store.begin_move(TRIED).await?;
    let mut n_made = 0;
    for slot in slots {
        let seeding = SlotMove {
            expected: None,
            to: slot.clone(),
            digest: slot.serving.plugin_digest,
            cause: Cause {
                verb: Verb::Seed,
                actor: Cause::HOST.to_owned(),
                reason: None,
            },
            key: None,
            admits_quarantined: false,
        };
        match make_or_change(&mut transaction, &seeding).await {
            Ok(_) => n_made += 1,
            // Nothing was written yet, so what was seeded before stands.
            Err(StoreError::SlotExists(_) | StoreError::VersionMayNotServe { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    transaction.commit().await.map_err(failed(TRIED))?;
    Ok(n_made)
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
    let (slot, event) = make_or_change(&mut transaction, change).await?;
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

/// Everything of a move but its key. It refuses before it writes.
async fn make_or_change(
    transaction: &mut PgConnection,
    change: &SlotMove,
) -> Result<(Slot, PluginEvent), StoreError> {
    // The turn was taken before, so what is read here stays as it is.
    let found = row::find(transaction, &change.to.name).await?;
    let next = next_generation(change, found.as_ref())?;
    for digest in change.newly_named(found.as_ref()) {
        let state = settle::state(transaction, digest).await?;
        if let Some(state) = state.filter(|state| !change.admits(*state)) {
            return Err(StoreError::VersionMayNotServe { digest, state });
        }
    }
    let slot = match next {
        None => row::insert(transaction, &change.to).await?,
        Some(generation) => {
            let to = Slot {
                generation,
                ..change.to.clone()
            };
            row::update(transaction, &to).await?
        }
    };
    let mut digests = named_by(&slot);
    digests.extend(found.iter().flat_map(Slot::plugin_digests));
    let step = SlotStep {
        name: &slot.name,
        generation: slot.generation,
        row: Some(to_json("write a slot", &slot)?),
    };
    let (digest, cause) = (change.digest, &change.cause);
    let event = tell(transaction, digest, cause, step, digests).await?;
    Ok((slot, event))
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
    let found = row::find(&mut transaction, name).await?;
    let next = next_generation(change, found.as_ref())?;
    let (Some(found), Some(generation)) = (found, next) else {
        return Err(StoreError::UnknownSlot(name.to_string()));
    };
    row::delete(&mut transaction, name).await?;
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

/// The generation that `change` leads to, none when it makes the slot; or why it may not be made.
fn next_generation(change: &SlotMove, found: Option<&Slot>) -> Result<Option<u64>, StoreError> {
    let slot = change.to.name.to_string();
    match (change.expected, found.map(|slot| slot.generation)) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(StoreError::SlotExists(slot)),
        (Some(_), None) => Err(StoreError::UnknownSlot(slot)),
        (Some(expected), Some(found)) if expected == found => Ok(Some(found + 1)),
        (Some(expected), Some(found)) => Err(StoreError::GenerationMoved {
            slot,
            expected,
            found,
        }),
    }
}

fn named_by(slot: &Slot) -> BTreeSet<Digest> {
    slot.plugin_digests().collect()
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
