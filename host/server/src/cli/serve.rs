//! `phagen serve`

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use metrics_exporter_prometheus::PrometheusHandle;
use phagen_domain::digest::Digest;
use phagen_plugin::{LogLevel, LogLine, PluginHost};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{import, stop, write};
use crate::{
    audit::{self, HeadLog},
    blobs,
    config::Settings,
    house::House,
    http::{self, AppState, CheckStatus, GuestLine, GuestLogs, HealthChecks, HttpLimits},
    telemetry, worker,
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

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Embedded workers; 0 serves the API alone.
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// Port to listen on; 0 picks a free one.
    #[arg(long)]
    port: Option<u16>,
}

pub(super) async fn run(mut settings: Settings, arguments: Arguments) -> Result<()> {
    settings.worker.count = arguments.workers.unwrap_or(settings.worker.count);
    settings.server.port = arguments.port.unwrap_or(settings.server.port);
    let metrics = telemetry::start_metrics()?;
    let address = settings.server.address();
    // Before anything slow: a taken port is the commonest reason not to start.
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}: is the port taken?"))?;
    if !settings.auth_required() && !address.ip().is_loopback() {
        tracing::warn!("anyone who reaches {address} may ask: `auth.required` is off");
    }
    let begun = Instant::now();
    let house = Arc::new(House::open(settings).await?);
    let health = Arc::new(HealthChecks::new(
        Arc::clone(&house.clock),
        &[PLUGINS, CORPUS],
    ));
    let allocator = format!("compiled; {} allocator", house.plugins.allocator());
    health.report(PLUGINS, CheckStatus::Ok, begun.elapsed(), Some(allocator));
    let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
    stop::listen(&shutdown)?;
    health.watch(RUNTIME, MAX_SILENCE);
    tasks.spawn(pulse(Arc::clone(&health), shutdown.clone()));
    tasks.spawn(Arc::clone(&house.fleet).run(shutdown.clone()));
    tasks.spawn(audit::follow(
        Arc::clone(&house.store),
        HeadLog::of(&house.settings),
        shutdown.clone(),
    ));
    let (blobs, told) = (Arc::clone(&house.blobs), Arc::clone(&health));
    tasks.spawn(blobs::watch(blobs, told, shutdown.clone()));
    write::line(&format!(
        "phagen listens on http://{}",
        listener.local_addr()?
    ));
    // Jobs may come in while the first start still indexes; they wait in the queue. Polled in this
    // order, a later start is ready before it answers its first request.
    let app = state(&house, Arc::clone(&health), metrics, &shutdown);
    let ended = tokio::try_join!(begin_work(&house, &health, &tasks, &shutdown), async {
        Ok(http::serve(listener, app).await?)
    });
    shutdown.cancel();
    tasks.close();
    tasks.wait().await;
    house.answers.close().await;
    ended.map(|_| ())
}

/// Starts the workers, once there is a corpus to work on.
async fn begin_work(
    house: &Arc<House>,
    health: &Arc<HealthChecks>,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) -> Result<()> {
    let begun = Instant::now();
    import::bundled_once(house, shutdown).await?;
    health.report(CORPUS, CheckStatus::Ok, begun.elapsed(), None);
    if house.settings.worker.count > 0 {
        health.watch(HEARTBEAT, MAX_SILENCE);
    }
    let pulse = {
        let health = Arc::clone(health);
        move || health.beat(HEARTBEAT)
    };
    worker::start(house, pulse, tasks, shutdown).await?;
    Ok(())
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

fn state(
    house: &House,
    health: Arc<HealthChecks>,
    metrics: PrometheusHandle,
    shutdown: &CancellationToken,
) -> AppState {
    let server = &house.settings.server;
    AppState {
        store: Arc::clone(&house.store),
        blobs: Arc::clone(&house.blobs),
        clock: Arc::clone(&house.clock),
        wake: Arc::clone(&house.wake),
        uploads: Arc::clone(&house.uploads),
        limits: HttpLimits {
            body_bytes: server.body_bytes,
            component_bytes: house.settings.plugin.component_bytes,
            request_timeout: Duration::from_secs(server.request_timeout_seconds),
            requests_per_second: house.settings.limit.requests_per_second,
            burst: house.settings.limit.burst,
            n_in_flight: house.settings.limit.n_in_flight,
            max_attempts: house.settings.worker.max_attempts,
            ..HttpLimits::default()
        },
        health,
        metrics,
        guest_logs: Arc::new(LogsOfGuests(Arc::clone(&house.plugins))),
        auth_required: house.settings.auth_required(),
        operators: house.settings.operator.clone(),
        signatures: house.settings.plugin.signature.clone(),
        answers: Arc::clone(&house.answers),
        shutdown: shutdown.clone(),
        version: env!("CARGO_PKG_VERSION"),
    }
}

/// The tails of this process's guests, as the API reads them.
struct LogsOfGuests(Arc<PluginHost>);

impl GuestLogs for LogsOfGuests {
    fn after(&self, digest: Digest, after: u64) -> Vec<GuestLine> {
        let lines = self.0.logs(digest, after);
        lines.into_iter().map(line_of_guest).collect()
    }
}

fn line_of_guest(line: LogLine) -> GuestLine {
    GuestLine {
        seq: line.seq,
        at: line.at,
        level: match line.level {
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warn => "warn",
            LogLevel::Error => "error",
        },
        slot: line.slot,
        line: line.line,
    }
}
