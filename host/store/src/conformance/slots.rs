//! What serves where, and who gets to change it.

use phagen_domain::plugin::{Slot, TrialMode, Verb, VersionState, World};
use tokio::task::JoinSet;

use super::{
    Harness,
    plugin_specimen::{
        activation, all_events, candidate, cause, digest, keyed, moved, reranker, seeded, slot,
        slot_move,
    },
};
use crate::{Moved, SlotMove, Store, StoreError};

async fn slots(store: &dyn Store) -> Vec<Slot> {
    store.list_slots().await.expect("slots")
}

pub async fn slots_are_seeded_once(harness: &dyn Harness) {
    let store = harness.store();
    let seeds = [
        reranker("old"),
        slot("clinical", World::Source, "clinical-source"),
    ];
    assert_eq!(slots(&*store).await, []);
    seeded(&*store, &seeds[..1]).await;
    let changed = Slot {
        serving: activation("new"),
        ..seeds[0].clone()
    };
    let changed = moved(&*store, &slot_move(&changed, "new", Verb::Activate)).await;
    // The next start knows one slot more, and leaves the change alone.
    assert_eq!(store.seed_slots(&seeds).await.expect("a seed"), 1);
    let [_, clinical] = seeds;
    assert_eq!(slots(&*store).await, [clinical, changed.slot]);
}

pub async fn slots_come_in_the_order_of_a_job(harness: &dyn Harness) {
    let store = harness.store();
    let at = |place, name, world| Slot {
        place,
        ..slot(name, world, name)
    };
    let seeds = [
        at(2, "b-ranks", World::Reranker),
        at(1, "c-ranks", World::Reranker),
        at(2, "a-ranks", World::Reranker),
        at(0, "z-maps", World::Mapper),
        at(1, "a-maps", World::Mapper),
        at(0, "patent", World::Source),
        at(9, "clinical", World::Source),
    ];
    seeded(&*store, &seeds).await;
    let names: Vec<String> = slots(&*store)
        .await
        .into_iter()
        .map(|slot| slot.name.to_string())
        .collect();
    let expected = [
        "clinical", "patent", "z-maps", "a-maps", "c-ranks", "a-ranks", "b-ranks",
    ];
    assert_eq!(names, expected);
}

pub async fn a_slot_comes_back_whole(harness: &dyn Harness) {
    let store = harness.store();
    let made = Slot {
        place: 3,
        previous: Some(activation("old")),
        candidate: Some(candidate("new", TrialMode::Canary)),
        ..reranker("now")
    };
    let change = SlotMove {
        expected: None,
        ..slot_move(&made, "new", Verb::Canary)
    };
    let first = moved(&*store, &change).await;
    assert_eq!((first.slot.clone(), first.is_repeat), (made.clone(), false));
    assert_eq!(slots(&*store).await, std::slice::from_ref(&made));
    let bare = Slot {
        previous: None,
        candidate: None,
        ..made
    };
    let second = moved(&*store, &slot_move(&bare, "now", Verb::Promote)).await;
    assert_eq!(slots(&*store).await, std::slice::from_ref(&second.slot));
    assert_eq!(
        second.slot,
        Slot {
            generation: 2,
            ..bare
        }
    );
}

pub async fn a_slot_is_changed_from_the_generation_that_was_read(harness: &dyn Harness) {
    let store = harness.store();
    let change = slot_move(&reranker("new"), "new", Verb::Activate);
    let unknown = store.move_slot(&change).await;
    assert!(
        matches!(&unknown, Err(StoreError::UnknownSlot(name)) if name == "reranker"),
        "{unknown:?}"
    );
    seeded(&*store, &[reranker("old")]).await;
    assert_eq!(moved(&*store, &change).await.slot.generation, 2);
    let before = slots(&*store).await;
    let stale = store.move_slot(&change).await;
    assert!(
        matches!(
            &stale,
            Err(StoreError::GenerationMoved { slot, expected: 1, found: 2 }) if slot == "reranker"
        ),
        "{stale:?}"
    );
    let make = SlotMove {
        expected: None,
        ..change
    };
    let exists = store.move_slot(&make).await;
    assert!(
        matches!(&exists, Err(StoreError::SlotExists(name)) if name == "reranker"),
        "{exists:?}"
    );
    assert_eq!(slots(&*store).await, before);
    let events = store.list_plugin_events(&all_events()).await;
    assert_eq!(events.expect("events").len(), 2, "refusals leave none");
}

