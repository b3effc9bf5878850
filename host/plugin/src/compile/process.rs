//! The other side of [`child`](super::child): what a process does that compiles one component and
//! ends.

use std::{
    io::{self, Read, Write},
    process::ExitCode,
};

use phagen_domain::plugin::World;
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};

use super::{MAX_COMPONENT_BYTES, inspect, machine_code::MachineCode, validate::validate};
use crate::{PluginError, engine::Purpose};

/// Exit status of a process that found the component invalid and says so on its standard error.
pub(super) const REFUSED: i32 = 2;

/// What it says there.
#[derive(Serialize, Deserialize)]
pub(super) struct Refusal {
    pub(super) reason: String,
}

/// What a compiling process takes from itself before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileLimits {
    /// Memory that it may write to: heap, stacks, and what it maps.
    pub memory_bytes: u64,
    /// Time of all its threads together.
    pub cpu_seconds: u64,
}

/// All that `phagen compile-guest` does: a component comes on the standard input, its machine code
/// goes to the standard output, and what is wrong with it to the standard error. The process is
/// limited for good, so it should do nothing else.
pub fn compile_guest_process(world: World, limits: CompileLimits) -> ExitCode {
    match compile_guest(
        world,
        limits,
        &mut io::stdin().lock(),
        &mut io::stdout().lock(),
    ) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let refusal = Refusal {
                reason: match error {
                    PluginError::Invalid { reason } => reason,
                    other => other.to_string(),
                },
            };
            let said = serde_json::to_vec(&refusal).unwrap_or_default();
            // Nobody listens: then nobody learns why, but the status still says that.
            let _ = io::stderr().write_all(&said);
            ExitCode::from(u8::try_from(REFUSED).unwrap_or(1))
        }
    }
}

/// Limits this process, then compiles the component on `stdin` for the engine of `world`.
pub fn compile_guest(
    world: World,
    limits: CompileLimits,
    stdin: &mut dyn Read,
    stdout: &mut dyn Write,
) -> Result<(), PluginError> {
    limit(limits).map_err(PluginError::engine)?;
    let mut component = Vec::new();
    // One more, so that what is too large is refused and not cut.
    let max_bytes = MAX_COMPONENT_BYTES as u64 + 1;
    stdin
        .take(max_bytes)
        .read_to_end(&mut component)
        .map_err(PluginError::engine)?;
    inspect(&component)?;
    validate(&component)?;
    let code = MachineCode::compile(Purpose::of(world), &component)?;
    stdout
        .write_all(code.bytes())
        .and_then(|()| stdout.flush())
        .map_err(PluginError::engine)
}

/// Of the kernel's limits on memory the one that counts what can be written: address space that is
/// only set aside, as allocators do for each thread, costs nothing.
fn limit(limits: CompileLimits) -> io::Result<()> {
    let set = |resource, limit| {
        let limit = Rlimit {
            current: Some(limit),
            maximum: Some(limit),
        };
        setrlimit(resource, limit).map_err(io::Error::from)
    };
    set(Resource::Core, 0)?;
    set(Resource::Data, limits.memory_bytes)?;
    set(Resource::Cpu, limits.cpu_seconds)?;
    // A host that is gone has no use for it.
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    Ok(())
}
