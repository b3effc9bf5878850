//! What the handlers hold, and the limits they keep.

use std::{ops::Deref, sync::Arc, time::Duration};

use phagen_blob::Blobs;
use phagen_cache::Cache;
use phagen_domain::clock::Clock;
use phagen_store::Store;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use super::{
    cached::Cached,
    door::{Buckets, Verifier},
    health::{HealthChecks, Vitals, Watched},
    jobs::KeptAnswers,
    plugins::GuestLogs,
};
use crate::config::{Operators, SignatureSettings};

/// What the server hands to the API.
pub struct AppState {
    pub store: Arc<dyn Store>,
    /// Where uploaded components go.
    pub blobs: Arc<Blobs>,
    pub clock: Arc<dyn Clock>,
    /// Told of every new job; best effort, since workers also poll.
    pub wake: Arc<Notify>,
    /// Told of every new component, so that its gates need not wait for a poll.
    pub uploads: Arc<Notify>,
    pub limits: HttpLimits,
    pub health: Arc<HealthChecks>,
    /// What guests of this process said.
    pub guest_logs: Arc<dyn GuestLogs>,
    /// Whether every route but the probes needs a key.
    pub auth_required: bool,
    /// Who may do everything by the settings, besides the keys in the database.
    pub operators: Operators,
    /// Whose signatures count, slot by slot.
    pub signatures: SignatureSettings,
    /// What this process keeps of answers; here only to forget it, and to say how it is.
    pub answers: Arc<Cache>,
    /// Cancelled when the process is asked to stop: `/ready` then refuses.
    pub stopping: CancellationToken,
    /// Cancelled at shutdown: event streams end, and no further connection is taken.
    pub shutdown: CancellationToken,
    pub version: &'static str,
}

/// How much one caller may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// Largest request body; components aside.
    pub body_bytes: usize,
    /// Largest component.
    pub component_bytes: usize,
    /// Components that may be on their way at once; each is held in memory whole.
    pub n_uploads: usize,
    /// Requests a second that one key, or one address without a key, may make for long; 0: any.
    pub requests_per_second: u32,
    /// Requests that it may make at once after a rest.
    pub burst: u32,
    /// Connections open at once; the next wait to be taken.
    pub n_connections: usize,
    /// Largest request line with headers.
    pub head_bytes: usize,
    /// Longest that a connection may be silent, or take to send a request's head. Longer than
    /// proxies keep idle connections (60 s as a rule), or they send requests into closed ones.
    pub head_timeout: Duration,
    /// Requests answered at once; event streams count until they begin.
    pub n_in_flight: usize,
    /// Longest wait for a request body to arrive.
    pub body_timeout: Duration,
    /// Longest that a handler may take before its answer begins.
    pub request_timeout: Duration,
    /// Longest wait for running requests at shutdown.
    pub drain_timeout: Duration,
    /// Attempts that a new job gets.
    pub max_attempts: u32,
    /// Jobs of one key that may be queued at once; none: any number.
    pub max_queued: Option<u32>,
    /// Event streams open at once.
    pub n_event_streams: usize,
    /// How often an event stream looks for news.
    pub event_poll: Duration,
    /// Longest silence on an event stream.
    pub event_heartbeat: Duration,
    /// Longest wait for the database in a readiness check.
    pub check_timeout: Duration,
    /// How long the answers of the readiness check are kept.
    pub check_ttl: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            body_bytes: 1024 * 1024,
            component_bytes: 32 * 1024 * 1024,
            n_uploads: 4,
            requests_per_second: 500,
            burst: 1_000,
            // With the database's and the guests' own below 1,024 file handles, the usual limit.
            n_connections: 768,
            head_bytes: 64 * 1024,
            head_timeout: Duration::from_secs(75),
            n_in_flight: 512,
            body_timeout: Duration::from_secs(15),
            request_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
            max_attempts: 3,
            max_queued: None,
            n_event_streams: 256,
            event_poll: Duration::from_millis(250),
            event_heartbeat: Duration::from_secs(15),
            check_timeout: Duration::from_secs(1),
            check_ttl: Duration::from_secs(2),
        }
    }
}

/// The state and what the API keeps of its own beside it.
pub(super) struct App {
    state: AppState,
    pub(super) event_streams: Arc<Semaphore>,
    pub(super) upload_permits: Arc<Semaphore>,
    pub(super) places: Semaphore,
    pub(super) buckets: Buckets,
    pub(super) verifier: Verifier,
    pub(super) vitals: Vitals,
    /// Answers about jobs that succeeded.
    pub(super) finished: KeptAnswers,
}

impl App {
    pub(super) fn new(state: AppState) -> Self {
        let limits = state.limits;
        Self {
            verifier: Verifier::new(state.operators.clone()),
            buckets: Buckets::new(limits.requests_per_second, limits.burst),
            places: Semaphore::new(limits.n_in_flight.min(Semaphore::MAX_PERMITS)),
            vitals: Vitals::new(Watched {
                store: Arc::clone(&state.store),
                health: Arc::clone(&state.health),
                answers: Arc::clone(&state.answers),
                stopping: state.stopping.clone(),
                timeout: limits.check_timeout,
                version: state.version,
                database: Cached::new(limits.check_ttl),
            }),
            state,
            finished: KeptAnswers::default(),
            event_streams: Arc::new(Semaphore::new(
                limits.n_event_streams.min(Semaphore::MAX_PERMITS),
            )),
            upload_permits: Arc::new(Semaphore::new(limits.n_uploads.min(Semaphore::MAX_PERMITS))),
        }
    }
}

impl Deref for App {
    type Target = AppState;

    fn deref(&self) -> &AppState {
        &self.state
    }
}
