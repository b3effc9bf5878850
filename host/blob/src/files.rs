//! Files among the blobs: taken in by pieces, handed out to disk by streams, so that none of them is
//! ever in memory as a whole.
//!
//! On one machine a file of one piece and its blob are two names of the same bytes on disk: neither
//! is ever written to again. A file appears under its name only when all of it is there and has its
//! digest, so what lies there from an earlier try is not fetched again.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use phagen_domain::digest::{Digest, Digesting};

use crate::{
    BlobError, BlobFolder, Blobs,
    blobs::blocking,
    checked::{copy, digest_of, write_piece},
    folder::io_error,
};

/// The largest part of a file that is one blob. One request carries it within its time limit on a
/// slow line, and one upload holds it in memory.
pub const MAX_PIECE_BYTES: u64 = 64 * 1024 * 1024;

/// A part of a file, which is a blob of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    pub digest: Digest,
    pub size_bytes: u64,
}

/// A file whose every piece is among the blobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Of the whole.
    pub digest: Digest,
    pub size_bytes: u64,
    /// One after the other; none of an empty file.
    pub pieces: Vec<Piece>,
}

impl Blobs {
    /// Stores a file that nobody writes to any more, in pieces of at most `piece_bytes`.
    pub async fn put_file(&self, path: &Path, piece_bytes: u64) -> Result<StoredFile, BlobError> {
        let piece_bytes = piece_bytes.clamp(1, MAX_PIECE_BYTES);
        let mut whole = Digesting::default();
        let mut stored = StoredFile {
            digest: whole.digest(),
            size_bytes: 0,
            pieces: Vec::new(),
        };
        loop {
            let (from, offset) = (path.to_owned(), stored.size_bytes);
            let read = move || {
                let bytes = part_of(&from, offset, piece_bytes)?;
                whole.update(&bytes);
                Ok((whole, Digest::of(&bytes), bytes))
            };
            let (so_far, digest, bytes) = blocking(read).await?;
            whole = so_far;
            if bytes.is_empty() {
                break;
            }
            let size_bytes = bytes.len() as u64;
            let piece = Piece { digest, size_bytes };
            self.put_piece(piece, bytes, path).await?;
            stored.pieces.push(piece);
            stored.size_bytes += size_bytes;
        }
        stored.digest = whole.digest();
        Ok(stored)
    }

    /// Whether a piece can be fetched; its bytes are not looked at.
    pub async fn has(&self, piece: Piece) -> Result<bool, BlobError> {
        match self.bucket() {
            Some(bucket) => bucket.has(&piece).await,
            None => {
                self.folder(move |folder| {
                    let path = folder.path_of(&piece.digest);
                    Ok(is_of_size(&path, piece.size_bytes))
                })
                .await
            }
        }
    }

    /// Puts a stored file to `to`, unless it lies there. Pieces that lie there are not fetched again.
    pub async fn fetch_file(&self, file: &StoredFile, to: &Path) -> Result<(), BlobError> {
        if is_of_size(to, file.size_bytes) {
            return Ok(());
        }
        if let [piece] = file.pieces[..] {
            return self.fetch_piece(piece, to).await;
        }
        let mut parts = Vec::new();
        for (n, piece) in file.pieces.iter().enumerate() {
            let mut part = to.as_os_str().to_owned();
            part.push(format!(".piece-{n}"));
            let part = PathBuf::from(part);
            self.fetch_piece(*piece, &part).await?;
            parts.push(part);
        }
        let whole = Piece {
            digest: file.digest,
            size_bytes: file.size_bytes,
        };
        let to = to.to_owned();
        blocking(move || join(&parts, whole, &to)).await
    }