pub async fn of_many_changes_of_one_generation_one_wins(harness: &dyn Harness) {
    let store = harness.store();
    seeded(&*store, &[reranker("old")]).await;
    let mut changes = JoinSet::new();
    for n in 0..16 {
        let store = harness.store();
        changes.spawn(async move {
            let name = format!("plugin-{n}");
            let change = slot_move(&reranker(&name), &name, Verb::Activate);
            store.move_slot(&change).await.ok()
        });
    }
    let won: Vec<Moved> = changes.join_all().await.into_iter().flatten().collect();
    assert_eq!(won.len(), 1);
    assert_eq!(slots(&*store).await, [won[0].slot.clone()]);
    assert_eq!(won[0].slot.generation, 2);
}

pub async fn of_many_makers_of_one_slot_one_wins(harness: &dyn Harness) {
    let mut makers = JoinSet::new();
    for _ in 0..8 {
        let store = harness.store();
        makers.spawn(async move {
            let change = SlotMove {
                expected: None,
                ..slot_move(&reranker("new"), "new", Verb::Activate)
            };
            store.move_slot(&change).await.is_ok()
        });
    }
    let n_won = makers.join_all().await.into_iter().filter(|won| *won);
    assert_eq!(n_won.count(), 1);
}

pub async fn a_removed_slot_is_gone(harness: &dyn Harness) {
    let store = harness.store();
    let made = reranker("old");
    let removal = slot_move(&made, "old", Verb::Retire);
    let unknown = store.remove_slot(&removal).await;
    assert!(
        matches!(unknown, Err(StoreError::UnknownSlot(_))),
        "{unknown:?}"
    );
    seeded(&*store, std::slice::from_ref(&made)).await;
    let stale = SlotMove {
        expected: Some(7),
        ..removal.clone()
    };
    let stale = store.remove_slot(&stale).await;
    assert!(
        matches!(
            stale,
            Err(StoreError::GenerationMoved {
                expected: 7,
                found: 1,
                ..
            })
        ),
        "{stale:?}"
    );
    let removal = keyed(removal, "k-1", "remove");
    let event = store.remove_slot(&removal).await.expect("a removal");
    assert_eq!(slots(&*store).await, []);
    assert_eq!(event.slot, Some(made.name.clone()));
    assert_eq!(event.generation, Some(2));
    assert_eq!(event.digest, digest("old"));
    assert_eq!(event.cause, cause(Verb::Retire));
    assert_eq!(event.state, VersionState::Draining);
    let again = store.remove_slot(&removal).await.expect("the first answer");
    assert_eq!(again, event);
    let make = SlotMove {
        expected: None,
        ..keyed(slot_move(&made, "old", Verb::Activate), "k-1", "remove")
    };
    let refused = store.move_slot(&make).await;
    assert!(
        matches!(refused, Err(StoreError::KeyReused(_))),
        "{refused:?}"
    );
    let make = SlotMove { key: None, ..make };
    assert!(!moved(&*store, &make).await.is_repeat);
}

pub async fn a_slot_made_anew_goes_on_where_the_old_one_ended(harness: &dyn Harness) {
    let store = harness.store();
    let made = reranker("old");
    seeded(
        &*store,
        &[made.clone(), slot("clinical", World::Source, "old")],
    )
    .await;
    let removal = slot_move(&made, "old", Verb::Retire);
    store.remove_slot(&removal).await.expect("a removal");
    let make = SlotMove {
        expected: None,
        ..slot_move(&made, "old", Verb::Activate)
    };
    let anew = moved(&*store, &make).await;
    assert_eq!(anew.slot.generation, 3, "its removal was the second");
    assert_eq!(anew.event.generation, Some(3));
    // What was decided on the old slot does not hit the new one.
    for stale in [
        store
            .move_slot(&slot_move(&made, "new", Verb::Activate))
            .await
            .map(drop),
        store.remove_slot(&removal).await.map(drop),
    ] {
        assert!(
            matches!(
                stale,
                Err(StoreError::GenerationMoved {
                    expected: 1,
                    found: 3,
                    ..
                })
            ),
            "{stale:?}"
        );
    }
    let removal = slot_move(&anew.slot, "old", Verb::Retire);
    store.remove_slot(&removal).await.expect("a removal");
    seeded(&*store, std::slice::from_ref(&made)).await;
    let generations: Vec<u64> = slots(&*store)
        .await
        .iter()
        .map(|slot| slot.generation)
        .collect();
    assert_eq!(
        generations,
        [1, 5],
        "a seed goes on too; other names are their own"
    );
}
