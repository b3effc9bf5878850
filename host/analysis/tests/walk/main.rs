//! The whole walk of a job with the plugins and the data that ship.

mod room;
mod stand_in;

use std::{collections::BTreeSet, time::Duration};

use phagen_analysis::{
    Analysis, AnalysisError, AnalysisSettings, SourceLimit, SourceLimits, strike_broken_quotes,
    unanswered,
};
use phagen_cache::CacheSettings;
use phagen_domain::{
    assessment::Recommendation,
    evidence::EvidenceKind,
    finding::Stance,
    job::{JobRequest, Stage},
    plugin::World,
    result::{JobResult, SourceStatus},
};
use phagen_plugin::SlotSet;
use room::{Heard, Room, as_of, asked, source};
use tokio::sync::OnceCell;

/// The index is built once for all stories.
static ROOM: OnceCell<Room> = OnceCell::const_new();

fn uncached() -> CacheSettings {
    CacheSettings {
        enabled: false,
        ..CacheSettings::default()
    }
}

async fn open_room() -> &'static Room {
    ROOM.get_or_init(|| async { Room::bundled() }).await
}

fn diseases(result: &JobResult, stance: Stance) -> Vec<&str> {
    result
        .repurposing_suggestions
        .iter()
        .filter(|suggestion| suggestion.stance == stance)
        .map(|suggestion| suggestion.disease.as_str())
        .collect()
}

#[tokio::test]
async fn aspirin_gets_traceable_and_sensible_suggestions() {
    let result = open_room().await.analyse(&asked("aspirin")).await;
    assert!(!result.degraded, "{:?}", result.warnings);
    assert!(result.evidence.values().map(Vec::len).sum::<usize>() >= 14);

    let mut names: Vec<String> = vec![result.molecule.name.to_lowercase()];
    names.extend(
        result
            .molecule
            .synonyms
            .iter()
            .map(|name| name.to_lowercase()),
    );
    for ranked in result.evidence.values().flatten() {
        let mut texts: Vec<String> = vec![ranked.evidence.title.to_lowercase()];
        texts.extend(
            ranked
                .evidence
                .passages
                .iter()
                .map(|p| p.text.to_lowercase()),
        );
        texts.extend(
            ranked
                .evidence
                .attributes
                .iter()
                .map(|a| a.value.to_lowercase()),
        );
        let is_named = names
            .iter()
            .filter(|name| name.chars().count() > 4)
            .any(|name| texts.iter().any(|text| text.contains(name.as_str())));
        assert!(
            is_named,
            "{} does not name aspirin",
            ranked.evidence.evidence_id
        );
    }

    let treats = diseases(&result, Stance::Treats);
    let expected = [
        "cardiovascular",
        "infarction",
        "coronary",
        "stroke",
        "colorectal",
        "colonic",
    ];
    assert!(
        treats.iter().any(|disease| {
            let disease = disease.to_lowercase();
            expected.iter().any(|word| disease.contains(word))
        }),
        "{treats:?}"
    );
    for side_effect in [
        "Gastrointestinal Hemorrhage",
        "Peptic Ulcer",
        "Stomach Ulcer",
        "Hemorrhage",
    ] {
        assert!(!treats.contains(&side_effect), "{treats:?}");
    }
}

#[tokio::test]
async fn every_number_can_be_traced_to_its_text() {
    let mut result = open_room().await.analyse(&asked("metformin")).await;
    for suggestion in &result.repurposing_suggestions {
        assert!(!suggestion.basis.is_empty(), "{}", suggestion.disease);
        for place in &suggestion.basis {
            let ranked = result.find_evidence(&place.evidence_id).unwrap();
            let span = place.span.expect("the mapper quotes");
            let text = ranked.evidence.text_of(span.passage).unwrap();
            assert_eq!(span.of(text), Some(place.matched_text.as_str()));
            assert!(text.contains(place.quote.as_deref().unwrap()));
        }
        for input in &suggestion.assessment.inputs {
            for id in &input.evidence_ids {
                assert!(result.find_evidence(id).is_some(), "{id}");
            }
        }
    }
    for (kind, ranked) in &result.evidence {
        let ranks: Vec<u32> = ranked.iter().map(|evidence| evidence.rank).collect();
        let expected: Vec<u32> = (1..).take(ranks.len()).collect();
        assert_eq!(ranks, expected, "{kind}");
        for evidence in ranked {
            assert!(!evidence.provenance.is_empty());
            assert_eq!(
                evidence.features.len(),
                result.reranking.feature_names.len()
            );
        }
    }
    assert_eq!(strike_broken_quotes(&mut result), 0);
    assert!(result.innovation_story.iter().any(|s| !s.quotes.is_empty()));
}

