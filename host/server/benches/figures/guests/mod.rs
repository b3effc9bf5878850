//! What the sandbox costs: the same crate called natively and as a component, in turn.

mod border;
mod native;
mod rerank;

use anyhow::Result;
use chrono::NaiveDate;
use mesh_mapper::MeshMapper;
use phagen_domain::{
    evidence::{Candidate, Evidence, Passage, Signal},
    molecule::Molecule,
    query::{CorpusRequest, Query},
};
use phagen_plugin::{ActiveSlot, Document};
use phagen_sdk::{Mapper, testing::Harness};
use phagen_server::house::House;

use crate::{setting::Setting, timing::paired};

const N_CANDIDATES: usize = 100;
const CANDIDATE_BYTES: usize = 500;
const N_ABSTRACTS: usize = 200;
const N_ROUNDS: usize = 100;

pub(crate) fn measure(setting: &Setting) -> Result<()> {
    let house = setting.open(false)?;
    let slots = std::sync::Arc::clone(&house.fleet.serving().set);
    let abstracts = abstracts(&house)?;
    let (mapper, reranker) = (&slots.mappers[0], &slots.rerankers[0]);
    rerank::measure(setting, reranker, &abstracts)?;
    border::measure(setting, &house, reranker, &abstracts)?;
    find(setting, mapper, &abstracts)
}

/// Real abstracts of the bundled corpus.
pub(crate) fn abstracts(house: &House) -> Result<Vec<Evidence>> {
    let request = CorpusRequest {
        text: "treatment of patients with cancer or cardiovascular disease".to_owned(),
        limit: CorpusRequest::MAX_LIMIT,
        ..CorpusRequest::default()
    };
    let found: Vec<Evidence> = house
        .corpus
        .search(&request)?
        .candidates
        .into_iter()
        .map(|candidate| candidate.evidence)
        .collect();
    anyhow::ensure!(
        found.len() >= N_ABSTRACTS,
        "the corpus holds too few abstracts to measure with"
    );
    Ok(found)
}

fn find(setting: &Setting, slot: &ActiveSlot, abstracts: &[Evidence]) -> Result<()> {
    let documents: Vec<Document> = abstracts.iter().take(N_ABSTRACTS).map(document).collect();
    let n_bytes: usize = documents
        .iter()
        .flat_map(|document| &document.passages)
        .map(|passage| passage.text.len())
        .sum();
    let molecule = aspirin();
    let mapper = Harness::new()
        .mapper::<MeshMapper>()
        .map_err(|failure| anyhow::anyhow!(failure.message))?;
    let (native_molecule, native_documents) =
        (native::molecule(&molecule), native::documents(&documents));
    let (sandboxed, plain, ratio) = paired(
        N_ROUNDS / 4,
        || {
            drop(
                setting
                    .runtime
                    .block_on(slot.find(date(), Some(&molecule), &documents)),
            );
        },
        || {
            drop(
                mapper
                    .plugin()
                    .find(Some(&native_molecule), &native_documents),
            );
        },
    );
    let rate = |seconds: f64| N_ABSTRACTS as f64 / seconds;
    println!(
        "  mapper over {N_ABSTRACTS} abstracts of {} bytes on average",
        n_bytes / N_ABSTRACTS
    );
    println!(
        "    fresh instance                  {:.0} abstracts a second",
        rate(sandboxed.quantile(0.5).as_secs_f64())
    );
    println!(
        "    native                          {:.0} abstracts a second",
        rate(plain.quantile(0.5).as_secs_f64())
    );
    println!("    ratio, median of pairs          {ratio:.2}");
    Ok(())
}

pub(crate) fn candidates(abstracts: &[Evidence]) -> Vec<Candidate> {
    let signal = |name: &str, value| Signal {
        name: name.to_owned(),
        value,
    };
    abstracts
        .iter()
        .take(N_CANDIDATES)
        .zip(1_u16..)
        .map(|(evidence, rank)| {
            let body: String = evidence
                .passages
                .iter()
                .map(|passage| passage.text.as_str())
                .collect();
            let end = (0..=CANDIDATE_BYTES.min(body.len()))
                .rev()
                .find(|at| body.is_char_boundary(*at));
            let text = body[..end.unwrap_or_default()].to_owned();
            let passages = vec![Passage {
                ordinal: 1,
                section: None,
                text,
            }];
            Candidate {
                evidence: Evidence {
                    passages,
                    ..evidence.clone()
                },
                signals: vec![
                    signal("bm25_body", 10.0 / f32::from(rank)),
                    signal("source_rank", f32::from(rank)),
                ],
            }
        })
        .collect()
}

fn document(evidence: &Evidence) -> Document {
    let title = Passage {
        ordinal: 0,
        section: None,
        text: evidence.title.clone(),
    };
    Document {
        evidence_id: evidence.evidence_id.clone(),
        passages: std::iter::once(title)
            .chain(evidence.passages.iter().cloned())
            .collect(),
    }
}

pub(crate) fn query() -> Query {
    Query {
        molecule: aspirin(),
        as_of: date(),
        attributes: Vec::new(),
    }
}

fn aspirin() -> Molecule {
    Molecule {
        name: "aspirin".to_owned(),
        synonyms: ["acetylsalicylic acid", "acetylsalicylate", "ASA"]
            .map(str::to_owned)
            .to_vec(),
        smiles: None,
        inchi_key: None,
    }
}

fn date() -> NaiveDate {
    NaiveDate::default()
}
