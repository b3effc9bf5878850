//! From activations to guests ready to call. Each component and artifact is in memory once, as long
//! as some slot names it.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use phagen_blob::{BlobError, Blobs};
use phagen_domain::{
    digest::Digest,
    plugin::{Activation, Slot, SlotName, World},
};
use phagen_plugin::{ActiveSlot, Artifact, Guard, Plugin, PluginError, PluginHost};
use phagen_store::StoreError;

use super::built_in::BuiltIns;

/// Why a set of slots cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum SlotError {
    #[error(
        "no slot holds a {0}: run `phagen serve` or `phagen analyze` once to seed the built-in ones"
    )]
    NoSlot(World),
    #[error(
        "{what} `{digest}` of slot `{slot}` is not among the stored blobs: build the guests again, then restart"
    )]
    MissingBlob {
        slot: String,
        what: &'static str,
        digest: Digest,
    },
    #[error("stored bytes cannot be read")]
    Blob(#[source] BlobError),
    #[error("plugin `{plugin}` of slot `{slot}` cannot serve")]
    Plugin {
        slot: String,
        plugin: String,
        #[source]
        cause: Box<PluginError>,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("loading the plugins was interrupted")]
    Interrupted,
}

impl SlotError {
    /// Whether what cannot be loaded now may be loaded in a while, and is nobody's fault.
    pub(super) fn is_retriable(&self) -> bool {
        matches!(self, Self::Blob(error) if error.is_retriable())
    }
}

/// Loads what slots name; compiles each plugin once and reads each artifact once.
pub struct SlotLoader {
    blobs: Arc<Blobs>,
    host: Arc<PluginHost>,
    built_ins: BuiltIns,
    loaded: Mutex<Loaded>,
}

#[derive(Default)]
struct Loaded {
    plugins: HashMap<(Digest, World), Plugin>,
    artifacts: HashMap<Digest, Artifact>,
    /// A version keeps its record in a slot while the slot's row changes around it.
    guards: HashMap<(SlotName, Digest), Arc<Guard>>,
}

/// An activation in its place.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub slot: &'a SlotName,
    pub world: World,
    pub generation: u64,
}

impl<'a> Place<'a> {
    pub(super) fn of(slot: &'a Slot) -> Self {
        Self {
            slot: &slot.name,
            world: slot.world,
            generation: slot.generation,
        }
    }
}

impl SlotLoader {
    pub fn new(blobs: Arc<Blobs>, host: Arc<PluginHost>, built_ins: BuiltIns) -> Self {
        Self {
            blobs,
            host,
            built_ins,
            loaded: Mutex::default(),
        }
    }

    /// What serves in a slot, with what stands behind it: the version before, then the built-in,
    /// each unless it is `shut_out`.
    pub(super) async fn activate(
        self: &Arc<Self>,
        slot: &Slot,
        shut_out: &HashSet<Digest>,
    ) -> Result<ActiveSlot, SlotError> {
        let place = Place::of(slot);
        let mut behind = None;
        for activation in self
            .built_ins
            .behind(slot)
            .into_iter()
            .chain(&slot.previous)
            .filter(|activation| !shut_out.contains(&activation.plugin_digest))
        {
            match self.load(place, activation).await {
                Ok(active) => behind = Some(Arc::new(active.with_fallback(behind))),
                Err(error) => tracing::warn!(
                    slot = %slot.name, %error,
                    "plugin `{}` cannot stand behind slot `{}`", activation.plugin, slot.name
                ),
            }
        }
        let active = self.load(place, &slot.serving).await?;
        Ok(active.with_fallback(behind))
    }

    /// One activation with its plugin and artifact in memory, and nothing behind it.
    pub(super) async fn load(
        self: &Arc<Self>,
        place: Place<'_>,
        activation: &Activation,
    ) -> Result<ActiveSlot, SlotError> {
        if let Some(active) = self.already_loaded(place, activation) {
            return Ok(active);
        }
        self.load_plugin(place, activation).await?;
        if let Some(digest) = activation.artifact_digest {
            self.load_artifact(place.slot, activation, digest).await?;
        }
        self.already_loaded(place, activation)
            .ok_or(SlotError::Interrupted)
    }

    /// A version outside every slot's present: for a replay, or to try an artifact.
    pub async fn load_apart(
        self: &Arc<Self>,
        slot: &SlotName,
        world: World,
        activation: &Activation,
    ) -> Result<ActiveSlot, SlotError> {
        let place = Place {
            slot,
            world,
            generation: 0,
        };
        self.load(place, activation).await
    }

