//! Files that get their name only once all of their bytes are on disk and have their digest.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use phagen_domain::digest::{Digest, Digesting};
use tempfile::NamedTempFile;

use crate::{BlobError, files::Piece, folder::io_error};

/// Bytes read at once.
const READ_BYTES: usize = 256 * 1024;

/// Writes what shall have a digest, and names it `to` if it has.
pub(crate) fn write_piece(
    piece: Piece,
    to: &Path,
    write: impl FnOnce(&mut Checked) -> io::Result<()>,
) -> Result<(), BlobError> {
    let mut file = Checked::beside(to)?;
    write(&mut file).map_err(io_error("write", to))?;
    file.name(piece, to, to.display().to_string())
}

/// What is written, and its digest.
pub(crate) struct Checked {
    file: NamedTempFile,
    digesting: Digesting,
    size_bytes: u64,
}

impl Checked {
    /// Beside `to`, so that its name is all that changes in the end.
    pub(crate) fn beside(to: &Path) -> Result<Self, BlobError> {
        let folder = to.parent().unwrap_or(Path::new("."));
        Ok(Self {
            file: NamedTempFile::new_in(folder).map_err(io_error("make a file in", folder))?,
            digesting: Digesting::default(),
            size_bytes: 0,
        })
    }

    /// Names it `to`, if it is what was asked for.
    pub(crate) fn name(self, piece: Piece, to: &Path, place: String) -> Result<(), BlobError> {
        let found = self.digesting.digest();
        if found != piece.digest || self.size_bytes != piece.size_bytes {
            let found = format!(
                "{} of {} bytes, with digest `{found}`",
                self.size_bytes, piece.size_bytes
            );
            return Err(BlobError::Corrupt {
                digest: piece.digest,
                place,
                found,
            });
        }
        self.file
            .as_file()
            .sync_all()
            .map_err(io_error("write", to))?;
        self.file
            .persist(to)
            .map(drop)
            .map_err(|error| io_error("name the file", to)(error.error))
    }
}

impl io::Write for Checked {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n_bytes = self.file.write(bytes)?;
        self.digesting.update(&bytes[..n_bytes]);
        self.size_bytes += n_bytes as u64;
        Ok(n_bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

pub(crate) fn copy(from: &mut File, to: &mut impl io::Write) -> io::Result<()> {
    digest_of(from, to).map(drop)
}

/// Of all that is left in `from`, which is written to `to` meanwhile.
pub(crate) fn digest_of(from: &mut File, mut to: impl io::Write) -> io::Result<(Digest, u64)> {
    let mut digesting = Digesting::default();
    let mut size_bytes = 0;
    let mut bytes = vec![0; READ_BYTES];
    loop {
        let n_bytes = from.read(&mut bytes)?;
        if n_bytes == 0 {
            return Ok((digesting.digest(), size_bytes));
        }
        digesting.update(&bytes[..n_bytes]);
        to.write_all(&bytes[..n_bytes])?;
        size_bytes += n_bytes as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A device that is always full stands in for the disk.
    #[test]
    fn a_full_disk_is_named_with_what_helps() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("segment.store");
        fs::write(&path, vec![7; 2 * READ_BYTES]).unwrap();
        let full = Path::new("/dev/full");
        let mut file = File::options().write(true).open(full).unwrap();
        let error =
            copy(&mut File::open(&path).unwrap(), &mut file).map_err(io_error("write", full));
        let error = error.unwrap_err();
        assert!(matches!(error, BlobError::DiskFull { .. }), "{error:?}");
        assert!(!error.is_retriable());
        let told = error.to_string();
        assert!(
            told.starts_with("could not write `/dev/full`: its disk is full"),
            "{told}"
        );
    }
}
