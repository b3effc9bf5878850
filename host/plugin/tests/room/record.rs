//! Calls written down, and run again.

use phagen_domain::plugin::World;
use phagen_plugin::{
    ActiveSlot, CallAnswer, Difference, Document, PluginError, RecordedCall, Recording,
    ReplayError, SlotSet, replay,
};

use crate::common::{Room, candidate, day, query};

fn set(room: &Room) -> SlotSet {
    let mut source = room.source("corpus");
    source.activation.grant.corpus = true;
    SlotSet {
        sources: vec![source, room.source("crowd")],
        mappers: vec![room.mapper("ok")],
        rerankers: vec![room.reranker("random")],
    }
}

/// A job's worth of calls, by way of what a job is stored as.
async fn record(set: &SlotSet) -> Recording {
    let (recorded, recorder) = set.recorded();
    ask(&recorded).await;
    let json = serde_json::to_string(&recorder.take()).expect("JSON");
    serde_json::from_str(&json).expect("the same")
}

async fn ask(set: &SlotSet) {
    let candidates = [
        candidate(1, "One"),
        candidate(2, "Two"),
        candidate(3, "Three"),
    ];
    let query = query();
    set.sources[0]
        .search(&query, 3, None)
        .await
        .expect("a page");
    set.sources[1]
        .search(&query, 3, None)
        .await
        .expect_err("a crowd");
    let documents: Vec<Document> = candidates
        .iter()
        .map(|candidate| Document {
            evidence_id: candidate.evidence.evidence_id.clone(),
            passages: candidate.evidence.passages.clone(),
        })
        .collect();
    let found = set.mappers[0].find(day(2026), Some(&query.molecule), &documents);
    assert_eq!(found.await.expect("findings").len(), 3);
    set.rerankers[0]
        .rerank(&query, &candidates)
        .await
        .expect("scores");
}

fn slots(set: &SlotSet) -> Vec<&ActiveSlot> {
    set.iter().collect()
}

