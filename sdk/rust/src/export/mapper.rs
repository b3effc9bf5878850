//! World `mapper`.

use std::marker::PhantomData;

use super::{load, with};
use crate::{
    Attribute, Document, Failure, Finding, Mapper, Molecule,
    bindings::{
        lifecycle::exports::phagen::plugin::lifecycle, mapping::exports::phagen::plugin::mapping,
    },
};

/// What [`export_mapper!`](crate::export_mapper) exports.
pub struct MapperGuest<P>(PhantomData<P>);

impl<P: Mapper> lifecycle::Guest for MapperGuest<P> {
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

impl<P: Mapper> mapping::Guest for MapperGuest<P> {
    fn find(molecule: Option<Molecule>, documents: Vec<Document>) -> Result<Vec<Finding>, Failure> {
        with(|loaded| P::find(&loaded.plugin, molecule.as_ref(), &documents))
    }
}

/// Exports a type that implements [`Mapper`](crate::Mapper) as a component of world `mapper`. A
/// native build exports nothing: it checks the type, and lets `testing::bench` ask it.
#[macro_export]
macro_rules! export_mapper {
    ($plugin:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = $crate::export::MapperGuest<$plugin>;
            $crate::bindings::lifecycle::export!(Exported with_types_in $crate::bindings::lifecycle);
            $crate::bindings::mapping::export!(Exported with_types_in $crate::bindings::mapping);
        };
        #[cfg(not(target_arch = "wasm32"))]
        impl $crate::testing::Exported for $plugin {
            type World = $crate::export::MapperGuest<$plugin>;
        }
    };
}
