//! The exports of a component, looked up once, and of each of its instances.

use phagen_domain::plugin::World;
use wasmtime::{
    Store,
    component::{Instance, InstancePre},
};

use crate::{
    bindings::{
        v0_1_0::{lifecycle, mapping, reranking, search},
        v0_2_0,
    },
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
    Reranker(RerankerIndices),
}

enum RerankerIndices {
    V0_1_0(reranking::GuestIndices),
    V0_2_0(v0_2_0::reranking::GuestIndices),
    Packed(v0_2_0::packed_reranking::GuestIndices),
}

/// The exports of one instance.
#[derive(Clone)]
pub(crate) struct Exports {
    pub(crate) lifecycle: lifecycle::Guest,
    pub(crate) own: Own,
}

#[derive(Clone)]
pub(crate) enum Own {
    Source(search::Guest),
    Mapper(mapping::Guest),
    Reranker(Reranker),
}

/// A reranker in the version of the contract that it was built for.
#[derive(Clone)]
pub(crate) enum Reranker {
    V0_1_0(reranking::Guest),
    V0_2_0(v0_2_0::reranking::Guest),
    /// Of 0.2.0 too, with candidates in few pieces of memory.
    Packed(v0_2_0::packed_reranking::Guest),
}

impl Fitted {
    pub(super) fn new(world: World, pre: InstancePre<Guest>) -> wasmtime::Result<Self> {
        let own = match world {
            World::Source => OwnIndices::Source(search::GuestIndices::new(&pre)?),
            World::Mapper => OwnIndices::Mapper(mapping::GuestIndices::new(&pre)?),
            World::Reranker => OwnIndices::Reranker(RerankerIndices::new(&pre)?),
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

impl RerankerIndices {
    /// The newest version that the component exports, and of that the cheaper way.
    fn new(pre: &InstancePre<Guest>) -> wasmtime::Result<Self> {
        if let Ok(own) = v0_2_0::packed_reranking::GuestIndices::new(pre) {
            return Ok(Self::Packed(own));
        }
        if let Ok(own) = v0_2_0::reranking::GuestIndices::new(pre) {
            return Ok(Self::V0_2_0(own));
        }
        reranking::GuestIndices::new(pre).map(Self::V0_1_0)
    }

    fn load(&self, store: &mut Store<Guest>, instance: &Instance) -> wasmtime::Result<Reranker> {
        Ok(match self {
            Self::V0_1_0(own) => Reranker::V0_1_0(own.load(store, instance)?),
            Self::V0_2_0(own) => Reranker::V0_2_0(own.load(store, instance)?),
            Self::Packed(own) => Reranker::Packed(own.load(store, instance)?),
        })
    }
}
