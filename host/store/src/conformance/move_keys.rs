//! A move that is asked for twice is made once.

use phagen_domain::plugin::{Slot, Verb};
use tokio::task::JoinSet;

use super::{
    Harness,
    plugin_specimen::{activation, all_events, keyed, moved, reranker, seeded, slot_move},
};
use crate::{Moved, Store, StoreError};

async fn slots(store: &dyn Store) -> Vec<Slot> {
    store.list_slots().await.expect("slots")
}

pub async fn a_repeated_move_is_answered_as_the_first(harness: &dyn Harness) {
    let store = harness.store();
    seeded(&*store, &[reranker("old")]).await;
    let change = slot_move(&reranker("new"), "new", Verb::Activate);
    let change = keyed(change, "k-1", "activate new");
    let first = moved(&*store, &change).await;
    assert!(!first.is_repeat);
    // Others have moved on; the answer stays what it was.
    let back = Slot {
        serving: activation("old"),
        ..first.slot.clone()
    };
    let back = moved(&*store, &slot_move(&back, "old", Verb::Rollback)).await;
    let again = moved(&*store, &change).await;
    assert_eq!(
        again,
        Moved {
            is_repeat: true,
            ..first
        }
    );
    assert_eq!(slots(&*store).await, [back.slot]);
    let events = store.list_plugin_events(&all_events()).await;
    assert_eq!(events.expect("events").len(), 3);
}

pub async fn many_moves_with_one_key_make_one(harness: &dyn Harness) {
    let store = harness.store();
    seeded(&*store, &[reranker("old")]).await;
    let mut changes = JoinSet::new();
    for _ in 0..16 {
        let store = harness.store();
        changes.spawn(async move {
            let change = slot_move(&reranker("new"), "new", Verb::Activate);
            moved(&*store, &keyed(change, "k-1", "activate new")).await
        });
    }
    let answers = changes.join_all().await;
    assert_eq!(answers.iter().filter(|moved| !moved.is_repeat).count(), 1);
    assert!(answers.iter().all(|moved| moved.event == answers[0].event));
    assert!(answers.iter().all(|moved| moved.slot.generation == 2));
}

pub async fn a_key_of_another_move_is_refused(harness: &dyn Harness) {
    let store = harness.store();
    seeded(&*store, &[reranker("old")]).await;
    let change = slot_move(&reranker("new"), "new", Verb::Activate);
    let change = keyed(change, "k-1", "activate new");
    let first = moved(&*store, &change).await;
    let other = keyed(
        slot_move(&first.slot, "new", Verb::Promote),
        "k-1",
        "promote",
    );
    let refused = store.move_slot(&other).await;
    assert!(
        matches!(&refused, Err(StoreError::KeyReused(key)) if key == "k-1"),
        "{refused:?}"
    );
    // To take a slot away is another request whatever its digest says.
    let refused = store.remove_slot(&change).await;
    assert!(
        matches!(refused, Err(StoreError::KeyReused(_))),
        "{refused:?}"
    );
    assert_eq!(slots(&*store).await, [first.slot]);
}

pub async fn a_refused_move_does_not_use_its_key_up(harness: &dyn Harness) {
    let store = harness.store();
    let change = slot_move(&reranker("new"), "new", Verb::Activate);
    let change = keyed(change, "k-1", "activate new");
    let unknown = store.move_slot(&change).await;
    assert!(
        matches!(unknown, Err(StoreError::UnknownSlot(_))),
        "{unknown:?}"
    );
    seeded(&*store, &[reranker("old")]).await;
    assert!(!moved(&*store, &change).await.is_repeat);
}

pub async fn a_key_of_a_move_runs_out_after_a_day(harness: &dyn Harness) {
    let store = harness.store();
    seeded(&*store, &[reranker("old")]).await;
    let change = slot_move(&reranker("new"), "new", Verb::Activate);
    let first = moved(&*store, &keyed(change, "k-1", "activate new")).await;
    harness.expire_move_key("k-1").await;
    let back = slot_move(&first.slot, "new", Verb::Promote);
    let back = moved(&*store, &keyed(back, "k-1", "promote")).await;
    assert!(!back.is_repeat);
    assert_eq!(back.slot.generation, 3);
}
