//! Recordings of guests' calls among the blobs: gzipped JSON, named by its digest.

use std::io::{self, Read, Write};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use phagen_blob::{BlobError, Blobs};
use phagen_domain::digest::Digest;
use phagen_plugin::Recording;

#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    #[error("recording `{0}` is not among the stored blobs")]
    Missing(Digest),
    #[error("the recording cannot be read or written")]
    Io(#[from] io::Error),
    #[error("the recording is not what this version of phagen writes")]
    Format(#[from] serde_json::Error),
    #[error(transparent)]
    Blob(#[from] BlobError),
    #[error("keeping the recording was interrupted")]
    Interrupted,
}

/// Stores a recording and returns its digest.
pub async fn keep(blobs: &Blobs, recording: &Recording) -> Result<Digest, RecordingError> {
    let json = serde_json::to_vec(recording)?;
    let packed = tokio::task::spawn_blocking(move || {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&json)?;
        gzip.finish()
    });
    let packed = packed.await.map_err(|_| RecordingError::Interrupted)??;
    Ok(blobs.put(packed).await?)
}

/// Reads a recording, which blocks while it is unpacked.
pub async fn read(blobs: &Blobs, digest: Digest) -> Result<Recording, RecordingError> {
    let bytes = blobs.get(&digest).await?;
    let bytes = bytes.ok_or(RecordingError::Missing(digest))?;
    let mut json = Vec::new();
    GzDecoder::new(&bytes[..]).read_to_end(&mut json)?;
    Ok(serde_json::from_slice(&json)?)
}
