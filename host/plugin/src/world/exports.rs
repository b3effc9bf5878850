//! The exports of a component, looked up once, and of each of its instances.

use phagen_domain::plugin::World;
use wasmtime::{
    Store,
    component::{Instance, InstancePre},
};

use crate::{
    bindings::v0_1_0::{lifecycle, mapping, reranking, search},
    guest::Guest,
};

/// A component joined with its imports, its exports looked up.
pub(crate) struct Fitted {
    pre: InstancePre<Guest>,
    lifecycle: lifecycle::GuestIndices,
    own: OwnIndices,
}

enum OwnIndices {
    Source(search::GuestIndices),
    Mapper(mapping::GuestIndices),
    Reranker(reranking::GuestIndices),
}

/// The exports of one instance.
pub(crate) struct Exports {
    pub(crate) lifecycle: lifecycle::Guest,
    pub(crate) own: Own,
}

pub(crate) enum Own {
    Source(search::Guest),
    Mapper(mapping::Guest),
    Reranker(reranking::Guest),
}

impl Fitted {
    pub(super) fn new(world: World, pre: InstancePre<Guest>) -> wasmtime::Result<Self> {
        let own = match world {
            World::Source => OwnIndices::Source(search::GuestIndices::new(&pre)?),
            World::Mapper => OwnIndices::Mapper(mapping::GuestIndices::new(&pre)?),
            World::Reranker => OwnIndices::Reranker(reranking::GuestIndices::new(&pre)?),
        };
        Ok(Self {
            lifecycle: lifecycle::GuestIndices::new(&pre)?,
            own,
            pre,
        })
    }

    pub(crate) async fn instantiate(&self, store: &mut Store<Guest>) -> wasmtime::Result<Instance> {
        self.pre.instantiate_async(store).await
    }

    /// The exports of an instance of it; fails where their types are not the contract's.
    pub(crate) fn exports(
        &self,
        store: &mut Store<Guest>,
        instance: &Instance,
    ) -> wasmtime::Result<Exports> {
        Ok(Exports {
            lifecycle: self.lifecycle.load(&mut *store, instance)?,
            own: match &self.own {
                OwnIndices::Source(own) => Own::Source(own.load(store, instance)?),
                OwnIndices::Mapper(own) => Own::Mapper(own.load(store, instance)?),
                OwnIndices::Reranker(own) => Own::Reranker(own.load(store, instance)?),
            },
        })
    }
}
