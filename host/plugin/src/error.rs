//! What can go wrong with a plugin, told so that its author or operator knows what to do next.

use std::{path::PathBuf, time::Duration};

use phagen_domain::plugin::{Failure, World};
use phagen_package::PackageError;
use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};

use crate::record::Difference;

/// Why a component was refused, or one call of it failed.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    #[error("the bytes are not a WebAssembly component: {found}")]
    NotAComponent { found: String },

    #[error("the component has {size_bytes} bytes; at most {max_bytes} are taken")]
    TooLarge { size_bytes: usize, max_bytes: usize },

    #[error(
        "the bytes are precompiled machine code, which could do anything; upload the `.wasm` component itself"
    )]
    Precompiled,

    #[error("the component cannot be compiled or linked: {reason}")]
    Invalid { reason: String },

    #[error(
        "world `{world}` needs the export `{missing}`, and the component exports {exported}; {advice}"
    )]
    WrongWorld {
        world: World,
        missing: &'static str,
        exported: String,
        advice: String,
    },

    #[error(
        "the component imports `{import}`, which world `{world}` does not offer; build it without that import. Offered: {offered}"
    )]
    ForeignImport {
        world: World,
        import: String,
        offered: String,
    },

    #[error(
        "`{call}` was asked of `{plugin}`, a `{world}`; put a plugin of the right world into the slot"
    )]
    NotOfThisWorld {
        call: &'static str,
        plugin: String,
        world: World,
    },

    #[error("cannot {action} `{path}` among the compiled guests", path = path.display())]
    Cache {
        action: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },

    #[error("the plugin engine cannot start: {reason}")]
    Engine { reason: String },

    #[error("`{call}` ran past its deadline of {deadline:?}")]
    Timeout {
        call: &'static str,
        deadline: Duration,
    },

    #[error("`{call}` trapped: {message}")]
    Trap {
        call: &'static str,
        /// What the guest last wrote to its standard error, the trap, and where it happened.
        message: String,
    },

    #[error("`{call}` asked for {asked_bytes} bytes of memory; {max_bytes} are allowed")]
    MemoryLimit {
        call: &'static str,
        asked_bytes: usize,
        max_bytes: usize,
    },

    #[error("`{call}` asked for {n_asked} elements in tables; {n_max} are allowed")]
    TableLimit {
        call: &'static str,
        n_asked: usize,
        n_max: usize,
    },

    #[error("`{call}` handed over more than the {max_bytes} bytes that are taken at once")]
    OutputLimit {
        call: &'static str,
        max_bytes: usize,
    },

    /// The whole answer is refused: the first offence is named, and a guest that breaks the
    /// contract once is not believed for the rest.
    #[error("`{call}` answered against the contract: {what}")]
    InvalidOutput { call: &'static str, what: String },

    #[error("the plugin failed: {0}")]
    Guest(#[from] Failure),

    #[error("slot `{slot}` failed too often and is left alone for {wait:?} more")]
    BreakerOpen { slot: String, wait: Duration },

    #[error(
        "slot `{slot}` had no turn within {waited:?}, since other jobs use up what it may be asked; raise its limits under `[source]`, or try again"
    )]
    NoTurn { slot: String, waited: Duration },

    #[error(
        "the manifest asks for a `{limit}` of {asked}, and this host gives at most {cap}; ask for less, or let its operator raise `caps.{limit}`"
    )]
    LimitAboveCap {
        limit: &'static str,
        asked: String,
        cap: String,
    },

    #[error(
        "what is embedded in the component cannot be read; build it again with `phagen plugin build`"
    )]
    Package(#[source] Box<PackageError>),

    #[error("the component needs {n_needed} {what}, and one plugin gets at most {n_max}")]
    TooManyParts {
        what: &'static str,
        n_needed: u64,
        n_max: u32,
    },

    #[error("compiling took longer than {deadline:?}; make the component smaller")]
    CompileTimeout { deadline: Duration },

    #[error("compiling took more than {max_bytes} bytes of memory; make the component smaller")]
    CompileMemory { max_bytes: u64 },

    #[error("the compiling process broke down: {what}")]
    CompileCrashed { what: String },

    #[error("golden case `{case}`: {what}")]
    GoldenCase { case: String, what: String },

    #[error(
        "two instances answered the same question differently: {difference}; a mapper or reranker must depend on its arguments alone"
    )]
    NotDeterministic { difference: Difference },

    #[error(
        "`{candidate}` scores {score}, and {turned} when the same candidates come in reverse: scores must stand in the order of the candidates; where a candidate's place in the list is meant to count, say `reads_order = true` under `[self_test]` of plugin.toml"
    )]
    OutOfOrder {
        candidate: String,
        score: f32,
        turned: f32,
    },

    #[error("all {n_instances} instances were in use for {waited:?}; try again")]
    PoolFull { n_instances: u32, waited: Duration },
}

