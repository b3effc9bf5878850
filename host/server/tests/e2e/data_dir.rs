//! A data folder of one test, and commands that run on it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
};

use tempfile::TempDir;

use crate::{
    process::{Ended, PATIENCE, Process},
    template::{self, BINARY},
};

pub(crate) struct DataDir {
    folder: TempDir,
    data: PathBuf,
    n_processes: AtomicUsize,
}

impl DataDir {
    /// As on a machine where nothing has run yet.
    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self {
            data: folder.path().join("data"),
            folder,
            n_processes: AtomicUsize::new(0),
        }
    }

    /// With the bundled corpus indexed and the guests compiled.
    pub(crate) fn ready() -> Self {
        let dir = Self::empty();
        template::copy_to(&dir.data);
        dir
    }

    pub(crate) fn path(&self) -> &Path {
        &self.data
    }

    /// A file beside the data, with `bytes` in it.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).expect("the file is written");
        path
    }

    /// Runs `phagen` with these arguments to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.spawn(arguments, &[]).wait(PATIENCE)
    }

    /// Starts `phagen` with these arguments and settings. It sees nothing of this environment.
    pub(crate) fn spawn(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Process {
        let number = self.n_processes.fetch_add(1, Ordering::Relaxed);
        let mut command = Command::new(BINARY);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PHAGEN_DATA_DIR", &self.data)
            .env("PHAGEN_SHARE_DIR", template::share_dir())
            .env("PHAGEN_OPERATIONS__BIND", "127.0.0.1:0")
            .envs(settings.iter().copied());
        Process::spawn(&mut command, &self.folder.path().join(number.to_string()))
    }
}
