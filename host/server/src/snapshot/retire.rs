//! What served long ago goes from the blobs, piece by piece. A piece that an index has in common with
//! one that a row names stays.

use std::{collections::HashSet, time::Duration};

use phagen_corpus::SnapshotManifest;
use phagen_domain::digest::Digest;

use phagen_store::CorpusSnapshot;
use tokio_util::sync::CancellationToken;

use super::{
    SnapshotError, Snapshots,
    build::{TURN, Turn},
};

impl Snapshots {
    /// Deletes the blobs of indexes that stopped serving longer ago than `age`, and forgets their
    /// rows. The rows go last, so that a try that fails is taken up by the next. Returns how many
    /// indexes went: none while somebody imports, who may just have found a piece of them.
    ///
    /// # Errors
    /// When the database or the blobs refuse.
    pub async fn retire(&self, age: Duration) -> Result<usize, SnapshotError> {
        if self.store.list_retired_snapshots(age).await?.is_empty() {
            return Ok(0);
        }
        let Ok(_building) = self.building.try_lock() else {
            return Ok(0);
        };
        if self.store.hold_import(&self.host, TURN).await?.is_some() {
            return Ok(0);
        }
        let turn = Turn::of(&CancellationToken::new());
        let retired = self.renewing(self.retire_in(&turn, age), &turn).await;
        self.give_turn_back().await;
        retired
    }

    async fn retire_in(&self, turn: &Turn, age: Duration) -> Result<usize, SnapshotError> {
        let retired = self.store.list_retired_snapshots(age).await?;
        let mut named = self.named_beside(&retired).await?;
        for (n_gone, row) in retired.iter().enumerate() {
            if named.insert(row.digest) && !self.delete_pieces(row.digest, &named, turn).await? {
                return Ok(n_gone);
            }
            self.store.forget_snapshot(row.generation).await?;
        }
        Ok(retired.len())
    }

    /// What the rows besides `retired` name: indexes and their pieces.
    async fn named_beside(
        &self,
        retired: &[CorpusSnapshot],
    ) -> Result<HashSet<Digest>, SnapshotError> {
        let gone: HashSet<u64> = retired.iter().map(|row| row.generation).collect();
        let mut named = HashSet::new();
        for row in self.store.list_snapshots().await? {
            if gone.contains(&row.generation) || !named.insert(row.digest) {
                continue;
            }
            match self.fetch_manifest(row.digest).await {
                Ok(manifest) => named.extend(pieces(&manifest)),
                // Nobody can fetch this one any more, whatever pieces are left of it.
                Err(error) if error.is_missing() => {}
                // Unread, it may name anything: better to delete nothing.
                Err(error) => return Err(error),
            }
        }
        Ok(named)
    }

    /// False when the turn is lost: whoever has it may need a piece by now.
    async fn delete_pieces(
        &self,
        index: Digest,
        named: &HashSet<Digest>,
        turn: &Turn,
    ) -> Result<bool, SnapshotError> {
        let manifest = match self.fetch_manifest(index).await {
            Ok(manifest) => manifest,
            // An earlier try came this far.
            Err(error) if error.is_missing() => return Ok(true),
            Err(error) => return Err(error),
        };
        let unnamed = pieces(&manifest).filter(|piece| !named.contains(piece));
        // The list last, for as long as it is needed to find the rest.
        for digest in unnamed.chain([index]) {
            if turn.lost.is_cancelled() {
                return Ok(false);
            }
            self.delete(digest).await?;
        }
        Ok(true)
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
