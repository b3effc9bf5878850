//! Bytes in, callable plugins out.
//!
//! [`PluginHost`] owns what all plugins share; a [`Plugin`] is one digest, validated and compiled.
//! Neither knows of slots or of which plugin serves where.

use std::{fmt, sync::Arc, thread};

use chrono::NaiveDate;
use phagen_domain::{
    digest::Digest,
    evidence::Attribute,
    plugin::{Grant, World},
};
use tokio::sync::Semaphore;
use wasmtime::{Engine, component::Component};

use crate::{
    PluginError, call,
    compile::{self, Compiler},
    engine::{Engines, Purpose},
    guest::{CorpusSearch, Guest, Role},
    settings::PluginSettings,
    world::{Fitted, Worlds},
};

/// Everything that plugins share: engines, linked worlds, compiled guests.
pub struct PluginHost {
    shared: Arc<Shared>,
    worlds: Worlds,
    compiler: Compiler,
}

/// What a call needs of the host; lives as long as any plugin.
pub(crate) struct Shared {
    pub(crate) settings: PluginSettings,
    pub(crate) corpus: Arc<dyn CorpusSearch>,
    pub(crate) engines: Engines,
    n_free_scoring: Semaphore,
    n_free_io: Semaphore,
}

impl Shared {
    /// The right to hold one instance of an engine.
    pub(crate) fn instances(&self, purpose: Purpose) -> &Semaphore {
        match purpose {
            Purpose::Scoring => &self.n_free_scoring,
            Purpose::Io => &self.n_free_io,
        }
    }

    /// An empty store for an instance that plays `role`, with every limit but time set.
    pub(crate) fn store(&self, world: World, role: Role) -> wasmtime::Store<Guest> {
        let purpose = Purpose::of(world);
        let limits = &self.settings.limits;
        let guest = Guest::new(role, purpose, limits, Arc::clone(&self.corpus));
        let mut store = wasmtime::Store::new(self.engines.of(purpose), guest);
        store.limiter(|guest| &mut guest.limiter);
        store.set_hostcall_fuel(self.output_bytes(world));
        store.set_max_component_handles(limits.n_handles);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|store| Ok(call::on_tick(store.data())));
        store
    }

    pub(crate) fn output_bytes(&self, world: World) -> usize {
        let limits = &self.settings.limits;
        match world {
            World::Source | World::Reranker => limits.output_bytes,
            World::Mapper => limits.mapper_output_bytes,
        }
    }
}

impl PluginHost {
    /// Starts both engines. Sources that are granted the corpus search it through `corpus`.
    pub fn new(
        settings: PluginSettings,
        corpus: Arc<dyn CorpusSearch>,
    ) -> Result<Self, PluginError> {
        let engines = Engines::start(&settings)?;
        let n_instances = settings.n_instances.max(1) as usize;
        Ok(Self {
            worlds: Worlds::link(&engines)?,
            compiler: Compiler::open(&settings.cache_dir)?,
            shared: Arc::new(Shared {
                settings,
                corpus,
                engines,
                n_free_scoring: Semaphore::new(n_instances),
                n_free_io: Semaphore::new(n_instances),
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
        let facts = self.describe(world, &fitted)?;
        Ok(Plugin(Arc::new(PluginInner {
            name: name_of(&facts, digest),
            label: digest.short(),
            digest,
            world,
            facts,
            fitted,
            shared: Arc::clone(&self.shared),
        })))
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

    fn fit(&self, world: World, digest: Digest, bytes: &[u8]) -> Result<Fitted, PluginError> {
        let purpose = Purpose::of(world);
        let engine = self.shared.engines.of(purpose);
        let name = Compiler::name(digest, engine);
        if let Some(component) = self.find_compiled(&name, engine) {
            return self.worlds.fit(world, &component);
        }
        let code = self.compiler.compile(purpose, bytes)?;
        let component = code
            .load(engine)
            .map_err(|error| PluginError::invalid(&error))?;
        let fitted = self.worlds.fit(world, &component)?;
        // Only what fits is worth keeping.
        self.compiler.keep(&name, &code);
        Ok(fitted)
    }

    fn find_compiled(&self, name: &str, engine: &Engine) -> Option<Component> {
        self.compiler.find(name)?.load(engine).ok()
    }

    /// On a thread of its own with a runtime of its own, so that it works wherever it is called.
    fn describe(&self, world: World, fitted: &Fitted) -> Result<Vec<Attribute>, PluginError> {
        let role = Role {
            plugin: "a plugin that is being loaded".to_owned(),
            slot: String::new(),
            config: Vec::new(),
            artifact: None,
            grant: Grant::default(),
            as_of: NaiveDate::default(),
        };
        let work = || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .map_err(PluginError::engine)?;
            let store = self.shared.store(world, role);
            runtime.block_on(call::describe(&self.shared, world, fitted, store))
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

/// One digest, validated, compiled and joined with its world. Clones share it.
#[derive(Clone)]
pub struct Plugin(Arc<PluginInner>);

struct PluginInner {
    digest: Digest,
    /// Short digest, as metrics are labelled.
    label: String,
    world: World,
    name: String,
    facts: Vec<Attribute>,
    fitted: Fitted,
    shared: Arc<Shared>,
}

impl Plugin {
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    pub fn world(&self) -> World {
        self.0.world
    }

    /// As it calls itself.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What its `describe` answered when it was loaded.
    pub fn facts(&self) -> &[Attribute] {
        &self.0.facts
    }

    pub(crate) fn label(&self) -> &str {
        &self.0.label
    }

    pub(crate) fn fitted(&self) -> &Fitted {
        &self.0.fitted
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}` {}", self.0.world, self.0.name, self.0.label)
    }
}
