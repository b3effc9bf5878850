//! A plugin room with test guests in it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::NaiveDate;
use phagen_domain::{
    digest::Digest,
    evidence::{Attribute, Candidate, Evidence, EvidenceKind, Page, Passage, Signal},
    molecule::Molecule,
    plugin::{
        Activation, Failure, Grant, InstancePolicy, LimitRequest, Manifest, PluginFacts, SelfTest,
        World,
    },
    query::{CorpusRequest, Query},
};
use phagen_plugin::{ActiveSlot, Artifact, CorpusSearch, PluginHost, PluginSettings};

/// The bytes of a built guest.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    let folder = std::env::var_os("PHAGEN_TEST_GUESTS").map(PathBuf::from);
    let path = folder
        .expect("`PHAGEN_TEST_GUESTS` is not set: run `cargo xtask test`, which builds the guests")
        .join(format!("{name}.wasm"));
    fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "cannot read `{}`: {error}; run `cargo xtask test`",
            path.display()
        )
    })
}

/// A manifest that asks for the artifact, and for the corpus where its world has one.
pub(crate) fn manifest(world: World) -> Manifest {
    Manifest {
        plugin: PluginFacts {
            name: "unruly".parse().expect("a name"),
            version: "0.1.0".to_owned(),
            world,
            license: None,
            description: None,
            repository: None,
        },
        grant: Grant {
            corpus: world == World::Source,
            artifact: true,
            http: Vec::new(),
        },
        limits: LimitRequest::default(),
        instance: InstancePolicy::default(),
        self_test: SelfTest::default(),
    }
}

/// The bytes of a built guest with a manifest embedded.
pub(crate) fn packaged(guest_name: &str, manifest: &Manifest) -> Vec<u8> {
    phagen_package::embed(&guest(guest_name), manifest, None, None).expect("a package")
}

/// Answers every search with one document, and remembers what was asked.
#[derive(Default)]
pub(crate) struct OneDocument {
    pub(crate) asked: Mutex<Vec<CorpusRequest>>,
}

impl CorpusSearch for OneDocument {
    fn search(&self, request: &CorpusRequest) -> Result<Page, Failure> {
        self.asked
            .lock()
            .expect("not poisoned")
            .push(request.clone());
        if request.names.iter().any(|name| name == "slow") {
            std::thread::sleep(Duration::from_millis(300));
        }
        if request.names.iter().any(|name| name == "unavailable") {
            return Err(Failure::new("unavailable", "the index is being rebuilt"));
        }
        Ok(Page {
            candidates: vec![candidate(7, "Aspirin in the corpus")],
            cursor: Some("next".to_owned()),
        })
    }
}

pub(crate) struct Room {
    pub(crate) host: PluginHost,
    pub(crate) corpus: Arc<OneDocument>,
}

/// Where tests keep compiled guests, so that each is compiled once and not once a test.
fn shared_cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled-guests")
}

impl Room {
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    pub(crate) fn with(change: impl FnOnce(&mut PluginSettings)) -> Self {
        let mut settings = PluginSettings::new(shared_cache());
        settings.n_instances = 4;
        change(&mut settings);
        let corpus = Arc::new(OneDocument::default());
        let host = PluginHost::new(settings, Arc::<OneDocument>::clone(&corpus));
        Self {
            host: host.expect("a host"),
            corpus,
        }
    }

    /// With deadlines that a test can wait for.
    pub(crate) fn hasty() -> Self {
        Self::with(|settings| {
            settings.limits.deadline = DEADLINE;
            settings.limits.scoring_deadline = DEADLINE;
            settings.limits.init_deadline = DEADLINE;
        })
    }

    /// A slot whose guest is told its `mode`; it asks for what it may, and nothing is granted.
    pub(crate) fn slot(&self, world: World, guest_name: &str, mode: &str) -> ActiveSlot {
        self.slot_of(&manifest(world), guest_name, mode)
    }

    /// The same with a manifest of the test's own.
    pub(crate) fn slot_of(&self, manifest: &Manifest, guest_name: &str, mode: &str) -> ActiveSlot {
        let bytes = packaged(guest_name, manifest);
        let world = manifest.plugin.world;
        let plugin = self.host.load(world, &bytes).expect("a plugin");
        let activation = Activation {
            plugin: plugin.name().to_owned(),
            plugin_digest: plugin.digest(),
            artifact_digest: None,
            config: vec![attribute("mode", mode)],
            grant: Grant::default(),
        };
        let name = "test".parse().expect("a slot name");
        ActiveSlot::new(name, 1, activation, plugin, None)
    }

    pub(crate) fn source(&self, mode: &str) -> ActiveSlot {
        self.slot(World::Source, "unruly_guest", mode)
    }

    pub(crate) fn mapper(&self, mode: &str) -> ActiveSlot {
        self.slot(World::Mapper, "unruly_mapper", mode)
    }

    pub(crate) fn reranker(&self, mode: &str) -> ActiveSlot {
        self.slot(World::Reranker, "unruly_reranker", mode)
    }
}

/// What [`Room::hasty`] gives a call.
pub(crate) const DEADLINE: Duration = Duration::from_millis(300);
/// How late a call may end on a busy machine.
pub(crate) const SLACK: Duration = Duration::from_millis(1_500);

pub(crate) fn attribute(key: &str, value: &str) -> Attribute {
    Attribute {
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

pub(crate) fn artifact(bytes: &[u8]) -> Artifact {
    Artifact {
        name: "weights".to_owned(),
        digest: Digest::of(bytes),
        bytes: bytes.into(),
    }
}

pub(crate) fn day(year: i32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, 11, 22).expect("a date")
}

pub(crate) fn query() -> Query {
    Query {
        molecule: Molecule {
            name: "aspirin".to_owned(),
            synonyms: vec!["acetylsalicylic acid".to_owned(), "ASA".to_owned()],
            smiles: Some("CC(=O)Oc1ccccc1C(=O)O".to_owned()),
            inchi_key: None,
        },
        as_of: day(2026),
        attributes: Vec::new(),
    }
}

pub(crate) fn candidate(pmid: u64, title: &str) -> Candidate {
    Candidate {
        evidence: Evidence {
            evidence_id: format!("PMID:{pmid}").parse().expect("an id"),
            kind: EvidenceKind::Literature,
            title: title.to_owned(),
            citation: "A journal, 2019".to_owned(),
            url: None,
            date: "2019-03".parse().ok(),
            passages: vec![Passage {
                ordinal: 1,
                section: Some("RESULTS".to_owned()),
                text: "Aspirin did well.".to_owned(),
            }],
            attributes: vec![attribute("phase", "PHASE3")],
        },
        signals: vec![Signal {
            name: "bm25_title".to_owned(),
            value: 1.5,
        }],
    }
}
