//! Loads a hostile guest, asks it to rerank, and holds what came of it against what was expected.

use std::time::{Duration, Instant};

use phagen_domain::{
    evidence::Candidate,
    plugin::{Activation, Grant, World},
};
use phagen_plugin::{ActiveSlot, Plugin, PluginError, Reranked};

use crate::{
    common::{DEADLINE, Room, attribute, candidate, query},
    forge::Forged,
};

/// How long a guest may take in all under [`Room::hasty`], on a busy machine: it is compiled, has
/// one deadline for `describe`, one for `init` and one for its work.
const LATEST: Duration = DEADLINE
    .saturating_mul(3)
    .saturating_add(Duration::from_secs(5));

pub(crate) fn candidates() -> Vec<Candidate> {
    (1..=3)
        .map(|pmid| {
            candidate(
                pmid,
                "A title that is long enough to need memory of its own",
            )
        })
        .collect()
}

/// A slot whose guest is made of `bytes`, with nothing granted.
pub(crate) fn slot(room: &Room, bytes: &[u8]) -> Result<ActiveSlot, PluginError> {
    room.host.load(World::Reranker, bytes).map(serving)
}

/// A slot of which nobody knows yet how its plugin behaves.
pub(crate) fn serving(plugin: Plugin) -> ActiveSlot {
    let activation = Activation {
        plugin: plugin.name().to_owned(),
        plugin_digest: plugin.digest(),
        artifact_digest: None,
        config: vec![attribute("mode", "ok")],
        grant: Grant::default(),
    };
    let name = "hostile".parse().expect("a slot name");
    ActiveSlot::new(name, 1, activation, plugin, None)
}

pub(crate) async fn rerank(room: &Room, bytes: &[u8]) -> Result<Reranked, PluginError> {
    slot(room, bytes)?.rerank(&query(), &candidates()).await
}

/// What a forged guest is expected to end as.
pub(crate) struct Expected {
    pub(crate) code: &'static str,
    /// What its message has to hold.
    pub(crate) words: &'static str,
}

/// Tries each guest in a room of its own limits, then asks a guest that behaves.
pub(crate) async fn expect(room: &Room, offences: Vec<(&str, Forged, Expected)>) {
    for (name, guest, expected) in offences {
        let bytes = guest.component();
        let started = Instant::now();
        let error = rerank(room, &bytes).await.expect_err(name);
        let took = started.elapsed();
        assert_eq!(error.code(), expected.code, "{name}: {error}");
        let text = error.to_string();
        assert!(text.contains(expected.words), "{name}: {text}");
        assert!(took < LATEST, "{name} took {took:?}");
    }
    behaves(room).await;
}

/// One guest's fault is nobody else's, and leaves nothing behind.
pub(crate) async fn behaves(room: &Room) {
    let good = Forged::reranker().component();
    let reranked = rerank(room, &good).await.expect("the next guest works");
    assert_eq!(reranked.scores, [0.0; 3]);
    assert_eq!(room.host.n_live_instances().unwrap_or(0), 0);
}
