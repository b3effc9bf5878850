//! Real guests over the bundled corpus and lists, wired as the server wires them.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use chrono::{DateTime, NaiveDate};
use phagen_analysis::{
    Analysis, AnalysisParts, AnalysisSettings, DrugList, MeshVocabulary, ProgressSink,
};
use phagen_cache::{Cache, CacheSettings};
use phagen_corpus::Corpus;
use phagen_domain::{
    clock::FixedClock,
    digest::Digest,
    evidence::{Attribute, Candidate, Evidence, EvidenceId, EvidenceKind, Page},
    job::{JobRequest, Progress},
    plugin::{Activation, Failure, Grant, World},
    query::CorpusRequest,
    result::JobResult,
};
use phagen_plugin::{ActiveSlot, Artifact, CorpusSearch, PluginHost, PluginSettings, SlotSet};
use tempfile::TempDir;

const KINDS: [&str; 5] = ["clinical", "literature", "regulatory", "patent", "market"];

/// A deadline that no source of a test misses.
pub(crate) const PATIENT: Duration = Duration::from_secs(20);

pub(crate) struct Room {
    pub(crate) analysis: Analysis,
    pub(crate) slots: SlotSet,
    pub(crate) host: PluginHost,
    corpus: Arc<Searched>,
    _folder: TempDir,
}

/// Hears every stage.
#[derive(Default)]
pub(crate) struct Heard(pub(crate) Mutex<Vec<Progress>>);

impl ProgressSink for Heard {
    fn stage(&self, progress: Progress) {
        self.0.lock().expect("not poisoned").push(progress);
    }
}

struct Searched(Corpus);

impl CorpusSearch for Searched {
    fn search(&self, request: &CorpusRequest) -> Result<Page, Failure> {
        self.0
            .search(request)
            .map_err(|error| Failure::new("invalid-input", error.to_string()))
    }
}

/// A corpus that answers nothing until its sender is dropped.
struct Stuck(Mutex<mpsc::Receiver<()>>);

impl CorpusSearch for Stuck {
    fn search(&self, _: &CorpusRequest) -> Result<Page, Failure> {
        let _ = self.0.lock().expect("not poisoned").recv();
        Err(Failure::new("unavailable", "released"))
    }
}

/// Sources that hang until the sender is dropped.
pub(crate) fn stuck_sources() -> (mpsc::Sender<()>, Vec<ActiveSlot>) {
    let (sender, receiver) = mpsc::channel();
    let host = host(Arc::new(Stuck(Mutex::new(receiver))));
    let sources = KINDS.iter().map(|kind| source(&host, kind, kind));
    (sender, sources.collect())
}

/// A corpus that is down at first, then answers from the other.
struct Recovering {
    n_failures_left: AtomicU32,
    retry_after_ms: u64,
    corpus: Arc<Searched>,
}

impl CorpusSearch for Recovering {
    fn search(&self, request: &CorpusRequest) -> Result<Page, Failure> {
        let before = self.n_failures_left.load(Ordering::SeqCst);
        if before == 0 {
            return self.corpus.search(request);
        }
        self.n_failures_left.store(before - 1, Ordering::SeqCst);
        Err(Failure {
            retryable: true,
            retry_after_ms: Some(self.retry_after_ms),
            ..Failure::new("unavailable", "the corpus is down")
        })
    }
}

/// A corpus that takes every question for a wrong one.
struct Refusing;

impl CorpusSearch for Refusing {
    fn search(&self, _: &CorpusRequest) -> Result<Page, Failure> {
        Err(Failure::new("invalid-input", "no such question"))
    }
}

/// A literature source that finds its question wrong.
pub(crate) fn refusing_source() -> ActiveSlot {
    source(&host(Arc::new(Refusing)), "literature", "literature")
}

/// A corpus whose every page is one more document and has a next one.
struct Endless(Asked);

/// The limit of every page asked for, in order.
pub(crate) type Asked = Arc<Mutex<Vec<u32>>>;

impl CorpusSearch for Endless {
    fn search(&self, request: &CorpusRequest) -> Result<Page, Failure> {
        let mut asked = self.0.lock().expect("not poisoned");
        asked.push(request.limit);
        let n_pages = asked.len();
        let evidence = Evidence {
            evidence_id: EvidenceId::pubmed(n_pages as u64),
            kind: EvidenceKind::Literature,
            title: format!("Aspirin, part {n_pages}"),
            citation: String::new(),
            url: None,
            date: None,
            passages: Vec::new(),
            attributes: Vec::new(),
        };
        let signals = Vec::new();
        Ok(Page {
            candidates: vec![Candidate { evidence, signals }],
            cursor: Some(n_pages.to_string()),
        })
    }
}

/// A literature source that never comes to an end, and what it was asked.
pub(crate) fn endless_source() -> (Asked, ActiveSlot) {
    let asked = Asked::default();
    let host = host(Arc::new(Endless(Arc::clone(&asked))));
    (asked, source(&host, "literature", "literature"))
}

