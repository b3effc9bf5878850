//! How much room guests get. Every limit has a unit and a test that hits it.

use std::{path::PathBuf, time::Duration};

use phagen_domain::plugin::{LimitRequest, World};

use crate::{
    PluginError,
    breaker::BreakerSettings,
    guest::{EgressSettings, Secrets},
};

const MIB: usize = 1 << 20;

/// What an operator decides about plugins as a whole.
#[derive(Debug, Clone)]
pub struct PluginSettings {
    /// Where compiled guests live: machine code, so the folder is kept at mode 0700.
    pub cache_dir: PathBuf,
    /// Instances at work at once in each of the two engines; a call past it waits, then fails as
    /// [`PluginError::PoolFull`](crate::PluginError::PoolFull).
    pub n_instances: u32,
    /// Idle instances that each engine keeps for plugins whose manifest asks for it; past it they
    /// are discarded after their call.
    pub n_kept_instances: u32,
    /// What a plugin gets that asks for nothing.
    pub limits: CallLimits,
    /// What no plugin gets more of, whatever it asks for.
    pub caps: LimitCaps,
    pub compiler: CompilerProcess,
    /// Of guards that a slot makes for itself.
    pub breaker: BreakerSettings,
    /// How sources reach the network.
    pub egress: EgressSettings,
    /// What sources may have put into their requests, where both sides name it.
    pub secrets: Secrets,
}

impl PluginSettings {
    pub const DEFAULT_N_INSTANCES: u32 = 32;
    pub const DEFAULT_N_KEPT_INSTANCES: u32 = 32;

    /// The defaults, with compiled guests in `cache_dir`.
    pub fn new(cache_dir: impl Into<PathBuf>) -> Self {
        Self {
            cache_dir: cache_dir.into(),
            n_instances: Self::DEFAULT_N_INSTANCES,
            n_kept_instances: Self::DEFAULT_N_KEPT_INSTANCES,
            limits: CallLimits::default(),
            caps: LimitCaps::default(),
            compiler: CompilerProcess::InProcess,
            breaker: BreakerSettings::default(),
            egress: EgressSettings::default(),
            secrets: Secrets::default(),
        }
    }
}

/// Where components become machine code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompilerProcess {
    /// In this process: for tests and tools. A component that is hard to compile takes its time
    /// and memory from the host.
    InProcess,
    /// In a child process per component, which [`compile_guest`](crate::compile_guest) runs in.
    Child {
        program: PathBuf,
        /// Before the ones that the host adds: `--world` and `--memory-bytes`.
        args: Vec<String>,
        /// Wall time after which the child is killed.
        deadline: Duration,
        /// Address space of the child, its program text and stacks included.
        memory_bytes: u64,
    },
}

impl CompilerProcess {
    pub const DEFAULT_DEADLINE: Duration = Duration::from_mins(1);
    /// Plenty for a component of a whole interpreter.
    pub const DEFAULT_MEMORY_BYTES: u64 = 2 << 30;

    /// A child with the default limits.
    pub fn child(program: impl Into<PathBuf>, args: Vec<String>) -> Self {
        Self::Child {
            program: program.into(),
            args,
            deadline: Self::DEFAULT_DEADLINE,
            memory_bytes: Self::DEFAULT_MEMORY_BYTES,
        }
    }
}

/// The most that a manifest may ask for. A plugin that asks for more is refused when it is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitCaps {
    pub memory_bytes: usize,
    pub deadline: Duration,
    pub init_deadline: Duration,
    pub output_bytes: usize,
}

impl Default for LimitCaps {
    fn default() -> Self {
        Self {
            memory_bytes: 512 * MIB,
            deadline: Duration::from_secs(30),
            init_deadline: Duration::from_secs(30),
            output_bytes: 32 * MIB,
        }
    }
}

/// What one call of a guest may use up.
#[derive(Debug, Clone, PartialEq, Eq)]
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

impl CallLimits {
    /// Wall time of the world's own call, after `init`.
    pub fn deadline_of(&self, world: World) -> Duration {
        match world {
            World::Source => self.deadline,
            World::Mapper | World::Reranker => self.scoring_deadline,
        }
    }

    /// Data that a guest of `world` may hand over at once.
    pub fn output_bytes_of(&self, world: World) -> usize {
        match world {
            World::Source | World::Reranker => self.output_bytes,
            World::Mapper => self.mapper_output_bytes,
        }
    }