    async fn fetch_piece(&self, piece: Piece, to: &Path) -> Result<(), BlobError> {
        if is_of_size(to, piece.size_bytes) {
            return Ok(());
        }
        let lent_to = to.to_owned();
        let lent = self
            .folder(move |folder| folder.lend(piece, &lent_to))
            .await;
        let Some(bucket) = self.bucket() else {
            return if lent? {
                Ok(())
            } else {
                Err(BlobError::Missing(piece.digest))
            };
        };
        match lent {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            // What is fetched would not fit, either.
            Err(error @ BlobError::DiskFull { .. }) => return Err(error),
            // A copy went bad, or a disk: the bucket has another.
            Err(error) => tracing::warn!(%error, "{error}; fetched anew"),
        }
        if bucket.fetch(piece, to).await? {
            Ok(())
        } else {
            Err(BlobError::Missing(piece.digest))
        }
    }

    async fn put_piece(&self, piece: Piece, bytes: Vec<u8>, of: &Path) -> Result<(), BlobError> {
        if let Some(bucket) = self.bucket() {
            // Not kept in the folder: whoever serves from it has the file itself.
            return bucket.put(&piece.digest, bytes.into()).await;
        }
        let of = of.to_owned();
        self.folder(move |folder| {
            if is_of_size(&of, piece.size_bytes) {
                folder.adopt(&of, piece, &bytes)
            } else {
                folder.put(&bytes).map(drop)
            }
        })
        .await
    }
}

impl BlobFolder {
    /// Takes in a file with these bytes, by another name for it where the disk can do that.
    fn adopt(&self, path: &Path, piece: Piece, bytes: &[u8]) -> Result<(), BlobError> {
        let blob = self.path_of(&piece.digest);
        // One that went bad is replaced below.
        if matches!(self.sound(piece), Ok(Some(_))) {
            return Ok(());
        }
        if let Some(folder) = blob.parent() {
            fs::create_dir_all(folder).map_err(io_error("make the folder", folder))?;
        }
        match fs::hard_link(path, &blob) {
            Ok(()) => Ok(()),
            // Another disk, a file system without links, or a bad blob in its place.
            Err(_) => self.put(bytes).map(drop),
        }
    }

    /// Puts a blob that lies here to `to`; false when it does not.
    fn lend(&self, piece: Piece, to: &Path) -> Result<bool, BlobError> {
        let Some(mut file) = self.sound(piece)? else {
            return Ok(false);
        };
        let path = self.path_of(&piece.digest);
        if fs::hard_link(&path, to).is_ok() {
            return Ok(true);
        }
        file.rewind().map_err(io_error("read the blob", &path))?;
        write_piece(piece, to, |to| copy(&mut file, to))?;
        Ok(true)
    }

    /// A blob that lies here and has its digest, read to its end.
    fn sound(&self, piece: Piece) -> Result<Option<File>, BlobError> {
        let path = self.path_of(&piece.digest);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(io_error("open the blob", &path)(cause)),
        };
        let (found, size_bytes) =
            digest_of(&mut file, io::sink()).map_err(io_error("read the blob", &path))?;
        if found != piece.digest || size_bytes != piece.size_bytes {
            return Err(BlobError::Corrupt {
                digest: piece.digest,
                place: path.display().to_string(),
                found: format!("{size_bytes} bytes with digest `{found}`"),
            });
        }
        Ok(Some(file))
    }
}

fn part_of(path: &Path, offset: u64, n_bytes: u64) -> Result<Vec<u8>, BlobError> {
    let mut file = File::open(path).map_err(io_error("open the file", path))?;
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset))
        .and_then(|_| file.take(n_bytes).read_to_end(&mut bytes))
        .map_err(io_error("read the file", path))?;
    Ok(bytes)
}

/// One file of all parts, which go once it is there.
fn join(parts: &[PathBuf], whole: Piece, to: &Path) -> Result<(), BlobError> {
    write_piece(whole, to, |to| {
        for part in parts {
            copy(&mut File::open(part)?, to)?;
        }
        Ok(())
    })?;
    for part in parts {
        fs::remove_file(part).map_err(io_error("delete the piece", part))?;
    }
    Ok(())
}

fn is_of_size(path: &Path, size_bytes: u64) -> bool {
    fs::metadata(path).is_ok_and(|seen| seen.is_file() && seen.len() == size_bytes)
}