#[tokio::test]
async fn a_molecule_nobody_knows_ends_with_nothing_and_says_so() {
    let result = open_room().await.analyse(&asked("zorbamycinol")).await;
    assert_eq!(result.evidence.values().map(Vec::len).sum::<usize>(), 0);
    assert!(result.repurposing_suggestions.is_empty());
    assert_eq!(
        result.recommendation.label,
        Recommendation::InsufficientEvidence
    );
    assert!(!result.degraded);
    assert!(result.innovation_story[0].text.contains("no evidence"));
    assert!(result.innovation_story.iter().all(|s| s.quotes.is_empty()));
    assert!(
        result
            .sources
            .iter()
            .all(|s| s.status == SourceStatus::Empty)
    );
}

#[tokio::test]
async fn a_repeated_job_is_served_from_the_cache_with_the_same_answer() {
    let room = open_room().await;
    let first = room.analyse(&asked("tamoxifen")).await;
    let second = room.analyse(&asked("tamoxifen")).await;
    assert!(second.sources.iter().all(|source| source.cached));
    assert_eq!(first.evidence, second.evidence);
    assert_eq!(
        first.repurposing_suggestions,
        second.repurposing_suggestions
    );
    assert_eq!(first.innovation_story, second.innovation_story);
}

#[tokio::test]
async fn a_source_that_fails_degrades_the_result_and_is_listed() {
    let room = open_room().await;
    let mut slots = room.slots.clone();
    slots.sources[2] = source(&room.host, "regulatory", "nonsense");
    let analysis = room::analysis(uncached(), room::PATIENT);
    let result = analysis
        .run(&asked("aspirin"), &slots, as_of(), 0, &Heard::default())
        .await
        .unwrap();
    assert!(result.degraded);
    assert!(
        result.warnings[0].contains("regulatory"),
        "{:?}",
        result.warnings
    );
    let report = &result.sources[2];
    assert_eq!(report.status, SourceStatus::Failed);
    assert!(report.error.as_ref().unwrap().contains("nonsense"));
    assert_eq!(
        result.recommendation.label,
        Recommendation::InsufficientEvidence
    );
    assert_eq!(result.recommendation.gate, 1);
    assert!(!result.evidence[&EvidenceKind::Literature].is_empty());
}

#[tokio::test]
async fn a_source_that_may_heal_is_asked_again_but_not_for_ever() {
    let room = open_room().await;
    for (n_failures, status) in [(2, SourceStatus::Found), (3, SourceStatus::Failed)] {
        let mut slots = room.slots.clone();
        slots.sources = vec![room.recovering_source(n_failures, 1)];
        let result = room::analysis(uncached(), room::PATIENT)
            .run(&asked("aspirin"), &slots, as_of(), 0, &Heard::default())
            .await
            .unwrap();
        assert_eq!(result.sources[0].status, status, "{n_failures} failures");
    }
}

#[tokio::test]
async fn a_source_that_asks_for_more_time_than_there_is_is_not_waited_for() {
    let room = open_room().await;
    let wait_ms = 3_600_000;
    let mut slots = room.slots.clone();
    slots.sources = vec![room.recovering_source(1, wait_ms)];
    let result = room::analysis(uncached(), room::PATIENT)
        .run(&asked("aspirin"), &slots, as_of(), 0, &Heard::default())
        .await
        .unwrap();
    let report = &result.sources[0];
    assert_eq!(report.status, SourceStatus::Failed);
    let error = report.error.as_deref().unwrap();
    assert!(error.contains("the corpus is down"), "{error}");
    assert_eq!(
        report
            .passing
            .and_then(|passing| passing.retry_after_milliseconds),
        Some(wait_ms)
    );
    let unanswered = unanswered(&result).expect("nobody answered");
    assert_eq!(unanswered.retry_after, Some(Duration::from_millis(wait_ms)));
    assert!(
        unanswered.message.contains("`literature`: "),
        "{unanswered:?}"
    );
}

