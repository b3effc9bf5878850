//! A house on a temporary data folder, with the bundled corpus indexed.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result};
use phagen_server::{bootstrap, config::Settings, house::House};
use tokio::runtime::Runtime;

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
        let path = |variable: &str| {
            std::env::var_os(variable)
                .map(PathBuf::from)
                .with_context(|| format!("`{variable}` is not set: run `cargo xtask bench`"))
        };
        let setting = Self {
            runtime: tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()?,
            share: path("PHAGEN_BENCH_SHARE")?,
            binary: path("PHAGEN_BENCH_BINARY")?,
            data: tempfile::tempdir()?,
        };
        let house = setting.open(true)?;
        bootstrap::import_bundled(&house.corpus, &setting.share, &mut |_, _| {}, &|| false)?;
        Ok(setting)
    }

    pub(crate) fn open(&self, cache_enabled: bool) -> Result<Arc<House>> {
        let mut settings = self.settings(self.data.path());
        settings.cache.enabled = cache_enabled;
        Ok(Arc::new(self.runtime.block_on(House::open(settings))?))
    }

    pub(crate) fn settings(&self, data: &Path) -> Settings {
        Settings {
            data_dir: data.to_path_buf(),
            share_dir: Some(self.share.clone()),
            ..Settings::default()
        }
    }
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
