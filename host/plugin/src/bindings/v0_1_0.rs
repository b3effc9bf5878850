//! `phagen:plugin@0.1.0`.
//!
//! One invented world includes the three real ones, so that they share every Rust type and host
//! trait. No component is ever matched against it: [`world`](crate::world) looks up the exports and
//! links the imports of the one world that a component is loaded for. Arguments borrow, so that
//! evidence goes from the domain into a guest's memory without a copy in between.

mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit/v0.1.0",
        inline: "
            package phagen:host;

            world everything {
                include phagen:plugin/source@0.1.0;
                include phagen:plugin/mapper@0.1.0;
                include phagen:plugin/reranker@0.1.0;
            }
        ",
        world: "phagen:host/everything",
        imports: {
            "phagen:plugin/corpus": async,
            default: trappable,
        },
        exports: { default: async },
        ownership: Borrowing { duplicate_if_necessary: true },
        require_store_data_send: true,
        with: {
            "wasi:http": wasmtime_wasi_http::p2::bindings::http,
            "wasi:io": wasmtime_wasi::p2::bindings::io,
            "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
            "phagen:plugin/artifacts.artifact": crate::guest::OpenArtifact,
        },
    });
}

pub(crate) use generated::{
    exports::phagen::plugin::{lifecycle, mapping, reranking, search},
    phagen::plugin::{artifacts, configuration, corpus, log, types},
};
