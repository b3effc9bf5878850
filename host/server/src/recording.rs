//! Recordings of guests' calls among the blobs: gzipped JSON, named by its digest.
//!
//! The gzip header names the job and its attempt, so that no two of them ever share a blob, and each
//! may go with its job.

use std::io::{self, Read, Write};

use flate2::{Compression, GzBuilder, read::GzDecoder};
use phagen_blob::{BlobError, Blobs};
use phagen_domain::{digest::Digest, job::JobId};
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

/// Stores the recording of an attempt and returns its digest.
pub async fn keep(
    blobs: &Blobs,
    recording: &Recording,
    job: JobId,
    attempt: u32,
) -> Result<Digest, RecordingError> {
    let json = serde_json::to_vec(recording)?;
    let packed = tokio::task::spawn_blocking(move || {
        let mut gzip = GzBuilder::new()
            .comment(format!("{}{attempt}", owner(job)))
            .write(Vec::new(), Compression::fast());
        gzip.write_all(&json)?;
        gzip.finish()
    });
    let packed = packed.await.map_err(|_| RecordingError::Interrupted)??;
    Ok(blobs.put(packed).await?)
}

/// Deletes a recording of a job that nobody remembers. One that does not name the job stays: older
/// versions let jobs share them.
pub async fn forget(blobs: &Blobs, job: JobId, digest: Digest) -> Result<(), RecordingError> {
    let Some(bytes) = blobs.get(&digest).await? else {
        return Ok(());
    };
    let gzip = GzDecoder::new(&bytes[..]);
    let comment = gzip.header().and_then(|header| header.comment());
    if comment.is_some_and(|comment| comment.starts_with(owner(job).as_bytes())) {
        blobs.delete(&digest).await?;
    }
    Ok(())
}

/// How the comment of a job's recordings begins.
fn owner(job: JobId) -> String {
    format!("phagen job {job} attempt ")
}

/// Reads a recording, which blocks while it is unpacked.
pub async fn read(blobs: &Blobs, digest: Digest) -> Result<Recording, RecordingError> {
    let bytes = blobs.get(&digest).await?;
    let bytes = bytes.ok_or(RecordingError::Missing(digest))?;
    let mut json = Vec::new();
    GzDecoder::new(&bytes[..]).read_to_end(&mut json)?;
    Ok(serde_json::from_slice(&json)?)
}

#[cfg(test)]
mod tests {
    use phagen_blob::BlobFolder;

    use super::*;

    #[tokio::test]
    async fn a_recording_goes_with_its_own_job_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::local(BlobFolder::open(dir.path()).unwrap());
        let recording = Recording {
            calls: Vec::new(),
            n_dropped: 3,
        };
        let (one, other) = (JobId::new(), JobId::new());
        let kept = keep(&blobs, &recording, one, 1).await.unwrap();
        // The same calls, and yet another blob.
        assert_ne!(keep(&blobs, &recording, other, 1).await.unwrap(), kept);
        assert_ne!(keep(&blobs, &recording, one, 2).await.unwrap(), kept);
        assert_eq!(read(&blobs, kept).await.unwrap().n_dropped, 3);
        forget(&blobs, other, kept).await.unwrap();
        assert_eq!(read(&blobs, kept).await.unwrap().n_dropped, 3);
        forget(&blobs, one, kept).await.unwrap();
        let error = read(&blobs, kept).await.unwrap_err();
        assert!(matches!(error, RecordingError::Missing(digest) if digest == kept));
        forget(&blobs, one, kept).await.unwrap();
        // What is no recording at all is left alone, too.
        let strange = blobs.put(&b"a component"[..]).await.unwrap();
        forget(&blobs, one, strange).await.unwrap();
        assert!(blobs.get(&strange).await.unwrap().is_some());
    }
}