impl PluginError {
    /// A name that programs may rely on.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAComponent { .. } => "plugin_not_a_component",
            Self::TooLarge { .. } => "plugin_too_large",
            Self::Precompiled => "plugin_precompiled",
            Self::Invalid { .. } => "plugin_invalid",
            Self::WrongWorld { .. } | Self::NotOfThisWorld { .. } => "plugin_wrong_world",
            Self::ForeignImport { .. } => "plugin_foreign_import",
            Self::Cache { .. } => "plugin_cache",
            Self::Engine { .. } => "plugin_engine",
            Self::Timeout { .. } => "plugin_timeout",
            Self::Trap { .. } => "plugin_trap",
            Self::MemoryLimit { .. } => "plugin_memory",
            Self::TableLimit { .. } => "plugin_table",
            Self::OutputLimit { .. } => "plugin_output",
            Self::InvalidOutput { .. } => "plugin_invalid_output",
            Self::Guest(failure) if failure.code == "denied" => "plugin_denied",
            Self::Guest(_) => "plugin_failed",
            Self::PoolFull { .. } => "plugin_pool_full",
            Self::BreakerOpen { .. } => "plugin_breaker_open",
            Self::NoTurn { .. } => "plugin_no_turn",
            Self::LimitAboveCap { .. } => "plugin_limit",
            Self::Package(_) => "plugin_package",
            Self::TooManyParts { .. } => "plugin_too_many_parts",
            Self::CompileTimeout { .. } => "plugin_compile_timeout",
            Self::CompileMemory { .. } => "plugin_compile_memory",
            Self::CompileCrashed { .. } => "plugin_compile_crashed",
            Self::GoldenCase { .. } => "plugin_golden",
            Self::NotDeterministic { .. } => "plugin_not_deterministic",
            Self::OutOfOrder { .. } => "plugin_out_of_order",
        }
    }

    /// Whether the same call may succeed later: a busy host or a slow world may, a guest's own
    /// fault will not.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Timeout { .. }
            | Self::PoolFull { .. }
            | Self::BreakerOpen { .. }
            | Self::NoTurn { .. } => true,
            Self::Guest(failure) => failure.should_retry(),
            _ => false,
        }
    }

    /// Whether another version may answer what this one could not. A question that the guest finds
    /// wrong is wrong for all, a full pool is full for all of the same engine, and so are the turns of
    /// one slot.
    pub fn may_be_answered_elsewhere(&self) -> bool {
        match self {
            Self::PoolFull { .. } | Self::NoTurn { .. } => false,
            Self::Guest(failure) => failure.code != "invalid-input",
            _ => true,
        }
    }

    /// How long the guest asks to be left alone, or its breaker leaves it alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::BreakerOpen { wait, .. } => Some(*wait),
            Self::Guest(failure) if failure.should_retry() => {
                failure.retry_after_ms.map(Duration::from_millis)
            }
            _ => None,
        }
    }

    /// With what the host denied the guest before it failed, where the guest does not say so
    /// itself: what to add is worth more than how the guest took it.
    pub(crate) fn mentioning(mut self, denial: Option<String>) -> Self {
        let message = match &mut self {
            Self::Guest(failure) => &mut failure.message,
            Self::Trap { message, .. } => message,
            _ => return self,
        };
        if let Some(denial) = denial.filter(|denial| !message.contains(denial.as_str())) {
            message.push_str("; ");
            message.push_str(&denial);
        }
        self
    }

    pub(crate) fn invalid(reason: &wasmtime::Error) -> Self {
        Self::Invalid {
            reason: format!("{reason:#}"),
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
    pub(crate) fn engine(reason: impl ToString) -> Self {
        Self::Engine {
            reason: reason.to_string(),
        }
    }
}

/// Raised by the limiter to end a call whose memory outgrows its limit.
#[derive(Debug, thiserror::Error)]
#[error("forcing a trap at {asked_bytes} bytes of memory")]
pub(crate) struct MemoryRefused {
    pub(crate) asked_bytes: usize,
    pub(crate) max_bytes: usize,
}

/// Raised by the limiter to end a call whose tables outgrow their limit.
#[derive(Debug, thiserror::Error)]
#[error("forcing a trap at {n_asked} elements in tables")]
pub(crate) struct TableRefused {
    pub(crate) n_asked: usize,
    pub(crate) n_max: usize,
}

/// What was true of a call when Wasmtime gave up on it.
pub(crate) struct Circumstances {
    pub(crate) call: &'static str,
    pub(crate) deadline: Duration,
    pub(crate) output_bytes: usize,
    pub(crate) n_instances: u32,
    pub(crate) stderr: String,
}

impl Circumstances {
    /// Sorts Wasmtime's one error type into ours.
    pub(crate) fn explain(self, error: &wasmtime::Error) -> PluginError {
        let call = self.call;
        if let Some(refused) = error.downcast_ref::<MemoryRefused>() {
            return PluginError::MemoryLimit {
                call,
                asked_bytes: refused.asked_bytes,
                max_bytes: refused.max_bytes,
            };
        }
        if let Some(refused) = error.downcast_ref::<TableRefused>() {
            return PluginError::TableLimit {
                call,
                n_asked: refused.n_asked,
                n_max: refused.n_max,
            };
        }
        if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
            return PluginError::PoolFull {
                n_instances: self.n_instances,
                waited: Duration::ZERO,
            };
        }
        if error.downcast_ref::<Trap>() == Some(&Trap::Interrupt) {
            return PluginError::Timeout {
                call,
                deadline: self.deadline,
            };
        }
        let cause = error.root_cause().to_string();
        // The type is private to Wasmtime; the test `a_giant_output_is_refused` guards these words.
        if cause.contains("fuel allocated for hostcalls has been exhausted") {
            return PluginError::OutputLimit {
                call,
                max_bytes: self.output_bytes,
            };
        }
        PluginError::Trap {
            call,
            message: trap_message(&self.stderr, &cause, error.downcast_ref::<WasmBacktrace>()),
        }
    }
}

/// The guest's own last words, then the trap, then the innermost frames.
fn trap_message(stderr: &str, cause: &str, backtrace: Option<&WasmBacktrace>) -> String {
    const N_FRAMES: usize = 5;
    const STDERR_CHARS: usize = 500;
    let mut parts = Vec::new();
    let words: String = stderr
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("note: "))
        .collect::<Vec<_>>()
        .join(" ");
    if !words.is_empty() {
        let skipped = words.chars().count().saturating_sub(STDERR_CHARS);
        parts.push(words.chars().skip(skipped).collect());
    }
    parts.push(cause.to_owned());
    let mut frames: Vec<String> = backtrace
        .map(WasmBacktrace::frames)
        .unwrap_or_default()
        .iter()
        .take(N_FRAMES)
        .map(|frame| match frame.func_name() {
            Some(name) => format!("`{name}`"),
            None => format!("function {}", frame.func_index()),
        })
        .collect();
    // A recursion is said once.
    frames.dedup();
    if !frames.is_empty() {
        parts.push(format!("in {}", frames.join(", called by ")));
    }
    parts.join("; ")
}
