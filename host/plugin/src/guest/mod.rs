//! What one instance holds and may touch: the data of a `wasmtime::Store`.
//!
//! Made for one call and dropped with it. Nothing here outlives a call or is shared between two.

mod determinism;
mod http;
mod imports;
mod limiter;
mod stdio;

use std::{sync::Arc, time::Instant};

use chrono::NaiveDate;
use phagen_domain::{
    evidence::{Attribute, Page},
    plugin::{Failure, Grant},
    query::CorpusRequest,
};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::{engine::Purpose, settings::CallLimits, slot::Artifact};

pub(crate) use imports::HasGuest;
use imports::LogBudget;
#[expect(unreachable_pub, reason = "generated code re-exports it")]
pub use imports::OpenArtifact;
use limiter::Limiter;
use stdio::Stdio;

/// Search of the host's own corpus, as sources see it.
///
/// Called on a blocking thread; a failure goes to the guest as it is.
pub trait CorpusSearch: Send + Sync {
    fn search(&self, request: &CorpusRequest) -> Result<Page, Failure>;
}

/// Who calls, with what.
pub(crate) struct Role {
    pub(crate) plugin: String,
    pub(crate) slot: String,
    pub(crate) config: Vec<Attribute>,
    pub(crate) artifact: Option<Artifact>,
    pub(crate) grant: Grant,
    pub(crate) as_of: NaiveDate,
}

/// The data of one instance.
pub(crate) struct Guest {
    pub(crate) limiter: Limiter,
    /// When the engine's tick ends the guest.
    pub(crate) deadline: Instant,
    role: Role,
    corpus: Arc<dyn CorpusSearch>,
    log: LogBudget,
    max_read_bytes: usize,
    stdio: Stdio,
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    http_hooks: http::DenyAll,
}

impl Guest {
    pub(crate) fn new(
        role: Role,
        purpose: Purpose,
        limits: &CallLimits,
        corpus: Arc<dyn CorpusSearch>,
    ) -> Self {
        let stdio = Stdio::new(limits.stdio_bytes);
        let mut wasi = WasiCtx::builder();
        wasi.stdout(stdio.clone())
            .stderr(stdio.clone())
            .max_random_size(limits.random_bytes)
            .allow_tcp(false)
            .allow_udp(false);
        if purpose == Purpose::Scoring {
            determinism::apply(&mut wasi, role.as_of);
        }
        Self {
            limiter: Limiter::new(limits.memory_bytes),
            deadline: Instant::now(),
            role,
            corpus,
            log: LogBudget::new(limits),
            max_read_bytes: limits.memory_bytes,
            stdio,
            table: ResourceTable::new(),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            http_hooks: http::DenyAll,
        }
    }

    /// What it wrote to its standard output and error.
    pub(crate) fn said(&self) -> String {
        self.stdio.text()
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.http_hooks,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

#[cfg(test)]
mod tests {
    use wasmtime_wasi::{p2::bindings::random::random::Host, random::WasiRandomView};

    use super::*;

    struct NoCorpus;

    impl CorpusSearch for NoCorpus {
        fn search(&self, _: &CorpusRequest) -> Result<Page, Failure> {
            Err(Failure::new("not-found", "there is no corpus"))
        }
    }

    #[test]
    fn chance_has_a_limit() {
        let role = Role {
            plugin: String::new(),
            slot: String::new(),
            config: Vec::new(),
            artifact: None,
            grant: Grant::default(),
            as_of: NaiveDate::default(),
        };
        let limits = CallLimits::default();
        let mut guest = Guest::new(role, Purpose::Scoring, &limits, Arc::new(NoCorpus));
        let mut ask = |n_bytes| guest.random().get_random_bytes(n_bytes).map(|b| b.len());
        assert_eq!(ask(limits.random_bytes).unwrap(), 1 << 20);
        assert!(ask(limits.random_bytes + 1).is_err());
    }
}
