//! The rules that need no look into the store: a slot as it is, a version, and the slot as it
//! shall be.

use phagen_domain::{
    digest::Digest,
    evidence::Attribute,
    plugin::{
        Activation, Candidate, Gate, Grant, PluginVersion, Share, Slot, SlotName, TrialMode,
        VersionState, World,
    },
};

use super::MoveError;

/// What a version shall serve with; what is left out stays as it serves in the slot now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outfit {
    pub artifact_digest: Option<Digest>,
    pub config: Option<Vec<Attribute>>,
    pub grant: Option<Grant>,
}

impl Outfit {
    fn dress(&self, version: &PluginVersion, now: Option<&Activation>) -> Activation {
        Activation {
            plugin: version.name.to_string(),
            plugin_digest: version.digest,
            artifact_digest: self
                .artifact_digest
                .or_else(|| now.and_then(|now| now.artifact_digest)),
            config: self
                .config
                .clone()
                .or_else(|| now.map(|now| now.config.clone()))
                .unwrap_or_default(),
            grant: self
                .grant
                .clone()
                .or_else(|| now.map(|now| now.grant.clone()))
                .unwrap_or_default(),
        }
    }
}

/// A slot that holds a version and nothing else.
pub(super) fn bare(name: &SlotName, version: &PluginVersion) -> Slot {
    Slot {
        name: name.clone(),
        world: version.world,
        place: 0,
        serving: Outfit::default().dress(version, None),
        previous: None,
        candidate: None,
        generation: 0,
    }
}

/// Where a slot stands when nobody says: where it stood, and a new one at the end of its chain.
pub(super) fn usual_place(now: Option<&Slot>, slots: &[Slot], world: World) -> u32 {
    let last = slots
        .iter()
        .filter(|slot| slot.world == world && world != World::Source)
        .map(|slot| slot.place)
        .max();
    match now {
        Some(now) => now.place,
        None => last.map_or(0, |last| last.saturating_add(1)),
    }
}

pub(super) fn check_state(version: &PluginVersion, force: bool) -> Result<(), MoveError> {
    let (plugin, digest) = (version.name.clone(), version.digest);
    let reason = || {
        version
            .reason
            .clone()
            .unwrap_or_else(|| "no reason was given".to_owned())
    };
    match version.state {
        state if state.may_serve() => Ok(()),
        VersionState::Quarantined => {
            let may_force = passed_its_gates(version);
            if force && may_force {
                return Ok(());
            }
            Err(MoveError::Quarantined {
                plugin,
                digest,
                reason: reason(),
                may_force,
            })
        }
        VersionState::Rejected => Err(MoveError::Rejected {
            plugin,
            digest,
            reason: reason(),
        }),
        state => Err(MoveError::NotChecked {
            plugin,
            digest,
            state,
        }),
    }
}

fn passed_its_gates(version: &PluginVersion) -> bool {
    version.built_in
        || version
            .gates
            .iter()
            .any(|report| report.gate == Gate::Check && report.passed)
}

fn check_world(slot: &Slot, version: &PluginVersion) -> Result<(), MoveError> {
    if slot.world == version.world {
        return Ok(());
    }
    Err(MoveError::WrongWorld {
        slot: slot.name.clone(),
        wanted: slot.world,
        plugin: version.name.clone(),
        found: version.world,
    })
}

/// The version serves, and what served becomes the way back.
pub(super) fn activate(
    now: Option<&Slot>,
    name: &SlotName,
    version: &PluginVersion,
    outfit: &Outfit,
) -> Result<Slot, MoveError> {
    let Some(now) = now else {
        return Ok(Slot {
            serving: outfit.dress(version, None),
            ..bare(name, version)
        });
    };
    check_world(now, version)?;
    Ok(serve(now, outfit.dress(version, Some(&now.serving))))
}

/// `serving` serves. Serving the same again keeps the way back, and a trial against itself ends.
fn serve(now: &Slot, serving: Activation) -> Slot {
    let previous = if serving == now.serving {
        now.previous.clone()
    } else {
        Some(now.serving.clone())
    };
    let candidate = now
        .candidate
        .clone()
        .filter(|candidate| candidate.activation.plugin_digest != serving.plugin_digest);
    Slot {
        serving,
        previous,
        candidate,
        ..now.clone()
    }
}