impl Room {
    /// A literature source whose corpus fails `n_failures` times before it answers, and asks to be
    /// left alone after each.
    pub(crate) fn recovering_source(&self, n_failures: u32, retry_after_ms: u64) -> ActiveSlot {
        let host = host(Arc::new(Recovering {
            n_failures_left: AtomicU32::new(n_failures),
            retry_after_ms,
            corpus: Arc::clone(&self.corpus),
        }));
        source(&host, "literature", "literature")
    }

    /// With all that is bundled.
    pub(crate) fn bundled() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let corpus = Corpus::open(folder.path()).expect("an empty corpus");
        let mut files: Vec<PathBuf> = fs::read_dir(data("corpus"))
            .expect("the bundled corpus")
            .map(|entry| entry.expect("a file").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "gz"))
            .collect();
        files.sort();
        for file in files {
            corpus
                .import_file(&file, &mut |_| {}, &|| false)
                .expect("a bundled file");
        }
        let corpus = Arc::new(Searched(corpus));
        let host = host(Arc::<Searched>::clone(&corpus));
        Self {
            analysis: analysis(CacheSettings::default(), PATIENT),
            slots: slots(&host),
            host,
            corpus,
            _folder: folder,
        }
    }

    pub(crate) async fn analyse(&self, request: &JobRequest) -> JobResult {
        self.analysis
            .run(
                request,
                &self.slots,
                as_of(),
                self.corpus.0.generation(),
                &Heard::default(),
            )
            .await
            .expect("a result")
    }
}

pub(crate) fn analysis(cache: CacheSettings, source_deadline: Duration) -> Analysis {
    let settings = AnalysisSettings {
        source_deadline,
        ..AnalysisSettings::default()
    };
    analysis_with(cache, settings)
}

pub(crate) fn analysis_with(cache: CacheSettings, settings: AnalysisSettings) -> Analysis {
    let drugs = DrugList::read(&data("vocabulary/drugs.jsonl.gz")).expect("the drug list");
    let vocabulary = MeshVocabulary::read(&data("vocabulary")).expect("the vocabulary");
    Analysis::new(AnalysisParts {
        drugs: Arc::new(drugs),
        vocabulary: Arc::new(vocabulary),
        cache: Arc::new(Cache::new(
            cache,
            Arc::new(FixedClock(DateTime::UNIX_EPOCH)),
        )),
        settings,
        phagen_version: "test".to_owned(),
    })
}

pub(crate) fn as_of() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 22).expect("a date")
}

pub(crate) fn asked(molecule: &str) -> JobRequest {
    JobRequest {
        molecule: molecule.to_owned(),
        smiles: None,
        synonyms: Vec::new(),
        sources: None,
        limit: JobRequest::DEFAULT_LIMIT,
        record: false,
    }
}

/// A source of the host's corpus whose slot is configured for `kind`.
pub(crate) fn source(host: &PluginHost, name: &str, kind: &str) -> ActiveSlot {
    let grant = Grant {
        corpus: true,
        ..Grant::default()
    };
    let mut slot = slot(host, World::Source, "corpus_source", name, grant);
    slot.activation.config.push(Attribute {
        key: "kind".to_owned(),
        value: kind.to_owned(),
    });
    slot
}

fn host(corpus: Arc<dyn CorpusSearch>) -> PluginHost {
    let compiled = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled-guests");
    PluginHost::new(PluginSettings::new(compiled), corpus).expect("a plugin host")
}

fn slots(host: &PluginHost) -> SlotSet {
    let none = Grant::default();
    let grant = Grant {
        artifact: true,
        ..Grant::default()
    };
    let mut reranker = slot(
        host,
        World::Reranker,
        "evidence_reranker",
        "reranker",
        grant,
    );
    let weights = fs::read(repository("plugins/evidence-reranker/artifact.json"))
        .expect("the default artifact");
    let artifact = Artifact {
        name: "reranker-default".to_owned(),
        digest: Digest::of(&weights),
        bytes: weights.into(),
    };
    reranker.activation.artifact_digest = Some(artifact.digest);
    reranker.artifact = Some(artifact);
    SlotSet {
        sources: KINDS.iter().map(|kind| source(host, kind, kind)).collect(),
        mappers: vec![slot(host, World::Mapper, "mesh_mapper", "mapper", none)],
        rerankers: vec![reranker],
    }
}

fn slot(host: &PluginHost, world: World, guest: &str, name: &str, grant: Grant) -> ActiveSlot {
    let plugin = host.load(world, &bytes_of(guest)).expect("a plugin");
    let activation = Activation {
        plugin: plugin.name().to_owned(),
        plugin_digest: plugin.digest(),
        artifact_digest: None,
        config: Vec::new(),
        grant,
    };
    let name = name.parse().expect("a slot name");
    ActiveSlot::new(name, 1, activation, plugin, None)
}

fn bytes_of(guest: &str) -> Vec<u8> {
    // How the test command tells where guests are.
    let folder = std::env::var_os("PHAGEN_TEST_GUESTS").map(PathBuf::from);
    let path = folder
        .expect("`PHAGEN_TEST_GUESTS` is not set: run `cargo xtask test`, which builds the guests")
        .join(format!("{guest}.wasm"));
    fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "cannot read `{}`: {error}; run `cargo xtask test`",
            path.display()
        )
    })
}

fn data(path: &str) -> PathBuf {
    repository("data").join(path)
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}
