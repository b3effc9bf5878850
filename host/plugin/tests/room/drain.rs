//! A version that serves nowhere any more leaves no memory behind.

use phagen_domain::plugin::World;

use crate::common::{Room, guest, query};

/// Memory of this process that is in use, in bytes.
fn resident_bytes() -> u64 {
    const PAGE_BYTES: u64 = 4_096;
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|text| text.parse::<u64>().ok());
    pages.expect("a number") * PAGE_BYTES
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "the figure is worth reading")]
async fn long_a_thousand_swaps_give_their_memory_back() {
    let room = Room::new();
    let bytes = guest("unruly_reranker");
    room.host.load(World::Reranker, &bytes).expect("compiled");
    let mut before = 0;
    for n in 1..=1_200 {
        // As a swap does: another plugin of its own, which serves, and is dropped with its slot.
        let mut slot = room.reranker("ok");
        slot.plugin = room.host.load(World::Reranker, &bytes).expect("a plugin");
        slot.rerank(&query(), &[]).await.expect("scores");
        if n == 200 {
            before = resident_bytes();
        }
    }
    let after = resident_bytes();
    #[expect(clippy::cast_precision_loss, reason = "a ratio of two sizes")]
    let ratio = after as f64 / before as f64;
    println!("resident after 200 swaps {before} bytes, after 1,200 {after} bytes: {ratio:.3}");
    assert!(ratio < 1.05, "{before} bytes became {after}");
    assert_eq!(room.host.n_live_instances(), Some(0));
}