pub(super) fn try_out(
    now: &Slot,
    version: &PluginVersion,
    outfit: &Outfit,
    (mode, share): (TrialMode, Share),
) -> Result<Slot, MoveError> {
    check_world(now, version)?;
    // A trial that goes on in another mode or share keeps what it was given.
    let as_tried = now
        .candidate
        .as_ref()
        .map(|candidate| &candidate.activation)
        .filter(|activation| activation.plugin_digest == version.digest);
    let activation = outfit.dress(version, Some(as_tried.unwrap_or(&now.serving)));
    if activation == now.serving {
        return Err(MoveError::ServesAlready {
            slot: now.name.clone(),
            digest: version.digest,
        });
    }
    Ok(Slot {
        candidate: Some(Candidate {
            activation,
            mode,
            share,
        }),
        ..now.clone()
    })
}

pub(super) fn promote(now: &Slot, digest: Digest) -> Result<Slot, MoveError> {
    let found = now
        .candidate
        .as_ref()
        .map(|candidate| &candidate.activation);
    let tried = found.filter(|tried| tried.plugin_digest == digest);
    let tried = tried.ok_or_else(|| MoveError::NotTried {
        slot: now.name.clone(),
        digest,
        found: found.map(|found| found.plugin_digest),
    })?;
    Ok(Slot {
        candidate: None,
        ..serve(now, tried.clone())
    })
}

/// What served before and what serves change places.
pub(super) fn roll_back(now: &Slot, digest: Digest) -> Result<Slot, MoveError> {
    check_serves(now, digest)?;
    let back = now
        .previous
        .clone()
        .ok_or_else(|| MoveError::NoPrevious(now.name.clone()))?;
    Ok(serve(now, back))
}

pub(super) fn grant(now: &Slot, digest: Digest, grant: &Grant) -> Result<Slot, MoveError> {
    check_serves(now, digest)?;
    let mut to = now.clone();
    to.serving.grant = grant.clone();
    Ok(to)
}

fn check_serves(now: &Slot, digest: Digest) -> Result<(), MoveError> {
    let found = now.serving.plugin_digest;
    if found == digest {
        return Ok(());
    }
    Err(MoveError::NotServing {
        slot: now.name.clone(),
        digest,
        found,
    })
}

#[cfg(test)]
mod tests {
    use super::{super::fallback::tests::version, *};

    fn slot() -> Slot {
        let mut slot = bare(
            &"reranker".parse().unwrap(),
            &version("old", World::Reranker),
        );
        slot.serving.grant.artifact = true;
        slot.serving.artifact_digest = Some(Digest::of(b"weights"));
        slot.generation = 3;
        slot
    }

    #[test]
    fn what_is_left_out_stays_as_it_serves() {
        let (now, new) = (slot(), version("new", World::Reranker));
        let to = activate(Some(&now), &now.name, &new, &Outfit::default()).unwrap();
        assert_eq!(to.serving.plugin_digest, new.digest);
        assert_eq!(to.serving.artifact_digest, now.serving.artifact_digest);
        assert_eq!(to.serving.grant, now.serving.grant);
        assert_eq!(to.previous, Some(now.serving.clone()));
        let outfit = Outfit {
            grant: Some(Grant::default()),
            ..Outfit::default()
        };
        let to = activate(Some(&now), &now.name, &new, &outfit).unwrap();
        assert_eq!(to.serving.grant, Grant::default());
        let fresh = activate(None, &now.name, &new, &Outfit::default()).unwrap();
        assert_eq!(fresh.serving.artifact_digest, None);
    }

    #[test]
    fn serving_the_same_again_keeps_the_way_back() {
        let new = version("new", World::Reranker);
        let once = activate(Some(&slot()), &slot().name, &new, &Outfit::default()).unwrap();
        let twice = activate(Some(&once), &once.name, &new, &Outfit::default()).unwrap();
        assert_eq!(twice.previous, Some(slot().serving));
    }

