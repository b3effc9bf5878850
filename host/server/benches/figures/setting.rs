//! A house on a temporary data folder, with the bundled corpus indexed.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use anyhow::{Context, Result};
use phagen_server::{config::Settings, house::House};
use tokio::runtime::Runtime;

/// How the variables of this project begin.
const OURS: &str = "PHAGEN_";
/// Variables in which `cargo xtask bench` names what it built.
const SHARE: &str = "PHAGEN_BENCH_SHARE";
const BINARY: &str = "PHAGEN_BENCH_BINARY";
pub(crate) const GUESTS: &str = "PHAGEN_BENCH_GUESTS";
pub(crate) const LANGUAGES: &str = "PHAGEN_BENCH_LANGUAGES";

/// Drugs that the bundled corpus knows from 14 to 28 documents each.
pub(crate) const MOLECULES: [&str; 5] = [
    "aspirin",
    "cisplatin",
    "metformin",
    "dexamethasone",
    "tamoxifen",
];

pub(crate) struct Setting {
    pub runtime: Runtime,
    pub share: PathBuf,
    pub binary: PathBuf,
    /// Indexed and compiled: what a second start finds.
    pub data: tempfile::TempDir,
}

impl Setting {
    pub(crate) fn prepare() -> Result<Self> {
        let setting = Self {
            runtime: tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()?,
            share: path(SHARE)?,
            binary: path(BINARY)?,
            data: tempfile::tempdir()?,
        };
        let imported = setting.phagen().args(["corpus", "import"]).output()?;
        anyhow::ensure!(
            imported.status.success(),
            "the bundled corpus was not imported: {}",
            String::from_utf8_lossy(&imported.stderr)
        );
        setting.open(true)?;
        Ok(setting)
    }

    /// The binary, on this setting's folders and no other setting.
    pub(crate) fn phagen(&self) -> Command {
        self.phagen_on(self.data.path())
    }

    /// The same on another data folder.
    pub(crate) fn phagen_on(&self, data: &Path) -> Command {
        let mut command = Command::new(&self.binary);
        // What `cargo xtask bench` says is for the benchmark, and settings to the binary.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with(OURS) {
                command.env_remove(name);
            }
        }
        command
            .env("PHAGEN_DATA_DIR", data)
            .env("PHAGEN_SHARE_DIR", &self.share);
        command
    }

    pub(crate) fn open(&self, cache_enabled: bool) -> Result<Arc<House>> {
        let mut settings = self.settings(self.data.path());
        settings.cache.enabled = cache_enabled;
        Ok(Arc::new(self.runtime.block_on(House::open(settings))?))
    }

    pub(crate) fn settings(&self, data: &Path) -> Settings {
        let mut settings = Settings {
            data_dir: data.to_path_buf(),
            share_dir: Some(self.share.clone()),
            ..Settings::default()
        };
        // The child that compiles is the binary itself, and this is another program.
        settings.plugin.compile_apart = false;
        settings
    }
}

/// A folder or a file that `cargo xtask bench` names.
pub(crate) fn path(variable: &str) -> Result<PathBuf> {
    std::env::var_os(variable)
        .map(PathBuf::from)
        .with_context(|| format!("`{variable}` is not set: run `cargo xtask bench`"))
}

/// The processor, as the kernel names it, and how many of it.
pub(crate) fn machine() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown processor", |rest| {
            rest.trim_start_matches([' ', '\t', ':'])
        });
    let n_cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("machine: {n_cores} cores, {model}")
}
