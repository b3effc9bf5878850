//! `phagen serve`

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use phagen_domain::digest::Digest;
use phagen_plugin::{LogLevel, LogLine, PluginHost};
use tokio::net::TcpListener;

use super::{
    running::{OperationsPort, Running},
    write,
};
use crate::{
    audit::Role,
    config::Settings,
    http::{self, AppState, GuestLine, GuestLogs, HttpLimits},
};

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
    let address = settings.server.address();
    // Before anything slow: a taken port is the commonest reason not to start.
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}: is the port taken?"))?;
    let operations = OperationsPort::bind(settings.operations.bind).await?;
    if !settings.auth_required() && !address.ip().is_loopback() {
        tracing::warn!("anyone who reaches {address} may ask: `auth.required` is off");
    }
    let drain = Duration::from_secs(settings.server.drain_seconds);
    let running = Running::begin(operations, settings, Role::Serve, drain).await?;
    write::line(&format!(
        "phagen listens on http://{}",
        listener.local_addr()?
    ));
    // Jobs may come in while the first start still indexes; they wait in the queue.
    let app = state(&running);
    let ended = tokio::try_join!(running.begin_work(), async {
        http::serve(listener, app).await;
        Ok(())
    });
    running.end().await;
    ended.map(|_| ())
}

fn state(running: &Running) -> AppState {
    let house = &running.house;
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
            max_queued: Some(house.settings.limit.queued_jobs_per_key).filter(|most| *most > 0),
            ..HttpLimits::default()
        },
        health: Arc::clone(&running.health),
        guest_logs: Arc::new(LogsOfGuests(Arc::clone(&house.plugins))),
        auth_required: house.settings.auth_required(),
        operators: house.settings.operator.clone(),
        signatures: house.settings.plugin.signature.clone(),
        answers: Arc::clone(&house.answers),
        stopping: running.stopping.clone(),
        shutdown: running.shutdown.clone(),
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
