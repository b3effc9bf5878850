//! Every room of one process, opened in order and wired to each other.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use phagen_analysis::{Analysis, AnalysisParts, AnalysisSettings, DrugList, MeshVocabulary};
use phagen_blob::Blobs;
use phagen_cache::Cache;
use phagen_corpus::ServingCorpus;
use phagen_domain::clock::Clock;
use phagen_plugin::{
    CallLimits, CompilerProcess, EgressSettings, LimitCaps, PluginHost, PluginSettings, Secrets,
    read_roots,
};
use phagen_store::Store;
use tokio::sync::Notify;

use crate::{
    blobs, bootstrap, cache,
    clock::SystemClock,
    config::{self, Settings},
    database::Database,
    fleet::{Fleet, FleetSettings, SlotLoader},
    snapshot::{NewestCorpus, Snapshots},
};

/// The hidden command that compiles one component and ends.
pub const COMPILE_GUEST: &str = "compile-guest";

/// What every command of this binary may need.
pub struct House {
    pub settings: Settings,
    pub share_dir: PathBuf,
    pub clock: Arc<dyn Clock>,
    pub store: Arc<dyn Store>,
    pub blobs: Arc<Blobs>,
    /// What is searched, of the index that serves now.
    pub corpus: Arc<ServingCorpus>,
    /// How it comes here and moves on.
    pub snapshots: Arc<Snapshots>,
    pub plugins: Arc<PluginHost>,
    /// What serves where, in this process.
    pub fleet: Arc<Fleet>,
    pub analysis: Arc<Analysis>,
    /// What need not be asked twice; the analysis has it, too.
    pub answers: Arc<Cache>,
    /// Rung when a job is stored, so that an idle worker of this process need not wait for its poll.
    pub wake: Arc<Notify>,
    /// Rung when a component is uploaded, so that its gates need not wait for a poll.
    pub uploads: Arc<Notify>,
}

impl House {
    /// Opens the data folder, seeds what is missing and loads the guests. The corpus may still be
    /// empty: see [`Snapshots::catch_up`] and [`bootstrap::bundled_files`].
    pub async fn open(settings: Settings) -> Result<Self> {
        let share_dir = bootstrap::find_share_dir(settings.share_dir.as_deref())?;
        bootstrap::prepare_data_dir(&settings.data_dir)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let reference = read_reference(share_dir.join("vocabulary"));
        let store = open_store(&settings).await?;
        let blobs = Arc::new(blobs::open(&settings).await?);
        let snapshots = open_snapshots(&settings, &store, &blobs).await?;
        let corpus = Arc::clone(snapshots.corpus());
        let plugins = Arc::new(open_plugins(&settings, Arc::clone(&corpus))?);
        let built_ins =
            bootstrap::seed_slots(store.as_ref(), &blobs, &share_dir, clock.as_ref()).await?;
        let loader = SlotLoader::new(Arc::clone(&blobs), Arc::clone(&plugins), built_ins);
        let fleet = Fleet::open(
            Arc::clone(&store),
            Arc::new(loader),
            Arc::clone(&clock),
            fleet_settings(&settings),
        )
        .await
        .context("cannot load the plugins")?;
        let answers =
            Arc::new(cache::open(&settings.cache, store.as_ref(), Arc::clone(&clock)).await?);
        let (drugs, vocabulary) = reference.await??;
        let analysis = Arc::new(Analysis::new(AnalysisParts {
            drugs: Arc::new(drugs),
            vocabulary: Arc::new(vocabulary),
            cache: Arc::clone(&answers),
            settings: AnalysisSettings {
                source_deadline: Duration::from_millis(
                    settings.analysis.source_deadline_milliseconds,
                ),
                source_limits: settings.source.limits(),
            },
            phagen_version: env!("CARGO_PKG_VERSION").to_owned(),
        }));
        Ok(Self {
            settings,
            share_dir,
            clock,
            store,
            blobs,
            corpus,
            snapshots,
            plugins,
            fleet,
            analysis,
            answers,
            wake: Arc::new(Notify::new()),
            uploads: Arc::new(Notify::new()),
        })
    }
}

