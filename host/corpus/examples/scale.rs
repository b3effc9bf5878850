//! How large an index grows and how long a search takes as documents become more.
//!
//! `cargo run --release -p phagen-corpus --example scale -- CORPUS N…` indexes CORPUS (lines of `_id`,
//! a number, `title`, `text`, plain or gzip) N times over, each time under other ids, and searches for
//! five drugs by name. Copies bring no new words, so that a real corpus of that size has a larger
//! dictionary; what is found by a name grows with N, as it would.
#![expect(clippy::print_stdout, reason = "an example speaks to a terminal")]

use std::{
    error::Error,
    fs::File,
    io::{BufRead, BufReader, Cursor},
    time::{Duration, Instant},
};

use flate2::read::MultiGzDecoder;
use phagen_corpus::Corpus;
use phagen_domain::query::CorpusRequest;
use serde_json::Value;

const DRUGS: [&str; 5] = [
    "aspirin",
    "cisplatin",
    "metformin",
    "dexamethasone",
    "tamoxifen",
];
const N_SEARCHES: usize = 40;
/// Of each page of a source.
const N_KEPT: u32 = 40;
/// Larger than any id.
const COPY: u64 = 10_000_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("expected a path: CORPUS N…")?;
    let mut documents: Vec<Value> = Vec::new();
    for line in BufReader::new(MultiGzDecoder::new(File::open(file)?)).lines() {
        documents.push(serde_json::from_str(&line?)?);
    }
    println!("copies  documents  index MB  bytes a document  search p50 ms  p99 ms  import s");
    for n_copies in arguments {
        measure(&documents, n_copies.parse()?)?;
    }
    Ok(())
}

fn measure(documents: &[Value], n_copies: u64) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let corpus = Corpus::open(folder.path())?;
    let mut seconds = 0.0;
    for copy in 0..n_copies {
        let lines = copied(documents, copy)?;
        let report = corpus.import(Cursor::new(lines), "copies", &mut |_| {}, &|| false)?;
        seconds += report.seconds;
    }
    let stats = corpus.stats()?;
    let mut spent: Vec<Duration> = Vec::new();
    for _ in 0..N_SEARCHES {
        for drug in DRUGS {
            let request = CorpusRequest {
                names: vec![drug.to_owned()],
                limit: N_KEPT,
                ..CorpusRequest::default()
            };
            let begun = Instant::now();
            corpus.search(&request)?;
            spent.push(begun.elapsed());
        }
    }
    spent.sort_unstable();
    let at = |share: usize| spent[(spent.len() - 1) * share / 100].as_secs_f64() * 1_000.0;
    println!(
        "{n_copies:>6} {:>10} {:>9} {:>17} {:>14.2} {:>7.2} {seconds:>9.1}",
        stats.n_documents,
        stats.index_bytes / 1_000_000,
        stats.index_bytes / stats.n_documents.max(1),
        at(50),
        at(99),
    );
    Ok(())
}

fn copied(documents: &[Value], copy: u64) -> Result<String, Box<dyn Error>> {
    let mut lines = String::new();
    for document in documents {
        let id = document["_id"].as_str().ok_or("a document without `_id`")?;
        let id: u64 = id.parse()?;
        let mut document = document.clone();
        document["_id"] = Value::String((id + copy * COPY).to_string());
        lines += &document.to_string();
        lines += "\n";
    }
    Ok(lines)
}
