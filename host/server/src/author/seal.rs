//! `keygen`, `sign`, `verify`: who made a component, in files beside it.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use phagen_domain::plugin::{PublisherKey, Signature};
use phagen_package::{
    check_signature, generate_key,
    signature::{key_id, parse_public_key},
};

use super::{AuthorError, Subject};

/// Bytes of a key or signature file that are read at most.
const MAX_FILE_BYTES: u64 = 16 << 10;

/// The two files of a new key.
#[derive(Debug, Clone)]
pub struct NewKey {
    pub secret: PathBuf,
    pub public: PathBuf,
    pub id: String,
}

/// Writes `NAME.key`, for its owner's eyes alone, and `NAME.pub` into `folder`. Neither may be
/// there: a key that is lost takes every signature with it.
pub fn keygen(folder: &Path, name: &str, password: Option<&str>) -> Result<NewKey, AuthorError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(is_plain) {
        return Err(AuthorError::Usage(format!(
            "`{name}` is not a name for a key: expected letters, digits, `-`, `_` and `.`"
        )));
    }
    let pair = generate_key(password)?;
    let (secret, public) = (
        folder.join(format!("{name}.key")),
        folder.join(format!("{name}.pub")),
    );
    let id = key_id(&parse_public_key(&pair.public_text)?)?;
    write_new(&public, &pair.public_text, 0o644)?;
    if let Err(error) = write_new(&secret, &pair.secret_text, 0o600) {
        // The half of a key is none.
        let _ = fs::remove_file(&public);
        return Err(error);
    }
    Ok(NewKey { secret, public, id })
}

fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), AuthorError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .map_err(AuthorError::file("create the key file", path))?;
    file.write_all(text.as_bytes())
        .map_err(AuthorError::file("write", path))
}

/// Signs what lies in `subject`'s file; where its signature was written.
pub fn sign_file(
    subject: &Subject,
    key_file: &Path,
    password: Option<&str>,
    comment: Option<&str>,
) -> Result<PathBuf, AuthorError> {
    let secret = read_small(key_file)?;
    let minisig = phagen_package::sign(&subject.bytes, &secret, password, comment)?;
    let path = subject.minisig();
    fs::write(&path, minisig).map_err(AuthorError::file("write", &path))?;
    Ok(path)
}

/// Holds a signature against a component and one public key: a file, or its base64 line.
pub fn verify_file(
    subject: &Subject,
    signature: &Path,
    public_key: &str,
    now: DateTime<Utc>,
) -> Result<String, AuthorError> {
    let as_file = Path::new(public_key);
    let (name, text) = if as_file.is_file() {
        let stem = as_file.file_stem().unwrap_or_default();
        (stem.to_string_lossy().into_owned(), read_small(as_file)?)
    } else {
        ("the given key".to_owned(), public_key.to_owned())
    };
    let key = PublisherKey {
        name,
        public_key: parse_public_key(&text)?,
        added_at: now,
        added_by: String::new(),
        expires_at: None,
        revoked_at: None,
    };
    let minisig = read_small(signature)?;
    match check_signature(&subject.bytes, Some(&minisig), &[key], now) {
        Signature::Verified { key } => Ok(key),
        Signature::Failed { reason } => Err(AuthorError::Signature(
            signature.display().to_string(),
            reason,
        )),
        Signature::NotSigned => Err(AuthorError::Signature(
            signature.display().to_string(),
            "it is empty".to_owned(),
        )),
    }
}

/// The whole file, as long as it can be a key or a signature.
pub fn read_small(path: &Path) -> Result<String, AuthorError> {
    let size = fs::metadata(path)
        .map_err(AuthorError::file("read", path))?
        .len();
    if size > MAX_FILE_BYTES {
        return Err(AuthorError::Usage(format!(
            "`{}` has {size} bytes, more than any key or signature; give the right file",
            path.display()
        )));
    }
    fs::read_to_string(path).map_err(AuthorError::file("read", path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_written_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let key = keygen(folder.path(), "ada", None).unwrap();
        let mode = fs::metadata(&key.secret).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let before = fs::read_to_string(&key.secret).unwrap();
        let again = keygen(folder.path(), "ada", None).unwrap_err().to_string();
        assert!(again.contains("ada.pub"), "{again}");
        assert_eq!(fs::read_to_string(&key.secret).unwrap(), before);
        for wrong in ["", "../ada", ".ada", "a b"] {
            assert!(keygen(folder.path(), wrong, None).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_file_that_is_no_key_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("big");
        fs::write(&path, vec![b'a'; 16 * 1024 + 1]).unwrap();
        assert!(matches!(read_small(&path), Err(AuthorError::Usage(_))));
    }
}
