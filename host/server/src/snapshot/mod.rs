//! The corpus index as all processes have it: built once, published among the blobs, fetched by
//! everyone else and swapped as a whole.
//!
//! The newest row of `corpus_snapshot` names what serves. A process that has it on disk maps it; one
//! that has not fetches what is missing of it. Nothing here knows what is in an index (`host/corpus`
//! does) or how bytes travel (`host/blob` does), and no index is ever changed: an import makes the
//! next one.

mod build;
mod error;
mod fetch;
mod follow;
mod guests;
mod publish;
mod refresh;
mod retire;
#[cfg(test)]
mod tests;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use phagen_blob::Blobs;
use phagen_corpus::{Corpus, ServingCorpus, Shelf, SnapshotManifest};
use phagen_domain::digest::Digest;
use phagen_store::{CorpusSnapshot, Store};
use tokio::task::spawn_blocking;

use crate::causes;

pub use build::{Begin, Built, Importing};
pub use error::SnapshotError;
pub use guests::{NewestCorpus, PinnedCorpus};
pub(crate) use refresh::digest_of;
pub use refresh::run as refresh;

/// What a process has of the corpus, and the ways to more of it.
pub struct Snapshots {
    store: Arc<dyn Store>,
    blobs: Arc<Blobs>,
    shelf: Shelf,
    serving: Arc<ServingCorpus>,
    /// Unique among the processes that share the database.
    host: String,
    served: Mutex<Option<Served>>,
    /// One change at a time in this process.
    turn: tokio::sync::Mutex<()>,
    /// One import at a time in this process; among processes the database sees to it.
    building: tokio::sync::Mutex<()>,
}

/// What this process serves, of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Served {
    generation: u64,
    digest: Digest,
}

impl Snapshots {
    /// Serves the newest index that the database names and that lies in `dir`, which may be the one
    /// before or none: see [`Snapshots::catch_up`].
    ///
    /// # Errors
    /// When the folder or the database cannot be used.
    pub async fn open(
        store: Arc<dyn Store>,
        blobs: Arc<Blobs>,
        dir: impl Into<PathBuf>,
    ) -> Result<Arc<Self>, SnapshotError> {
        let dir = dir.into();
        let (shelf, empty) = blocking(move || {
            let shelf = Shelf::open(dir)?;
            let empty = Corpus::open(&shelf.empty())?;
            Ok((shelf, empty))
        })
        .await?;
        let snapshots = Arc::new(Self {
            store,
            blobs,
            shelf,
            serving: Arc::new(ServingCorpus::new(empty)),
            host: format!("{}-{:08x}", std::process::id(), rand::random::<u32>()),
            served: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            building: tokio::sync::Mutex::default(),
        });
        for row in snapshots.store.list_snapshots().await? {
            if !snapshots.is_here(row.digest).await? {
                continue;
            }
            match snapshots.map(row.digest).await {
                Ok(corpus) => {
                    snapshots.swap(corpus, Served::of(&row));
                    break;
                }
                // Nobody could repair it if it ended each start.
                Err(error @ SnapshotError::Corpus(_)) => {
                    let error = causes::told(&error);
                    tracing::warn!(%error, "corpus index `{}` on this disk cannot be read: {error}", row.digest);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(snapshots)
    }

    /// The pointer to what serves, for whoever searches.
    pub fn corpus(&self) -> &Arc<ServingCorpus> {
        &self.serving
    }

    /// Serves what the database names, fetched if need be. True when it is another than before.
    ///
    /// # Errors
    /// What serves goes on then.
    pub async fn catch_up(&self) -> Result<bool, SnapshotError> {
        let Some(row) = self.store.serving_snapshot().await? else {
            return Ok(false);
        };
        if self.served().map(|served| served.generation) == Some(row.generation) {
            return Ok(false);
        }
        let _turn = self.turn.lock().await;
        self.serve(&row).await
    }

    /// The manifest of what serves; none while nothing does.
    pub async fn manifest(&self) -> Result<Option<SnapshotManifest>, SnapshotError> {
        let Some(served) = self.served() else {
            return Ok(None);
        };
        let shelf = self.shelf.clone();
        let here = blocking(move || Ok(shelf.manifest(&served.digest))).await?;
        match here {
            Some(manifest) => Ok(Some(manifest)),
            // Another process on this disk serves a newer one.
            None => self.fetch_manifest(served.digest).await.map(Some),
        }
    }

    async fn serve(&self, row: &CorpusSnapshot) -> Result<bool, SnapshotError> {
        let (before, now) = (self.served(), Served::of(row));
        if before.is_some_and(|before| before.generation >= now.generation) {
            return Ok(false);
        }
        if before.map(|before| before.digest) == Some(now.digest) {
            self.set_served(now);
            return Ok(false);
        }
        self.fetch(now.digest).await?;
        let corpus = match self.map(now.digest).await {
            Err(error) if error.is_broken() => {
                let error = causes::told(&error);
                tracing::warn!(%error, "corpus index `{}` on this disk cannot be read, and is fetched again: {error}", now.digest);
                self.fetch_again(now.digest).await?;
                self.map(now.digest).await?
            }
            mapped => mapped?,
        };
        self.swap(corpus, now);
        if before.is_some() {
            self.tidy().await;
        }
        Ok(true)
    }

    async fn map(&self, digest: Digest) -> Result<Corpus, SnapshotError> {
        let place = self.shelf.place_of(&digest);
        blocking(move || Ok(Corpus::open_snapshot(&place, digest)?)).await
    }

    fn swap(&self, corpus: Corpus, now: Served) {
        self.serving.swap(corpus);
        self.set_served(now);
    }

    /// Keeps the index that serves and the one before on this disk. Best effort: it is disk space.
    async fn tidy(&self) {
        let tidied = async {
            let rows = self.store.list_snapshots().await?;
            let kept: Vec<Digest> = rows.iter().take(2).map(|row| row.digest).collect();
            let shelf = self.shelf.clone();
            blocking(move || Ok(shelf.keep_only(&kept)?)).await
        };
        match tidied.await {
            Ok(0) => {}
            Ok(n_dropped) => tracing::debug!(n_dropped, "{n_dropped} old corpus indexes are gone"),
            Err(error) => {
                tracing::warn!(%error, "old corpus indexes are still on this disk");
            }
        }
    }

    async fn is_here(&self, digest: Digest) -> Result<bool, SnapshotError> {
        let shelf = self.shelf.clone();
        blocking(move || Ok(shelf.manifest(&digest).is_some())).await
    }

    fn served(&self) -> Option<Served> {
        *self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_served(&self, now: Served) {
        *self.served.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }
}

impl Served {
    fn of(row: &CorpusSnapshot) -> Self {
        Self {
            generation: row.generation,
            digest: row.digest,
        }
    }
}

/// Off the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SnapshotError> + Send + 'static,
) -> Result<T, SnapshotError> {
    spawn_blocking(work)
        .await
        .map_err(|_| SnapshotError::Interrupted)?
}
