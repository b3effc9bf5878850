//! The record of moves: complete, in order, and never rewritten.

use phagen_domain::plugin::{PluginEvent, Slot, Verb, VersionState};

use super::{
    Harness,
    plugin_specimen::{
        activation, all_events, built_in, cause, digest, moved, recorded, reranker, seeded, slot,
        slot_move, state_of, uploaded, version_move,
    },
    specimen::slot_name,
};
use crate::{EventFilter, Store};

async fn events(store: &dyn Store, filter: &EventFilter) -> Vec<PluginEvent> {
    store.list_plugin_events(filter).await.expect("events")
}

/// Two versions and one slot, moved five times.
async fn story(store: &dyn Store) {
    recorded(store, &built_in("old")).await;
    recorded(store, &uploaded("new")).await;
    seeded(store, &[reranker("old")]).await;
    let check = version_move(
        "new",
        VersionState::Uploaded,
        VersionState::Checked,
        Verb::Check,
    );
    store.move_version(&check).await.expect("a move");
    let to = Slot {
        serving: activation("new"),
        ..reranker("old")
    };
    moved(store, &slot_move(&to, "new", Verb::Activate)).await;
}

pub async fn each_move_leaves_one_event(harness: &dyn Harness) {
    let store = harness.store();
    story(&*store).await;
    let told = events(&*store, &all_events()).await;
    let lines: Vec<_> = told
        .iter()
        .map(|event| {
            let slot = event.slot.as_ref().map(ToString::to_string);
            (event.cause.verb, event.state, slot, event.generation)
        })
        .collect();
    let reranker = Some("reranker".to_owned());
    let expected = [
        (Verb::Seed, VersionState::Checked, None, None),
        (Verb::Upload, VersionState::Uploaded, None, None),
        (Verb::Seed, VersionState::Active, reranker.clone(), Some(1)),
        (Verb::Check, VersionState::Checked, None, None),
        (Verb::Activate, VersionState::Active, reranker, Some(2)),
    ];
    assert_eq!(lines, expected);
    let digests: Vec<_> = told.iter().map(|event| event.digest).collect();
    let [old, new] = [digest("old"), digest("new")];
    assert_eq!(digests, [old, new, old, new, new]);
    assert_eq!(told[4].cause, cause(Verb::Activate), "who and why");
    assert_eq!(told[2].cause.actor, "host");
    assert!(told.is_sorted_by(|one, next| one.seq < next.seq && one.at <= next.at));
}

pub async fn events_are_told_by_slot_by_version_and_in_part(harness: &dyn Harness) {
    let store = harness.store();
    story(&*store).await;
    let all = events(&*store, &all_events()).await;
    let of_slot = EventFilter {
        slot: Some(slot_name("reranker")),
        ..all_events()
    };
    assert_eq!(
        events(&*store, &of_slot).await,
        [all[2].clone(), all[4].clone()]
    );
    let of_version = EventFilter {
        digest: Some(digest("new")),
        after: Some(all[1].seq),
        ..all_events()
    };
    assert_eq!(events(&*store, &of_version).await, all[3..]);
    let of_both = EventFilter {
        slot: Some(slot_name("reranker")),
        ..of_version
    };
    assert_eq!(events(&*store, &of_both).await, all[4..]);
    let page = EventFilter {
        after: Some(all[0].seq),
        limit: 2,
        ..EventFilter::default()
    };
    assert_eq!(events(&*store, &page).await, all[1..3]);
    assert_eq!(events(&*store, &EventFilter::default()).await, []);
    let beyond = EventFilter {
        after: Some(u64::MAX),
        ..all_events()
    };
    assert_eq!(events(&*store, &beyond).await, []);
}

pub async fn the_set_generation_counts_changes_of_slots(harness: &dyn Harness) {
    let store = harness.store();
    let generation = async || store.set_generation().await.expect("a generation");
    assert_eq!(generation().await, 0);
    recorded(&*store, &built_in("old")).await;
    assert_eq!(generation().await, 0, "no slot has changed");
    let made = reranker("old");
    seeded(&*store, std::slice::from_ref(&made)).await;
    let seeded_at = generation().await;
    assert!(seeded_at > 0);
    let again = store.seed_slots(std::slice::from_ref(&made)).await;
    assert_eq!(again.expect("none"), 0);
    recorded(&*store, &uploaded("new")).await;
    assert_eq!(generation().await, seeded_at);
    let change = moved(&*store, &slot_move(&made, "old", Verb::ChangeArtifact)).await;
    assert_eq!(generation().await, change.event.seq);
    let stale = slot_move(&made, "old", Verb::ChangeArtifact);
    assert!(store.move_slot(&stale).await.is_err());
    assert_eq!(generation().await, change.event.seq);
    let removal = slot_move(&change.slot, "old", Verb::Retire);
    let removal = store.remove_slot(&removal).await.expect("a removal");
    assert!(removal.seq > change.event.seq);
    assert_eq!(generation().await, removal.seq);
    let state = state_of(&*store, "old").await;
    let quarantine = version_move("old", state, VersionState::Quarantined, Verb::Quarantine);
    store.move_version(&quarantine).await.expect("a quarantine");
    assert!(
        generation().await > removal.seq,
        "it may stand behind a slot"
    );
}

pub async fn slots_of_unrecorded_versions_move_too(harness: &dyn Harness) {
    let store = harness.store();
    let made = slot("clinical", phagen_domain::plugin::World::Source, "old");
    seeded(&*store, std::slice::from_ref(&made)).await;
    let to = Slot {
        serving: activation("new"),
        ..made
    };
    let change = moved(&*store, &slot_move(&to, "old", Verb::Quarantine)).await;
    assert_eq!(change.event.state, VersionState::Quarantined);
    let back = slot_move(&change.slot, "new", Verb::Activate);
    assert_eq!(
        moved(&*store, &back).await.event.state,
        VersionState::Active
    );
    assert_eq!(store.list_versions().await.expect("versions"), []);
}
