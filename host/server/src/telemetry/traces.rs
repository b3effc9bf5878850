//! Spans, sent to a collector over OTLP. Where it is, how often to sample and what to call this
//! process is what the standard variables say; the SDK reads them.
//!
//! Nothing waits for the collector: a thread of its own sends batches, and while it is down spans
//! are dropped and one line of the log says so.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::{Context, Result};
use opentelemetry::{Key, KeyValue, trace::TracerProvider as _};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SdkTracer, SdkTracerProvider, SpanData, SpanExporter},
};

const NAME: &str = "phagen";
const UNNAMED: &str = "unknown_service";
/// Longest wait for the last spans at the end of the process.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// The way of this process's spans.
pub(super) struct Traces(SdkTracerProvider);

impl Traces {
    pub(super) fn begin() -> Result<Self> {
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .build()
            .context("cannot send traces to the collector that `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` names")?;
        let exporter = Told {
            exporter,
            is_well: AtomicBool::new(true),
        };
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource())
            .build();
        Ok(Self(provider))
    }

    pub(super) fn tracer(&self) -> SdkTracer {
        self.0.tracer(NAME)
    }

    /// Sends what is left. Blocks, but not for long.
    pub(super) fn end(self) {
        if let Err(error) = self.0.shutdown_with_timeout(FLUSH_TIMEOUT) {
            tracing::debug!(error = %without_passwords(&error.to_string()), "the last spans were not sent");
        }
    }
}

fn resource() -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let builder = Resource::builder().with_attribute(version);
    let named = Resource::builder()
        .build()
        .get(&Key::from_static_str("service.name"))
        .is_some_and(|name| !name.as_str().starts_with(UNNAMED));
    if named {
        builder.build()
    } else {
        builder.with_service_name(NAME).build()
    }
}

/// Says once that the collector does not take spans, and once that it does again.
#[derive(Debug)]
struct Told<E> {
    exporter: E,
    is_well: AtomicBool,
}

impl<E: SpanExporter> SpanExporter for Told<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let n_spans = batch.len() as u64;
        let sent = self.exporter.export(batch).await;
        match &sent {
            Ok(()) => {
                metrics::counter!("phagen_trace_spans_total").increment(n_spans);
                if !self.is_well.swap(true, Ordering::Relaxed) {
                    tracing::info!("the collector takes traces again");
                }
            }
            Err(error) => {
                metrics::counter!("phagen_trace_export_failures_total").increment(1);
                if self.is_well.swap(false, Ordering::Relaxed) {
                    let error = without_passwords(&error.to_string());
                    tracing::warn!(%error, "traces do not reach the collector; they are dropped until they do");
                }
            }
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// Without what stands before the `@` of an address: the collector's may hold a password.
fn without_passwords(text: &str) -> String {
    let mut parts = text.split("://");
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        clean.push_str("://");
        let end = part.find(['/', ' ', ')']).unwrap_or(part.len());
        let host = part[..end].rfind('@').map_or(0, |at| at + 1);
        clean.push_str(&part[host..]);
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_of_an_address_is_told() {
        for (text, clean) in [
            ("no address", "no address"),
            (
                "for url (http://127.0.0.1:4318/v1/traces): refused",
                "for url (http://127.0.0.1:4318/v1/traces): refused",
            ),
            (
                "for url (https://ada:s3@cret@otel/v1/traces): https://bob@x",
                "for url (https://otel/v1/traces): https://x",
            ),
        ] {
            assert_eq!(without_passwords(text), clean);
        }
    }
}
