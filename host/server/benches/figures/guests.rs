//! What the sandbox costs: the same crate called natively and as a component, in turn.

use anyhow::{Context, Result};
use chrono::NaiveDate;
use evidence_reranker::EvidenceReranker;
use mesh_mapper::MeshMapper;
use phagen_domain::{
    evidence::{Candidate, Evidence, Passage, Signal},
    molecule::Molecule,
    query::{CorpusRequest, Query},
};
use phagen_plugin::{ActiveSlot, Document, SlotSet};
use phagen_sdk::{Mapper, Reranker, testing::Harness};
use phagen_server::house::House;

use crate::{setting::Setting, timing::paired};

const N_CANDIDATES: usize = 100;
const CANDIDATE_BYTES: usize = 500;
const N_ABSTRACTS: usize = 200;
const N_ROUNDS: usize = 100;

pub(crate) fn measure(setting: &Setting) -> Result<()> {
    let house = setting.open(false)?;
    let slots = setting.runtime.block_on(house.slots.load())?;
    let abstracts = abstracts(&house)?;
    rerank(setting, &slots, &abstracts)?;
    find(setting, &slots, &abstracts)
}

/// Real abstracts of the bundled corpus.
fn abstracts(house: &House) -> Result<Vec<Evidence>> {
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

fn rerank(setting: &Setting, slots: &SlotSet, abstracts: &[Evidence]) -> Result<()> {
    let slot = &slots.reranker;
    let candidates = candidates(abstracts);
    let query = Query {
        molecule: aspirin(),
        as_of: date(),
        attributes: Vec::new(),
    };
    let native = native_reranker(slot)?;
    let (native_query, native_candidates) =
        (native::query(&query), native::candidates(&candidates));
    let (sandboxed, plain, ratio) = paired(
        N_ROUNDS,
        || drop(setting.runtime.block_on(slot.rerank(&query, &candidates))),
        || {
            drop(native.feature_names());
            drop(native.features(&native_query, &native_candidates));
            drop(native.score(&native_query, &native_candidates));
        },
    );
    println!(
        "  rerank of {N_CANDIDATES} candidates of {CANDIDATE_BYTES} bytes: names, features, scores"
    );
    println!(
        "    fresh instance                  {}",
        sandboxed.summary()
    );
    println!("    native, inputs borrowed         {}", plain.summary());
    println!("    ratio, median of pairs          {ratio:.2}");
    let (_, copied, ratio) = paired(
        N_ROUNDS,
        || drop(setting.runtime.block_on(slot.rerank(&query, &candidates))),
        || {
            // What a fresh instance also does: read its weights and own its inputs.
            if let Ok(native) = native_reranker(slot) {
                drop(native.feature_names());
                drop(native.features(&native_query.clone(), &native_candidates.clone()));
                drop(native.score(&native_query.clone(), &native_candidates.clone()));
            }
        },
    );
    println!("    native, init and copies too     {}", copied.summary());
    println!("    ratio, median of pairs          {ratio:.2}");
    Ok(())
}

fn find(setting: &Setting, slots: &SlotSet, abstracts: &[Evidence]) -> Result<()> {
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
                    .block_on(slots.mapper.find(date(), Some(&molecule), &documents)),
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

fn native_reranker(slot: &ActiveSlot) -> Result<EvidenceReranker> {
    let artifact = slot
        .artifact
        .as_ref()
        .context("the reranker has no artifact")?;
    let context = Harness::new()
        .artifact(&artifact.name, &artifact.bytes)
        .context();
    EvidenceReranker::init(&context).map_err(|failure| anyhow::anyhow!(failure.message))
}

fn candidates(abstracts: &[Evidence]) -> Vec<Candidate> {
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

/// The same values in the guest's types.
mod native {
    use phagen_domain::{evidence, molecule as host, query as host_query};
    use phagen_plugin as plugin;
    use phagen_sdk as sdk;

    pub(super) fn query(query: &host_query::Query) -> sdk::Query {
        sdk::Query {
            molecule: molecule(&query.molecule),
            as_of: query.as_of.to_string(),
            attributes: Vec::new(),
        }
    }

    pub(super) fn molecule(molecule: &host::Molecule) -> sdk::Molecule {
        sdk::Molecule {
            name: molecule.name.clone(),
            synonyms: molecule.synonyms.clone(),
            smiles: None,
            inchi_key: None,
        }
    }

    pub(super) fn candidates(candidates: &[evidence::Candidate]) -> Vec<sdk::Candidate> {
        candidates.iter().map(candidate).collect()
    }

    fn candidate(candidate: &evidence::Candidate) -> sdk::Candidate {
        let evidence = &candidate.evidence;
        sdk::Candidate {
            evidence: sdk::Evidence {
                evidence_id: evidence.evidence_id.to_string(),
                kind: evidence.kind.to_string(),
                title: evidence.title.clone(),
                citation: evidence.citation.clone(),
                url: evidence.url.clone(),
                date: evidence.date.map(|date| date.to_string()),
                passages: evidence.passages.iter().map(passage).collect(),
                attributes: evidence
                    .attributes
                    .iter()
                    .map(|a| sdk::Attribute::new(&a.key, &a.value))
                    .collect(),
            },
            signals: candidate
                .signals
                .iter()
                .map(|s| sdk::Signal::new(&s.name, s.value))
                .collect(),
        }
    }

    pub(super) fn documents(documents: &[plugin::Document]) -> Vec<sdk::Document> {
        let document = |document: &plugin::Document| sdk::Document {
            evidence_id: document.evidence_id.to_string(),
            passages: document.passages.iter().map(passage).collect(),
        };
        documents.iter().map(document).collect()
    }

    fn passage(passage: &evidence::Passage) -> sdk::Passage {
        sdk::Passage {
            ordinal: passage.ordinal,
            section: passage.section.clone(),
            text: passage.text.clone(),
        }
    }
}
