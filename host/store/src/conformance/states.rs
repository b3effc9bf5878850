//! The states of versions, as they follow from what slots serve and try.

use phagen_domain::plugin::{Slot, TrialMode, Verb, VersionState as S, World};

use super::{
    Harness,
    plugin_specimen::{
        activation, built_in, candidate, digest, moved, recorded, reranker, seeded, slot,
        slot_move, state_of, uploaded, version_move,
    },
};
use crate::{SlotMove, Store};

async fn both_recorded(store: &dyn Store) {
    recorded(store, &built_in("old")).await;
    recorded(store, &built_in("new")).await;
}

async fn states(store: &dyn Store) -> [S; 2] {
    [state_of(store, "old").await, state_of(store, "new").await]
}

pub async fn a_version_follows_its_slot(harness: &dyn Harness) {
    let store = harness.store();
    both_recorded(&*store).await;
    assert_eq!(states(&*store).await, [S::Checked, S::Checked]);
    let mut slot = reranker("old");
    seeded(&*store, std::slice::from_ref(&slot)).await;
    assert_eq!(states(&*store).await, [S::Active, S::Checked]);
    for (mode, verb, state) in [
        (TrialMode::Shadow, Verb::Shadow, S::Shadow),
        (TrialMode::Canary, Verb::Canary, S::Canary),
    ] {
        slot.candidate = Some(candidate("new", mode));
        let tried = moved(&*store, &slot_move(&slot, "new", verb)).await;
        assert_eq!(states(&*store).await, [S::Active, state]);
        assert_eq!(tried.event.state, state);
        slot = tried.slot;
    }
    slot.candidate = None;
    slot.previous = Some(slot.serving.clone());
    slot.serving = activation("new");
    let promoted = moved(&*store, &slot_move(&slot, "new", Verb::Promote)).await;
    assert_eq!(promoted.event.state, S::Active);
    // `old` is named still, as the way back, and serves nobody.
    assert_eq!(states(&*store).await, [S::Draining, S::Active]);
    let retired = version_move("old", S::Draining, S::Retired, Verb::Retire);
    store.move_version(&retired).await.expect("a move");
    let back = Slot {
        previous: None,
        serving: activation("old"),
        ..promoted.slot
    };
    moved(&*store, &slot_move(&back, "old", Verb::Rollback)).await;
    assert_eq!(states(&*store).await, [S::Active, S::Draining]);
}

pub async fn a_version_of_two_slots_serves_until_both_let_go(harness: &dyn Harness) {
    let store = harness.store();
    both_recorded(&*store).await;
    let first = slot("first", World::Reranker, "old");
    let second = slot("second", World::Reranker, "old");
    seeded(&*store, &[first.clone(), second.clone()]).await;
    let first = Slot {
        serving: activation("new"),
        ..first
    };
    moved(&*store, &slot_move(&first, "new", Verb::Activate)).await;
    assert_eq!(states(&*store).await, [S::Active, S::Active]);
    let second = Slot {
        serving: activation("new"),
        ..second
    };
    moved(&*store, &slot_move(&second, "new", Verb::Activate)).await;
    assert_eq!(states(&*store).await, [S::Draining, S::Active]);
}

pub async fn a_trial_ends_in_draining(harness: &dyn Harness) {
    let store = harness.store();
    both_recorded(&*store).await;
    let slots = ["first", "second"].map(|name| slot(name, World::Reranker, "old"));
    seeded(&*store, &slots).await;
    let [first, second] = slots;
    let tried = |slot: &Slot, mode| Slot {
        candidate: Some(candidate("new", mode)),
        ..slot.clone()
    };
    let shadow = tried(&first, TrialMode::Shadow);
    let shadow = moved(&*store, &slot_move(&shadow, "new", Verb::Shadow)).await;
    let canary = tried(&second, TrialMode::Canary);
    let canary = moved(&*store, &slot_move(&canary, "new", Verb::Canary)).await;
    assert_eq!(state_of(&*store, "new").await, S::Canary);
    for (slot, state) in [(canary.slot, S::Shadow), (shadow.slot, S::Draining)] {
        let ended = Slot {
            candidate: None,
            ..slot
        };
        moved(&*store, &slot_move(&ended, "new", Verb::Rollback)).await;
        assert_eq!(state_of(&*store, "new").await, state);
    }
}

pub async fn a_removed_slot_lets_its_versions_go(harness: &dyn Harness) {
    let store = harness.store();
    both_recorded(&*store).await;
    let slot = Slot {
        candidate: Some(candidate("new", TrialMode::Shadow)),
        ..reranker("old")
    };
    seeded(&*store, std::slice::from_ref(&slot)).await;
    assert_eq!(states(&*store).await, [S::Active, S::Shadow]);
    let removal = slot_move(&slot, "old", Verb::Retire);
    store.remove_slot(&removal).await.expect("a removal");
    assert_eq!(states(&*store).await, [S::Draining, S::Draining]);
}

pub async fn a_quarantine_waits_for_the_last_slot(harness: &dyn Harness) {
    let store = harness.store();
    both_recorded(&*store).await;
    let slots = ["first", "second"].map(|name| slot(name, World::Reranker, "new"));
    seeded(&*store, &slots).await;
    for (slot, state) in slots.into_iter().zip([S::Active, S::Quarantined]) {
        let back = Slot {
            serving: activation("old"),
            ..slot
        };
        let out = moved(&*store, &slot_move(&back, "new", Verb::Quarantine)).await;
        assert_eq!(out.event.state, state);
        assert_eq!(out.event.digest, digest("new"));
        assert_eq!(states(&*store).await, [S::Active, state]);
    }
    let out = store.find_version(digest("new")).await.expect("a read");
    let reason = out.expect("the version").reason;
    assert_eq!(reason.as_deref(), Some("ada says quarantine"));
    let slots = store.list_slots().await.expect("slots");
    // By force it serves again, and what was held against it is history.
    let forced = Slot {
        serving: activation("new"),
        ..slots[0].clone()
    };
    let forced = SlotMove {
        admits_quarantined: true,
        ..slot_move(&forced, "new", Verb::Activate)
    };
    moved(&*store, &forced).await;
    let back = store.find_version(digest("new")).await.expect("a read");
    let back = back.expect("the version");
    assert_eq!((back.state, back.reason), (S::Active, None));
}

pub async fn what_never_served_does_not_drain(harness: &dyn Harness) {
    let store = harness.store();
    recorded(&*store, &built_in("old")).await;
    seeded(&*store, &[reranker("old")]).await;
    let named = Slot {
        previous: Some(activation("new")),
        ..reranker("old")
    };
    // Before it is recorded: no slot takes it up afterwards.
    let named = moved(&*store, &slot_move(&named, "old", Verb::Activate)).await;
    recorded(&*store, &uploaded("new")).await;
    assert_eq!(states(&*store).await, [S::Active, S::Uploaded]);
    let bare = Slot {
        previous: None,
        ..named.slot
    };
    moved(&*store, &slot_move(&bare, "old", Verb::Activate)).await;
    assert_eq!(states(&*store).await, [S::Active, S::Uploaded]);
}
