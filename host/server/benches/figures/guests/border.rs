//! What the border alone costs: a reranker that looks at nothing (`idle-reranker`), asked about many
//! candidates and about none, in turn.

use std::fs;

use anyhow::{Context, Result};
use phagen_domain::{
    evidence::{Candidate, Evidence, Passage, Signal},
    plugin::World,
};
use phagen_plugin::ActiveSlot;
use phagen_server::house::House;

use super::{CANDIDATE_BYTES, N_CANDIDATES, N_ROUNDS, candidates, query};
use crate::{
    setting::{GUESTS, Setting, path},
    timing::paired,
};

/// Candidates cross ten hundred at a time, so that the call around them is lost in the sum.
const N_TIMES: usize = 10;

pub(super) fn measure(
    setting: &Setting,
    house: &House,
    slot: &ActiveSlot,
    abstracts: &[Evidence],
) -> Result<()> {
    let file = path(GUESTS)?.join("idle_reranker.wasm");
    let component = fs::read(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
    let plugin = house.plugins.load(World::Reranker, &component)?;
    let slot = ActiveSlot::new(
        slot.slot.clone(),
        slot.generation,
        slot.activation.clone(),
        plugin,
        None,
    );
    let full = candidates(abstracts);
    let plain: Vec<Candidate> = full.iter().map(plain).collect();
    println!("  crossing alone, into a guest that looks at nothing, a candidate");
    for (name, candidates) in [("a text of 500 bytes", plain), ("with all its facts", full)] {
        let many: Vec<Candidate> = candidates
            .iter()
            .cycle()
            .take(N_CANDIDATES * N_TIMES)
            .cloned()
            .collect();
        let rerank = |candidates| drop(setting.runtime.block_on(slot.rerank(&query(), candidates)));
        let (full, empty, _) = paired(N_ROUNDS, || rerank(&many), || rerank(&[]));
        let micros = |share| {
            let seconds = full
                .quantile(share)
                .saturating_sub(empty.quantile(share))
                .as_secs_f64();
            seconds * 1e6 / many.len() as f64
        };
        println!(
            "    {name:<32}p10 {:.2} · p50 {:.2} µs",
            micros(0.1),
            micros(0.5)
        );
    }
    Ok(())
}

/// A text, an id and one signal: the least that a reranker can work on.
fn plain(candidate: &Candidate) -> Candidate {
    let text = candidate.evidence.passages.iter().map(|p| p.text.as_str());
    let text = format!("{:.CANDIDATE_BYTES$}", text.collect::<String>());
    Candidate {
        evidence: Evidence {
            title: String::new(),
            citation: String::new(),
            url: None,
            date: None,
            passages: vec![Passage {
                ordinal: 1,
                section: None,
                text,
            }],
            attributes: Vec::new(),
            ..candidate.evidence.clone()
        },
        signals: vec![Signal {
            name: "source_rank".to_owned(),
            value: 1.0,
        }],
    }
}
