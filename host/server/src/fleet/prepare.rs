//! A new set of slots, loaded and tried beside the one that serves.

use std::{collections::HashSet, sync::Arc};

use chrono::NaiveDate;
use phagen_domain::{
    digest::Digest,
    plugin::{Slot, SlotName, VersionState, World},
};
use phagen_plugin::{ActiveSlot, SlotSet};
use phagen_store::{Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::causes;

use super::{Generation, SlotError, SlotLoader, Trial, loader::Place};

/// What the database says shall serve.
pub(super) struct Plan {
    set_generation: u64,
    rows: Vec<Slot>,
    /// Versions in quarantine: none of them stands behind another either.
    shut_out: HashSet<Digest>,
}

impl Plan {
    pub(super) async fn read(store: &dyn Store) -> Result<Self, StoreError> {
        let set_generation = store.set_generation().await?;
        let versions = store.list_versions().await?;
        let quarantined = versions
            .iter()
            .filter(|version| version.state == VersionState::Quarantined);
        Ok(Self {
            set_generation,
            rows: store.list_slots().await?,
            shut_out: quarantined.map(|version| version.digest).collect(),
        })
    }
}

/// A set that may serve, and what of the rows is not in it.
pub(super) struct Prepared {
    pub generation: Generation,
    pub refusals: Vec<Refusal>,
    /// Slots that stay as they are until what they name can be fetched, and why it cannot.
    pub waiting: Vec<(SlotName, String)>,
}

/// A version that could not be loaded or failed its own check.
pub(super) struct Refusal {
    /// The row that named it.
    pub row: Slot,
    pub digest: Digest,
    pub is_candidate: bool,
    pub reason: String,
}

/// Loads every slot and tries those that changed since `current`. Where one refuses, what served
/// before goes on. A slot whose bytes cannot be fetched for now waits as it is, and the set keeps
/// its number, so that the next look asks again; the other slots follow meanwhile.
pub(super) async fn prepare(
    loader: &Arc<SlotLoader>,
    current: Option<&Generation>,
    plan: Plan,
    as_of: NaiveDate,
) -> Result<Prepared, SlotError> {
    let Plan {
        mut set_generation,
        rows,
        shut_out,
    } = plan;
    let (mut slots, mut served, mut trials) = (Vec::new(), Vec::new(), Vec::new());
    let (mut refusals, mut waiting) = (Vec::new(), Vec::new());
    for row in rows {
        let tried = try_row(loader, current, (&row, &shut_out), as_of, &mut refusals).await;
        let (row, active, trial) = match (tried, current) {
            (Ok((active, trial)), _) => (row, active, trial),
            // What cannot be fetched is not the version's fault.
            (Err(error), Some(current)) if error.is_retriable() => {
                waiting.push((row.name.clone(), causes::told(&error)));
                set_generation = current.set_generation;
                let Some(as_it_is) = current.of(&row.name) else {
                    continue;
                };
                as_it_is
            }
            (Err(error), _) => return Err(error),
        };
        served.extend(active.map(|active| (row.world, active)));
        trials.extend(trial);
        slots.push(row);
    }
    let set = Arc::new(set_of(served)?);
    Ok(Prepared {
        generation: Generation {
            set_generation,
            slots,
            set,
            trials,
            expired: CancellationToken::new(),
        },
        refusals,
        waiting,
    })
}

/// What serves by a row, if anything does yet, and what is on trial there.
async fn try_row(
    loader: &Arc<SlotLoader>,
    current: Option<&Generation>,
    (row, shut_out): (&Slot, &HashSet<Digest>),
    as_of: NaiveDate,
    refusals: &mut Vec<Refusal>,
) -> Result<(Option<ActiveSlot>, Option<Arc<Trial>>), SlotError> {
    let active = match serve(loader, current, (row, shut_out), as_of).await {
        Ok(active) => active,
        Err(error) if error.is_retriable() => return Err(error),
        Err(error) => {
            let stand_in = stand_in(loader, current, (row, shut_out)).await;
            refusals.push(refusal(row, row.serving.plugin_digest, false, &error));
            match stand_in {
                Some(active) => active,
                // At the start there may be nothing to fall back to: better no start than half
                // a set. Later, a slot that never served simply does not yet.
                None if current.is_none() => return Err(error),
                None => return Ok((None, None)),
            }
        }
    };
    let trial = match trial(loader, current, row, &active, as_of).await {
        Ok(trial) => trial.map(Arc::new),
        Err((_, error)) if error.is_retriable() => return Err(error),
        Err((digest, error)) => {
            refusals.push(refusal(row, digest, true, &error));
            None
        }
    };
    Ok((Some(active), trial))
}

fn refusal(row: &Slot, digest: Digest, is_candidate: bool, error: &SlotError) -> Refusal {
    Refusal {
        row: row.clone(),
        digest,
        is_candidate,
        reason: causes::told(error),
    }
}

/// What the row says shall serve; checked by its own self-test when it is new here.
async fn serve(
    loader: &Arc<SlotLoader>,
    current: Option<&Generation>,
    (row, shut_out): (&Slot, &HashSet<Digest>),
    as_of: NaiveDate,
) -> Result<ActiveSlot, SlotError> {
    let active = loader.activate(row, shut_out).await?;
    let is_new = current
        .and_then(|current| current.row(&row.name))
        .is_none_or(|now| now.serving != row.serving);
    if is_new {
        check(&active, as_of).await?;
    }
    Ok(active)
}

async fn trial(
    loader: &Arc<SlotLoader>,
    current: Option<&Generation>,
    row: &Slot,
    serving: &ActiveSlot,
    as_of: NaiveDate,
) -> Result<Option<Trial>, (Digest, SlotError)> {
    let Some(candidate) = &row.candidate else {
        return Ok(None);
    };
    let digest = candidate.activation.plugin_digest;
    let refuse = |error| (digest, error);
    let active = loader
        .load(Place::of(row), &candidate.activation)
        .await
        .map_err(refuse)?
        .with_fallback(Some(Arc::new(serving.clone())));
    let is_new = current
        .and_then(|current| current.row(&row.name)?.candidate.as_ref())
        .is_none_or(|now| now.activation != candidate.activation);
    if is_new {
        check(&active, as_of).await.map_err(refuse)?;
    }
    Ok(Some(Trial {
        mode: candidate.mode,
        share: candidate.share,
        candidate: active,
        serving: serving.clone(),
    }))
}

/// With the slot's own configuration, artifact and grant.
async fn check(active: &ActiveSlot, as_of: NaiveDate) -> Result<(), SlotError> {
    active
        .self_test(as_of)
        .await
        .map_err(|cause| SlotError::Plugin {
            slot: active.slot.to_string(),
            plugin: active.activation.plugin.clone(),
            cause: Box::new(cause),
        })
}

/// What served until now, else the version before.
async fn stand_in(
    loader: &Arc<SlotLoader>,
    current: Option<&Generation>,
    (row, shut_out): (&Slot, &HashSet<Digest>),
) -> Option<ActiveSlot> {
    if let Some(active) = current.and_then(|current| current.active(&row.name)) {
        return Some(active.clone());
    }
    let before = row.previous.as_ref()?;
    if shut_out.contains(&before.plugin_digest) {
        return None;
    }
    loader.load(Place::of(row), before).await.ok()
}

fn set_of(served: Vec<(World, ActiveSlot)>) -> Result<SlotSet, SlotError> {
    let mut set = SlotSet {
        sources: Vec::new(),
        mappers: Vec::new(),
        rerankers: Vec::new(),
    };
    for (world, active) in served {
        match world {
            World::Source => set.sources.push(active),
            World::Mapper => set.mappers.push(active),
            World::Reranker => set.rerankers.push(active),
        }
    }
    for (world, found) in [
        (World::Source, &set.sources),
        (World::Mapper, &set.mappers),
        (World::Reranker, &set.rerankers),
    ] {
        if found.is_empty() {
            return Err(SlotError::NoSlot(world));
        }
    }
    Ok(set)
}
