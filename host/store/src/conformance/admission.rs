//! Which versions get a part in a slot. What a caller read before its move does not count: the store
//! asks again when it makes the move.

use phagen_domain::plugin::{Slot, TrialMode, Verb, VersionState as S, World};
use tokio::task::JoinSet;

use super::{
    Harness,
    plugin_specimen::{
        activation, all_events, built_in, candidate, digest, moved, recorded, reranker, seeded,
        slot, slot_move, state_of, uploaded, version_move,
    },
};
use crate::{Moved, SlotMove, Store, StoreError};

/// `old` serves in a slot of its own.
async fn serving_old(store: &dyn Store) -> Slot {
    recorded(store, &built_in("old")).await;
    seeded(store, &[reranker("old")]).await;
    reranker("old")
}

/// A version of each state that may not serve, named after it.
async fn outcasts(store: &dyn Store) -> [(&'static str, S); 5] {
    let outcasts = [
        ("uploaded", S::Uploaded),
        ("verified", S::Verified),
        ("compiled", S::Compiled),
        ("rejected", S::Rejected),
        ("quarantined", S::Quarantined),
    ];
    for (name, state) in outcasts {
        recorded(store, &uploaded(name)).await;
        if state != S::Uploaded {
            let change = version_move(name, S::Uploaded, state, Verb::Check);
            store.move_version(&change).await.expect("a move");
        }
    }
    outcasts
}

async fn quarantined(store: &dyn Store, name: &str) {
    recorded(store, &built_in(name)).await;
    let out = version_move(name, S::Checked, S::Quarantined, Verb::Quarantine);
    store.move_version(&out).await.expect("a move");
}

fn activating(now: &Slot, name: &str) -> SlotMove {
    let to = Slot {
        serving: activation(name),
        previous: Some(now.serving.clone()),
        ..now.clone()
    };
    slot_move(&to, name, Verb::Activate)
}

fn assert_refused(answer: &Result<Moved, StoreError>, name: &str, state: S) {
    assert!(
        matches!(
            answer,
            Err(StoreError::VersionMayNotServe { digest: found, state: found_state })
                if *found == digest(name) && *found_state == state
        ),
        "{name}: {answer:?}"
    );
}

pub async fn what_may_not_serve_gets_no_part_in_a_slot(harness: &dyn Harness) {
    let store = harness.store();
    let now = serving_old(&*store).await;
    for (name, state) in outcasts(&*store).await {
        let events = store.list_plugin_events(&all_events()).await;
        let n_events = events.expect("events").len();
        let tried = Slot {
            candidate: Some(candidate(name, TrialMode::Shadow)),
            ..now.clone()
        };
        let before = Slot {
            previous: Some(activation(name)),
            ..now.clone()
        };
        let anew = SlotMove {
            expected: None,
            ..slot_move(&slot("second", World::Reranker, name), name, Verb::Activate)
        };
        for change in [
            activating(&now, name),
            slot_move(&tried, name, Verb::Shadow),
            slot_move(&before, "old", Verb::Activate),
            anew,
        ] {
            assert_refused(&store.move_slot(&change).await, name, state);
        }
        assert_eq!(state_of(&*store, name).await, state);
        let slots = store.list_slots().await.expect("slots");
        assert_eq!(slots, std::slice::from_ref(&now), "nothing moved");
        let events = store.list_plugin_events(&all_events()).await;
        assert_eq!(
            events.expect("events").len(),
            n_events,
            "refusals leave none"
        );
    }
}

pub async fn nothing_goes_back_to_what_was_taken_out_meanwhile(harness: &dyn Harness) {
    let store = harness.store();
    let now = serving_old(&*store).await;
    recorded(&*store, &built_in("new")).await;
    let now = moved(&*store, &activating(&now, "new")).await.slot;
    // Another host finds fault with what served before.
    let out = version_move("old", S::Draining, S::Quarantined, Verb::Quarantine);
    store.move_version(&out).await.expect("a move");
    let back = Slot {
        serving: activation("old"),
        previous: None,
        ..now.clone()
    };
    let back = slot_move(&back, "new", Verb::Quarantine);
    assert_refused(&store.move_slot(&back).await, "old", S::Quarantined);
    assert_eq!(state_of(&*store, "new").await, S::Active, "it serves still");
    // To keep it as the way back, and to give that up, is no way to serve.
    let kept = moved(&*store, &slot_move(&now, "new", Verb::ChangeArtifact)).await;
    let given_up = Slot {
        previous: None,
        ..kept.slot
    };
    moved(&*store, &slot_move(&given_up, "old", Verb::Rollback)).await;
    assert_eq!(state_of(&*store, "old").await, S::Quarantined);
}

pub async fn a_quarantined_version_serves_where_the_move_admits_it(harness: &dyn Harness) {
    let store = harness.store();
    let now = serving_old(&*store).await;
    quarantined(&*store, "new").await;
    recorded(&*store, &uploaded("raw")).await;
    for (name, state) in [("new", None), ("raw", Some(S::Uploaded))] {
        let rows = store.list_slots().await.expect("slots");
        let forced = SlotMove {
            admits_quarantined: true,
            ..activating(&rows[0], name)
        };
        let answer = store.move_slot(&forced).await;
        match state {
            None => assert_eq!(answer.expect("a forced move").event.state, S::Active),
            Some(state) => assert_refused(&answer, name, state),
        }
    }
    assert_eq!(state_of(&*store, "new").await, S::Active);
    assert_ne!(store.list_slots().await.expect("slots"), [now]);
}

pub async fn a_slot_may_leave_what_was_never_checked(harness: &dyn Harness) {
    let store = harness.store();
    // It served before it was recorded, as in a database from before there were versions.
    seeded(&*store, &[reranker("old")]).await;
    recorded(&*store, &uploaded("old")).await;
    recorded(&*store, &built_in("new")).await;
    assert_eq!(state_of(&*store, "old").await, S::Uploaded);
    let left = moved(&*store, &activating(&reranker("old"), "new")).await;
    assert_eq!(left.slot.previous, Some(activation("old")));
    let back = activating(&left.slot, "old");
    assert_refused(&store.move_slot(&back).await, "old", S::Uploaded);
}

pub async fn a_seed_leaves_out_what_may_not_serve(harness: &dyn Harness) {
    let store = harness.store();
    quarantined(&*store, "bad").await;
    let seeds = [
        slot("clinical", World::Source, "bad"),
        slot("patent", World::Source, "good"),
    ];
    assert_eq!(store.seed_slots(&seeds).await.expect("a seed"), 1);
    let [_, patent] = seeds;
    assert_eq!(store.list_slots().await.expect("slots"), [patent]);
    assert_eq!(state_of(&*store, "bad").await, S::Quarantined);
}

pub async fn what_serves_is_not_quarantined_apart(harness: &dyn Harness) {
    let store = harness.store();
    let now = serving_old(&*store).await;
    recorded(&*store, &built_in("new")).await;
    let tried = Slot {
        candidate: Some(candidate("new", TrialMode::Canary)),
        ..now
    };
    moved(&*store, &slot_move(&tried, "new", Verb::Canary)).await;
    for (name, state) in [("old", S::Active), ("new", S::Canary)] {
        let out = version_move(name, state, S::Quarantined, Verb::Quarantine);
        let refused = store.move_version(&out).await;
        assert!(
            matches!(refused, Err(StoreError::VersionServes(found)) if found == digest(name)),
            "{refused:?}"
        );
        assert_eq!(state_of(&*store, name).await, state);
    }
}

pub async fn of_a_quarantine_and_an_activation_the_later_one_sees_the_other(harness: &dyn Harness) {
    let store = harness.store();
    let mut now = serving_old(&*store).await;
    for round in 0..16 {
        let name = format!("plugin-{round}");
        recorded(&*store, &built_in(&name)).await;
        let out = version_move(&name, S::Checked, S::Quarantined, Verb::Quarantine);
        let activation = activating(&now, &name);
        let mut both = JoinSet::new();
        let (one, other) = (harness.store(), harness.store());
        both.spawn(async move { one.move_version(&out).await.map(drop) });
        both.spawn(async move { other.move_slot(&activation).await.map(drop) });
        let answers = both.join_all().await;
        let n_won = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(n_won, 1, "{answers:?}");
        let rows = store.list_slots().await.expect("slots");
        let serves = rows[0].serving.plugin_digest == digest(&name);
        let expected = if serves { S::Active } else { S::Quarantined };
        assert_eq!(state_of(&*store, &name).await, expected);
        now = rows[0].clone();
    }
}
