//! Instances that outlive a call. The guest draws random numbers: a fresh instance draws the same
//! as any other, and a kept one goes on where it was.

use std::time::{Duration, Instant};

use phagen_domain::{
    plugin::{InstancePolicy, Keep, Manifest, World},
    query::Query,
};
use phagen_plugin::ActiveSlot;

use crate::common::{DEADLINE, Room, attribute, candidate, day, manifest, query};

fn keeping(world: World, keep: Keep) -> Manifest {
    Manifest {
        instance: InstancePolicy { keep: Some(keep) },
        ..manifest(world)
    }
}

fn random(room: &Room, keep: Keep) -> ActiveSlot {
    room.slot_of(&keeping(World::Reranker, keep), "unruly_reranker", "random")
}

async fn draw_on(slot: &ActiveSlot, query: &Query) -> f32 {
    let candidates = [candidate(1, "One"), candidate(2, "Two")];
    let reranked = slot.rerank(query, &candidates).await;
    reranked.expect("scores").scores[1]
}

async fn draw(slot: &ActiveSlot) -> f32 {
    draw_on(slot, &query()).await
}

fn same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits()
}

#[tokio::test]
async fn an_instance_is_kept_where_its_manifest_asks_for_it() {
    let room = Room::new();
    let fresh = room.reranker("random");
    let first = draw(&fresh).await;
    assert!(same(draw(&fresh).await, first), "a fresh one each time");
    assert_eq!(room.host.n_live_instances(), Some(0));

    let kept = random(&room, Keep::default());
    assert!(same(draw(&kept).await, first));
    assert!(!same(draw(&kept).await, first), "the same one went on");
    assert_eq!(room.host.n_live_instances(), Some(1));
    // A clone of the slot shares them; the last one that goes takes them along.
    let clone = kept.clone();
    drop(kept);
    assert!(!same(draw(&clone).await, first));
    drop(clone);
    assert_eq!(room.host.n_live_instances(), Some(0));
}

#[tokio::test]
async fn it_is_discarded_at_each_of_its_caps() {
    let room = Room::new();
    let first = draw(&room.reranker("random")).await;
    let three_calls = Keep {
        max_calls: 3,
        ..Keep::default()
    };
    let slot = random(&room, three_calls);
    let mut are_fresh = Vec::new();
    for _ in 0..7 {
        are_fresh.push(same(draw(&slot).await, first));
    }
    assert_eq!(are_fresh, [true, false, false, true, false, false, true]);

    for keep in [
        Keep {
            max_calls: 1,
            ..Keep::default()
        },
        Keep {
            max_memory_bytes: 1 << 10,
            ..Keep::default()
        },
    ] {
        let slot = random(&room, keep);
        for _ in 0..3 {
            assert!(same(draw(&slot).await, first), "{keep:?}");
        }
    }
}

#[tokio::test]
async fn an_old_one_is_not_used_again() {
    let room = Room::new();
    let one_second = Keep {
        max_age_seconds: 1,
        ..Keep::default()
    };
    let slot = random(&room, one_second);
    let first = draw(&slot).await;
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    assert!(same(draw(&slot).await, first));
}

#[tokio::test]
async fn an_old_one_goes_without_another_call() {
    let room = Room::with(|settings| settings.n_kept_instances = 2);
    let keep = |max_age_seconds| Keep {
        max_age_seconds,
        ..Keep::default()
    };
    let (brief, patient) = (random(&room, keep(60)), random(&room, keep(600)));
    let first = draw(&brief).await;
    draw(&patient).await;
    let now = Instant::now();
    for (seconds, n_dropped, n_live) in
        [(0, 0, 2), (59, 0, 2), (61, 1, 1), (599, 0, 1), (601, 1, 0)]
    {
        let then = now + Duration::from_secs(seconds);
        assert_eq!(room.host.drop_aged(then), n_dropped, "after {seconds} s");
        assert_eq!(
            room.host.n_live_instances(),
            Some(n_live),
            "after {seconds} s"
        );
    }
    // Its place is free for another slot, and its own next call begins anew.
    let third = random(&room, keep(60));
    assert!(same(draw(&third).await, first));
    assert!(!same(draw(&third).await, first), "kept");
    assert!(same(draw(&brief).await, first));
    // What no slot holds any more is not looked for.
    drop((brief, patient, third));
    assert_eq!(room.host.drop_aged(now + Duration::from_secs(601)), 0);
}

