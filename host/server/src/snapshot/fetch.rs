//! An index from the blobs to this disk, file by file. What lies here is not asked for again, and
//! nothing is served before all of it is whole.

use std::{
    fs::{self, File},
    io,
    path::Path,
    time::Duration,
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use phagen_blob::{BlobError, Piece, StoredFile};
use phagen_corpus::{SnapshotFile, SnapshotManifest};
use phagen_domain::digest::Digest;

use super::{SnapshotError, Snapshots, blocking};

/// Files that are fetched at once.
const N_AT_ONCE: usize = 4;
/// How often a process looks whether another on this disk is done fetching.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Snapshots {
    pub(super) async fn fetch(&self, digest: Digest) -> Result<(), SnapshotError> {
        if self.is_here(digest).await? {
            return Ok(());
        }
        let _turn = self.turn_on_disk().await?;
        // Another process on this disk may have fetched it meanwhile.
        if self.is_here(digest).await? {
            return Ok(());
        }
        let manifest = self.fetch_manifest(digest).await?;
        let shelf = self.shelf.clone();
        let staging = blocking(move || Ok(shelf.begin_fetch(&digest)?)).await?;
        stream::iter(manifest.files.clone())
            .map(|file| self.lend_or_fetch(digest, file, &staging))
            .buffer_unordered(N_AT_ONCE)
            .try_collect::<()>()
            .await?;
        let shelf = self.shelf.clone();
        blocking(move || Ok(shelf.put(&staging, &manifest)?)).await?;
        Ok(())
    }

    /// Takes the place of one that lies here and cannot be read. No file of it is taken from another
    /// index, which may have the same one; and it goes only once all of the new one is here.
    pub(super) async fn fetch_again(&self, digest: Digest) -> Result<(), SnapshotError> {
        let _turn = self.turn_on_disk().await?;
        let manifest = self.fetch_manifest(digest).await?;
        let shelf = self.shelf.clone();
        let staging = blocking(move || Ok(shelf.begin_fetch(&digest)?)).await?;
        stream::iter(manifest.files.clone())
            .map(|file| self.fetch_file(digest, file, &staging))
            .buffer_unordered(N_AT_ONCE)
            .try_collect::<()>()
            .await?;
        let shelf = self.shelf.clone();
        blocking(move || {
            let path = shelf.place_of(&digest);
            match fs::remove_dir_all(&path) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                    return Err(SnapshotError::Unreadable { path, cause });
                }
                _ => {}
            }
            shelf.put(&staging, &manifest)?;
            Ok(())
        })
        .await
    }

    pub(super) async fn fetch_manifest(
        &self,
        digest: Digest,
    ) -> Result<SnapshotManifest, SnapshotError> {
        let bytes = self.blobs.get(&digest).await;
        let bytes = bytes.map_err(|cause| SnapshotError::Blob { digest, cause })?;
        let bytes = bytes.ok_or(SnapshotError::Missing(digest))?;
        Ok(SnapshotManifest::parse(&bytes)?)
    }

    async fn lend_or_fetch(
        &self,
        digest: Digest,
        file: SnapshotFile,
        staging: &Path,
    ) -> Result<(), SnapshotError> {
        let (shelf, wanted, folder) = (self.shelf.clone(), file.clone(), staging.to_owned());
        if blocking(move || Ok(shelf.lend(&wanted, &folder)?)).await? {
            return Ok(());
        }
        self.fetch_file(digest, file, staging).await
    }

    async fn fetch_file(
        &self,
        digest: Digest,
        file: SnapshotFile,
        staging: &Path,
    ) -> Result<(), SnapshotError> {
        let (stored, to) = (stored(&file), staging.join(&file.name));
        let fetched = self.blobs.fetch_file(&stored, &to).await;
        fetched.map_err(|cause| match cause {
            BlobError::Missing(_) => SnapshotError::Missing(digest),
            cause => SnapshotError::Blob { digest, cause },
        })
    }

    /// Two processes on one disk would fetch the same files into the same place.
    async fn turn_on_disk(&self) -> Result<File, SnapshotError> {
        loop {
            let shelf = self.shelf.clone();
            if let Some(turn) = blocking(move || Ok(shelf.try_turn()?)).await? {
                return Ok(turn);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// As the blobs know it.
fn stored(file: &SnapshotFile) -> StoredFile {
    let piece = |piece: &phagen_corpus::SnapshotPiece| Piece {
        digest: piece.digest,
        size_bytes: piece.size_bytes,
    };
    StoredFile {
        digest: file.digest,
        size_bytes: file.size_bytes,
        pieces: file.pieces.iter().map(piece).collect(),
    }
}
