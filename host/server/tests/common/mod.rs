//! The API on a real socket over a store of its own, and the words to talk to it.

pub(crate) mod answer;
pub(crate) mod broken;
pub(crate) mod finished;
pub(crate) mod schema;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use chrono::{DateTime, Utc};
use phagen_blob::{BlobFolder, Blobs};
use phagen_cache::Cache;
use phagen_domain::{
    clock::FixedClock,
    digest::Digest,
    evidence::Attribute,
    job::{JobId, JobStatus},
    plugin::{Activation, Grant, Slot, World},
    result::JobResult,
};
use phagen_server::{
    config::{Operators, SignatureSettings},
    http::{
        self, AppState, CheckStatus, GuestLine, GuestLogs, HealthChecks, HttpLimits,
        OperationsState,
    },
    telemetry::Metrics,
};
use phagen_store::{ClaimedJob, Store};
use phagen_store_sqlite::SqliteStore;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use answer::Answer;

const VERSION: &str = "0.0.0-test";
/// Longer than any test may wait for one answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const LEASE: Duration = Duration::from_mins(1);

pub(crate) struct TestApp {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) health: Arc<HealthChecks>,
    pub(crate) wake: Arc<Notify>,
    /// Rung for every new component.
    pub(crate) uploads: Arc<Notify>,
    pub(crate) blobs: BlobFolder,
    /// What guests said; tests speak for them.
    pub(crate) said: Arc<Said>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) address: SocketAddr,
    /// Of the operations port.
    operations: SocketAddr,
    client: Client,
    tasks: TaskTracker,
    _folder: TempDir,
}

/// What a test sets for its server.
pub(crate) struct Rules {
    pub(crate) limits: HttpLimits,
    pub(crate) auth_required: bool,
    pub(crate) operators: Operators,
    pub(crate) signatures: SignatureSettings,
    pub(crate) answers: Cache,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            limits: quick_limits(),
            auth_required: false,
            operators: Operators::default(),
            signatures: SignatureSettings::default(),
            answers: Cache::off(),
        }
    }
}

/// Lines that a test puts into guests' mouths.
#[derive(Default)]
pub(crate) struct Said(Mutex<Vec<(Digest, GuestLine)>>);

impl Said {
    pub(crate) fn say(&self, digest: Digest, seq: u64, line: &str) {
        let line = GuestLine {
            seq,
            at: noon(),
            level: "info",
            slot: "reranker".to_owned(),
            line: line.to_owned(),
        };
        let mut lines = self.0.lock().expect("no test panics while it speaks");
        lines.push((digest, line));
    }
}

impl GuestLogs for Said {
    fn after(&self, digest: Digest, after: u64) -> Vec<GuestLine> {
        let lines = self.0.lock().expect("no test panics while it speaks");
        lines
            .iter()
            .filter(|(of, line)| *of == digest && line.seq > after)
            .map(|(_, line)| line.clone())
            .collect()
    }
}

impl TestApp {
    /// On an empty SQLite file with the built-in slots.
    pub(crate) async fn start() -> Self {
        Self::with(Rules::default()).await
    }

    pub(crate) async fn with_limits(limits: HttpLimits) -> Self {
        Self::with(Rules {
            limits,
            ..Rules::default()
        })
        .await
    }

