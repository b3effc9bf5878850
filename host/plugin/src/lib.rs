//! Plugins at work: components validated against their world, compiled once, and called one fresh
//! instance at a time under limits on time, memory and output.
//!
//! A guest's fault (a trap, a loop, too much memory, an answer that breaks the contract) becomes a
//! [`PluginError`] of that one call and never touches another call or the process. The room never
//! decides which plugin serves where, never stores components, and never searches: its callers hand
//! it a [`SlotSet`] and a [`CorpusSearch`].

mod bindings;
mod call;
mod compile;
mod convert;
mod engine;
mod error;
mod guest;
mod host;
mod settings;
mod slot;
mod world;

pub use error::PluginError;
pub use guest::CorpusSearch;
pub use host::{Plugin, PluginHost};
pub use settings::{CallLimits, PluginSettings};
pub use slot::{ActiveSlot, Artifact, Document, Reranked, SlotSet};

/// The contract that this host speaks.
pub const CONTRACT: &str = "phagen:plugin@0.1.0";

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
