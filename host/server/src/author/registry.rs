//! `push` and `pull`: a component and its signature through an OCI registry, pinned by a lock file.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use phagen_package::oci::{self, Access, Lock, Pushed};

use super::{AuthorError, Subject, read_small};

/// What came, and where it lies now.
#[derive(Debug)]
pub struct Fetched {
    pub subject: Subject,
    /// The signature, where one travelled with it.
    pub minisig: Option<PathBuf>,
    pub reference: String,
    pub manifest_digest: String,
    /// Whether the lock did not know it before.
    pub is_new: bool,
}

/// Sends a component, with the signature that lies beside it if there is one.
pub async fn push(
    reference: &str,
    subject: &Subject,
    access: &Access,
) -> Result<(Pushed, bool), AuthorError> {
    let path = subject.minisig();
    let minisig = path.is_file().then(|| read_small(&path)).transpose()?;
    let pushed = oci::push(reference, &subject.bytes, minisig.as_deref(), access).await?;
    Ok((pushed, minisig.is_some()))
}

/// Fetches into `folder`. What the lock file knows must come as it was; what it does not know is
/// pinned there.
pub async fn pull(
    reference: &str,
    folder: &Path,
    lock_file: &Path,
    access: &Access,
) -> Result<Fetched, AuthorError> {
    let mut lock = match fs::read_to_string(lock_file) {
        Ok(text) => Lock::parse(&text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Lock::default(),
        Err(error) => return Err(AuthorError::file("read", lock_file)(error)),
    };
    let pulled = oci::pull(reference, &lock, access).await?;
    let is_new = lock
        .pin(pulled.reference.clone(), pulled.to_locked())
        .is_none();
    let name = match &pulled.package.manifest {
        Some(manifest) => manifest.plugin.name.to_string(),
        None => pulled.digest.short(),
    };
    let path = folder.join(format!("{name}.wasm"));
    let subject = Subject {
        path,
        bytes: pulled.bytes,
        package: pulled.package,
    };
    write(&subject.path, &subject.bytes)?;
    let minisig = match pulled.minisig {
        None => None,
        Some(text) => {
            let path = subject.minisig();
            write(&path, text.as_bytes())?;
            Some(path)
        }
    };
    if is_new {
        write(lock_file, lock.to_text().as_bytes())?;
    }
    Ok(Fetched {
        subject,
        minisig,
        reference: pulled.reference,
        manifest_digest: pulled.manifest_digest,
        is_new,
    })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), AuthorError> {
    fs::write(path, bytes).map_err(AuthorError::file("write", path))
}
