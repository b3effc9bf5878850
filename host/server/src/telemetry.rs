//! Logs to standard error, metrics for `/metrics`.

use std::io::IsTerminal;

use anyhow::{Context, Result};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LogSettings};

/// Upper bounds in seconds, from a cached answer to a slow source.
const DURATION_BUCKETS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0,
];

/// Installs the log writer, which lets through what the settings say, else `default_filter`.
pub fn start_logging(settings: &LogSettings, default_filter: &str) -> Result<()> {
    let directives = settings.filter.as_deref().unwrap_or(default_filter);
    let filter = EnvFilter::try_new(directives).with_context(|| {
        format!(
            "setting `log.filter` is `{directives}`: expected directives such as `info` or `warn,phagen_plugin=debug`"
        )
    })?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // In a file or a journal, colours are noise between the words.
    let subscriber = if std::io::stderr().is_terminal() {
        subscriber
    } else {
        subscriber.with_ansi(false)
    };
    match settings.format {
        LogFormat::Text => subscriber.with_target(false).try_init(),
        LogFormat::Json => subscriber.json().try_init(),
    }
    .map_err(|error| anyhow::anyhow!("cannot start logging: {error}"))
}

/// Installs the metrics recorder. Once per process.
pub fn start_metrics() -> Result<PrometheusHandle> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &DURATION_BUCKETS)
        .and_then(PrometheusBuilder::install_recorder)
        .context("cannot start the metrics recorder")
}
