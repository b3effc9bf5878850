//! What a slot is left with when a version is taken out of it: what served before, else the
//! host's own plugin, else nothing.

use std::collections::BTreeSet;

use phagen_domain::{
    digest::Digest,
    plugin::{Activation, PluginVersion, Slot, SlotName},
};

use super::MoveError;
use crate::fleet;

/// What may stand in.
#[derive(Debug, Default)]
pub(super) struct Fallbacks {
    /// Every version, newest first.
    pub(super) versions: Vec<PluginVersion>,
    /// Weights that came with the host, for its own reranker.
    pub(super) default_artifact: Option<Digest>,
    /// Slots that the host made itself.
    pub(super) seeded: BTreeSet<SlotName>,
}

/// `slot` without `digest`; none when the slot itself goes.
pub(super) fn without(
    slot: &Slot,
    slots: &[Slot],
    digest: Digest,
    fallbacks: &Fallbacks,
) -> Result<Option<Slot>, MoveError> {
    let mut to = slot.clone();
    to.candidate = to
        .candidate
        .filter(|candidate| candidate.activation.plugin_digest != digest);
    let way_back = to
        .previous
        .take()
        .filter(|previous| previous.plugin_digest != digest);
    if slot.serving.plugin_digest != digest {
        to.previous = way_back;
        return Ok(Some(to));
    }
    let healthy = way_back.filter(|previous| fallbacks.may_serve(previous.plugin_digest));
    let is_last = !slots
        .iter()
        .any(|other| other.world == slot.world && other.name != slot.name);
    let own = || fallbacks.built_in(slot, digest);
    let stand_in = match healthy {
        Some(previous) => Some(previous),
        None if fallbacks.seeded.contains(&slot.name) || is_last => own(),
        None => None,
    };
    match stand_in {
        Some(serving) => {
            to.candidate = to
                .candidate
                .filter(|candidate| candidate.activation.plugin_digest != serving.plugin_digest);
            Ok(Some(Slot { serving, ..to }))
        }
        None if is_last => Err(MoveError::NothingLeft {
            slot: slot.name.clone(),
            world: slot.world,
        }),
        None => Ok(None),
    }
}

impl Fallbacks {
    /// What a database from before versions were recorded names counts as healthy.
    fn may_serve(&self, digest: Digest) -> bool {
        self.versions
            .iter()
            .find(|version| version.digest == digest)
            .is_none_or(|version| version.state.may_serve())
    }

    /// The host's own plugin of the slot's world, as the first start would have put it there.
    fn built_in(&self, slot: &Slot, taken_out: Digest) -> Option<Activation> {
        let version = self.versions.iter().find(|version| {
            version.built_in
                && version.world == slot.world
                && version.digest != taken_out
                && version.state.may_serve()
        })?;
        Some(fleet::activation(
            &slot.name,
            slot.world,
            (version.name.as_str(), version.digest),
            self.default_artifact,
        ))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use phagen_domain::plugin::{Gate, GateReport, Signature, VersionState, World};

    use super::{super::decide::bare, *};

    /// A version that passed its gates; its digest is that of its name.
    pub(in super::super) fn version(name: &str, world: World) -> PluginVersion {
        PluginVersion {
            digest: Digest::of(name.as_bytes()),
            name: name.parse().unwrap(),
            version: None,
            world,
            size_bytes: 1,
            state: VersionState::Checked,
            signature: Signature::NotSigned,
            minisig: None,
            manifest: None,
            built_in: false,
            gates: vec![GateReport {
                gate: Gate::Check,
                passed: true,
                milliseconds: 1.0,
                notes: Vec::new(),
            }],
            reason: None,
            uploaded_at: "2026-11-22T12:00:00Z".parse().unwrap(),
            uploaded_by: "test".to_owned(),
        }
    }

    fn slot(name: &str, version: &PluginVersion) -> Slot {
        bare(&name.parse().unwrap(), version)
    }

    fn own(world: World) -> PluginVersion {
        PluginVersion {
            built_in: true,
            ..version("own", world)
        }
    }

    #[test]
    fn what_served_before_stands_in() {
        let (bad, old) = (version("bad", World::Mapper), version("old", World::Mapper));
        let mut now = slot("mapper", &bad);
        now.previous = Some(slot("mapper", &old).serving);
        let all = [now.clone()];
        let mut fallbacks = Fallbacks {
            versions: vec![bad.clone(), old.clone()],
            ..Fallbacks::default()
        };
        let to = without(&now, &all, bad.digest, &fallbacks)
            .unwrap()
            .unwrap();
        assert_eq!(to.serving.plugin_digest, old.digest);
        assert_eq!(to.previous, None, "nobody rolls back to it");
        // Unless that one was taken out as well.
        fallbacks.versions[1].state = VersionState::Quarantined;
        assert!(matches!(
            without(&now, &all, bad.digest, &fallbacks),
            Err(MoveError::NothingLeft { .. })
        ));
        fallbacks.versions.push(own(World::Mapper));
        let to = without(&now, &all, bad.digest, &fallbacks)
            .unwrap()
            .unwrap();
        assert_eq!(to.serving.plugin, "own");
    }

    #[test]
    fn a_trial_and_a_way_back_are_dropped_without_a_change_of_what_serves() {
        let (bad, good) = (
            version("bad", World::Mapper),
            version("good", World::Mapper),
        );
        let mut now = slot("mapper", &good);
        now.previous = Some(slot("mapper", &bad).serving);
        let to = without(&now, &[now.clone()], bad.digest, &Fallbacks::default());
        let to = to.unwrap().unwrap();
        assert_eq!((to.serving, to.previous), (now.serving, None));
    }

    #[test]
    fn a_slot_of_an_operator_goes_and_one_of_the_host_gets_its_own_plugin_back() {
        let bad = version("bad", World::Source);
        let slots = [slot("registry", &bad), slot("clinical", &bad)];
        let fallbacks = Fallbacks {
            versions: vec![bad.clone(), own(World::Source)],
            seeded: [slots[1].name.clone()].into(),
            ..Fallbacks::default()
        };
        assert_eq!(
            without(&slots[0], &slots, bad.digest, &fallbacks).unwrap(),
            None
        );
        let to = without(&slots[1], &slots, bad.digest, &fallbacks)
            .unwrap()
            .unwrap();
        assert_eq!(to.serving.plugin, "own");
        assert_eq!(to.serving.config[0].value, "clinical");
        assert!(to.serving.grant.corpus);
    }
}
