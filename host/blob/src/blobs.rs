//! The one door to blobs: the folder of this machine, and the bucket behind it where there is one.
//!
//! A read asks the folder first and keeps what it had to fetch; a write goes to the bucket first, so
//! that a digest is never told to others before they can fetch it. What lies in the folder is in the
//! bucket too, and may be deleted to make room.

use std::{fs, io, path::PathBuf};

use bytes::Bytes;
use phagen_domain::digest::Digest;
use tokio::task::spawn_blocking;

use crate::{BlobError, BlobFolder, Bucket, MAX_BLOB_BYTES, folder::io_error};

/// Names the bucket that has all that lies in the folder.
const ADOPTED: &str = "in-bucket";

/// Blobs by digest. Any number of processes may share the folder, and any number of folders the
/// bucket.
#[derive(Debug)]
pub struct Blobs {
    folder: BlobFolder,
    shared: Option<Shared>,
}

#[derive(Debug)]
struct Shared {
    bucket: Bucket,
    /// The most that the folder keeps.
    cache_bytes: u64,
}

impl Blobs {
    /// In the folder alone.
    pub fn local(folder: BlobFolder) -> Self {
        Self {
            folder,
            shared: None,
        }
    }

    /// In a bucket, with the folder as its cache of at most `cache_bytes`.
    pub fn shared(folder: BlobFolder, bucket: Bucket, cache_bytes: u64) -> Self {
        let shared = Shared {
            bucket,
            cache_bytes,
        };
        Self {
            folder,
            shared: Some(shared),
        }
    }

    /// Tries the bucket, and brings what the folder has from before there was one into it. Asks
    /// nothing where there is no bucket.
    pub async fn open(&self) -> Result<(), BlobError> {
        let Some(Shared { bucket, .. }) = &self.shared else {
            return Ok(());
        };
        bucket.open().await?;
        let address = bucket.address().to_string();
        let adopted = self.adopted();
        if fs::read_to_string(&adopted).is_ok_and(|of| of == address) {
            return Ok(());
        }
        let digests = self.folder(BlobFolder::list).await?;
        for digest in &digests {
            match self.here(*digest).await {
                Ok(Some(bytes)) => bucket.put(digest, bytes.into()).await?,
                Ok(None) => {}
                // No one can use it, here or there.
                Err(error @ BlobError::Corrupt { .. }) => tracing::warn!(%error, "{error}"),
                Err(error) => return Err(error),
            }
        }
        if !digests.is_empty() {
            tracing::info!(
                n_blobs = digests.len(),
                "`{address}` has the {} blobs of this machine now",
                digests.len()
            );
        }
        fs::write(&adopted, address).map_err(io_error("write", &adopted))
    }

    /// Asks the bucket for a sign of life; none where there is no bucket.
    pub async fn ping(&self) -> Option<Result<(), BlobError>> {
        let shared = self.shared.as_ref()?;
        Some(shared.bucket.ping().await)
    }

    /// Stores bytes under their digest. Storing them again changes nothing.
    pub async fn put(&self, bytes: impl Into<Bytes>) -> Result<Digest, BlobError> {
        let bytes = bytes.into();
        let size_bytes = bytes.len() as u64;
        if size_bytes > MAX_BLOB_BYTES {
            return Err(BlobError::TooLarge { size_bytes });
        }
        let Some(shared) = &self.shared else {
            return self.folder(move |folder| folder.put(&bytes)).await;
        };
        let hashed = bytes.clone();
        let digest = blocking(move || Ok(Digest::of(&hashed))).await?;
        shared.bucket.put(&digest, bytes.clone()).await?;
        self.keep(shared, digest, bytes).await;
        Ok(digest)
    }

    /// Keeps bytes on this machine alone: for what the bucket has already, while it cannot be asked.
    pub async fn put_here(&self, bytes: impl Into<Bytes>) -> Result<Digest, BlobError> {
        let bytes = bytes.into();
        let adopted = self.adopted();
        self.folder(move |folder| {
            // The next start makes sure of it.
            match fs::remove_file(&adopted) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(io_error("delete", &adopted)(error));
                }
                _ => {}
            }
            folder.put(&bytes)
        })
        .await
    }

    /// The bytes of a blob, checked against its digest; none if nobody has them.
    pub async fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>, BlobError> {
        let (found, place) = self.find(digest).await;
        let outcome = match &found {
            Ok(Some(_)) => place,
            Ok(None) => "missing",
            Err(_) => "failed",
        };
        metrics::counter!("phagen_blob_reads_total", "outcome" => outcome).increment(1);
        found
    }

    /// The same, and where it was looked for last.
    async fn find(&self, digest: &Digest) -> (Result<Option<Vec<u8>>, BlobError>, &'static str) {
        let here = self.here(*digest).await;
        let Some(shared) = &self.shared else {
            return (here, "folder");
        };
        match here {
            Ok(Some(bytes)) => return (Ok(Some(bytes)), "folder"),
            Ok(None) => {}
            // A copy went bad, or a disk: the bucket has another.
            Err(error) => tracing::warn!(%error, "{error}; fetched anew"),
        }
        let fetched = match shared.bucket.get(digest).await {
            Ok(Some(bytes)) => {
                let bytes = Bytes::from(bytes);
                self.keep(shared, *digest, bytes.clone()).await;
                Ok(Some(bytes.into()))
            }
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        (fetched, "bucket")
    }

    /// Deletes a blob, in the bucket first. For whoever knows that nothing names it any more; one
    /// that is not there is as good as deleted.
    pub async fn delete(&self, digest: &Digest) -> Result<(), BlobError> {
        if let Some(bucket) = self.bucket() {
            bucket.delete(digest).await?;
        }
        let digest = *digest;
        self.folder(move |folder| folder.delete(&digest)).await
    }

    pub(crate) fn bucket(&self) -> Option<&Bucket> {
        self.shared.as_ref().map(|shared| &shared.bucket)
    }

    async fn here(&self, digest: Digest) -> Result<Option<Vec<u8>>, BlobError> {
        let is_cache = self.shared.is_some();
        self.folder(move |folder| {
            let bytes = folder.get(&digest)?;
            if bytes.is_some() && is_cache {
                folder.touch(&digest);
            }
            Ok(bytes)
        })
        .await
    }

    /// A full disk costs the copy on this machine and nothing else: the bucket has the blob.
    async fn keep(&self, shared: &Shared, digest: Digest, bytes: Bytes) {
        let cache_bytes = shared.cache_bytes;
        let kept = self
            .folder(move |folder| {
                folder.put(&bytes)?;
                folder.touch(&digest);
                folder.prune(cache_bytes)
            })
            .await;
        match kept {
            Ok(0) => {}
            Ok(n_deleted) => tracing::debug!(n_deleted, "{n_deleted} blobs made room for another"),
            Err(error) => {
                tracing::warn!(%error, "blob `{digest}` is in the bucket and not kept here: {error}");
            }
        }
    }

    fn adopted(&self) -> PathBuf {
        self.folder.root().join(ADOPTED)
    }

    /// Off the async threads.
    pub(crate) async fn folder<T: Send + 'static>(
        &self,
        work: impl FnOnce(&BlobFolder) -> Result<T, BlobError> + Send + 'static,
    ) -> Result<T, BlobError> {
        let folder = self.folder.clone();
        blocking(move || work(&folder)).await
    }
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    spawn_blocking(work)
        .await
        .map_err(|_| BlobError::Interrupted)?
}
