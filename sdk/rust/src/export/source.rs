//! World `source`.

use std::marker::PhantomData;

use super::{load, with};
use crate::{
    Attribute, Failure, Page, Query, Source,
    bindings::{
        lifecycle::exports::phagen::plugin::lifecycle, search::exports::phagen::plugin::search,
    },
};

/// What [`export_source!`](crate::export_source) exports.
pub struct SourceGuest<P>(PhantomData<P>);

impl<P: Source> lifecycle::Guest for SourceGuest<P> {
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

impl<P: Source> search::Guest for SourceGuest<P> {
    fn search(query: Query, limit: u32, cursor: Option<String>) -> Result<Page, Failure> {
        with(|loaded| {
            P::search(
                &loaded.plugin,
                &loaded.context,
                &query,
                limit,
                cursor.as_deref(),
            )
        })
    }
}

/// Exports a type that implements [`Source`](crate::Source) as a component of world `source`. A
/// native build exports nothing: it checks the type, and lets `testing::bench` ask it.
#[macro_export]
macro_rules! export_source {
    ($plugin:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = $crate::export::SourceGuest<$plugin>;
            $crate::bindings::lifecycle::export!(Exported with_types_in $crate::bindings::lifecycle);
            $crate::bindings::search::export!(Exported with_types_in $crate::bindings::search);
        };
        #[cfg(not(target_arch = "wasm32"))]
        impl $crate::testing::Exported for $plugin {
            type World = $crate::export::SourceGuest<$plugin>;
        }
    };
}