#[tokio::test]
async fn it_serves_one_day_one_configuration_and_one_artifact() {
    let room = Room::new();
    let mut slot = random(&room, Keep::default());
    let today = query();
    let yesteryear = Query {
        as_of: day(2025),
        ..query()
    };
    let first = draw_on(&slot, &today).await;
    assert!(
        same(draw_on(&slot, &yesteryear).await, first),
        "a fresh one"
    );
    assert!(!same(draw_on(&slot, &today).await, first), "the one before");
    slot.activation.config.push(attribute("more", "of it"));
    assert!(same(draw_on(&slot, &today).await, first));
    slot.artifact = Some(crate::common::artifact(b"weights"));
    assert!(same(draw_on(&slot, &today).await, first));
    slot.activation.grant.artifact = true;
    assert!(same(draw_on(&slot, &today).await, first));
}

#[tokio::test]
async fn what_was_interrupted_is_not_kept() {
    let room = Room::with(|settings| {
        settings.limits.deadline = DEADLINE;
        settings.limits.scoring_deadline = DEADLINE;
    });
    for (mode, code) in [
        ("trap", "plugin_trap"),
        ("loop", "plugin_timeout"),
        ("nan", "plugin_invalid_output"),
    ] {
        let wanted = keeping(World::Reranker, Keep::default());
        let slot = room.slot_of(&wanted, "unruly_reranker", mode);
        let error = slot.rerank(&query(), &[candidate(1, "One")]).await;
        assert_eq!(error.expect_err(mode).code(), code);
        assert_eq!(room.host.n_live_instances(), Some(0), "{mode}");
    }
    // Told in its own words it is a failure like any answer.
    let wanted = keeping(World::Reranker, Keep::default());
    let slot = room.slot_of(&wanted, "unruly_reranker", "fail");
    assert!(slot.rerank(&query(), &[candidate(1, "One")]).await.is_err());
    assert_eq!(room.host.n_live_instances(), Some(1));
}

#[tokio::test]
async fn a_dropped_call_takes_its_instance_along() {
    let room = Room::new();
    let wanted = keeping(World::Source, Keep::default());
    let mut slot = room.slot_of(&wanted, "unruly_guest", "corpus");
    slot.activation.grant.corpus = true;
    slot.search(&query(), 3, None).await.expect("a page");
    assert_eq!(room.host.n_live_instances(), Some(1));
    let mut query = query();
    "slow".clone_into(&mut query.molecule.name);
    // It waits for the corpus, which answers on another thread.
    let call = slot.search(&query, 3, None);
    assert!(tokio::time::timeout(Duration::ZERO, call).await.is_err());
    assert_eq!(room.host.n_live_instances(), Some(0));
    assert!(slot.search(&query, 3, None).await.is_ok());
}

#[tokio::test]
async fn places_for_idle_ones_are_few_and_take_none_from_others() {
    let room = Room::with(|settings| {
        settings.n_instances = 1;
        settings.n_kept_instances = 2;
    });
    let slots: Vec<ActiveSlot> = (0..4).map(|_| random(&room, Keep::default())).collect();
    for slot in &slots {
        draw(slot).await;
    }
    assert_eq!(room.host.n_live_instances(), Some(2));
    let fresh = room.reranker("random");
    let first = draw(&fresh).await;
    assert!(!same(draw(&slots[0]).await, first), "kept");
    assert!(same(draw(&slots[3]).await, first), "had no place");
}

#[tokio::test]
async fn each_call_of_a_kept_instance_has_budgets_of_its_own() {
    let room = Room::new();
    let wanted = keeping(World::Source, Keep::default());
    let slot = room.slot_of(&wanted, "unruly_guest", "log-flood");
    for n_calls in 1..=3 {
        slot.search(&query(), 3, None).await.expect("a page");
        let lines = room.host.logs(slot.plugin.digest(), 0);
        assert_eq!(lines.len(), n_calls * 200);
    }
    assert_eq!(room.host.n_live_instances(), Some(1));
}
