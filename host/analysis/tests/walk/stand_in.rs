//! What stands behind a slot's version answers when that cannot, and the result says so.

use std::sync::Arc;

use phagen_domain::result::JobResult;
use phagen_plugin::ActiveSlot;

use crate::{
    open_room,
    room::{Heard, Room, as_of, asked, refusing_source},
};

/// Without its artifact the reranker refuses to start.
fn without_artifact(reranker: &ActiveSlot) -> ActiveSlot {
    let mut broken = reranker.clone();
    broken.artifact = None;
    broken.activation.artifact_digest = None;
    broken
}

async fn reranked_by(room: &Room, reranker: ActiveSlot) -> JobResult {
    let mut slots = room.slots.clone();
    slots.rerankers = vec![reranker];
    room.analysis
        .run(&asked("aspirin"), &slots, as_of(), 1, &Heard::default())
        .await
        .expect("a result")
}

#[tokio::test]
async fn the_version_behind_a_reranker_that_fails_ranks_and_is_named() {
    let room = open_room().await;
    let sound = &room.slots.rerankers[0];
    let expected = reranked_by(room, sound.clone()).await;

    let twice_broken = without_artifact(sound).with_fallback(Some(Arc::new(
        without_artifact(sound).with_fallback(Some(Arc::new(sound.clone()))),
    )));
    let result = reranked_by(room, twice_broken).await;
    assert_eq!(result.evidence, expected.evidence);
    assert!(result.degraded);
    let told: Vec<_> = result
        .warnings
        .iter()
        .filter(|warning| warning.contains("was asked instead"))
        .collect();
    assert_eq!(told.len(), 1, "{:?}", result.warnings);
}

#[tokio::test]
async fn a_question_that_is_wrong_is_asked_of_nobody_else() {
    let room = open_room().await;
    let behind = Arc::new(room.slots.sources[0].clone());
    let mut slots = room.slots.clone();
    slots.sources = vec![refusing_source().with_fallback(Some(behind))];
    let result = room
        .analysis
        .run(&asked("aspirin"), &slots, as_of(), 0, &Heard::default())
        .await
        .unwrap();
    let error = result.sources[0].error.as_deref().unwrap();
    assert!(error.contains("no such question"), "{error}");
    assert!(result.evidence.is_empty());
}
