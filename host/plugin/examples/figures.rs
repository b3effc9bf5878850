//! Prints what a plugin costs before its own work begins: loading from the cache, a call in a fresh
//! instance, a call in a kept one. Build it with `--release`; its one argument is the folder of
//! built guests.

use std::{
    fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::NaiveDate;
use phagen_domain::{
    evidence::{Attribute, Candidate, Evidence, EvidenceId, EvidenceKind, Page},
    molecule::Molecule,
    plugin::{
        Activation, Failure, Grant, InstancePolicy, Keep, LimitRequest, Manifest, PluginFacts,
        SelfTest, World,
    },
    query::{CorpusRequest, Query},
};
use phagen_plugin::{ActiveSlot, CorpusSearch, PluginHost, PluginSettings};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

struct NoCorpus;

impl CorpusSearch for NoCorpus {
    fn search(&self, _: &CorpusRequest) -> Result<Page, Failure> {
        Err(Failure::new("not-found", "there is no corpus"))
    }
}

#[expect(clippy::print_stdout, reason = "it prints figures")]
fn main() -> Outcome<()> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("which folder of guests?")?);
    let cache = tempfile::tempdir()?;
    let host = PluginHost::new(PluginSettings::new(cache.path()), Arc::new(NoCorpus))?;
    let bytes = fs::read(folder.join("evidence_reranker.wasm"))?;
    let began = Instant::now();
    host.load(World::Reranker, &bytes)?;
    println!(
        "compile and load the reranker, once        {:?}",
        began.elapsed()
    );
    let loading = sample(200, || host.load(World::Reranker, &bytes).map(drop))?;
    println!(
        "load it from the cache, with `describe`    {}",
        told(&loading)
    );
    let compiling = sample(200, || host.compile(World::Reranker, &bytes).map(drop))?;
    println!(
        "  of that read, verify, map and link       {}",
        told(&compiling)
    );

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let query = query();
    let one = [candidate(1)];
    for (name, keep) in [("fresh", None), ("kept", Some(Keep::default()))] {
        let slot = slot(&host, &fs::read(folder.join("unruly_reranker.wasm"))?, keep)?;
        runtime.block_on(slot.rerank(&query, &one))?;
        let times = sample(20_000, || {
            runtime.block_on(slot.rerank(&query, &one)).map(drop)
        })?;
        println!(
            "call of a {name:<5} instance for one item     {}",
            told(&times)
        );
    }
    Ok(())
}

fn sample<E>(n: usize, mut work: impl FnMut() -> Result<(), E>) -> Result<Vec<Duration>, E> {
    let mut times = Vec::with_capacity(n);
    for _ in 0..n {
        let began = Instant::now();
        work()?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}

fn told(sorted: &[Duration]) -> String {
    let at = |percent: usize| sorted[(sorted.len() - 1) * percent / 100];
    format!(
        "p10 {:.2?} · p50 {:.2?} · p99 {:.2?}",
        at(10),
        at(50),
        at(99)
    )
}

fn slot(host: &PluginHost, guest: &[u8], keep: Option<Keep>) -> Outcome<ActiveSlot> {
    let manifest = Manifest {
        plugin: PluginFacts {
            name: "figures".parse()?,
            version: "0.1.0".to_owned(),
            world: World::Reranker,
            license: None,
            description: None,
            repository: None,
        },
        grant: Grant::default(),
        limits: LimitRequest::default(),
        instance: InstancePolicy { keep },
        self_test: SelfTest::default(),
    };
    let keep_for_ever = keep.map(|keep| Keep {
        max_calls: u32::MAX,
        ..keep
    });
    let manifest = Manifest {
        instance: InstancePolicy {
            keep: keep_for_ever,
        },
        ..manifest
    };
    let bytes = phagen_package::embed(guest, &manifest, None, None)?;
    let plugin = host.load(World::Reranker, &bytes)?;
    let activation = Activation {
        plugin: plugin.name().to_owned(),
        plugin_digest: plugin.digest(),
        artifact_digest: None,
        config: vec![Attribute {
            key: "mode".to_owned(),
            value: "ok".to_owned(),
        }],
        grant: Grant::default(),
    };
    Ok(ActiveSlot::new(
        "figures".parse()?,
        1,
        activation,
        plugin,
        None,
    ))
}

fn query() -> Query {
    Query {
        molecule: Molecule {
            name: "aspirin".to_owned(),
            synonyms: Vec::new(),
            smiles: None,
            inchi_key: None,
        },
        as_of: NaiveDate::from_ymd_opt(2026, 11, 22).unwrap_or_default(),
        attributes: Vec::new(),
    }
}

fn candidate(pmid: u64) -> Candidate {
    Candidate {
        evidence: Evidence {
            evidence_id: EvidenceId::pubmed(pmid),
            kind: EvidenceKind::Literature,
            title: "Aspirin".to_owned(),
            citation: String::new(),
            url: None,
            date: None,
            passages: Vec::new(),
            attributes: Vec::new(),
        },
        signals: Vec::new(),
    }
}
