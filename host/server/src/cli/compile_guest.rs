//! `phagen compile-guest`, hidden: one component into machine code, in a process that can be killed.

use std::process::ExitCode;

use phagen_domain::plugin::World;
use phagen_plugin::{CompileLimits, compile_guest_process};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[arg(long, value_parser = parse_world)]
    world: World,
    /// Memory that the process may write to.
    #[arg(long)]
    memory_bytes: u64,
    /// Time of all its threads together.
    #[arg(long, default_value_t = 240)]
    cpu_seconds: u64,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let limits = CompileLimits {
        memory_bytes: arguments.memory_bytes,
        cpu_seconds: arguments.cpu_seconds,
    };
    compile_guest_process(arguments.world, limits)
}

fn parse_world(name: &str) -> Result<World, String> {
    World::from_name(name).ok_or_else(|| format!("`{name}` is not a world"))
}
