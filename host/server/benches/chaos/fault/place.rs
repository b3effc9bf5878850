//! Where a fault happens: a data folder, a database and, where it takes more, servers of its own.

use std::{
    fmt::Write as _,
    fs,
    future::Future,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::{Result, bail, ensure};
use phagen_server::{
    config::{DatabaseSettings, Settings},
    database::Database,
};
use phagen_store::{Store, StoreError};
use serde_json::{from_value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::{
    Engine,
    kit::{Kit, open_folder},
    process::{PATIENCE, POLL, Process},
    servers::{Servers, name_database},
    small_disk::SmallDisk,
};

/// How long a worker may be silent before another takes its job.
const LEASE_SECONDS: &str = "2";
/// What a new job gets.
pub(crate) const MAX_ATTEMPTS: &str = "PHAGEN_WORKER__MAX_ATTEMPTS";
/// Of a log of one process, in what is told when a run breaks.
const LAST_LINES: usize = 4;

pub(crate) struct Place {
    kit: Arc<Kit>,
    data: PathBuf,
    settings: Vec<(&'static str, String)>,
    n_processes: AtomicUsize,
    /// What this process reads rows by, past all that fails; none while they lie where it cannot
    /// open them.
    store: Option<Arc<dyn Store>>,
    pub(crate) servers: Option<Servers>,
    /// What the data folder lies on, when that is small.
    pub(crate) disk: Option<SmallDisk>,
    /// Last, since the others lie in it.
    folder: TempDir,
}

impl Place {
    pub(crate) async fn new(kit: &Arc<Kit>, engine: Engine) -> Result<Self> {
        let folder = open_folder()?;
        let data = folder.path().join("data");
        kit.lay_out(&data)?;
        let mut settings = settings();
        let mut servers = None;
        if engine == Engine::Postgres {
            let own = Servers::start(folder.path()).await?;
            let name = name_database();
            own.postgres.create(&name).await?;
            settings.push(("PHAGEN_DATABASE__URL", own.pooler.url(&name)));
            settings.push(("PHAGEN_DATABASE__DIRECT_URL", own.postgres.url(&name)));
            settings.push(("PHAGEN_DATABASE__N_CONNECTIONS", "4".to_owned()));
            servers = Some(own);
        }
        // A new database knows of no index: the one that came with the folder is another's.
        run(kit, &data, &settings, &["migrate"])?;
        run(kit, &data, &settings, &["corpus", "import"])?;
        let direct = direct_url(&settings);
        Ok(Self {
            store: Some(open(&data, direct).await?),
            kit: Arc::clone(kit),
            data,
            settings,
            n_processes: AtomicUsize::new(0),
            servers,
            disk: None,
            folder,
        })
    }

    /// On SQLite, with `part` of the data folder on a disk of `n_bytes`; `""` is all of it, and the
    /// rows can be read once [`Place::fetch_database`] got them.
    pub(crate) async fn on_small_disk(kit: &Arc<Kit>, part: &str, n_bytes: u64) -> Result<Self> {
        let folder = open_folder()?;
        let data = folder.path().join("data");
        fs::create_dir_all(data.join(part))?;
        let disk = SmallDisk::mount(&data.join(part), n_bytes)?;
        // As those see it whom the disk is mounted for.
        kit.lay_out(&disk.through(&data))?;
        let store = match part {
            "" => None,
            _ => Some(open(&data, None).await?),
        };
        Ok(Self {
            store,
            kit: Arc::clone(kit),
            data,
            settings: settings(),
            n_processes: AtomicUsize::new(0),
            servers: None,
            disk: Some(disk),
            folder,
        })
    }

    /// Copies the database off the small disk, once no process has it open, and gives its path.
    /// SQLite follows links to where this process does not see the disk.
    pub(crate) async fn fetch_database(&mut self) -> Result<PathBuf> {
        let fetched = self.file("fetched");
        fs::create_dir(&fetched)?;
        for name in ["phagen.db", "phagen.db-wal"] {
            let from = self.disk().through(&self.data).join(name);
            if from.exists() {
                fs::copy(&from, fetched.join(name))?;
            }
        }
        self.store = Some(open(&fetched, None).await?);
        Ok(fetched.join("phagen.db"))
    }

    /// For processes that are started from now on.
    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.settings.retain(|(known, _)| *known != name);
        self.settings.push((name, value.into()));
    }

    /// For faults in which no lease has to run out: on a busy machine a short one may do so by itself.
    pub(crate) fn lease_long(&mut self) {
        self.set("PHAGEN_WORKER__LEASE_SECONDS", "15");
    }

    pub(crate) fn kit(&self) -> &Kit {
        &self.kit
    }

    pub(crate) fn servers(&mut self) -> &mut Servers {
        let servers = self.servers.as_mut();
        servers.expect("a place on Postgres has servers")
    }

    pub(crate) fn disk(&self) -> &SmallDisk {
        self.disk.as_ref().expect("the place has a small disk")
    }

    /// The binary in this place.
    pub(crate) fn phagen(&self) -> Command {
        let mut command = match &self.disk {
            None => self.kit.phagen(&self.data),
            Some(disk) => disk.entered(&self.kit.phagen(&self.data)),
        };
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Started, and its first line.
    pub(crate) fn start(&self, command: &mut Command) -> Result<(Process, String)> {
        let number = self.n_processes.fetch_add(1, Ordering::Relaxed);
        let log = self.folder.path().join(format!("{number}.log"));
        Process::start(command, &log)
    }

    /// Beside the data folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn store(&self) -> Arc<dyn Store> {
        let store = self.store.as_ref();
        Arc::clone(store.expect("the rows are within reach"))
    }

    /// Asks again while the database is away.
    pub(crate) async fn read<T, F>(&self, mut ask: impl FnMut(Arc<dyn Store>) -> F) -> Result<T>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match ask(self.store()).await {
                Ok(answer) => return Ok(answer),
                Err(error) if Instant::now() >= deadline => return Err(error.into()),
                Err(_) => sleep(POLL).await,
            }
        }
    }

    /// Jobs that have not ended.
    pub(crate) async fn n_open(&self) -> Result<u64> {
        let stats = self.read(|store| async move { store.queue_stats().await });
        let stats = stats.await?;
        Ok(stats.n_queued + stats.n_scheduled + stats.n_running)
    }

    /// Waits until so few jobs are open.
    pub(crate) async fn until_open(&self, at_most: u64) -> Result<()> {
        // Whoever makes progress may go on.
        let (mut least, mut deadline) = (u64::MAX, Instant::now() + PATIENCE);
        loop {
            let n_open = self.n_open().await?;
            if n_open <= at_most {
                return Ok(());
            }
            if n_open < least {
                (least, deadline) = (n_open, Instant::now() + PATIENCE);
            }
            if Instant::now() >= deadline {
                bail!("no job ended in {PATIENCE:?}, and {n_open} are open");
            }
            sleep(POLL).await;
        }
    }

    /// What the processes said last, for whoever has to find out why.
    pub(crate) fn last_words(&self) -> String {
        let mut words = String::new();
        for number in 0..self.n_processes.load(Ordering::Relaxed) {
            let log = self.folder.path().join(format!("{number}.log"));
            let text = fs::read_to_string(log).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            for line in &lines[lines.len().saturating_sub(LAST_LINES)..] {
                let _ = writeln!(words, "{number}: {line}");
            }
        }
        words
    }
}

