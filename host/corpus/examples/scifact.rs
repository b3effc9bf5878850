//! How well BM25 alone answers SciFact's claims, and how fast.
//!
//! `cargo run --release -p phagen-corpus --example scifact -- CORPUS QUERIES QRELS` indexes CORPUS
//! (lines of `_id`, `title`, `text`, plain or gzip) in a temporary folder, asks every claim of
//! QUERIES (lines of `_id`, `text`) that QRELS (tab-separated query, document, grade, with a header)
//! judges, and prints nDCG@10, the time of a search and the speed of indexing.
#![expect(clippy::print_stdout, reason = "an example speaks to a terminal")]

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use phagen_corpus::Corpus;
use phagen_domain::query::CorpusRequest;
use serde_json::Value;

type Judged = BTreeMap<String, BTreeMap<String, f64>>;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [documents, queries, qrels] = arguments.as_slice() else {
        return Err("expected three paths: CORPUS QUERIES QRELS".into());
    };
    let folder = tempfile::tempdir()?;
    let corpus = Corpus::open(folder.path())?;
    let report = corpus.import_file(Path::new(documents), &mut |_| {}, &|| false)?;
    let mut n_passages = u32::try_from(report.n_passages)?;
    println!(
        "indexed {} documents, {n_passages} passages in {:.2} s: {:.0} passages/s",
        report.n_added,
        report.seconds,
        f64::from(n_passages) / report.seconds
    );
    let claims = claims(queries)?;
    let judged = judgments(qrels)?;
    let (mut total, mut slowest, mut spent) = (0.0, Duration::ZERO, Duration::ZERO);
    for (query, grades) in &judged {
        let text = claims.get(query).ok_or(format!("no query `{query}`"))?;
        let request = CorpusRequest {
            text: text.clone(),
            limit: 10,
            ..CorpusRequest::default()
        };
        let started = Instant::now();
        let page = corpus.search(&request)?;
        slowest = slowest.max(started.elapsed());
        spent += started.elapsed();
        let ranked: Vec<f64> = page
            .candidates
            .iter()
            .map(|c| c.evidence.evidence_id.as_str().trim_start_matches("S2:"))
            .map(|id| grades.get(id).copied().unwrap_or(0.0))
            .collect();
        let all: Vec<f64> = grades.values().copied().collect();
        total += phagen_ranking::ndcg_at(10, &ranked, &all);
    }
    n_passages = u32::try_from(judged.len())?;
    println!(
        "nDCG@10 {:.4} over {n_passages} claims; a search took {:.2?} on average, {slowest:.2?} at most",
        total / f64::from(n_passages),
        spent / n_passages
    );
    Ok(())
}

fn claims(path: &str) -> Result<BTreeMap<String, String>, Box<dyn Error>> {
    let mut claims = BTreeMap::new();
    for line in fs::read_to_string(path)?.lines() {
        let claim: Value = serde_json::from_str(line)?;
        let field = |key: &str| {
            claim[key]
                .as_str()
                .map(str::to_owned)
                .ok_or(format!("no `{key}` in `{line}`"))
        };
        claims.insert(field("_id")?, field("text")?);
    }
    Ok(claims)
}

fn judgments(path: &str) -> Result<Judged, Box<dyn Error>> {
    let mut judged = Judged::new();
    for line in fs::read_to_string(path)?.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [query, document, grade] = fields.as_slice() else {
            return Err(format!("`{line}` has not three fields").into());
        };
        judged
            .entry((*query).to_owned())
            .or_default()
            .insert((*document).to_owned(), grade.parse()?);
    }
    Ok(judged)
}
