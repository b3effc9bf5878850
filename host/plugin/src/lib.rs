//! Plugins at work: components validated against their world, compiled once, and called one fresh
//! instance at a time under limits on time, memory and output.
//!
//! A guest's fault (a trap, a loop, too much memory, an answer that breaks the contract) becomes a
//! [`PluginError`] of that one call and never touches another call or the process. The room never
//! decides which plugin serves where, never stores components, and never searches: its callers hand
//! it a [`SlotSet`] and a [`CorpusSearch`].

mod bindings;
mod breaker;
mod call;
mod compile;
mod convert;
mod engine;
mod error;
mod gate;
mod guest;
mod host;
mod kept;
mod logs;
mod plugin;
mod record;
mod roots;
mod settings;
mod slot;
mod world;

pub use breaker::{BreakerSettings, BreakerState, CallStats, Guard, MonotonicClock};
pub use compile::{CompileLimits, compile_guest, compile_guest_process};
pub use error::PluginError;
pub use gate::{CheckReport, CompiledInfo, Verified, ask_golden};
pub use guest::{
    CorpusSearch, EgressLimits, EgressSettings, InvalidSecret, Resolve, Secrets, SystemResolver,
};
pub use host::PluginHost;
pub use logs::{LogLevel, LogLine};
pub use plugin::Plugin;
pub use record::{
    BodyEnd, CallAnswer, CallInput, CorpusExchange, Difference, Given, HttpAnswer, HttpExchange,
    HttpFailure, HttpHeader, HttpRequest, HttpResponse, NotKept, Octets, RecordedCall,
    RecordedFailure, Recorder, Recording, ReplayError, ask, replay,
};
pub use roots::{InvalidRoots, read_roots};
pub use settings::{CallLimits, CompilerProcess, LimitCaps, PluginSettings};
pub use slot::{ActiveSlot, Artifact, Document, Reranked, SlotSet};
pub use world::{WorldDescription, worlds};

/// The versions of the contract that this host speaks, the oldest first.
pub const CONTRACTS: [&str; 2] = ["phagen:plugin@0.1.0", "phagen:plugin@0.2.0"];

/// The newest of them, which a result names.
pub const CONTRACT: &str = CONTRACTS[CONTRACTS.len() - 1];

/// The Wasmtime that runs the guests; a result names it, since scores may differ between versions.
pub const WASMTIME_VERSION: &str = "48.0.8";

#[cfg(test)]
mod tests {
    #[test]
    fn the_named_wasmtime_is_the_one_in_use() {
        let lock = std::fs::read_to_string("../../Cargo.lock").unwrap();
        let entry = format!(
            "name = \"wasmtime\"\nversion = \"{}\"",
            super::WASMTIME_VERSION
        );
        assert!(lock.contains(&entry), "{entry}");
    }
}
