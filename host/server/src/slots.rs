//! From slot rows to guests ready to call. A job reads the whole set once, when it is claimed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use phagen_blob::BlobFolder;
use phagen_domain::{
    digest::Digest,
    plugin::{Slot, World},
};
use phagen_plugin::{ActiveSlot, Artifact, Plugin, PluginError, PluginHost, SlotSet};
use phagen_store::{Store, StoreError};

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
    Blob(#[source] phagen_blob::BlobError),
    #[error("plugin `{plugin}` of slot `{slot}` cannot be loaded")]
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

/// Loads slot sets; compiles each plugin once and reads each artifact once.
pub struct SlotLoader {
    store: Arc<dyn Store>,
    blobs: Arc<BlobFolder>,
    host: Arc<PluginHost>,
    loaded: Mutex<Loaded>,
}

#[derive(Default)]
struct Loaded {
    plugins: HashMap<(Digest, World), Plugin>,
    artifacts: HashMap<Digest, Artifact>,
}

impl SlotLoader {
    pub fn new(store: Arc<dyn Store>, blobs: Arc<BlobFolder>, host: Arc<PluginHost>) -> Self {
        Self {
            store,
            blobs,
            host,
            loaded: Mutex::default(),
        }
    }

    /// The set that serves now.
    pub async fn load(self: &Arc<Self>) -> Result<SlotSet, SlotError> {
        let slots = self.store.list_slots().await?;
        let mut sources = Vec::new();
        let (mut mapper, mut reranker) = (None, None);
        for slot in slots {
            let active = self.activate(slot).await?;
            match active.slot.world {
                World::Source => sources.push(active),
                World::Mapper => mapper = Some(active),
                World::Reranker => reranker = Some(active),
            }
        }
        if sources.is_empty() {
            return Err(SlotError::NoSlot(World::Source));
        }
        Ok(SlotSet {
            sources,
            mapper: mapper.ok_or(SlotError::NoSlot(World::Mapper))?,
            reranker: reranker.ok_or(SlotError::NoSlot(World::Reranker))?,
        })
    }

    /// One slot with its plugin and artifact in memory.
    pub async fn activate(self: &Arc<Self>, slot: Slot) -> Result<ActiveSlot, SlotError> {
        if let Some(active) = self.already_loaded(&slot) {
            return Ok(active);
        }
        // Reading and compiling take from a millisecond to seconds: off the async threads.
        let loader = Arc::clone(self);
        tokio::task::spawn_blocking(move || loader.load_now(slot))
            .await
            .map_err(|_| SlotError::Interrupted)?
    }

    fn already_loaded(&self, slot: &Slot) -> Option<ActiveSlot> {
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let plugin = loaded
            .plugins
            .get(&(slot.plugin_digest, slot.world))?
            .clone();
        let artifact = match slot.artifact_digest {
            Some(digest) => Some(loaded.artifacts.get(&digest)?.clone()),
            None => None,
        };
        Some(ActiveSlot {
            slot: slot.clone(),
            plugin,
            artifact,
        })
    }

    fn load_now(&self, slot: Slot) -> Result<ActiveSlot, SlotError> {
        let plugin = self.load_plugin(&slot)?;
        let artifact = slot
            .artifact_digest
            .map(|digest| self.load_artifact(&slot, digest))
            .transpose()?;
        Ok(ActiveSlot {
            slot,
            plugin,
            artifact,
        })
    }

    fn load_plugin(&self, slot: &Slot) -> Result<Plugin, SlotError> {
        let key = (slot.plugin_digest, slot.world);
        if let Some(plugin) = self
            .loaded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .plugins
            .get(&key)
        {
            return Ok(plugin.clone());
        }
        let bytes = self.blob(slot, "plugin", slot.plugin_digest)?;
        let plugin = self
            .host
            .load(slot.world, &bytes)
            .map_err(|cause| SlotError::Plugin {
                slot: slot.name.to_string(),
                plugin: slot.plugin.clone(),
                cause: Box::new(cause),
            })?;
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(loaded.plugins.entry(key).or_insert(plugin).clone())
    }

    fn load_artifact(&self, slot: &Slot, digest: Digest) -> Result<Artifact, SlotError> {
        let bytes = self.blob(slot, "artifact", digest)?;
        let artifact = Artifact {
            name: slot.plugin.clone(),
            digest,
            bytes: bytes.into(),
        };
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(loaded.artifacts.entry(digest).or_insert(artifact).clone())
    }

    fn blob(&self, slot: &Slot, what: &'static str, digest: Digest) -> Result<Vec<u8>, SlotError> {
        self.blobs
            .get(&digest)
            .map_err(SlotError::Blob)?
            .ok_or_else(|| SlotError::MissingBlob {
                slot: slot.name.to_string(),
                what,
                digest,
            })
    }
}
