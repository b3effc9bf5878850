//! `phagen:plugin@0.2.0`: only what is new in it. Its records of 0.1.0 are the Rust types of
//! [`v0_1_0`](super::v0_1_0), so that one view of the evidence serves both.

mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit/v0.2.0",
        inline: "
            package phagen:host;

            world everything {
                export phagen:plugin/reranking@0.2.0;
                export phagen:plugin/packed-reranking@0.2.0;
            }
        ",
        world: "phagen:host/everything",
        exports: { default: async },
        ownership: Borrowing { duplicate_if_necessary: true },
        require_store_data_send: true,
        with: { "phagen:plugin/types@0.1.0": super::types },
    });
}

/// The records that both versions share, under the names that they have here, where evidence only
/// goes in.
#[expect(unreachable_pub, reason = "generated code re-exports it")]
pub mod types {
    pub use crate::bindings::v0_1_0::types::{CandidateParam as Candidate, *};
}

pub(crate) use generated::exports::phagen::plugin0_2_0::{packed_reranking, reranking};
