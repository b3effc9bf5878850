//! Write a plugin for `PhaGen`: implement one trait, call one export macro.
//!
//! | a plugin that | implements | and calls |
//! |---|---|---|
//! | finds evidence | [`Source`] | [`export_source!`] |
//! | names diseases in it | [`Mapper`] | [`export_mapper!`] |
//! | orders it | [`Reranker`] | [`export_reranker!`] |
//!
//! Each trait shows one whole plugin and its test. A plugin is a crate with `crate-type =
//! ["cdylib"]`, built for `wasm32-wasip2`; natively its export macro exports nothing, so that `cargo
//! test` runs its tests against a [`testing::Harness`].
//!
//! The records are those of the contract, `wit/v0.1.0` and, for rerankers, `wit/v0.2.0`. This crate
//! never adds a rule to them: what the host checks is the contract's business, and the harness checks
//! the same.
#![warn(missing_docs)]

#[doc(hidden)]
pub mod bindings;
mod context;
mod description;
#[doc(hidden)]
pub mod export;
mod host;
pub mod http;
pub mod log;
mod plugin;
mod record;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod view;

#[doc(inline)]
pub use bindings::{
    host::phagen::plugin::{
        corpus::Request as CorpusRequest,
        types::{Attribute, Candidate, Evidence, Failure, Molecule, Page, Passage, Query, Signal},
    },
    mapping::exports::phagen::plugin::mapping::{Document, Finding, Ground, Span},
    reranking::exports::phagen::plugin0_2_0::packed_reranking::Reranked,
};
pub use context::{Artifact, Context};
pub use description::Description;
pub use plugin::{Mapper, Reranker, Source};
pub use view::{AttributeView, CandidateView, EvidenceView, PassageView, SignalView, with_views};

/// Compiles the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