    fn already_loaded(&self, place: Place<'_>, activation: &Activation) -> Option<ActiveSlot> {
        let mut loaded = self.loaded();
        let plugin = (loaded.plugins)
            .get(&(activation.plugin_digest, place.world))?
            .clone();
        let artifact = match activation.artifact_digest {
            Some(digest) => Some(loaded.artifacts.get(&digest)?.clone()),
            None => None,
        };
        let active = ActiveSlot::new(
            place.slot.clone(),
            place.generation,
            activation.clone(),
            plugin,
            artifact,
        );
        let key = (place.slot.clone(), activation.plugin_digest);
        let guard = loaded
            .guards
            .entry(key)
            .or_insert_with(|| Arc::clone(active.guard()))
            .clone();
        Some(active.with_guard(guard))
    }

    /// The record of a version in a slot, if it has one.
    pub(super) fn guard(&self, slot: &SlotName, digest: Digest) -> Option<Arc<Guard>> {
        self.loaded().guards.get(&(slot.clone(), digest)).cloned()
    }

    /// Drops kept instances that grew old in slots that nobody calls.
    pub(super) fn drop_aged(&self, now: Instant) {
        let n_dropped = self.host.drop_aged(now);
        if n_dropped > 0 {
            tracing::debug!(n_dropped, "{n_dropped} kept instances grew old and went");
        }
    }

    /// Drops from memory what no slot names any more.
    pub(super) fn keep_only(&self, slots: &[Slot]) {
        let built_ins = self.built_ins.activations();
        let named: Vec<&Activation> = slots
            .iter()
            .flat_map(|slot| {
                let candidate = slot.candidate.as_ref().map(|c| &c.activation);
                [Some(&slot.serving), slot.previous.as_ref(), candidate]
            })
            .flatten()
            .chain(built_ins)
            .collect();
        let plugins: HashSet<Digest> = named.iter().map(|named| named.plugin_digest).collect();
        let artifacts: HashSet<Digest> = named.iter().filter_map(|n| n.artifact_digest).collect();
        let mut loaded = self.loaded();
        loaded
            .plugins
            .retain(|(digest, _), _| plugins.contains(digest));
        loaded
            .artifacts
            .retain(|digest, _| artifacts.contains(digest));
        loaded
            .guards
            .retain(|(_, digest), _| plugins.contains(digest));
    }

    async fn load_plugin(
        &self,
        place: Place<'_>,
        activation: &Activation,
    ) -> Result<(), SlotError> {
        let (slot, world) = (place.slot, place.world);
        let key = (activation.plugin_digest, world);
        if self.loaded().plugins.contains_key(&key) {
            return Ok(());
        }
        let bytes = self.blob(slot, "plugin", activation.plugin_digest).await?;
        // Compiling takes from a millisecond to seconds: off the async threads.
        let host = Arc::clone(&self.host);
        let loaded = tokio::task::spawn_blocking(move || host.load(world, &bytes)).await;
        let plugin = loaded
            .map_err(|_| SlotError::Interrupted)?
            .map_err(|cause| SlotError::Plugin {
                slot: slot.to_string(),
                plugin: activation.plugin.clone(),
                cause: Box::new(cause),
            })?;
        self.loaded().plugins.entry(key).or_insert(plugin);
        Ok(())
    }

    async fn load_artifact(
        &self,
        slot: &SlotName,
        activation: &Activation,
        digest: Digest,
    ) -> Result<(), SlotError> {
        if self.loaded().artifacts.contains_key(&digest) {
            return Ok(());
        }
        let bytes = self.blob(slot, "artifact", digest).await?;
        let artifact = Artifact {
            name: activation.plugin.clone(),
            digest,
            bytes: bytes.into(),
        };
        self.loaded().artifacts.entry(digest).or_insert(artifact);
        Ok(())
    }

    async fn blob(
        &self,
        slot: &SlotName,
        what: &'static str,
        digest: Digest,
    ) -> Result<Vec<u8>, SlotError> {
        self.blobs
            .get(&digest)
            .await
            .map_err(SlotError::Blob)?
            .ok_or_else(|| SlotError::MissingBlob {
                slot: slot.to_string(),
                what,
                digest,
            })
    }

    fn loaded(&self) -> MutexGuard<'_, Loaded> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
