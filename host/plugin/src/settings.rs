//! How much room guests get. Every limit has a unit and a test that hits it.

use std::{path::PathBuf, time::Duration};

const MIB: usize = 1 << 20;

/// What an operator decides about plugins as a whole.
#[derive(Debug, Clone)]
pub struct PluginSettings {
    /// Where compiled guests live: machine code, so the folder is kept at mode 0700.
    pub cache_dir: PathBuf,
    /// Instances alive at once in each of the two engines; a call past it waits, then fails as
    /// [`PluginError::PoolFull`](crate::PluginError::PoolFull).
    pub n_instances: u32,
    pub limits: CallLimits,
}

impl PluginSettings {
    pub const DEFAULT_N_INSTANCES: u32 = 32;

    /// The defaults, with compiled guests in `cache_dir`.
    pub fn new(cache_dir: impl Into<PathBuf>) -> Self {
        Self {
            cache_dir: cache_dir.into(),
            n_instances: Self::DEFAULT_N_INSTANCES,
            limits: CallLimits::default(),
        }
    }
}

/// What one call of a guest may use up.
#[derive(Debug, Clone)]
pub struct CallLimits {
    /// Wall time of a source's `search`, after `init`.
    pub deadline: Duration,
    /// Wall time of a mapper's or a reranker's work, after `init`.
    pub scoring_deadline: Duration,
    /// Wall time of instantiation and `init`.
    pub init_deadline: Duration,
    /// How long a call waits for a free instance.
    pub queue_deadline: Duration,
    /// Linear memory of one instance, all its memories together.
    pub memory_bytes: usize,
    /// Data that a guest may hand to the host at once: its answer, or one argument of an import.
    pub output_bytes: usize,
    /// The same for mappers, whose findings are many and small.
    pub mapper_output_bytes: usize,
    /// Resource handles alive at once.
    pub n_handles: usize,
    /// Lines of log kept of one call.
    pub n_log_lines: u32,
    /// Bytes kept of one line, its fields included.
    pub log_line_bytes: usize,
    /// Bytes kept of what a guest writes to its standard output and error.
    pub stdio_bytes: usize,
    /// Random bytes given at once.
    pub random_bytes: u64,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            scoring_deadline: Duration::from_secs(5),
            init_deadline: Duration::from_secs(5),
            queue_deadline: Duration::from_secs(5),
            memory_bytes: 128 * MIB,
            output_bytes: 4 * MIB,
            mapper_output_bytes: 16 * MIB,
            n_handles: 1_000,
            n_log_lines: 200,
            log_line_bytes: 4_096,
            stdio_bytes: 16_384,
            random_bytes: 1 << 20,
        }
    }
}
