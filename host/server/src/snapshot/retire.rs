//! What served long ago goes from the blobs, piece by piece. A piece that an index has in common with
//! one that a row names stays.

use std::{collections::HashSet, time::Duration};

use phagen_corpus::SnapshotManifest;
use phagen_domain::digest::Digest;

use super::{SnapshotError, Snapshots};

impl Snapshots {
    /// Deletes the blobs of indexes that stopped serving longer ago than `age`, and forgets their
    /// rows. The rows go last, so that a try that fails is taken up by the next. Returns how many
    /// indexes went.
    ///
    /// # Errors
    /// When the database or the blobs refuse.
    pub async fn retire(&self, age: Duration) -> Result<usize, SnapshotError> {
        let retired = self.store.list_retired_snapshots(age).await?;
        if retired.is_empty() {
            return Ok(0);
        }
        let gone: HashSet<u64> = retired.iter().map(|row| row.generation).collect();
        let mut named = HashSet::new();
        for row in self.store.list_snapshots().await? {
            if !gone.contains(&row.generation) && named.insert(row.digest) {
                // Unread, it may name anything: better to delete nothing.
                let manifest = self.fetch_manifest(row.digest).await?;
                named.extend(pieces(&manifest));
            }
        }
        for row in &retired {
            if !named.contains(&row.digest) {
                match self.fetch_manifest(row.digest).await {
                    Ok(manifest) => {
                        for digest in pieces(&manifest).filter(|piece| !named.contains(piece)) {
                            self.delete(digest).await?;
                        }
                        // The list last, for as long as it is needed to find the rest.
                        self.delete(row.digest).await?;
                    }
                    // An earlier try came this far.
                    Err(error) if error.is_missing() => {}
                    Err(error) => return Err(error),
                }
            }
            self.store.forget_snapshot(row.generation).await?;
        }
        Ok(retired.len())
    }

    async fn delete(&self, digest: Digest) -> Result<(), SnapshotError> {
        let deleted = self.blobs.delete(&digest).await;
        deleted.map_err(|cause| SnapshotError::Blob { digest, cause })
    }
}

fn pieces(manifest: &SnapshotManifest) -> impl Iterator<Item = Digest> + '_ {
    let files = manifest.files.iter();
    files.flat_map(|file| file.pieces.iter().map(|piece| piece.digest))
}
