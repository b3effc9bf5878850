//! How fast the registry is on this machine's disk: `cargo run --release -p phagen-store-sqlite
//! --example registry_speed -- [FOLDER]`. With 100 slots and 100 versions installed, prints what a
//! swap adds, what each host of a fleet pays to hear of it, and both again after 10,000 moves.

use std::{
    env,
    io::{Write as _, stdout},
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use phagen_domain::plugin::{Slot, TrialMode, Verb, World};
use phagen_store::{
    RegistryStore as _,
    conformance::plugin_specimen::{activation, built_in, candidate, cause, slot, slot_move},
};
use phagen_store_sqlite::SqliteStore;

const N_SLOTS: usize = 100;
const N_MOVES: usize = 10_000;
const N_TIMED: usize = 1_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let parent = env::args_os()
        .nth(1)
        .map_or_else(env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(parent)?;
    let store = SqliteStore::open(&folder.path().join("speed.db")).await?;
    let mut slots = Vec::new();
    for n in 0..N_SLOTS {
        let plugin = format!("plugin-{n}");
        let version = built_in(&plugin);
        store.record_version(&version, &cause(Verb::Upload)).await?;
        slots.push(Slot {
            candidate: Some(candidate("plugin-0", TrialMode::Shadow)),
            ..slot(&format!("slot-{n}"), World::Reranker, &plugin)
        });
    }
    store.seed_slots(&slots).await?;
    say_all(&store, &mut slots[0]).await?;
    for _ in 0..N_MOVES {
        swap(&store, &mut slots[1]).await?;
    }
    writeln!(stdout(), "after {N_MOVES} moves:")?;
    say_all(&store, &mut slots[0]).await?;
    store.close().await;
    Ok(())
}

async fn say_all(store: &SqliteStore, slot: &mut Slot) -> anyhow::Result<()> {
    let mut took = Vec::new();
    for _ in 0..N_TIMED {
        let begun = Instant::now();
        swap(store, slot).await?;
        took.push(begun.elapsed());
    }
    say("move_slot", took)?;
    let mut took = Vec::new();
    for _ in 0..N_TIMED {
        let begun = Instant::now();
        store.set_generation().await?;
        took.push(begun.elapsed());
    }
    say("set_generation", took)?;
    let mut took = Vec::new();
    for _ in 0..N_TIMED {
        let begun = Instant::now();
        store.list_slots().await?;
        took.push(begun.elapsed());
    }
    say("list_slots", took)
}

/// Makes what served the way back, and the way back what serves.
async fn swap(store: &SqliteStore, slot: &mut Slot) -> anyhow::Result<()> {
    let next = slot
        .previous
        .take()
        .unwrap_or_else(|| activation("plugin-99"));
    slot.previous = Some(std::mem::replace(&mut slot.serving, next));
    let about = slot.serving.plugin.clone();
    let change = slot_move(slot, &about, Verb::Activate);
    *slot = store.move_slot(&change).await?.slot;
    Ok(())
}

fn say(what: &str, mut took: Vec<Duration>) -> anyhow::Result<()> {
    took.sort_unstable();
    let at = |percent: usize| took.get(took.len() * percent / 100);
    let (median, p99) = (at(50).context("no time")?, at(99).context("no time")?);
    writeln!(
        stdout(),
        "{what:>16}  median {:>7.1} µs  p99 {:>7.1} µs",
        median.as_secs_f64() * 1e6,
        p99.as_secs_f64() * 1e6,
    )
    .context("standard output is closed")
}
