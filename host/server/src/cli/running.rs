//! What `serve` and `worker` share: the operations port, the facts behind its probes, and the tasks
//! that every process of a cluster has.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{import, stop};
use crate::{
    audit::{self, HeadLog, Role},
    blobs,
    config::{OperationsBind, Settings},
    house::House,
    http::{self, CheckStatus, HealthChecks, HttpLimits, OperationsState},
    telemetry::Metrics,
    worker,
};

/// Parts that must have reported before `/ready` says yes.
const PLUGINS: &str = "plugins";
const CORPUS: &str = "corpus";

/// Beats once a second; `/health` fails when the async runtime does not get to it.
const RUNTIME: &str = "runtime";
/// Beats from the thread that renews leases.
const HEARTBEAT: &str = "heartbeat";
const BEAT: Duration = Duration::from_secs(1);
const MAX_SILENCE: Duration = Duration::from_secs(30);

/// The operations port before there is anything to tell.
pub(super) struct OperationsPort {
    listener: Option<TcpListener>,
    metrics: Metrics,
}

impl OperationsPort {
    /// To be called before anything slow: a taken port is a common reason not to start.
    pub(super) async fn bind(bind: OperationsBind) -> Result<Self> {
        let metrics = Metrics::install(env!("CARGO_PKG_VERSION"))?;
        let listener = match bind {
            OperationsBind::Off => None,
            OperationsBind::At(address) => {
                let bound = TcpListener::bind(address).await;
                Some(bound.with_context(|| {
                    format!(
                        "cannot listen on {address}, as `operations.bind` asks: is the port taken?"
                    )
                })?)
            }
            OperationsBind::Usual => Some(bind_usual().await?),
        };
        Ok(Self { listener, metrics })
    }
}

/// Two processes of one machine must start without a word about ports.
async fn bind_usual() -> Result<TcpListener> {
    let usual = OperationsBind::USUAL;
    match TcpListener::bind(usual).await {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            TcpListener::bind((usual.ip(), 0)).await
        }
        bound => bound,
    }
    .with_context(|| format!("cannot listen on {usual} for metrics and probes; `operations.bind` names another address"))
}

/// A process at work, until [`Running::end`].
pub(super) struct Running {
    pub(super) house: Arc<House>,
    pub(super) health: Arc<HealthChecks>,
    pub(super) tasks: TaskTracker,
    /// Cancelled when the process is asked to stop.
    pub(super) stopping: CancellationToken,
    /// Cancelled when it does, `drain` later.
    pub(super) shutdown: CancellationToken,
    /// The operations port: the last to go.
    port: TaskTracker,
    ended: CancellationToken,
}

impl Running {
    /// Opens the house and says how it is. Asked to stop, it goes on for `drain`, unready.
    pub(super) async fn begin(
        port: OperationsPort,
        settings: Settings,
        role: Role,
        drain: Duration,
    ) -> Result<Self> {
        let begun = Instant::now();
        let house = Arc::new(House::open(settings).await?);
        audit::note_settings(house.store.as_ref(), role, &house.settings).await?;
        let health = HealthChecks::new(Arc::clone(&house.clock), &[PLUGINS, CORPUS]);
        let allocator = format!("compiled; {} allocator", house.plugins.allocator());
        health.report(PLUGINS, CheckStatus::Ok, begun.elapsed(), Some(allocator));
        let running = Self {
            house,
            health: Arc::new(health),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            shutdown: CancellationToken::new(),
            port: TaskTracker::new(),
            ended: CancellationToken::new(),
        };
        stop::listen(&running.stopping)?;
        running.tasks.spawn(drained(
            running.stopping.clone(),
            running.shutdown.clone(),
            drain,
        ));
        running.open_port(port)?;
        running.follow();
        Ok(running)
    }

    fn open_port(&self, port: OperationsPort) -> Result<()> {
        let limits = HttpLimits::default();
        self.port
            .spawn(port.metrics.clone().keep_up(self.ended.clone()));
        let Some(listener) = port.listener else {
            return Ok(());
        };
        let address = listener.local_addr()?;
        let state = OperationsState {
            store: Arc::clone(&self.house.store),
            health: Arc::clone(&self.health),
            answers: Arc::clone(&self.house.answers),
            metrics: port.metrics,
            stopping: self.stopping.clone(),
            check_timeout: limits.check_timeout,
            check_ttl: limits.check_ttl,
            version: env!("CARGO_PKG_VERSION"),
        };
        let ended = self.ended.clone();
        self.port.spawn(async move {
            if let Err(error) = http::serve_operations(listener, state, ended).await {
                tracing::error!(%error, "metrics and probes are no longer served");
            }
        });
        tracing::info!(%address, "metrics and probes are served on http://{address}");
        Ok(())
    }

    /// What goes on beside requests and jobs.
    fn follow(&self) {
        let Self {
            house,
            health,
            tasks,
            shutdown,
            ..
        } = self;
        health.watch(RUNTIME, MAX_SILENCE);
        tasks.spawn(pulse(Arc::clone(health), shutdown.clone()));
        tasks.spawn(Arc::clone(&house.fleet).run(shutdown.clone()));
        tasks.spawn(audit::follow(
            Arc::clone(&house.store),
            HeadLog::of(&house.settings),
            shutdown.clone(),
        ));
        tasks.spawn(blobs::watch(
            Arc::clone(&house.blobs),
            Arc::clone(health),
            shutdown.clone(),
        ));
    }

    /// Starts the workers, once there is a corpus to work on.
    pub(super) async fn begin_work(&self) -> Result<()> {
        let begun = Instant::now();
        import::bundled_once(&self.house, &self.shutdown).await?;
        self.health
            .report(CORPUS, CheckStatus::Ok, begun.elapsed(), None);
        let health = Arc::clone(&self.health);
        let tell = move |followed: bool| {
            let (status, detail) = if followed {
                (CheckStatus::Ok, None)
            } else {
                let detail = "an older index serves; the log says why";
                (CheckStatus::Degraded, Some(detail.to_owned()))
            };
            health.report(CORPUS, status, Duration::ZERO, detail);
        };
        let snapshots = Arc::clone(&self.house.snapshots);
        self.tasks
            .spawn(snapshots.follow(tell, self.shutdown.clone()));
        if self.house.settings.worker.count > 0 {
            self.health.watch(HEARTBEAT, MAX_SILENCE);
        }
        let health = Arc::clone(&self.health);
        let pulse = move || health.beat(HEARTBEAT);
        worker::start(&self.house, pulse, &self.tasks, &self.shutdown).await?;
        Ok(())
    }

    /// Waits for all that was begun.
    pub(super) async fn end(self) {
        self.shutdown.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.house.answers.close().await;
        self.ended.cancel();
        self.port.close();
        self.port.wait().await;
    }
}

/// Leaves whoever sends requests here the time to hear that none are welcome any more.
async fn drained(stopping: CancellationToken, shutdown: CancellationToken, drain: Duration) {
    let asked = async {
        stopping.cancelled().await;
        tokio::time::sleep(drain).await;
    };
    shutdown.run_until_cancelled(asked).await;
    shutdown.cancel();
}

async fn pulse(health: Arc<HealthChecks>, shutdown: CancellationToken) {
    let mut interval = tokio::time::interval(BEAT);
    while shutdown
        .run_until_cancelled(interval.tick())
        .await
        .is_some()
    {
        health.beat(RUNTIME);
    }
}
