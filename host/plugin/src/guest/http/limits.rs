//! How much of the network one guest may use. Every limit has a unit and a test that hits it.

use std::{fmt, sync::Arc, time::Duration};

use wasmtime_wasi_http::RequestOptions;

use super::resolve::{Resolve, SystemResolver};

const KIB: usize = 1 << 10;
const MIB: u64 = 1 << 20;

/// How sources reach out: the limits, whom names are asked of, and whose certificates count.
#[derive(Clone)]
pub struct EgressSettings {
    pub limits: EgressLimits,
    /// Certificates (DER) that count beside the public ones: a company's own, as
    /// [`read_roots`](crate::read_roots) reads them, or a test's.
    pub extra_roots: Vec<Vec<u8>>,
    pub resolver: Arc<dyn Resolve>,
}

impl Default for EgressSettings {
    fn default() -> Self {
        Self {
            limits: EgressLimits::default(),
            extra_roots: Vec::new(),
            resolver: Arc::new(SystemResolver),
        }
    }
}

impl fmt::Debug for EgressSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EgressSettings")
            .field("limits", &self.limits)
            .field("n_extra_roots", &self.extra_roots.len())
            .finish_non_exhaustive()
    }
}

/// What sources may use up. All times also end with the deadline of the call.
#[derive(Debug, Clone)]
pub struct EgressLimits {
    /// Bytes of a request's body.
    pub request_bytes: u64,
    /// Bytes of a response's body, as they come over the wire: nothing is decompressed.
    pub response_bytes: u64,
    /// Bytes of the names and values of all headers, of a request and of a response.
    pub header_bytes: usize,
    /// Headers of a response.
    pub n_headers: usize,
    /// Bytes of a request's path and query.
    pub target_bytes: usize,
    /// Requests of one call, redirects included.
    pub n_requests: u32,
    /// Requests of one slot in a second. Those past it wait, and their deadlines go on.
    pub n_requests_per_second: u32,
    /// Requests of one call under way at once; one more waits for `connect_timeout`.
    pub n_connections_per_call: usize,
    /// Requests of all slots under way at once; one more waits for `connect_timeout`.
    pub n_connections: usize,
    /// Bytes of the requests and responses of one call that are written down where calls are
    /// recorded. A call that takes more cannot be replayed.
    pub recorded_bytes: usize,
    /// From the name to a connection that has shaken hands.
    pub connect_timeout: Duration,
    /// From the request to the headers of its response.
    pub first_byte_timeout: Duration,
    /// Between two pieces of a response's body.
    pub between_bytes_timeout: Duration,
}

impl Default for EgressLimits {
    fn default() -> Self {
        Self {
            request_bytes: MIB,
            response_bytes: 8 * MIB,
            header_bytes: 64 * KIB,
            n_headers: 100,
            target_bytes: 8 * KIB,
            n_requests: 50,
            n_requests_per_second: 10,
            n_connections_per_call: 4,
            n_connections: 64,
            recorded_bytes: 16 << 20,
            connect_timeout: Duration::from_secs(3),
            first_byte_timeout: Duration::from_secs(8),
            between_bytes_timeout: Duration::from_secs(5),
        }
    }
}

/// How long to wait for what: the host's limits, or less where the guest says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Patience {
    pub(super) connect: Duration,
    pub(super) first_byte: Duration,
    pub(super) between_bytes: Duration,
}

impl Patience {
    pub(super) fn new(limits: &EgressLimits, options: Option<RequestOptions>) -> Self {
        let options = options.unwrap_or_default();
        let least =
            |limit: Duration, asked: Option<Duration>| asked.map_or(limit, |d| d.min(limit));
        Self {
            connect: least(limits.connect_timeout, options.connect_timeout),
            first_byte: least(limits.first_byte_timeout, options.first_byte_timeout),
            between_bytes: least(limits.between_bytes_timeout, options.between_bytes_timeout),
        }
    }
}