fn fleet_settings(settings: &Settings) -> FleetSettings {
    let plugin = &settings.plugin;
    FleetSettings {
        drain: Duration::from_secs(plugin.drain_seconds),
        rollback_window: Duration::from_secs(plugin.rollback_window_seconds),
        ..FleetSettings::default()
    }
}

/// The database that the settings name, of today's schema.
pub async fn open_store(settings: &Settings) -> Result<Arc<dyn Store>> {
    Database::of(settings)
        .open()
        .await
        .context("cannot open the database")
}

/// The corpus of the processes that share this database.
pub async fn open_snapshots(
    settings: &Settings,
    store: &Arc<dyn Store>,
    blobs: &Arc<Blobs>,
) -> Result<Arc<Snapshots>> {
    let path = settings.data_dir.join("index");
    Snapshots::open(Arc::clone(store), Arc::clone(blobs), &path)
        .await
        .with_context(|| format!("cannot open the corpus in `{}`", path.display()))
}

fn open_plugins(settings: &Settings, corpus: Arc<ServingCorpus>) -> Result<PluginHost> {
    let cache_dir = settings.data_dir.join("compiled");
    let host = PluginHost::new(
        plugin_settings(settings, cache_dir)?,
        Arc::new(NewestCorpus(corpus)),
    )?;
    Ok(host)
}

/// What guests get on a host of these settings, with their machine code in `cache_dir`.
pub fn plugin_settings(settings: &Settings, cache_dir: PathBuf) -> Result<PluginSettings> {
    let plugin = &settings.plugin;
    let secrets = settings
        .secret
        .iter()
        .map(|(name, value)| (name.clone(), value.0.clone()));
    Ok(PluginSettings {
        n_instances: plugin.n_instances,
        compiler: compiler(plugin)?,
        secrets: Secrets::new(secrets)?,
        egress: egress(&plugin.egress)?,
        limits: CallLimits {
            deadline: Duration::from_millis(plugin.deadline_milliseconds),
            scoring_deadline: Duration::from_millis(plugin.scoring_deadline_milliseconds),
            memory_bytes: plugin.memory_bytes,
            output_bytes: plugin.output_bytes,
            ..CallLimits::default()
        },
        caps: LimitCaps {
            memory_bytes: plugin.max_memory_bytes.max(plugin.memory_bytes),
            ..LimitCaps::default()
        },
        ..PluginSettings::new(cache_dir)
    })
}

fn egress(settings: &config::EgressSettings) -> Result<EgressSettings> {
    let mut extra_roots = Vec::new();
    for file in &settings.extra_roots {
        let roots = read_roots(file).context("setting `plugin.egress.extra_roots` is wrong")?;
        extra_roots.extend(roots);
    }
    Ok(EgressSettings {
        extra_roots,
        ..EgressSettings::default()
    })
}

/// This very program in a process of its own, which takes a limit on its memory and its time.
fn compiler(plugin: &config::PluginSettings) -> Result<CompilerProcess> {
    if !plugin.compile_apart {
        return Ok(CompilerProcess::InProcess);
    }
    let program = std::env::current_exe().context("cannot tell where this binary lies")?;
    Ok(CompilerProcess::child(
        program,
        vec![COMPILE_GUEST.to_owned()],
    ))
}

/// Reads drug list and vocabulary while the database opens and the guests load.
fn read_reference(folder: PathBuf) -> tokio::task::JoinHandle<Result<(DrugList, MeshVocabulary)>> {
    tokio::task::spawn_blocking(move || {
        let drugs = DrugList::read(&folder.join("drugs.jsonl.gz"))?;
        let vocabulary = MeshVocabulary::read(Path::new(&folder))?;
        Ok((drugs, vocabulary))
    })
}
