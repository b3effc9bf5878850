//! Bytes that are nearly a component.

use std::time::{Duration, Instant};

use phagen_domain::plugin::World;

use crate::{
    common::{DEADLINE, Room, SLACK, artifact, guest, manifest, packaged, query},
    contract::Contract,
    forge::{Forged, leb},
    trial::{behaves, candidates, rerank, slot},
};

/// What the reranker of the house reads its weights from.
const WEIGHTS: &[u8] = include_bytes!("../../../../plugins/evidence-reranker/artifact.json");

#[tokio::test]
async fn the_core_module_of_a_good_guest_is_not_a_component() {
    let room = Room::new();
    let module = Forged::reranker().core_module();
    let error = rerank(&room, &module).await.expect_err("a core module");
    assert_eq!(error.code(), "plugin_not_a_component");
    assert!(
        error.to_string().contains("--target wasm32-wasip2"),
        "{error}"
    );
    behaves(&room).await;
}

#[test]
fn a_good_reranker_is_refused_at_every_hundredth_of_its_length() {
    let room = Room::new();
    let whole = guest("evidence_reranker");
    for percent in 1..100 {
        let cut = &whole[..whole.len() * percent / 100];
        let started = Instant::now();
        let error = room.host.load(World::Reranker, cut).expect_err("refused");
        assert_eq!(error.code(), "plugin_invalid", "{percent} %: {error}");
        assert!(started.elapsed() < SLACK, "{percent} %");
    }
    let error = room.host.load(World::Reranker, &[]).expect_err("nothing");
    assert_eq!(error.code(), "plugin_not_a_component");
    // With something left over, as a download that was appended to another.
    for tail in [&b"\0"[..], b"\0asm\x0d\0\x01\0", &whole] {
        let longer = [&whole, tail].concat();
        let error = room
            .host
            .load(World::Reranker, &longer)
            .expect_err("longer");
        assert_eq!(error.code(), "plugin_invalid", "{error}");
    }
}

#[tokio::test]
async fn long_a_good_reranker_with_one_byte_changed_is_refused_or_runs_within_its_limits() {
    const N_CHANGES: u64 = 200;
    let room = Room::hasty();
    let whole = packaged("evidence_reranker", &manifest(World::Reranker));
    let mut outcomes = std::collections::BTreeMap::<&str, u32>::new();
    for seed in 0..N_CHANGES {
        let chance = *blake3::hash(&seed.to_le_bytes()).as_bytes();
        let [a, b, c, d, bit, ..] = chance;
        let mut changed = whole.clone();
        let at = u32::from_le_bytes([a, b, c, d]) as usize % whole.len();
        changed[at] ^= 1 << (bit % 8);
        let outcome = match slot(&room, &changed) {
            Err(error) => error.code(),
            Ok(mut slot) => {
                slot.artifact = Some(artifact(WEIGHTS));
                slot.activation.grant.artifact = true;
                let started = Instant::now();
                let answer = slot.rerank(&query(), &candidates()).await;
                assert!(started.elapsed() < 2 * DEADLINE + SLACK, "byte {at}");
                answer.map_or_else(|error| error.code(), |_| "ok")
            }
        };
        assert_ne!(outcome, "plugin_engine", "byte {at}");
        *outcomes.entry(outcome).or_default() += 1;
    }
    eprintln!("{N_CHANGES} changed bytes: {outcomes:?}");
    for outcome in ["ok", "plugin_invalid"] {
        assert!(outcomes.contains_key(outcome), "{outcomes:?}");
    }
    behaves(&room).await;
}

#[test]
fn a_component_of_a_newer_contract_is_told_which_this_host_speaks() {
    let newer = "package phagen:plugin@0.9.0;
        interface types { record thought { text: string, weight: f64 } }
        interface lifecycle { describe: func() -> string; }
        interface reranking {
          use types.{thought};
          ponder: func(thoughts: list<thought>) -> list<f64>;
        }
        world reranker { export lifecycle; export reranking; }";
    let room = Room::new();
    let component = Forged::of(Contract::made_up(newer, "reranker")).component();
    let error = room
        .host
        .load(World::Reranker, &component)
        .expect_err("newer");
    assert_eq!(error.code(), "plugin_wrong_world", "{error}");
    let text = error.to_string();
    for words in [
        "phagen:plugin/reranking@0.9.0",
        "it speaks `phagen:plugin@0.1.0`",
    ] {
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn components_within_components_are_refused_in_time() {
    let room = Room::new();
    for depth in [10, 120, 5_000] {
        let started = Instant::now();
        let error = room
            .host
            .load(World::Reranker, &nested(depth))
            .expect_err("nested");
        // Ten levels are only of the wrong world.
        let expected = if depth == 10 {
            "plugin_wrong_world"
        } else {
            "plugin_invalid"
        };
        assert_eq!(error.code(), expected, "{depth}: {error}");
        assert!(started.elapsed() < Duration::from_secs(5), "{depth}");
    }
}

/// A component in a component in a component.
fn nested(depth: usize) -> Vec<u8> {
    const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";
    let mut inner = HEADER.to_vec();
    for _ in 0..depth {
        let mut outer = HEADER.to_vec();
        outer.push(4);
        leb(&mut outer, inner.len());
        outer.extend_from_slice(&inner);
        inner = outer;
    }
    inner
}
