//! Pieces of files out of a bucket, to disk and not through memory.

use std::{io::Write as _, path::Path};

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::{GetOptions, ObjectStore as _, ObjectStoreExt as _};
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{Bucket, is_absent};
use crate::{
    BlobError,
    checked::Checked,
    files::Piece,
    folder::{io_error, place_of},
};

/// Parts of an answer, of some KiB each, that wait for the disk.
const N_WAITING: usize = 16;

impl Bucket {
    /// Whether an object of that name and size is there; its bytes are not looked at.
    pub(crate) async fn has(&self, piece: &Piece) -> Result<bool, BlobError> {
        let place = place_of(&piece.digest);
        match self.store.head(&self.path(&place)).await {
            Ok(found) => Ok(found.size == piece.size_bytes),
            Err(error) if is_absent(&error) => Ok(false),
            Err(error) => Err(self.failed("look for", &place, &error)),
        }
    }

    /// Puts a piece to `to`, whole and checked or not at all; false when it is not there.
    pub(crate) async fn fetch(&self, piece: Piece, to: &Path) -> Result<bool, BlobError> {
        let (place, tried) = (place_of(&piece.digest), "fetch");
        let path = self.path(&place);
        let found = match self.store.get_opts(&path, GetOptions::default()).await {
            Ok(found) => found,
            Err(error) if is_absent(&error) => return Ok(false),
            Err(error) => return Err(self.failed(tried, &place, &error)),
        };
        let address = format!("{}/{place}", self.address);
        if found.meta.size != piece.size_bytes {
            return Err(BlobError::Corrupt {
                digest: piece.digest,
                place: address,
                found: format!("{} of {} bytes", found.meta.size, piece.size_bytes),
            });
        }
        let (sender, receiver) = mpsc::channel(N_WAITING);
        let to = to.to_owned();
        let written = spawn_blocking(move || write(receiver, piece, &to, address));
        let mut parts = found.into_stream();
        let broken = loop {
            match parts.try_next().await {
                Ok(Some(part)) => {
                    if sender.send(part).await.is_err() {
                        // The disk has failed, and its error says why.
                        break None;
                    }
                }
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        drop(sender);
        let written = written.await.map_err(|_| BlobError::Interrupted)?;
        match broken {
            Some(error) => Err(self.failed(tried, &place, &error)),
            None => written.map(|()| true),
        }
    }
}

fn write(
    mut parts: mpsc::Receiver<Bytes>,
    piece: Piece,
    to: &Path,
    place: String,
) -> Result<(), BlobError> {
    let mut file = Checked::beside(to)?;
    while let Some(part) = parts.blocking_recv() {
        file.write_all(&part).map_err(io_error("write", to))?;
    }
    file.name(piece, to, place)
}