#[tokio::test]
async fn a_source_without_a_turn_degrades_the_result_and_costs_no_call() {
    let room = open_room().await;
    let slow = SourceLimit {
        n_in_flight: None,
        interval: Duration::from_hours(1),
    };
    let literature = room.recovering_source(0, 0);
    let analysis = room::analysis_with(
        uncached(),
        AnalysisSettings {
            source_limits: SourceLimits {
                of_slot: [(literature.slot.clone(), slow)].into(),
                patience: Duration::ZERO,
                ..SourceLimits::default()
            },
            ..AnalysisSettings::default()
        },
    );
    let mut slots = room.slots.clone();
    slots.sources = vec![literature];
    // So many are asked for that one page holds them all.
    let mut request = asked("tamoxifen");
    request.limit = 100;
    let run = async |analysis: &Analysis, slots: &SlotSet| {
        let heard = Heard::default();
        let run = analysis.run(&request, slots, as_of(), 0, &heard);
        run.await.unwrap()
    };
    let first = run(&analysis, &slots).await;
    assert_eq!(first.sources[0].status, SourceStatus::Found);
    // The next job comes too soon, and so does one that keeps its calls.
    for analysis in [&analysis, &analysis.uncached()] {
        let second = run(analysis, &slots).await;
        assert_eq!(second.sources[0].status, SourceStatus::Failed);
        assert!(
            second.warnings[0].contains("had no turn"),
            "{:?}",
            second.warnings
        );
        assert!(unanswered(&second).is_some());
    }
    // Another slot is not held up, and what it answers is a result.
    slots.sources.push(source(&room.host, "patent", "patent"));
    let third = run(&analysis, &slots).await;
    assert_eq!(third.sources[0].status, SourceStatus::Failed);
    assert_ne!(third.sources[1].status, SourceStatus::Failed);
    assert!(third.degraded && unanswered(&third).is_none());
}

/// All sources are asked at most once in `interval`, and no first call waits.
fn hurried(interval: Duration) -> Analysis {
    let settings = AnalysisSettings {
        source_deadline: room::PATIENT,
        source_limits: SourceLimits {
            usual: SourceLimit {
                n_in_flight: None,
                interval,
            },
            patience: Duration::ZERO,
            ..SourceLimits::default()
        },
    };
    room::analysis_with(uncached(), settings)
}

#[tokio::test]
async fn what_was_read_is_not_lost_since_the_next_page_waits_for_its_turn() {
    let room = open_room().await;
    let (pages, endless) = room::endless_source();
    let mut slots = room.slots.clone();
    slots.sources = vec![endless];
    let mut request = asked("aspirin");
    request.limit = 1;
    let result = hurried(Duration::from_millis(50))
        .run(&request, &slots, as_of(), 0, &Heard::default())
        .await
        .unwrap();
    assert_eq!(result.sources[0].status, SourceStatus::Found);
    assert_eq!(*pages.lock().unwrap(), [2; 2]);
}

#[tokio::test]
async fn a_retry_without_a_turn_tells_what_failed() {
    let room = open_room().await;
    let mut slots = room.slots.clone();
    slots.sources = vec![room.recovering_source(1, 0)];
    let result = hurried(Duration::from_hours(1))
        .run(&asked("aspirin"), &slots, as_of(), 0, &Heard::default())
        .await
        .unwrap();
    assert_eq!(result.sources[0].status, SourceStatus::Failed);
    let told = &result.warnings[0];
    assert!(told.contains("the corpus is down"), "{told}");
}

#[tokio::test]
async fn a_source_without_end_is_read_four_pages_only() {
    let room = open_room().await;
    // A page asks for twice what is kept, up to 200.
    for (limit, page_limit) in [(3, 6), (JobRequest::MAX_LIMIT + 1, 200)] {
        let (pages, endless) = room::endless_source();
        let mut slots = room.slots.clone();
        slots.sources = vec![endless];
        let mut request = asked("aspirin");
        request.limit = limit;
        let result = room::analysis(uncached(), room::PATIENT)
            .run(&request, &slots, as_of(), 0, &Heard::default())
            .await
            .unwrap();
        assert_eq!(*pages.lock().unwrap(), [page_limit; 4], "limit {limit}");
        assert_eq!(result.sources[0].n_returned, 4);
    }
}

#[tokio::test]
async fn a_source_is_read_until_it_gave_twice_what_is_kept() {
    let room = open_room().await;
    let (pages, endless) = room::endless_source();
    let mut slots = room.slots.clone();
    slots.sources = vec![endless];
    let mut request = asked("aspirin");
    request.limit = 1;
    room::analysis(uncached(), room::PATIENT)
        .run(&request, &slots, as_of(), 0, &Heard::default())
        .await
        .unwrap();
    assert_eq!(*pages.lock().unwrap(), [2; 2]);
}

