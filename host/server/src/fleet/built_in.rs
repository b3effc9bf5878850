//! What came with the host itself and stands behind every other mapper and reranker. A source has
//! no such stand-in: evidence from elsewhere is not its evidence.

use phagen_domain::plugin::{Activation, Slot, World};

/// The built-in plugins as they were seeded.
#[derive(Debug, Clone, Default)]
pub struct BuiltIns {
    pub mapper: Option<Activation>,
    pub reranker: Option<Activation>,
}

impl BuiltIns {
    /// The mapper and the reranker among seeded slots.
    pub fn of(seeded: &[Slot]) -> Self {
        let find = |world| {
            let mut slots = seeded.iter();
            slots
                .find(|slot| slot.world == world)
                .map(|slot| slot.serving.clone())
        };
        Self {
            mapper: find(World::Mapper),
            reranker: find(World::Reranker),
        }
    }

    /// What stands behind a slot, unless it serves just that.
    pub(super) fn behind(&self, slot: &Slot) -> Option<&Activation> {
        let built_in = match slot.world {
            World::Source => None,
            World::Mapper => self.mapper.as_ref(),
            World::Reranker => self.reranker.as_ref(),
        };
        let is_there = |activation: &Activation, built_in: &Activation| {
            activation.plugin_digest == built_in.plugin_digest
                && activation.artifact_digest == built_in.artifact_digest
        };
        built_in.filter(|built_in| {
            !is_there(&slot.serving, built_in)
                && !slot
                    .previous
                    .as_ref()
                    .is_some_and(|p| is_there(p, built_in))
        })
    }

    pub(super) fn activations(&self) -> impl Iterator<Item = &Activation> {
        self.mapper.iter().chain(&self.reranker)
    }
}
