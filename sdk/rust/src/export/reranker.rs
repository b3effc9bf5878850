//! World `reranker`.

use std::marker::PhantomData;

use super::{load, with};
use crate::{
    Attribute, Failure, Query, Reranked, Reranker,
    bindings::{
        lifecycle::exports::phagen::plugin::lifecycle,
        reranking::exports::phagen::plugin0_2_0::packed_reranking::{self, PackedCandidates},
    },
    view::with_packed,
};

/// What [`export_reranker!`](crate::export_reranker) exports.
pub struct RerankerGuest<P>(PhantomData<P>);

impl<P: Reranker> lifecycle::Guest for RerankerGuest<P> {
    fn describe() -> Vec<Attribute> {
        P::describe().attributes()
    }

    fn init(config: Vec<Attribute>) -> Result<(), Failure> {
        load(config, P::init)
    }

    fn self_test() -> Result<(), Failure> {
        with(|loaded| P::self_test(&loaded.plugin))
    }
}

impl<P: Reranker> packed_reranking::Guest for RerankerGuest<P> {
    fn rerank(query: Query, candidates: PackedCandidates) -> Result<Reranked, Failure> {
        with(|loaded| {
            with_packed(&candidates, |candidates| {
                P::rerank(&loaded.plugin, &query, candidates)
            })
        })
    }
}

/// Exports a type that implements [`Reranker`](crate::Reranker) as a component of world `reranker`. A
/// native build exports nothing: it checks the type, and lets `testing::bench` ask it.
#[macro_export]
macro_rules! export_reranker {
    ($plugin:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = $crate::export::RerankerGuest<$plugin>;
            $crate::bindings::lifecycle::export!(Exported with_types_in $crate::bindings::lifecycle);
            $crate::bindings::reranking::export!(Exported with_types_in $crate::bindings::reranking);
        };
        #[cfg(not(target_arch = "wasm32"))]
        impl $crate::testing::Exported for $plugin {
            type World = $crate::export::RerankerGuest<$plugin>;
        }
    };
}
