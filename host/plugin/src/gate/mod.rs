//! The three gates between an upload and a slot: *verify* looks at the bytes, *compile* makes
//! machine code of them, *check* lets the guest run.
//!
//! A gate says what it saw and, where it refuses, what to mend. It moves no version and stores
//! nothing; signatures and policy are its caller's.

mod check;
mod order;
mod parts;
mod probe;
mod question;
mod verify;

pub use check::CheckReport;
pub use question::ask_golden;
pub use verify::Verified;

use std::time::Instant;

use phagen_domain::{digest::Digest, plugin::World};

use crate::{PluginError, host::PluginHost};

/// What the compile gate saw.
#[derive(Debug, Clone, PartialEq)]
pub struct CompiledInfo {
    pub milliseconds: f64,
    /// Zero where the cache could not keep it.
    pub machine_code_bytes: u64,
    /// Found compiled, and authentic.
    pub was_cached: bool,
}

impl PluginHost {
    /// The second gate: machine code in the cache, joined with its world once. Blocks, for seconds
    /// where it compiles.
    pub fn compile(&self, world: World, bytes: &[u8]) -> Result<CompiledInfo, PluginError> {
        let began = Instant::now();
        let digest = Digest::of(bytes);
        let n_compiled = self.n_compiled();
        self.fit(world, digest, bytes)?;
        Ok(CompiledInfo {
            milliseconds: milliseconds_since(began),
            machine_code_bytes: self.compiled_bytes(world, digest).unwrap_or(0),
            was_cached: self.n_compiled() == n_compiled,
        })
    }
}

fn milliseconds_since(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}
