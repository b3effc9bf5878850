//! Where things lie in the repository, and the programs that read them.

use std::{
    ffi::OsString,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::{NamedTempFile, TempDir};

pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.join("../..")
        .canonicalize()
        .expect("the repository is there")
}

pub(crate) fn read(path: &str) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()))
}

/// A program that `cargo xtask test` found or fetched. A test never passes for want of it.
pub(crate) fn tool(variable: &str) -> OsString {
    std::env::var_os(variable).unwrap_or_else(|| {
        panic!("`{variable}` is not set: run the tests by `cargo xtask test`, which finds or fetches what they need")
    })
}

/// What `kubectl kustomize` prints.
pub(crate) fn kustomize(folder: &Path) -> String {
    let output = Command::new(tool("PHAGEN_TEST_KUBECTL"))
        .arg("kustomize")
        .arg(folder)
        .output()
        .expect("kubectl runs");
    let told = told(&output);
    assert!(output.status.success(), "{}: {told}", folder.display());
    String::from_utf8(output.stdout).expect("YAML is text")
}

/// The same of `folder` in a `k8s/`, kept until anything in there changes: most tests look at every
/// cluster, each in a process of its own.
pub(crate) fn kustomized(k8s: &Path, folder: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(folder.as_bytes());
    hash_folder(k8s, &mut hasher);
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kustomized");
    fs::create_dir_all(&kept).expect("the folder is made");
    let file = kept.join(hasher.finalize().to_hex().as_str());
    if let Ok(yaml) = fs::read_to_string(&file) {
        return yaml;
    }
    let yaml = kustomize(&k8s.join(folder));
    // Whole or not at all: other tests look for it now.
    let mut new = NamedTempFile::new_in(&kept).expect("a temporary file");
    new.write_all(yaml.as_bytes()).expect("it is written");
    new.persist(file).expect("it is kept");
    yaml
}

fn hash_folder(folder: &Path, hasher: &mut blake3::Hasher) {
    let entries = fs::read_dir(folder).expect("the folder is read");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the folder is read").path())
        .collect();
    paths.sort();
    for path in paths {
        hasher.update(path.file_name().expect("a name").as_encoded_bytes());
        if path.is_dir() {
            hash_folder(&path, hasher);
        } else {
            hasher.update(&fs::read(&path).expect("the file is read"));
        }
    }
}

/// Both streams of a program, for people.
pub(crate) fn told(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{out}{err}")
}

/// A copy of `k8s/` and of what its scripts read beside it, to be changed at will.
pub(crate) struct Copy {
    folder: TempDir,
}

impl Copy {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        copy_folder(&root().join("k8s"), &folder.path().join("k8s"));
        for file in ["Cargo.toml", "Dockerfile"] {
            let to = folder.path().join(file);
            fs::copy(root().join(file), to).expect("a copy");
        }
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn read(&self, path: &str) -> String {
        let path = self.path().join(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()))
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        let parent = path.parent().expect("a folder above it");
        fs::create_dir_all(parent).expect("the folder is made");
        fs::write(path, text).expect("the file is written");
    }
}

fn copy_folder(from: &Path, to: &Path) {
    // What an operator made for compose on this machine is nobody else's.
    if from.ends_with("k8s/secret") {
        return;
    }
    fs::create_dir_all(to).expect("the folder is made");
    for entry in fs::read_dir(from).expect("the folder is read") {
        let path = entry.expect("the folder is read").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, target).expect("a copy");
        }
    }
}
