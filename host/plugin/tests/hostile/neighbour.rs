//! What happens to the others meanwhile: nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::{
    common::{Room, query},
    forge::Forged,
    trial::{candidates, serving, slot},
};

/// Guests that harm as much as one can, each in its way.
fn villains() -> Vec<(&'static str, Forged)> {
    let score = |body: &str| Forged::reranker().body("score", format!("{body} (unreachable)"));
    vec![
        ("loop", score("(loop $l (br $l))")),
        ("memory", score("(loop $l (drop (memory.grow (i32.const 64))) (br $l))")),
        (
            "fill",
            score("(loop $l (memory.fill (i32.const 65536) (i32.const 1) (i32.const 33554432)) (br $l))")
                .memory("(memory (export \"memory\") 600)"),
        ),
        (
            "recursion",
            score("(call $dig)").field("(func $dig (call $dig) (nop))"),
        ),
        ("trap", score("(unreachable)")),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn well_behaved_slots_answer_beside_hostile_ones() {
    let room = Room::with(|settings| {
        settings.n_instances = 16;
        settings.limits.scoring_deadline = Duration::from_secs(2);
    });
    let done = Arc::new(AtomicBool::new(false));
    let mut hostile = JoinSet::new();
    for (name, guest) in villains() {
        let plugin = slot(&room, &guest.component()).expect(name).plugin;
        let done = Arc::clone(&done);
        hostile.spawn(async move {
            let mut n_offences = 0_u32;
            while !done.load(Ordering::Relaxed) {
                // In a new slot each time, lest the circuit breaker keep it from running.
                let slot = serving(plugin.clone());
                let error = slot.rerank(&query(), &candidates()).await.expect_err(name);
                let codes = ["plugin_timeout", "plugin_memory", "plugin_trap"];
                assert!(codes.contains(&error.code()), "{name}: {error}");
                n_offences += 1;
                tokio::task::yield_now().await;
            }
            n_offences
        });
    }
    let source = room.source("ok");
    let reranker = slot(&room, &Forged::reranker().component()).expect("a slot");
    let until = Instant::now() + Duration::from_secs(3);
    let mut n_good = 0_u32;
    while Instant::now() < until {
        source.search(&query(), 3, None).await.expect("a page");
        let reranked = reranker.rerank(&query(), &candidates()).await;
        assert_eq!(reranked.expect("scores").scores.len(), 3);
        n_good += 1;
    }
    done.store(true, Ordering::Relaxed);
    let n_offences: u32 = hostile.join_all().await.into_iter().sum();
    assert!(
        n_good > 10,
        "{n_good} good rounds beside {n_offences} offences"
    );
    assert!(
        n_offences > 10,
        "{n_offences} offences beside {n_good} good rounds"
    );
    assert_eq!(room.host.n_live_instances().unwrap_or(0), 0);
}
