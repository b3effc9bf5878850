//! Versions of the contract side by side: what was built for the first keeps working.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use phagen_domain::{evidence::Candidate, plugin::World};
use phagen_plugin::{ActiveSlot, CONTRACTS, worlds};

use crate::common::{Room, artifact, attribute, candidate, guest, query};

fn candidates() -> Vec<Candidate> {
    let titles = ["One", "Two and more", "", "Größe und Gewicht"];
    let mut candidates: Vec<Candidate> = titles
        .iter()
        .zip(1..)
        .map(|(title, pmid)| candidate(pmid, title))
        .collect();
    "acetylsalicylic acid, that is aspirin"
        .clone_into(&mut candidates[1].evidence.passages[0].text);
    candidates[2].signals.clear();
    candidates[3].signals[0].value = -0.1;
    candidates
}

/// A slot with weights and a bias that both guests read.
fn slot(room: &Room, guest_name: &str) -> ActiveSlot {
    let mut slot = room.slot(World::Reranker, guest_name, "any");
    let weights = [0.1_f32, -2.5, 1.0 / 3.0, 1e-7].map(f32::to_le_bytes);
    slot.artifact = Some(artifact(weights.as_flattened()));
    slot.activation.grant.artifact = true;
    slot.activation.config.push(attribute("bias", "0.7"));
    slot
}

#[tokio::test]
async fn a_plugin_of_the_first_contract_answers_as_those_of_the_second() {
    let room = Room::new();
    let slots = ["first_contract", "second_contract", "packed_contract"];
    let [first, second, packed] = &slots.map(|name| slot(&room, name));
    let (query, candidates) = (query(), candidates());
    // Side by side in one process: three calls, of two versions, two of one.
    let (old, new, third) = tokio::join!(
        first.rerank(&query, &candidates),
        second.rerank(&query, &candidates),
        packed.rerank(&query, &candidates)
    );
    let old = old.expect("served by an adapter");
    assert_eq!(old, new.expect("served"));
    assert_eq!(old, third.expect("served"));
    assert_eq!(
        old.feature_names,
        ["title_bytes", "names_molecule", "bm25_title", "digest"]
    );
    assert_eq!(old.features[1][..3], [12.0, 2.0, 1.5]);
    // The digest is of all fields: no two candidates have the same.
    let digests: BTreeSet<u32> = old.features.iter().map(|row| row[3].to_bits()).collect();
    assert_eq!(digests.len(), candidates.len());
    assert!(old.scores.iter().all(|score| *score != 0.0));

    for slot in [first, second, packed] {
        assert!(slot.self_test(query.as_of).await.is_ok());
        let none = slot.rerank(&query, &[]).await.expect("no scores");
        assert_eq!(none.feature_names, old.feature_names);
        assert!(none.features.is_empty() && none.scores.is_empty());
        // Each asks the host for its weights, and hears when these are not granted.
        let mut bare = slot.clone();
        bare.activation.grant.artifact = false;
        let denied = bare.rerank(&query, &candidates).await.expect_err("denied");
        assert_eq!(denied.code(), "plugin_denied");
    }
}

/// A component of a version that is not there yet: the same bytes under another number.
fn of_unknown_version(guest_name: &str) -> Vec<u8> {
    let mut bytes = guest(guest_name);
    let known = b"phagen:plugin/reranking@0.1.0";
    let places: Vec<usize> = bytes
        .windows(known.len())
        .enumerate()
        .filter_map(|(at, window)| (window == known).then_some(at))
        .collect();
    assert!(!places.is_empty(), "`{guest_name}` names its export");
    for at in places {
        bytes[at..at + known.len()].copy_from_slice(b"phagen:plugin/reranking@0.9.0");
    }
    bytes
}

#[test]
fn an_unknown_version_is_refused_beside_those_that_are_spoken() {
    let room = Room::new();
    let newer = of_unknown_version("first_contract");
    let error = room.host.load(World::Reranker, &newer).expect_err("newer");
    assert_eq!(error.code(), "plugin_wrong_world");
    let text = error.to_string();
    assert!(
        text.contains("does not know `phagen:plugin/reranking@0.9.0`"),
        "{text}"
    );
    for contract in CONTRACTS {
        assert!(text.contains(contract), "{text}");
    }
}

#[test]
fn the_worlds_that_the_host_describes_are_those_it_serves() {
    let room = Room::new();
    let reranker = worlds()
        .into_iter()
        .find(|described| described.world == World::Reranker)
        .expect("a reranker");
    assert_eq!(reranker.contracts, CONTRACTS);
    for name in ["first_contract", "second_contract", "packed_contract"] {
        room.host.load(World::Reranker, &guest(name)).expect(name);
    }
}

/// The files of a folder, without folders in it.
fn files(folder: &Path) -> BTreeMap<String, String> {
    fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file())
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy();
            (name.into_owned(), fs::read_to_string(&path).expect("text"))
        })
        .collect()
}

#[test]
fn the_second_contract_carries_the_first_unchanged() {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let first = files(&wit.join("v0.1.0"));
    assert_eq!(first.len(), 4);
    assert_eq!(first, files(&wit.join("v0.2.0/deps/phagen-plugin-0.1.0")));
    let dependencies = files(&wit.join("v0.1.0/deps"));
    assert_eq!(dependencies.len(), 3);
    assert_eq!(dependencies, files(&wit.join("v0.2.0/deps")));
}
