//! The recorder behind `/metrics`. Buckets are set by hand: what is measured here lasts from a
//! cached answer to an hour in the queue.

use std::time::Duration;

use anyhow::{Context, Result};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;

use super::{
    catalog::{self, BUILD_INFO, JOB_SECONDS, PLUGIN_MEMORY},
    process,
};

/// Upper bounds in seconds, from a cached answer to a slow source.
const DURATION_BUCKETS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0,
];
/// Of a whole job in seconds, with its waits.
const JOB_BUCKETS: [f64; 12] = [
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0,
];
const MEBIBYTE: f64 = 1024.0 * 1024.0;
/// Of one instance, up to the most that a manifest may ask for.
const MEMORY_BUCKETS: [f64; 9] = [
    MEBIBYTE,
    2.0 * MEBIBYTE,
    4.0 * MEBIBYTE,
    8.0 * MEBIBYTE,
    16.0 * MEBIBYTE,
    32.0 * MEBIBYTE,
    64.0 * MEBIBYTE,
    128.0 * MEBIBYTE,
    512.0 * MEBIBYTE,
];

/// How often the recorder folds what it collected; unfolded samples only pile up.
const UPKEEP: Duration = Duration::from_secs(5);

/// Handed to whoever answers `/metrics`.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Installs the recorder. Once per process.
    pub fn install(version: &'static str) -> Result<Self> {
        let handle = builder()
            .and_then(PrometheusBuilder::install_recorder)
            .context("cannot start the metrics recorder")?;
        catalog::describe();
        metrics::gauge!(BUILD_INFO, "version" => version).set(1.0);
        Ok(Self(handle))
    }

    /// All series, in Prometheus' text format.
    pub fn render(&self) -> String {
        process::publish();
        self.0.render()
    }

    /// Folds samples until shutdown, whether anybody asks for them or not.
    pub async fn keep_up(self, shutdown: CancellationToken) {
        let mut interval = tokio::time::interval(UPKEEP);
        while shutdown
            .run_until_cancelled(interval.tick())
            .await
            .is_some()
        {
            self.0.run_upkeep();
        }
    }
}

fn builder() -> Result<PrometheusBuilder, metrics_exporter_prometheus::BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &DURATION_BUCKETS)?
        .set_buckets_for_metric(Matcher::Full(JOB_SECONDS.to_owned()), &JOB_BUCKETS)?
        .set_buckets_for_metric(Matcher::Full(PLUGIN_MEMORY.to_owned()), &MEMORY_BUCKETS)
}