#[tokio::test]
async fn a_source_that_misses_its_deadline_has_failed() {
    let room = open_room().await;
    let hasty = room::analysis(uncached(), Duration::from_millis(20));
    let mut slots = room.slots.clone();
    let (release, sources) = room::stuck_sources();
    slots.sources = sources;
    let result = hasty
        .run(&asked("aspirin"), &slots, as_of(), 0, &Heard::default())
        .await
        .unwrap();
    drop(release);
    for report in &result.sources {
        assert_eq!(report.status, SourceStatus::Failed);
        assert_eq!(
            report.error.as_deref(),
            Some("`search` ran past its deadline of 20ms")
        );
    }
    assert!(result.degraded && result.evidence.is_empty());
    assert_eq!(result.recommendation.gate, 1);
    assert!(result.recommendation.smallest_change.contains("regulatory"));
}

#[tokio::test]
async fn a_reranker_that_fails_leaves_the_order_of_the_sources() {
    let room = open_room().await;
    let mut slots = room.slots.clone();
    // Without its artifact the reranker refuses to start.
    slots.rerankers[0].artifact = None;
    slots.rerankers[0].activation.artifact_digest = None;
    let result = room
        .analysis
        .run(&asked("aspirin"), &slots, as_of(), 1, &Heard::default())
        .await
        .unwrap();
    assert!(result.degraded);
    assert!(
        result
            .warnings
            .iter()
            .any(|w| w.contains("order of its sources"))
    );
    assert_eq!(result.reranking.feature_names, [""; 0]);
    let literature = &result.evidence[&EvidenceKind::Literature];
    for (rank, evidence) in (1_u16..).zip(literature) {
        assert!(evidence.score <= 1.0 / f32::from(rank) + f32::EPSILON);
        assert!(evidence.features.is_empty());
    }
}

#[tokio::test]
async fn a_mapper_that_fails_leaves_no_suggestions() {
    let room = open_room().await;
    let mut slots = room.slots.clone();
    // A component of another world cannot be called as a mapper.
    slots.mappers = slots.rerankers.clone();
    let result = room
        .analysis
        .run(&asked("aspirin"), &slots, as_of(), 1, &Heard::default())
        .await
        .unwrap();
    assert!(result.degraded && result.repurposing_suggestions.is_empty());
    assert_eq!(
        result.recommendation.label,
        Recommendation::InsufficientEvidence
    );
    assert!(!result.evidence.is_empty());
}

#[tokio::test]
async fn only_named_sources_are_asked_and_an_unknown_one_is_refused() {
    let room = open_room().await;
    let mut request = asked("aspirin");
    request.sources = Some(vec!["literature".parse().unwrap()]);
    let result = room.analyse(&request).await;
    let statuses: Vec<SourceStatus> = result.sources.iter().map(|s| s.status).collect();
    assert_eq!(
        statuses,
        [
            SourceStatus::NotAsked,
            SourceStatus::Found,
            SourceStatus::NotAsked,
            SourceStatus::NotAsked,
            SourceStatus::NotAsked
        ]
    );
    assert_eq!(result.recommendation.gate, 1);
    assert!(result.recommendation.smallest_change.contains("clinical"));

    request.sources = Some(vec!["rumour".parse().unwrap()]);
    let refused = room
        .analysis
        .run(&request, &room.slots, as_of(), 0, &Heard::default())
        .await;
    assert!(matches!(refused, Err(AnalysisError::UnknownSource { .. })));
}

#[tokio::test]
async fn stages_are_told_in_order_and_timed() {
    let room = open_room().await;
    let heard = Heard::default();
    let result = room
        .analysis
        .run(&asked("aspirin"), &room.slots, as_of(), 0, &heard)
        .await
        .unwrap();
    let stages: Vec<Stage> = heard.0.lock().unwrap().iter().map(|p| p.stage).collect();
    assert_eq!(stages, Stage::ALL);
    let timed: BTreeSet<&str> = result.timings.keys().map(String::as_str).collect();
    assert!(
        Stage::ALL
            .iter()
            .all(|stage| timed.contains(stage.as_str()))
    );
    assert!(timed.contains("total"));
    let worlds: Vec<World> = result
        .versions
        .slots
        .iter()
        .map(|slot| slot.world)
        .collect();
    assert_eq!(&worlds[5..], [World::Mapper, World::Reranker]);
}

#[tokio::test]
async fn the_limit_bounds_each_kind() {
    let mut request = asked("aspirin");
    request.limit = 3;
    let result = open_room().await.analyse(&request).await;
    assert!(result.evidence.values().all(|ranked| ranked.len() <= 3));
    assert_eq!(result.evidence[&EvidenceKind::Literature].len(), 3);
}
