//! Log lines for people or for machines, and spans for the collector: one stream of events, two
//! readers, each with a filter of its own.

use std::io::IsTerminal;

use anyhow::{Context, Result};
use opentelemetry_sdk::trace::SdkTracer;
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer, filter::Targets, fmt, layer::SubscriberExt as _, registry::LookupSpan,
    util::SubscriberInitExt as _,
};

use crate::config::{LogFormat, LogSettings};

/// What of this program is part of a trace, whatever the log shows.
const OURS: &str = "phagen";
/// What guests say; only what they warn of.
const GUESTS: &str = "phagen::guest";

pub(super) fn install(
    settings: &LogSettings,
    default_filter: &str,
    tracer: Option<SdkTracer>,
) -> Result<()> {
    let directives = settings.filter.as_deref().unwrap_or(default_filter);
    let filter = EnvFilter::try_new(directives).with_context(|| {
        format!(
            "setting `log.filter` is `{directives}`: expected directives such as `info` or `warn,phagen_plugin=debug`"
        )
    })?;
    let spans = tracer.map(|tracer| {
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(traced())
    });
    tracing_subscriber::registry()
        .with(lines(settings.format).with_filter(filter))
        .with(spans)
        .try_init()
        .context("cannot start logging")
}

fn lines<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    // In a file or a journal, colours are noise between the words.
    let layer = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => layer.with_target(false).boxed(),
        LogFormat::Json => layer.json().boxed(),
    }
}

fn traced() -> Targets {
    Targets::new()
        .with_target(OURS, LevelFilter::INFO)
        .with_target(GUESTS, LevelFilter::WARN)
}