fn settings() -> Vec<(&'static str, String)> {
    let settings = [
        ("PHAGEN_LOG__FILTER", "warn"),
        ("PHAGEN_CACHE__ENABLED", "false"),
        // The harness asks often, and all of it comes from one address.
        ("PHAGEN_LIMIT__REQUESTS_PER_SECOND", "0"),
        ("PHAGEN_WORKER__LEASE_SECONDS", LEASE_SECONDS),
        ("PHAGEN_WORKER__RETRY_BASE_SECONDS", "1"),
        ("PHAGEN_WORKER__RETRY_CAP_SECONDS", "2"),
    ];
    let mut settings: Vec<_> = settings
        .map(|(name, value)| (name, value.to_owned()))
        .into();
    settings.push((MAX_ATTEMPTS, super::ATTEMPTS.to_string()));
    settings
}

fn direct_url<'a>(settings: &'a [(&'static str, String)]) -> Option<&'a str> {
    let url = settings
        .iter()
        .find(|(name, _)| *name == "PHAGEN_DATABASE__DIRECT_URL");
    url.map(|(_, url)| url.as_str())
}

fn run(
    kit: &Kit,
    data: &Path,
    settings: &[(&'static str, String)],
    arguments: &[&str],
) -> Result<()> {
    let mut command = kit.phagen(data);
    command.envs(settings.iter().map(|(name, value)| (name, value)));
    let ended = command.args(arguments).output()?;
    ensure!(
        ended.status.success(),
        "`phagen {}` failed: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&ended.stderr)
    );
    Ok(())
}

async fn open(data: &Path, url: Option<&str>) -> Result<Arc<dyn Store>> {
    let settings = Settings {
        data_dir: data.to_path_buf(),
        database: DatabaseSettings {
            url: url.map(|url| from_value(json!(url))).transpose()?,
            ..DatabaseSettings::default()
        },
        ..Settings::default()
    };
    Ok(Database::of(&settings).open().await?)
}
