//! Bytes in, callable plugins out.
//!
//! [`PluginHost`] owns what all plugins share; a [`Plugin`] is one digest, validated and compiled.
//! Neither knows of slots or of which plugin serves where.

use std::{sync::Arc, thread};

use chrono::NaiveDate;
use phagen_domain::{
    digest::Digest,
    evidence::Attribute,
    plugin::{Grant, LimitRequest, Manifest, World},
};
use phagen_package::{Package, read_manifest};
use tokio::sync::Semaphore;
use wasmtime::{Engine, component::Component};

use crate::{
    PluginError, call,
    compile::{self, Compiler},
    engine::{Engines, Purpose},
    guest::{CorpusSearch, Egress, Guest, Role, Surroundings, Witness},
    kept::Keepers,
    logs::{LogLine, LogTail, Logs},
    plugin::{Plugin, PluginInner},
    settings::{CallLimits, PluginSettings},
    world::{Fitted, Worlds},
};

/// Everything that plugins share: engines, linked worlds, compiled guests.
pub struct PluginHost {
    pub(crate) shared: Arc<Shared>,
    worlds: Worlds,
    compiler: Compiler,
    logs: Logs,
}

/// What a call needs of the host; lives as long as any plugin.
pub(crate) struct Shared {
    pub(crate) settings: PluginSettings,
    pub(crate) corpus: Arc<dyn CorpusSearch>,
    pub(crate) egress: Arc<Egress>,
    pub(crate) engines: Engines,
    pub(crate) keepers: Keepers,
    scoring: Places,
    io: Places,
}

/// Instances that one engine has room for.
struct Places {
    working: Semaphore,
    /// For idle ones between two calls, and for their next call: they stand in the pool whether or
    /// not they work.
    kept: Arc<Semaphore>,
}

impl Places {
    fn new(settings: &PluginSettings) -> Self {
        Self {
            working: Semaphore::new(settings.n_instances.max(1) as usize),
            kept: Arc::new(Semaphore::new(settings.n_kept_instances as usize)),
        }
    }
}

impl Shared {
    fn places(&self, purpose: Purpose) -> &Places {
        match purpose {
            Purpose::Scoring => &self.scoring,
            Purpose::Io => &self.io,
        }
    }

    /// The right to have one instance of an engine at work.
    pub(crate) fn instances(&self, purpose: Purpose) -> &Semaphore {
        &self.places(purpose).working
    }

    /// The right to keep one instance of a world past its call.
    pub(crate) fn places_to_keep(&self, world: World) -> Arc<Semaphore> {
        Arc::clone(&self.places(Purpose::of(world)).kept)
    }

    /// An empty store for an instance that plays `role`, with every limit but time set.
    pub(crate) fn store(
        &self,
        world: World,
        limits: &CallLimits,
        role: Role,
        outside: Surroundings,
    ) -> wasmtime::Store<Guest> {
        let purpose = Purpose::of(world);
        let guest = Guest::new(role, purpose, limits, outside);
        let mut store = wasmtime::Store::new(self.engines.of(purpose), guest);
        store.limiter(|guest| &mut guest.limiter);
        store.set_hostcall_fuel(limits.output_bytes_of(world));
        store.set_max_component_handles(limits.n_handles);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut store| Ok(call::on_tick(store.data_mut())));
        store
    }
}

impl PluginHost {
    /// Starts both engines. Sources that are granted the corpus search it through `corpus`.
    pub fn new(
        settings: PluginSettings,
        corpus: Arc<dyn CorpusSearch>,
    ) -> Result<Self, PluginError> {
        let engines = Engines::start(&settings)?;
        Ok(Self {
            worlds: Worlds::link(&engines)?,
            compiler: Compiler::open(&settings.cache_dir, settings.compiler.clone())?,
            logs: Logs::default(),
            shared: Arc::new(Shared {
                egress: Arc::new(Egress::new(&settings)?),
                scoring: Places::new(&settings),
                io: Places::new(&settings),
                keepers: Keepers::default(),
                settings,
                corpus,
                engines,
            }),
        })
    }

    /// Validates a component and compiles it, or takes the machine code of an earlier time.
    ///
    /// Blocks, for seconds where it compiles: call it by `spawn_blocking`. Runs the guest's
    /// `describe` once, under the limits of any call.
    pub fn load(&self, world: World, bytes: &[u8]) -> Result<Plugin, PluginError> {
        compile::inspect(bytes)?;
        let digest = Digest::of(bytes);
        let fitted = self.fit(world, digest, bytes)?;
        let manifest =
            read_manifest(bytes).map_err(|error| PluginError::Package(Box::new(error)))?;
        let limits = self.limits_of(manifest.as_ref())?;
        let log = self.logs.tail(digest);
        let facts = self.describe(world, &fitted, &limits, &log)?;
        Ok(Plugin::new(PluginInner {
            name: name_of(&facts, digest),
            label: digest.short(),
            digest,
            world,
            manifest,
            limits,
            facts,
            fitted,
            log,
            shared: Arc::clone(&self.shared),
        }))
    }

