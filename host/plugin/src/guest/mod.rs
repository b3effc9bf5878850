//! What one instance holds and may touch: the data of a `wasmtime::Store`.
//!
//! Made for one call and dropped with it. Nothing here outlives a call or is shared between two.

mod chance;
mod denial;
mod determinism;
mod http;
mod imports;
mod limiter;
mod stdio;
mod witness;

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

use crate::{engine::Purpose, logs::LogTail, settings::CallLimits, slot::Artifact};

use denial::Denials;
pub(crate) use http::Egress;
pub use http::{EgressLimits, EgressSettings, InvalidSecret, Resolve, Secrets, SystemResolver};
pub(crate) use imports::HasGuest;
use imports::LogBudget;
#[expect(unreachable_pub, reason = "generated code re-exports it")]
pub use imports::OpenArtifact;
use limiter::Limiter;
use stdio::Stdio;
pub(crate) use witness::{Overheard, Recorded, Witness};

/// Search of the host's own corpus, as sources see it.
///
/// Called on a blocking thread; a failure goes to the guest as it is.
pub trait CorpusSearch: Send + Sync {
    fn search(&self, request: &CorpusRequest) -> Result<Page, Failure>;
}

/// What answers a guest that asks for something outside of it.
pub(crate) struct Surroundings {
    pub(crate) corpus: Arc<dyn CorpusSearch>,
    pub(crate) egress: Arc<Egress>,
    pub(crate) witness: Witness,
}

/// Who calls, with what.
pub(crate) struct Role {
    pub(crate) plugin: String,
    pub(crate) slot: String,
    pub(crate) config: Vec<Attribute>,
    pub(crate) artifact: Option<Artifact>,
    /// What the plugin's manifest asks for.
    pub(crate) asked: Grant,
    /// What the operator grants the slot. Only what both say is open.
    pub(crate) granted: Grant,
    pub(crate) as_of: NaiveDate,
    /// The tail of the plugin's log, besides the host's own log.
    pub(crate) log: Arc<LogTail>,
}

impl Role {
    /// Under the names of secrets a configuration holds placeholders and nothing else: a value
    /// that an operator wrote there by mistake must not reach the guest.
    fn hide_secrets(&mut self, placeholders: &http::Placeholders) {
        let slot = &self.slot;
        self.config.retain(|pair| {
            let is_secret = pair.key.starts_with(http::KEY_PREFIX);
            if is_secret {
                let key = &pair.key;
                tracing::warn!(
                    slot, key,
                    "the configuration of slot `{slot}` sets `{key}`, which is kept from the guest; secrets belong in the host's own settings"
                );
            }
            !is_secret
        });
        self.config.extend(placeholders.attributes());
    }
}

/// The data of one instance.
pub(crate) struct Guest {
    pub(crate) limiter: Limiter,
    /// When the engine's tick ends the guest.
    pub(crate) deadline: Instant,
    /// Ticks of the engine that it computed through in this call.
    pub(crate) n_ticks: u64,
    role: Arc<Role>,
    denials: Denials,
    corpus: Arc<dyn CorpusSearch>,
    log: LogBudget,
    max_read_bytes: usize,
    stdio: Stdio,
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    door: http::Door,
}

impl Guest {
    pub(crate) fn new(
        mut role: Role,
        purpose: Purpose,
        limits: &CallLimits,
        outside: Surroundings,
    ) -> Self {
        let Surroundings {
            corpus,
            egress,
            witness,
        } = outside;
        let stdio = Stdio::new(limits.stdio_bytes);
        let mut wasi = WasiCtx::builder();
        wasi.stdout(stdio.clone())
            .stderr(stdio.clone())
            .max_random_size(limits.random_bytes)
            .allow_tcp(false)
            .allow_udp(false);
        let draw = || http::Placeholders::draw(egress.secrets(), &role.asked, &role.granted);
        let placeholders = match (purpose, &witness) {
            (Purpose::Scoring, _) => {
                determinism::apply(&mut wasi, role.as_of);
                draw()
            }
            (Purpose::Io, Witness::Nobody) => draw(),
            (Purpose::Io, Witness::Overheard(call)) => {
                chance::overhear(&mut wasi, call);
                let placeholders = draw();
                call.network.meet(&placeholders);
                placeholders
            }
            (Purpose::Io, Witness::Recorded(call)) => {
                chance::repeat(&mut wasi, call);
                call.placeholders()
            }
        };
        role.hide_secrets(&placeholders);
        let role = Arc::new(role);
        let denials = Denials::new(&role.plugin, &role.slot);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(egress.field_bytes());
        Self {
            limiter: Limiter::new(limits.memory_bytes),
            deadline: Instant::now(),
            n_ticks: 0,
            role: Arc::clone(&role),
            denials: denials.clone(),
            corpus,
            log: LogBudget::new(limits),
            max_read_bytes: limits.memory_bytes,
            stdio,
            table: ResourceTable::new(),
            wasi: wasi.build(),
            http,
            door: http::Door::new(egress, role, denials, placeholders, witness),
        }
    }

    /// For the next call of a kept instance: what is counted by the call starts anew. Placeholders
    /// stay, since the guest was told them at its `init`.
    pub(crate) fn begin_again(&mut self, limits: &CallLimits, corpus: Arc<dyn CorpusSearch>) {
        self.corpus = corpus;
        self.n_ticks = 0;
        self.log = LogBudget::new(limits);
        self.denials.forget();
        self.door.begin_again();
        self.stdio.forget();
    }

    /// Its configuration, with a placeholder in place of each secret.
    pub(crate) fn config(&self) -> Vec<Attribute> {
        self.role.config.clone()
    }

    /// What it was first denied, for the error of a call that then failed.
    pub(crate) fn first_denial(&self) -> Option<String> {
        self.denials.first()
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
            hooks: &mut self.door,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

#[cfg(test)]
mod tests {
    use wasmtime_wasi::{p2::bindings::random::random::Host, random::WasiRandomView};

    use super::*;
    use crate::settings::PluginSettings;

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
            asked: Grant::default(),
            granted: Grant::default(),
            as_of: NaiveDate::default(),
            log: Arc::default(),
        };
        let settings = PluginSettings::new("unused");
        let limits = settings.limits.clone();
        let egress = Arc::new(Egress::new(&settings).unwrap());
        let outside = Surroundings {
            corpus: Arc::new(NoCorpus),
            egress,
            witness: Witness::Nobody,
        };
        let mut guest = Guest::new(role, Purpose::Scoring, &limits, outside);
        let mut ask = |n_bytes| guest.random().get_random_bytes(n_bytes).map(|b| b.len());
        assert_eq!(ask(limits.random_bytes).unwrap(), 1 << 20);
        assert!(ask(limits.random_bytes + 1).is_err());
    }
}