    pub(crate) async fn with(rules: Rules) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = SqliteStore::open(&folder.path().join("phagen.sqlite"))
            .await
            .expect("a new database opens");
        store.seed_slots_of_tests().await;
        Self::on(Arc::new(store), rules, folder).await
    }

    /// On a store that fails in one way.
    pub(crate) async fn broken(how: broken::How, limits: HttpLimits) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let rules = Rules {
            limits,
            ..Rules::default()
        };
        Self::on(Arc::new(broken::BrokenStore(how)), rules, folder).await
    }

    async fn on(store: Arc<dyn Store>, rules: Rules, folder: TempDir) -> Self {
        let clock = Arc::new(FixedClock(noon()));
        let health = Arc::new(HealthChecks::new(clock.clone(), &["guests"]));
        health.report("guests", CheckStatus::Ok, Duration::ZERO, None);
        let (wake, shutdown) = (Arc::new(Notify::new()), CancellationToken::new());
        let blobs = BlobFolder::open(folder.path().join("blob")).expect("a folder of blobs opens");
        let (uploads, said) = (Arc::default(), Arc::<Said>::default());
        let state = AppState {
            store: Arc::clone(&store),
            blobs: Arc::new(Blobs::local(blobs.clone())),
            clock,
            wake: Arc::clone(&wake),
            uploads: Arc::clone(&uploads),
            limits: rules.limits,
            health: Arc::clone(&health),
            guest_logs: Arc::<Said>::clone(&said),
            auth_required: rules.auth_required,
            operators: rules.operators,
            signatures: rules.signatures,
            answers: Arc::new(rules.answers),
            stopping: shutdown.clone(),
            shutdown: shutdown.clone(),
            version: VERSION,
        };
        let watched = OperationsState {
            store: Arc::clone(&store),
            health: Arc::clone(&health),
            answers: Arc::clone(&state.answers),
            metrics: metrics(),
            stopping: shutdown.clone(),
            check_timeout: state.limits.check_timeout,
            check_ttl: state.limits.check_ttl,
            version: VERSION,
        };
        let (listener, address) = listen().await;
        let (operations, operations_address) = listen().await;
        let tasks = TaskTracker::new();
        let ended = shutdown.clone();
        tasks.spawn(async move {
            http::serve_operations(operations, watched, ended)
                .await
                .expect("watching ends well");
        });
        tasks.spawn(http::serve(listener, state));
        phagen_package::oci::install_tls();
        Self {
            store,
            health,
            wake,
            uploads,
            blobs,
            said,
            shutdown,
            address,
            operations: operations_address,
            client: Client::builder()
                .timeout(PATIENCE)
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .build()
                .expect("a client"),
            tasks,
            _folder: folder,
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::GET, path)).await
    }

    /// Asks the operations port.
    pub(crate) async fn watch(&self, path: &str) -> Answer {
        let url = format!("http://{}{path}", self.operations);
        Answer::to(self.client.get(url)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::DELETE, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::to(self.request(Method::POST, path).json(body)).await
    }

    /// Posts bytes as they are, as JSON.
    pub(crate) async fn post_bytes(&self, path: &str, body: impl Into<Vec<u8>>) -> Answer {
        let request = self
            .request(Method::POST, path)
            .header("content-type", "application/json")
            .body(body.into());
        Answer::to(request).await
    }

    /// Writes bytes on a new connection, closes that half, and reads to the end.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        let exchange = async {
            let mut socket = TcpStream::connect(self.address)
                .await
                .expect("a connection");
            socket.write_all(bytes).await.expect("bytes are taken");
            socket.shutdown().await.expect("half of the socket closes");
            let mut answer = Vec::new();
            socket.read_to_end(&mut answer).await.expect("an answer");
            String::from_utf8_lossy(&answer).into_owned()
        };
        timeout(PATIENCE, exchange)
            .await
            .expect("an answer in time")
    }

    /// Submits a job for `molecule` and gives its id.
    pub(crate) async fn submit(&self, molecule: &str) -> JobId {
        let answer = self
            .post("/api/jobs", &serde_json::json!({ "molecule": molecule }))
            .await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        answer.job_id()
    }

    pub(crate) async fn claim(&self) -> ClaimedJob {
        self.store
            .claim("test", LEASE)
            .await
            .expect("the store answers")
            .expect("a job is due")
    }

    /// A job that a worker finished with `result`.
    pub(crate) async fn finished(&self, result: &JobResult) -> JobId {
        let id = self.submit(&result.molecule.name).await;
        let claimed = self.claim().await;
        assert_eq!(claimed.job.id, id, "finish jobs one at a time");
        self.store
            .finish(&claimed.lease, result)
            .await
            .expect("the lease is held");
        id
    }

    pub(crate) async fn status_of(&self, id: JobId) -> JobStatus {
        let job = self.store.find_job(id).await.expect("the store answers");
        job.expect("the job exists").state.status()
    }

    /// Shuts the server down and waits until it has ended.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.tasks.close();
        timeout(PATIENCE, self.tasks.wait())
            .await
            .expect("serving ends in time");
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// The defaults, with polls and caches that do not make a test wait.
pub(crate) fn quick_limits() -> HttpLimits {
    HttpLimits {
        event_poll: Duration::from_millis(10),
        check_ttl: Duration::ZERO,
        ..HttpLimits::default()
    }
}

pub(crate) fn noon() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().expect("a time")
}

/// One recorder serves every test of the process, so tests look for their own series only.
fn metrics() -> Metrics {
    static METRICS: OnceLock<Metrics> = OnceLock::new();
    METRICS
        .get_or_init(|| Metrics::install(VERSION).expect("the process has no other recorder"))
        .clone()
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr();
    (listener, address.expect("a bound socket has an address"))
}

trait SeedSlots {
    async fn seed_slots_of_tests(&self);
}

impl<S: Store> SeedSlots for S {
    async fn seed_slots_of_tests(&self) {
        let sources = ["clinical", "literature", "regulatory", "patent", "market"]
            .map(|kind| slot(kind, World::Source, "corpus-source"));
        let mut slots = sources.to_vec();
        slots.push(slot("mapper", World::Mapper, "mesh-mapper"));
        slots.push(slot("reranker", World::Reranker, "evidence-reranker"));
        self.seed_slots(&slots).await.expect("slots are seeded");
    }
}

fn slot(name: &str, world: World, plugin: &str) -> Slot {
    let is_source = world == World::Source;
    let kind = Attribute {
        key: "kind".to_owned(),
        value: name.to_owned(),
    };
    Slot {
        name: name.parse().expect("a slot name"),
        world,
        place: 0,
        serving: Activation {
            plugin: plugin.to_owned(),
            plugin_digest: Digest::of(plugin.as_bytes()),
            artifact_digest: (world == World::Reranker).then(|| Digest::of(b"weights")),
            config: if is_source { vec![kind] } else { Vec::new() },
            grant: Grant {
                corpus: is_source,
                artifact: world == World::Reranker,
                ..Grant::default()
            },
        },
        previous: None,
        candidate: None,
        generation: 1,
    }
}
