//! A finished index from this disk to the blobs, and its name into the database: the bytes first, so
//! that whoever reads the name can fetch them.

use std::path::{Path, PathBuf};

use phagen_blob::{MAX_PIECE_BYTES, Piece};
use phagen_corpus::{Corpus, SnapshotFile, SnapshotManifest, SnapshotPiece, Taken};
use phagen_store::{CorpusSnapshot, NewSnapshot};

use super::{SnapshotError, Snapshots, blocking};
use crate::causes;

/// The one file that is written anew under the same name.
const META: &str = "meta.json";

/// An index that was just built.
pub(super) struct Finished {
    pub work: PathBuf,
    /// What it was built from, whose files it may have in common.
    pub base: Option<SnapshotManifest>,
    pub taken: Taken,
    /// What served when it was begun, 0 for nothing.
    pub expected: u64,
}

impl Snapshots {
    /// Once its row is written it is published, and all that can go wrong is that this process
    /// serves it later.
    pub(super) async fn publish(
        &self,
        finished: Finished,
    ) -> Result<CorpusSnapshot, SnapshotError> {
        let Finished {
            work,
            base,
            taken,
            expected,
        } = finished;
        let opened = work.clone();
        let (names, n_documents) = blocking(move || {
            let corpus = Corpus::open(&opened)?;
            Ok((corpus.files()?, corpus.stats()?.n_documents))
        })
        .await?;
        let mut files = Vec::new();
        for name in names {
            files.push(self.put_file(&work, name, base.as_ref()).await?);
        }
        let manifest = SnapshotManifest::new(n_documents, taken, files);
        let bytes = manifest.to_bytes()?;
        let digest = self.blobs.put(bytes).await.map_err(SnapshotError::Put)?;
        let new = NewSnapshot {
            digest,
            n_documents,
            size_bytes: manifest.size_bytes(),
            published_by: self.host.clone(),
        };
        let shelf = self.shelf.clone();
        blocking(move || Ok(shelf.put(&work, &manifest)?)).await?;
        let row = self.store.publish_snapshot(expected, &new).await?;
        self.begin_with(&row).await;
        Ok(row)
    }

    async fn begin_with(&self, row: &CorpusSnapshot) {
        let _turn = self.turn.lock().await;
        if let Err(error) = self.serve(row).await {
            let error = causes::told(&error);
            tracing::warn!(%error, "corpus index `{}` is published, and cannot serve here yet: {error}", row.digest);
            return;
        }
        let shelf = self.shelf.clone();
        if let Err(error) = blocking(move || Ok(shelf.drop_old()?)).await {
            tracing::warn!(%error, "the corpus index of an older version is still on this disk");
        }
    }

    async fn put_file(
        &self,
        work: &Path,
        name: String,
        base: Option<&SnapshotManifest>,
    ) -> Result<SnapshotFile, SnapshotError> {
        // A segment is named anew whenever it is written, so the same name is the same file.
        let known = base.and_then(|base| base.file(&name));
        if let Some(known) = known.filter(|_| name != META)
            && self.has_all(known).await?
        {
            return Ok(known.clone());
        }
        let stored = self
            .blobs
            .put_file(&work.join(&name), MAX_PIECE_BYTES)
            .await;
        let stored = stored.map_err(SnapshotError::Put)?;
        let piece = |piece: &Piece| SnapshotPiece {
            digest: piece.digest,
            size_bytes: piece.size_bytes,
        };
        Ok(SnapshotFile {
            name,
            digest: stored.digest,
            size_bytes: stored.size_bytes,
            pieces: stored.pieces.iter().map(piece).collect(),
        })
    }

    async fn has_all(&self, file: &SnapshotFile) -> Result<bool, SnapshotError> {
        for piece in &file.pieces {
            let piece = Piece {
                digest: piece.digest,
                size_bytes: piece.size_bytes,
            };
            if !self.blobs.has(piece).await.map_err(SnapshotError::Put)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