async fn differs(slot: &ActiveSlot, call: &RecordedCall) -> Difference {
    match replay(slot, call).await.expect_err("a difference") {
        ReplayError::Different(difference) => difference,
        error @ ReplayError::NotKept { .. } => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_recording_holds_what_a_call_depends_on_and_is_the_same_again() {
    let room = Room::new();
    let set = set(&room);
    let recording = record(&set).await;
    assert_eq!((recording.calls.len(), recording.n_dropped), (4, 0));
    let worlds: Vec<World> = recording.calls.iter().map(|call| call.world).collect();
    let [source, mapper, reranker] = [World::Source, World::Mapper, World::Reranker];
    assert_eq!(worlds, [source, source, mapper, reranker]);
    let [searched, crowd, ..] = &recording.calls[..] else {
        panic!("four calls")
    };
    assert_eq!(searched.corpus.len(), 1);
    assert!(searched.grant.corpus);
    assert_eq!(searched.plugin_digest, set.sources[0].plugin.digest());
    assert!(searched.answer_digest.is_some() && searched.milliseconds > 0.0);
    let failure = crowd.answer.as_ref().expect_err("a failure");
    assert_eq!(failure.code, "plugin_invalid_output");

    // Another host, whose corpus has answered nothing yet.
    let elsewhere = Room::new();
    let again = self::set(&elsewhere);
    for (slot, call) in slots(&again).into_iter().zip(&recording.calls) {
        replay(slot, call).await.expect("the same bits");
    }
    let asked = elsewhere.corpus.asked.lock().expect("not poisoned");
    assert!(asked.is_empty(), "the recording answered");
}

#[tokio::test]
async fn a_planted_difference_is_named() {
    let room = Room::new();
    let set = set(&room);
    let recording = record(&set).await;
    let [searched, crowd, found, ranked] = &recording.calls[..] else {
        panic!("four calls")
    };

    let mut planted = ranked.clone();
    let Ok(CallAnswer::Reranked(reranked)) = &mut planted.answer else {
        panic!("scores")
    };
    let real = reranked.scores[2];
    reranked.scores[2] = f32::from_bits(real.to_bits() ^ 1);
    let difference = differs(&set.rerankers[0], &planted).await;
    assert_eq!(difference.path, "answer.reranked.scores[2]");
    assert_ne!(difference.recorded, difference.replayed);

    let mut planted = found.clone();
    planted.answer = crowd.answer.clone();
    assert_eq!(differs(&set.mappers[0], &planted).await.path, "answer");

    let mut planted = searched.clone();
    let page = planted.corpus[0].answer.as_mut().expect("a page");
    page.candidates[0].evidence.title = "Another title".to_owned();
    let difference = differs(&set.sources[0], &planted).await;
    assert_eq!(difference.path, "answer.page.candidates[0].evidence.title");
    assert_eq!(difference.replayed, "\"Another title\"");

    let mut planted = searched.clone();
    planted.corpus[0].request.limit = 4;
    let difference = differs(&set.sources[0], &planted).await;
    assert_eq!(difference.path, "corpus[0].request.limit");
    assert_eq!(
        (difference.recorded.as_str(), difference.replayed.as_str()),
        ("4", "3")
    );

    let mut planted = searched.clone();
    planted.corpus.clear();
    let difference = differs(&set.sources[0], &planted).await;
    assert_eq!(difference.recorded, "not asked");
    let mut planted = searched.clone();
    planted.corpus.push(planted.corpus[0].clone());
    let difference = differs(&set.sources[0], &planted).await;
    assert_eq!(difference.replayed, "not asked");
}

#[tokio::test]
async fn another_plugin_or_artifact_is_no_replay() {
    let room = Room::new();
    let set = set(&room);
    let recording = record(&set).await;
    let difference = differs(&set.mappers[0], &recording.calls[3]).await;
    assert_eq!(difference.path, "plugin_digest");
    let mut slot = set.rerankers[0].clone();
    slot.artifact = Some(crate::common::artifact(b"weights"));
    let difference = differs(&slot, &recording.calls[3]).await;
    assert_eq!(difference.path, "artifact_digest");
}

#[tokio::test]
async fn a_recording_has_a_largest_size() {
    let room = Room::new();
    let set = set(&room);
    let (recorded, recorder) = set.recorded_within(4_000);
    for _ in 0..4 {
        ask(&recorded).await;
    }
    let recording = recorder.take();
    assert!(recording.n_dropped > 0 && !recording.calls.is_empty());
    assert_eq!(recording.calls.len() + recording.n_dropped as usize, 16);
    assert!(serde_json::to_vec(&recording.calls).expect("JSON").len() <= 4_100);
    assert_eq!(recorder.take(), Recording::default());
}

#[tokio::test]
async fn a_fallback_is_recorded_too() {
    let room = Room::new();
    let mut set = set(&room);
    let fallback = std::sync::Arc::new(room.reranker("ok"));
    set.rerankers = vec![room.reranker("trap").with_fallback(Some(fallback))];
    let (recorded, recorder) = set.recorded();
    let (query, candidates) = (query(), [candidate(1, "One")]);
    let slot = &recorded.rerankers[0];
    assert!(slot.rerank(&query, &candidates).await.is_err());
    let behind = slot.fallback().expect("a fallback");
    assert!(behind.rerank(&query, &candidates).await.is_ok());
    let [failed, answered] = &recorder.take().calls[..] else {
        panic!("two calls")
    };
    assert_eq!(
        failed.answer.as_ref().expect_err("a trap").code,
        "plugin_trap"
    );
    assert!(answered.answer.is_ok());
    assert!(matches!(
        set.rerankers[0].rerank(&query, &candidates).await,
        Err(PluginError::Trap { .. })
    ));
    assert_eq!(
        recorder.take().calls.len(),
        0,
        "only the recorded set is heard"
    );
}