    /// These, with what a manifest asks for in their place; refused where it asks for more than
    /// the caps leave. The caps are the last word on what nobody asked for, too.
    pub(crate) fn granted(
        &self,
        asked: &LimitRequest,
        caps: &LimitCaps,
    ) -> Result<Self, PluginError> {
        let memory_bytes = bytes(
            "memory_bytes",
            asked.memory_bytes,
            self.memory_bytes,
            caps.memory_bytes,
        )?;
        let output = |default| {
            bytes(
                "output_bytes",
                asked.output_bytes,
                default,
                caps.output_bytes,
            )
        };
        let work = |default| {
            time(
                "deadline",
                asked.deadline_milliseconds,
                default,
                caps.deadline,
            )
        };
        Ok(Self {
            memory_bytes,
            output_bytes: output(self.output_bytes)?,
            mapper_output_bytes: output(self.mapper_output_bytes)?,
            deadline: work(self.deadline)?,
            scoring_deadline: work(self.scoring_deadline)?,
            init_deadline: time(
                "init_deadline",
                asked.init_deadline_milliseconds,
                self.init_deadline,
                caps.init_deadline,
            )?,
            ..self.clone()
        })
    }
}

fn bytes(
    limit: &'static str,
    asked: Option<u64>,
    default: usize,
    cap: usize,
) -> Result<usize, PluginError> {
    let Some(asked) = asked else {
        return Ok(default.min(cap));
    };
    usize::try_from(asked)
        .ok()
        .filter(|asked| *asked <= cap)
        .ok_or_else(|| PluginError::LimitAboveCap {
            limit,
            asked: format!("{asked} bytes"),
            cap: format!("{cap} bytes"),
        })
}

fn time(
    limit: &'static str,
    asked_milliseconds: Option<u64>,
    default: Duration,
    cap: Duration,
) -> Result<Duration, PluginError> {
    let Some(milliseconds) = asked_milliseconds else {
        return Ok(default.min(cap));
    };
    let asked = Duration::from_millis(milliseconds);
    if asked > cap {
        return Err(PluginError::LimitAboveCap {
            limit,
            asked: format!("{asked:?}"),
            cap: format!("{cap:?}"),
        });
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_manifest_asks_for_stands_in_the_place_of_the_default() {
        let (limits, caps) = (CallLimits::default(), LimitCaps::default());
        let nothing = LimitRequest::default();
        assert_eq!(limits.granted(&nothing, &caps).unwrap(), limits);
        let asked = LimitRequest {
            memory_bytes: Some(256 << 20),
            deadline_milliseconds: Some(20_000),
            init_deadline_milliseconds: Some(30_000),
            output_bytes: Some(1 << 10),
        };
        let granted = limits.granted(&asked, &caps).unwrap();
        assert_eq!(granted.memory_bytes, 256 << 20);
        for world in [World::Source, World::Mapper, World::Reranker] {
            assert_eq!(granted.deadline_of(world), Duration::from_secs(20));
            assert_eq!(granted.output_bytes_of(world), 1 << 10);
        }
        assert_eq!(granted.init_deadline, caps.init_deadline);
        assert_eq!(granted.n_handles, limits.n_handles);
    }

    #[test]
    fn a_cap_is_the_last_word() {
        let limits = CallLimits::default();
        let caps = LimitCaps {
            memory_bytes: 1 << 20,
            ..LimitCaps::default()
        };
        let nothing = LimitRequest::default();
        assert_eq!(
            limits.granted(&nothing, &caps).unwrap().memory_bytes,
            1 << 20
        );
        let cases = [
            (
                LimitRequest {
                    memory_bytes: Some((1 << 20) + 1),
                    ..nothing
                },
                "the manifest asks for a `memory_bytes` of 1048577 bytes, and this host gives at most 1048576 bytes; ask for less, or let its operator raise `caps.memory_bytes`",
            ),
            (
                LimitRequest {
                    deadline_milliseconds: Some(30_001),
                    ..nothing
                },
                "the manifest asks for a `deadline` of 30.001s, and this host gives at most 30s; ask for less, or let its operator raise `caps.deadline`",
            ),
            (
                LimitRequest {
                    init_deadline_milliseconds: Some(60_000),
                    ..nothing
                },
                "the manifest asks for a `init_deadline` of 60s, and this host gives at most 30s; ask for less, or let its operator raise `caps.init_deadline`",
            ),
            (
                LimitRequest {
                    output_bytes: Some(33 << 20),
                    ..nothing
                },
                "the manifest asks for a `output_bytes` of 34603008 bytes, and this host gives at most 33554432 bytes; ask for less, or let its operator raise `caps.output_bytes`",
            ),
        ];
        for (asked, message) in cases {
            let error = limits.granted(&asked, &caps).unwrap_err();
            assert_eq!(error.code(), "plugin_limit");
            assert_eq!(error.to_string(), message);
        }
    }
}