    #[test]
    fn a_trial_ends_when_its_version_serves() {
        let (now, new) = (slot(), version("new", World::Reranker));
        let other = version("other", World::Reranker);
        let trial = (TrialMode::Shadow, Share::ALL);
        let tried = try_out(&now, &new, &Outfit::default(), trial).unwrap();
        let promoted = promote(&tried, new.digest).unwrap();
        assert_eq!(promoted.serving.plugin_digest, new.digest);
        assert_eq!(promoted.previous, Some(now.serving.clone()));
        assert_eq!(promoted.candidate, None);
        assert!(matches!(
            promote(&tried, other.digest),
            Err(MoveError::NotTried { found: Some(_), .. })
        ));
        let direct = activate(Some(&tried), &now.name, &new, &Outfit::default()).unwrap();
        assert_eq!(direct.candidate, None);
        let beside = activate(Some(&tried), &now.name, &other, &Outfit::default()).unwrap();
        assert_eq!(beside.candidate, tried.candidate);
    }

    #[test]
    fn a_trial_in_another_mode_keeps_what_it_was_given() {
        let (now, new) = (slot(), version("new", World::Reranker));
        let outfit = Outfit {
            artifact_digest: Some(Digest::of(b"other weights")),
            ..Outfit::default()
        };
        let shadow = try_out(&now, &new, &outfit, (TrialMode::Shadow, Share::ALL)).unwrap();
        let canary = (TrialMode::Canary, Share::new(0.05).unwrap());
        let canary = try_out(&shadow, &new, &Outfit::default(), canary).unwrap();
        let given = |slot: &Slot| slot.candidate.clone().unwrap().activation;
        assert_eq!(given(&canary), given(&shadow));
    }

    #[test]
    fn a_version_is_not_tried_against_itself() {
        let old = version("old", World::Reranker);
        let trial = (TrialMode::Canary, Share::ALL);
        assert!(matches!(
            try_out(&slot(), &old, &Outfit::default(), trial),
            Err(MoveError::ServesAlready { .. })
        ));
        // With other weights it is another ranking.
        let outfit = Outfit {
            artifact_digest: Some(Digest::of(b"other weights")),
            ..Outfit::default()
        };
        assert!(try_out(&slot(), &old, &outfit, trial).is_ok());
    }

    #[test]
    fn rolling_back_twice_is_where_one_began() {
        let new = version("new", World::Reranker);
        let now = activate(Some(&slot()), &slot().name, &new, &Outfit::default()).unwrap();
        let back = roll_back(&now, new.digest).unwrap();
        assert_eq!(back.serving, slot().serving);
        assert_eq!(roll_back(&back, back.serving.plugin_digest).unwrap(), now);
        assert!(matches!(
            roll_back(&back, new.digest),
            Err(MoveError::NotServing { .. })
        ));
        assert!(matches!(
            roll_back(&slot(), slot().serving.plugin_digest),
            Err(MoveError::NoPrevious(_))
        ));
    }

    #[test]
    fn only_what_passed_its_gates_may_be_forced_out_of_quarantine() {
        let mut taken_out = version("bad", World::Mapper);
        taken_out.state = VersionState::Quarantined;
        assert!(check_state(&taken_out, false).is_err());
        assert!(check_state(&taken_out, true).is_ok());
        taken_out.gates.clear();
        assert!(check_state(&taken_out, true).is_err());
        taken_out.state = VersionState::Rejected;
        assert!(matches!(
            check_state(&taken_out, true),
            Err(MoveError::Rejected { .. })
        ));
    }

    #[test]
    fn a_new_link_of_a_chain_is_its_last() {
        let slots = [slot(), Slot { place: 4, ..slot() }];
        assert_eq!(usual_place(None, &slots, World::Reranker), 5);
        assert_eq!(usual_place(None, &slots, World::Mapper), 0);
        assert_eq!(usual_place(None, &slots, World::Source), 0);
        assert_eq!(usual_place(Some(&slots[1]), &slots, World::Reranker), 4);
    }
}
