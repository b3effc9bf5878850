//! `phagen compile-guest` without the rest of `phagen`: what tests of the compiling child start.
//! Arguments as the host gives them: `--world WORLD --memory-bytes N --cpu-seconds N`.

use std::process::ExitCode;

use phagen_domain::plugin::World;
use phagen_plugin::{CompileLimits, compile_guest_process};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1)
    };
    let number = |name| value(name).and_then(|text| text.parse().ok());
    let (Some(world), Some(memory_bytes), Some(cpu_seconds)) = (
        value("--world").and_then(|name| World::from_name(name)),
        number("--memory-bytes"),
        number("--cpu-seconds"),
    ) else {
        return ExitCode::FAILURE;
    };
    let limits = CompileLimits {
        memory_bytes,
        cpu_seconds,
    };
    compile_guest_process(world, limits)
}
