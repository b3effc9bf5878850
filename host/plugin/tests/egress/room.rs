//! A plugin room whose sources reach out, with both sides of the grant as a test says.

use std::{
    collections::HashMap,
    fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use chrono::NaiveDate;
use phagen_domain::{
    evidence::{Attribute, Page},
    molecule::Molecule,
    plugin::{
        Activation, Failure, Grant, HttpGrant, InstancePolicy, LimitRequest, Manifest, PluginFacts,
        SelfTest, World,
    },
    query::{CorpusRequest, Query},
};
use phagen_plugin::{
    ActiveSlot, CorpusSearch, PluginError, PluginHost, PluginSettings, Resolve, Secrets,
};

pub(crate) const SECRET: &str = "s3cr3t-value/of+the=operator";

/// The bytes of a built guest.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    read(
        "PHAGEN_TEST_GUESTS",
        &format!("{name}.wasm"),
        "cargo xtask test",
    )
}

/// A file below a folder that a variable names; what to run where it is not there.
pub(crate) fn read(variable: &str, file: &str, command: &str) -> Vec<u8> {
    let folder = std::env::var_os(variable).map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| panic!("`{variable}` is not set: run `{command}`"));
    let path = folder.join(file);
    fs::read(&path).unwrap_or_else(|error| {
        panic!("cannot read `{}`: {error}; run `{command}`", path.display())
    })
}

/// A corpus that nobody asks.
struct NoCorpus;

impl CorpusSearch for NoCorpus {
    fn search(&self, _: &CorpusRequest) -> Result<Page, Failure> {
        Err(Failure::new("not-found", "there is no corpus"))
    }
}

/// Names that lead somewhere, each answer used once and the last for ever.
#[derive(Default)]
pub(crate) struct Names {
    answers: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    pub(crate) asked: Mutex<Vec<String>>,
}

impl Names {
    pub(crate) fn with(self, name: &str, answers: &[&[&str]]) -> Self {
        let answers = answers
            .iter()
            .map(|answer| {
                answer
                    .iter()
                    .map(|a| a.parse().expect("an address"))
                    .collect()
            })
            .collect();
        self.answers
            .lock()
            .expect("not poisoned")
            .insert(name.to_owned(), answers);
        self
    }
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.asked
            .lock()
            .expect("not poisoned")
            .push(host.to_owned());
        let mut answers = self.answers.lock().expect("not poisoned");
        let answers = answers.get_mut(host).ok_or(io::ErrorKind::NotFound)?;
        Ok(match answers.len() {
            1 => answers[0].clone(),
            _ => answers.remove(0),
        })
    }
}

pub(crate) struct Room {
    host: PluginHost,
}

impl Room {
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    pub(crate) fn with(change: impl FnOnce(&mut PluginSettings)) -> Self {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled-guests");
        let mut settings = PluginSettings::new(cache);
        settings.n_instances = 4;
        settings.limits.memory_bytes = 256 << 20;
        settings.secrets =
            Secrets::new([("api_key".to_owned(), SECRET.to_owned())]).expect("usable");
        change(&mut settings);
        let host = PluginHost::new(settings, Arc::new(NoCorpus));
        Self {
            host: host.expect("a host"),
        }
    }

    /// A guest of `tests/guests/fetcher` that asks for what it is granted.
    pub(crate) fn fetcher(&self, grant: &[HttpGrant], config: &[(&str, &str)]) -> ActiveSlot {
        self.slot(&guest("fetcher_guest"), grant, grant, config)
    }

    /// A source in slot `web`.
    pub(crate) fn slot(
        &self,
        component: &[u8],
        asked: &[HttpGrant],
        granted: &[HttpGrant],
        config: &[(&str, &str)],
    ) -> ActiveSlot {
        let component = with_manifest(component, asked);
        let plugin = self.host.load(World::Source, &component).expect("a plugin");
        let activation = Activation {
            plugin: plugin.name().to_owned(),
            plugin_digest: plugin.digest(),
            artifact_digest: None,
            config: config
                .iter()
                .map(|&(key, value)| Attribute {
                    key: key.to_owned(),
                    value: value.to_owned(),
                })
                .collect(),
            grant: grant(granted),
        };
        let slot = "web".parse().expect("a slot name");
        ActiveSlot::new(slot, 1, activation, plugin, None)
    }
}

fn grant(http: &[HttpGrant]) -> Grant {
    Grant {
        http: http.to_vec(),
        ..Grant::default()
    }
}

fn with_manifest(component: &[u8], asked: &[HttpGrant]) -> Vec<u8> {
    let manifest = Manifest {
        plugin: PluginFacts {
            name: "web-source".parse().expect("a name"),
            version: "0.1.0".to_owned(),
            world: World::Source,
            license: None,
            description: None,
            repository: None,
        },
        grant: Grant {
            // Only the operator's word opens private addresses.
            http: asked
                .iter()
                .map(|place| HttpGrant {
                    private_addresses: false,
                    ..place.clone()
                })
                .collect(),
            ..Grant::default()
        },
        limits: LimitRequest::default(),
        instance: InstancePolicy::default(),
        self_test: SelfTest::default(),
    };
    phagen_package::embed(component, &manifest, None, None).expect("a package")
}

/// `GET` of what lies below `path`, on an origin of the test's own network.
pub(crate) fn place(origin: &str, path: &str) -> HttpGrant {
    HttpGrant {
        origin: origin.parse().expect("an origin"),
        methods: vec!["GET".to_owned()],
        path: path.to_owned(),
        secrets: Vec::new(),
        private_addresses: true,
    }
}

pub(crate) fn query() -> Query {
    Query {
        molecule: Molecule {
            name: "aspirin".to_owned(),
            synonyms: Vec::new(),
            smiles: None,
            inchi_key: None,
        },
        as_of: NaiveDate::from_ymd_opt(2026, 11, 22).expect("a date"),
        attributes: Vec::new(),
    }
}

pub(crate) async fn search(slot: &ActiveSlot) -> Result<Page, PluginError> {
    slot.search(&query(), 5, None).await
}

/// What the fetcher tells of its last response.
pub(crate) fn told<'a>(page: &'a Page, key: &str) -> Option<&'a str> {
    page.candidates[0].evidence.attribute(key)
}
