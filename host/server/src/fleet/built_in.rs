//! What came with the host itself and stands behind every other mapper and reranker. A source has
//! no such stand-in: evidence from elsewhere is not its evidence.

use phagen_domain::{
    digest::Digest,
    evidence::Attribute,
    plugin::{Activation, Grant, Slot, SlotName, World},
};

/// A built-in plugin as the host itself puts it into a slot. A source's slot is called after the
/// kind of evidence that it is for; weights are the reranker's.
pub(crate) fn activation(
    slot: &SlotName,
    world: World,
    plugin: (&str, Digest),
    weights: Option<Digest>,
) -> Activation {
    let kind = Attribute {
        key: "kind".to_owned(),
        value: slot.to_string(),
    };
    Activation {
        plugin: plugin.0.to_owned(),
        plugin_digest: plugin.1,
        artifact_digest: weights.filter(|_| world == World::Reranker),
        config: Vec::from_iter((world == World::Source).then_some(kind)),
        grant: Grant {
            corpus: world == World::Source,
            artifact: world == World::Reranker,
            ..Grant::default()
        },
    }
}

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
