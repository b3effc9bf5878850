//! The two engines and the thread that ticks them.
//!
//! *Scoring* runs mappers and rerankers: equal inputs give equal bits. *I/O* runs sources. Both
//! take their settings from [`config`] alone, so that what was compiled under it can be loaded
//! under it.

use std::{thread, time::Duration};

use phagen_domain::plugin::World;
use wasmtime::{
    Config, Enabled, Engine, EngineWeak, InstanceAllocationStrategy, Memory, MemoryType, OptLevel,
    PoolingAllocationConfig, Store,
};

use crate::{PluginError, settings::PluginSettings};

/// How often a running guest looks at its deadline and yields to tokio.
pub(crate) const TICK: Duration = Duration::from_millis(5);

// Parts of one component. A Rust guest is three core instances, two tables and a memory; a Python
// guest has some twenty core instances.
pub(crate) const N_CORE_INSTANCES: u32 = 40;
pub(crate) const N_TABLES: u32 = 16;
pub(crate) const N_MEMORIES: u32 = 4;

/// What an engine is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Scoring,
    Io,
}

impl Purpose {
    pub(crate) fn of(world: World) -> Self {
        match world {
            World::Source => Self::Io,
            World::Mapper | World::Reranker => Self::Scoring,
        }
    }
}

pub(crate) struct Engines {
    pub(crate) scoring: Engine,
    pub(crate) io: Engine,
    pub(crate) allocator: &'static str,
}

impl Engines {
    /// Both engines, ticking until the last one is dropped.
    pub(crate) fn start(settings: &PluginSettings) -> Result<Self, PluginError> {
        let pool = can_reserve_addresses().then(|| pool(settings));
        let (scoring, io, allocator) = match pool.as_ref().map(|pool| pair(Some(pool))) {
            Some(Ok((scoring, io))) => (scoring, io, "pooling"),
            refused => {
                let reason = match refused {
                    Some(Err(error)) => format!("{error:#}"),
                    _ => "fewer than 42 bits of address space".to_owned(),
                };
                tracing::warn!(
                    reason,
                    "no pool for guest instances; allocating each on demand, which is slower"
                );
                let (scoring, io) = pair(None).map_err(PluginError::engine)?;
                (scoring, io, "on-demand")
            }
        };
        tick(vec![scoring.weak(), io.weak()])?;
        Ok(Self {
            scoring,
            io,
            allocator,
        })
    }

    pub(crate) fn of(&self, purpose: Purpose) -> &Engine {
        match purpose {
            Purpose::Scoring => &self.scoring,
            Purpose::Io => &self.io,
        }
    }
}

fn pair(pool: Option<&PoolingAllocationConfig>) -> wasmtime::Result<(Engine, Engine)> {
    Ok((
        Engine::new(&config(Purpose::Scoring, pool))?,
        Engine::new(&config(Purpose::Io, pool))?,
    ))
}

/// The one place that knows how guests are compiled and run. The allocator leaves compiled code
/// alone: what was compiled without a pool loads into one.
pub(crate) fn config(purpose: Purpose, pool: Option<&PoolingAllocationConfig>) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        // Exports are synchronous, and without this a call costs a third.
        .concurrency_support(false)
        .cranelift_opt_level(OptLevel::Speed)
        .memory_init_cow(true)
        .wasm_component_model(true);
    if purpose == Purpose::Scoring {
        config
            .cranelift_nan_canonicalization(true)
            .relaxed_simd_deterministic(true);
    }
    if let Some(pool) = pool {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool.clone()));
    }
    config
}

fn pool(settings: &PluginSettings) -> PoolingAllocationConfig {
    let n = settings
        .n_instances
        .max(1)
        .saturating_add(settings.n_kept_instances);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(n)
        .total_core_instances(n.saturating_mul(N_CORE_INSTANCES))
        .total_memories(n.saturating_mul(N_MEMORIES))
        .total_tables(n.saturating_mul(N_TABLES))
        // A store holds on to its stack between two calls.
        .total_stacks(n)
        .max_core_instances_per_component(N_CORE_INSTANCES)
        .max_memories_per_component(N_MEMORIES)
        .max_tables_per_component(N_TABLES)
        .max_tables_per_module(N_TABLES)
        // Addresses, not memory: what a plugin gets is its limiter's to say.
        .max_memory_size(settings.caps.memory_bytes)
        // What a guest touched is cleared by hand up to here and given back to the kernel past it.
        .linear_memory_keep_resident(2 << 20)
        .table_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto)
        .decommit_batch_size(16)
        .max_unused_warm_slots(n.min(16));
    pool
}

/// Whether the machine gives out 4 TiB of addresses, as containers with a limit on them do not.
fn can_reserve_addresses() -> bool {
    const BITS: u32 = 42;
    const PAGE_BITS: u32 = 16;
    let mut config = Config::new();
    config.wasm_memory64(true).memory_reservation(1 << BITS);
    let Ok(engine) = Engine::new(&config) else {
        return false;
    };
    let mut store = Store::new(&engine, ());
    let memory = MemoryType::new64(0, Some(1 << (BITS - PAGE_BITS)));
    Memory::new(&mut store, memory).is_ok()
}

fn tick(engines: Vec<EngineWeak>) -> Result<(), PluginError> {
    let work = move || {
        loop {
            thread::sleep(TICK);
            let alive = engines
                .iter()
                .filter_map(EngineWeak::upgrade)
                .inspect(Engine::increment_epoch)
                .count();
            if alive == 0 {
                return;
            }
        }
    };
    thread::Builder::new()
        .name("phagen-epoch".to_owned())
        .spawn(work)
        .map(drop)
        .map_err(PluginError::engine)
}

#[cfg(test)]
mod tests {
    use phagen_domain::digest::Digest;
    use wasmtime::component::Component;

    use super::*;

    #[test]
    fn machine_code_serves_with_and_without_a_pool() {
        let settings = PluginSettings::new("unused");
        let component = b"\0asm\x0d\0\x01\0";
        for purpose in [Purpose::Scoring, Purpose::Io] {
            let compiling = Engine::new(&config(purpose, None)).unwrap();
            let pooling = Engine::new(&config(purpose, Some(&pool(&settings)))).unwrap();
            assert!(pooling.pooling_allocator_metrics().is_some());
            let name = |engine| crate::compile::Compiler::name(Digest::of(component), engine);
            assert_eq!(name(&compiling), name(&pooling));
            assert!(Component::new(&compiling, component).is_ok());
        }
    }

    #[test]
    fn scoring_and_io_never_share_machine_code() {
        let (scoring, io) = pair(None).unwrap();
        let name = |engine| crate::compile::Compiler::name(Digest::of(b""), engine);
        assert_ne!(name(&scoring), name(&io));
    }

    #[test]
    fn the_ticking_ends_with_the_engines() {
        let engine = Engine::new(&config(Purpose::Io, None)).unwrap();
        let weak = engine.weak();
        tick(vec![engine.weak()]).unwrap();
        drop(engine);
        assert!(weak.upgrade().is_none(), "the thread holds no engine");
    }
}