    /// How instances get their memory: `pooling`, or `on-demand` where addresses are scarce.
    pub fn allocator(&self) -> &'static str {
        self.shared.engines.allocator
    }

    /// Instances alive now, of both engines; none when they are allocated on demand.
    pub fn n_live_instances(&self) -> Option<u64> {
        let engines = &self.shared.engines;
        let live = |engine: &Engine| {
            engine
                .pooling_allocator_metrics()
                .map(|pool| pool.component_instances())
        };
        Some(live(&engines.scoring)? + live(&engines.io)?)
    }

    /// Components compiled since the host started, rather than found compiled.
    pub fn n_compiled(&self) -> u64 {
        self.compiler.n_compiled()
    }

    /// Deletes the machine code of every plugin that is not among `keep`. A plugin that is loaded
    /// has its own copy and works on. Returns how many files went.
    pub fn prune_compiled(&self, keep: &[Digest]) -> Result<usize, PluginError> {
        let engines = &self.shared.engines;
        self.compiler.prune(keep, &[&engines.scoring, &engines.io])
    }

    /// The lines that the guests of a digest logged after line `after`, oldest first: at most the
    /// last 1,000.
    pub fn logs(&self, digest: Digest, after: u64) -> Vec<LogLine> {
        self.logs.after(digest, after)
    }

    /// What a plugin of this manifest gets.
    pub(crate) fn limits_of(&self, manifest: Option<&Manifest>) -> Result<CallLimits, PluginError> {
        let settings = &self.shared.settings;
        let asked = manifest.map_or(LimitRequest::default(), |manifest| manifest.limits);
        settings.limits.granted(&asked, &settings.caps)
    }

    /// The component joined with its world, from the cache if it is there.
    pub(crate) fn fit(
        &self,
        world: World,
        digest: Digest,
        bytes: &[u8],
    ) -> Result<Fitted, PluginError> {
        let engine = self.shared.engines.of(Purpose::of(world));
        let name = Compiler::name(digest, engine);
        if let Some(component) = self.find_compiled(&name, engine) {
            return self.worlds.fit(world, &component);
        }
        let code = self.compiler.compile(world, bytes)?;
        let component = code
            .load(engine)
            .map_err(|error| PluginError::invalid(&error))?;
        let fitted = self.worlds.fit(world, &component)?;
        // Only what fits is worth keeping.
        self.compiler.keep(&name, &code);
        Ok(fitted)
    }

    /// Bytes of the machine code that is kept of a component, if there is any.
    pub(crate) fn compiled_bytes(&self, world: World, digest: Digest) -> Option<u64> {
        let engine = self.shared.engines.of(Purpose::of(world));
        self.compiler.size(&Compiler::name(digest, engine))
    }

    fn find_compiled(&self, name: &str, engine: &Engine) -> Option<Component> {
        self.compiler.find(name)?.load(engine).ok()
    }

    /// On a thread of its own with a runtime of its own, so that it works wherever it is called.
    fn describe(
        &self,
        world: World,
        fitted: &Fitted,
        limits: &CallLimits,
        log: &Arc<LogTail>,
    ) -> Result<Vec<Attribute>, PluginError> {
        let role = Role {
            plugin: "a plugin that is being loaded".to_owned(),
            slot: String::new(),
            config: Vec::new(),
            artifact: None,
            asked: Grant::default(),
            granted: Grant::default(),
            as_of: NaiveDate::default(),
            log: Arc::clone(log),
        };
        let surroundings = Surroundings {
            corpus: Arc::clone(&self.shared.corpus),
            egress: Arc::clone(&self.shared.egress),
            witness: Witness::Nobody,
        };
        let work = || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .map_err(PluginError::engine)?;
            let store = self.shared.store(world, limits, role, surroundings);
            runtime.block_on(call::describe(&self.shared, world, fitted, limits, store))
        };
        thread::scope(|scope| {
            let thread = thread::Builder::new()
                .name("phagen-describe".to_owned())
                .spawn_scoped(scope, work)
                .map_err(PluginError::engine)?;
            thread.join().unwrap_or_else(|_| {
                Err(PluginError::engine(
                    "a thread that runs `describe` broke down",
                ))
            })
        })
    }
}

/// What is embedded in a component.
pub(crate) fn read(bytes: &[u8]) -> Result<Package, PluginError> {
    Package::read(bytes).map_err(|error| PluginError::Package(Box::new(error)))
}

/// A plugin calls itself something; without a name it goes by its digest.
fn name_of(facts: &[Attribute], digest: Digest) -> String {
    const MAX_CHARS: usize = 100;
    let name: String = facts
        .iter()
        .find(|fact| fact.key == "name")
        .map(|fact| {
            fact.value
                .chars()
                .filter(|c| !c.is_control())
                .take(MAX_CHARS)
                .collect()
        })
        .unwrap_or_default();
    match name.trim() {
        "" => digest.short(),
        name => name.to_owned(),
    }
}
