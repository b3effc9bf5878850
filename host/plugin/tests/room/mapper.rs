//! Mappers, and the host's check of what they point at.

use phagen_domain::{
    evidence::Passage,
    finding::{Finding, Ground, Span, Stance},
};
use phagen_plugin::{Document, PluginError};

use crate::common::{Room, day, query};

fn documents() -> Vec<Document> {
    let passage = |ordinal, text: &str| Passage {
        ordinal,
        section: None,
        text: text.to_owned(),
    };
    vec![Document {
        evidence_id: "PMID:1".parse().expect("an id"),
        passages: vec![passage(0, "Ménière disease"), passage(1, "Größe matters")],
    }]
}

async fn find(room: &Room, mode: &str) -> Result<Vec<Finding>, PluginError> {
    let molecule = query().molecule;
    let mapper = room.mapper(mode);
    mapper.find(day(2026), Some(&molecule), &documents()).await
}

#[tokio::test]
async fn findings_point_into_the_text() {
    let room = Room::new();
    let found = find(&room, "ok").await.expect("findings");
    let words: Vec<&str> = found.iter().map(|f| f.matched_text.as_str()).collect();
    assert_eq!(words, ["Ménière", "Größe"]);
    let span = |passage, end| {
        Ground::Span(Span {
            passage,
            start: 0,
            end,
        })
    };
    assert_eq!(found[0].ground, span(0, 9));
    assert_eq!(found[1].ground, span(1, 7));
    assert_eq!(found[0].stance, Stance::Treats);

    let found = find(&room, "basis").await.expect("findings");
    assert_eq!(
        found[0].ground,
        Ground::Basis("a table of first words".to_owned())
    );
    let found = find(&room, "unknown-stance").await.expect("findings");
    assert_eq!(found[0].stance, Stance::Neither);
}

#[tokio::test]
async fn without_a_molecule_a_mapper_only_recognises() {
    let mapper = Room::new().mapper("ok");
    let found = mapper
        .find(day(2026), None, &documents())
        .await
        .expect("findings");
    assert!(
        found
            .iter()
            .all(|finding| finding.stance == Stance::Neither)
    );
    let none = mapper
        .find(day(2026), None, &[])
        .await
        .expect("no findings");
    assert!(none.is_empty());
}

#[tokio::test]
async fn a_finding_beside_the_text_is_refused_by_name() {
    let room = Room::new();
    for (mode, what) in [
        ("beyond", "leaves the text"),
        ("backwards", "leaves the text"),
        ("half-character", "splits a character"),
        ("no-passage", "a passage that was not given"),
        ("foreign", "evidence `PMID:999999999` was not given"),
        ("bad-mesh", "`asthma` is not a MeSH id"),
        ("nan", "a score of NaN"),
    ] {
        let error = find(&room, mode).await.expect_err(mode);
        assert_eq!(error.code(), "plugin_invalid_output", "{mode}: {error}");
        assert!(error.to_string().contains(what), "{mode}: {error}");
    }
}

#[tokio::test]
async fn more_findings_than_are_taken_at_once_are_refused() {
    let error = find(&Room::new(), "flood").await.expect_err("a flood");
    assert_eq!(error.code(), "plugin_output");
    assert!(error.to_string().contains("16777216 bytes"), "{error}");
}

#[tokio::test]
async fn faults_of_mappers_have_their_kinds() {
    let room = Room::hasty();
    for (mode, code) in [
        ("trap", "plugin_trap"),
        ("fail", "plugin_failed"),
        ("loop", "plugin_timeout"),
    ] {
        assert_eq!(find(&room, mode).await.expect_err(mode).code(), code);
        assert!(find(&room, "ok").await.is_ok(), "the next call works");
    }
}
