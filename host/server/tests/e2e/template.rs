//! A data folder with the bundled corpus indexed and the guests compiled, made once and copied by
//! every test. Tests run in processes of their own, so a file lock keeps them from making two.

use std::{
    fs::{self, File, Metadata},
    io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use phagen_domain::digest::Digest;

use crate::data_dir::DataDir;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_phagen");
/// Written last: a folder without it was left half made.
const MARKER: &str = "ready";

/// Fills `target` with a copy.
pub(crate) fn copy_to(target: &Path) {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("e2e");
    fs::create_dir_all(&home).expect("the target folder can be written");
    let lock = File::create(home.join("lock")).expect("the lock file opens");
    let template = home.join(key().short());
    lock.lock_shared().expect("the lock is granted");
    if !template.join(MARKER).exists() {
        lock.unlock().expect("the lock is given back");
        lock.lock().expect("the lock is granted");
        if !template.join(MARKER).exists() {
            make(&home, &template);
        }
    }
    copy(&template.join("data"), target).expect("the template is copied");
}

/// The share folder beside the binary, as `cargo xtask guests` lays it out.
pub(crate) fn share_dir() -> PathBuf {
    let share = Path::new(BINARY)
        .parent()
        .expect("a binary lies in a folder")
        .join("share");
    assert!(
        share.join("plugin").is_dir(),
        "`{}` holds no plugins: run `cargo xtask guests`",
        share.display()
    );
    share
}

fn make(home: &Path, template: &Path) {
    for entry in fs::read_dir(home).expect("the folder is read") {
        let path = entry.expect("the folder is read").path();
        if path.is_dir() {
            fs::remove_dir_all(&path).expect("an old template is removed");
        }
    }
    let dir = DataDir::empty();
    dir.run(&["corpus", "import"]).expect_success();
    // Any command that loads the plugins compiles them.
    dir.run(&["plugin", "list"]).expect_success();
    copy(dir.path(), &template.join("data")).expect("the template is kept");
    File::create(template.join(MARKER)).expect("the marker is written");
}

/// Changes with the binary and with whatever it is given to read.
fn key() -> Digest {
    let mut seen = vec![stamp(Path::new(BINARY))];
    let mut folders = vec![share_dir()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the share folder is read") {
            let path = entry.expect("the share folder is read").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                seen.push(stamp(&path));
            }
        }
    }
    seen.sort();
    Digest::of(seen.concat().as_bytes())
}

fn stamp(path: &Path) -> String {
    let metadata: Metadata = fs::metadata(path).expect("the file is there");
    let modified = metadata.modified().expect("files have times");
    let since = modified
        .duration_since(UNIX_EPOCH)
        .expect("files are younger than 1970");
    format!(
        "{} {} {}\n",
        path.display(),
        metadata.len(),
        since.as_nanos()
    )
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
