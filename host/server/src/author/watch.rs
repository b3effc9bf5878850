//! Whether a plugin's folder changed: what `dev` asks three times a second.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Files beyond which a folder is no plugin's but, say, a home folder.
const MAX_FILES: usize = 10_000;

/// Made by tools, not by the author.
const NOT_SOURCES: [&str; 4] = ["target", "node_modules", "__pycache__", "venv"];

/// Every source file with its time and size.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot(BTreeMap<PathBuf, (Option<SystemTime>, u64)>);

impl Snapshot {
    pub fn of(dir: &Path) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        let mut waiting = vec![dir.to_path_buf()];
        while let Some(folder) = waiting.pop() {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                let path = entry.path();
                if !is_source(&path) {
                    continue;
                }
                // A file may vanish between being listed and being looked at: editors do that.
                let Ok(metadata) = entry.metadata() else {
                    continue;
                };
                if metadata.is_dir() {
                    waiting.push(path);
                } else {
                    files.insert(path, (metadata.modified().ok(), metadata.len()));
                }
                if files.len() > MAX_FILES {
                    return Err(io::Error::other(format!(
                        "more than {MAX_FILES} files lie in it"
                    )));
                }
            }
        }
        Ok(Self(files))
    }
}

fn is_source(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_product = [".wasm", ".wasm.new", ".wasm.bare", ".minisig", "Cargo.lock"]
        .into_iter()
        .any(|end| name.ends_with(end));
    !name.starts_with('.') && !is_product && !NOT_SOURCES.contains(&name.as_ref())
}

/// The first file that is not as it was: changed, new or gone.
pub fn changed<'s>(before: &'s Snapshot, after: &'s Snapshot) -> Option<&'s Path> {
    let differs = |(path, stamp): &(&'s PathBuf, &(Option<SystemTime>, u64))| {
        before.0.get(*path) != Some(*stamp)
    };
    let gone = || before.0.keys().find(|path| !after.0.contains_key(*path));
    after
        .0
        .iter()
        .find(differs)
        .map(|(path, _)| path)
        .or_else(gone)
        .map(PathBuf::as_path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_author_writes_counts() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let snap = || Snapshot::of(dir.path()).unwrap();
        write("src/lib.rs", "a");
        let first = snap();
        for product in [
            "target/x",
            "p.wasm",
            "node_modules/a/b.js",
            ".git/HEAD",
            "p.wasm.minisig",
        ] {
            write(product, "1");
        }
        assert_eq!(changed(&first, &snap()), None);
        write("src/lib.rs", "ab");
        let second = snap();
        assert!(changed(&first, &second).unwrap().ends_with("src/lib.rs"));
        write("plugin.toml", "");
        assert!(changed(&second, &snap()).unwrap().ends_with("plugin.toml"));
        let third = snap();
        fs::remove_file(dir.path().join("src/lib.rs")).unwrap();
        assert!(changed(&third, &snap()).unwrap().ends_with("lib.rs"));
    }
}
