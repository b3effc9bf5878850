//! What a call leaves in metrics, in traces and in the log.

use std::{cell::Cell, time::Instant};

use tracing::{Instrument as _, Span, field};

use crate::{PluginError, breaker::BreakerState, slot::ActiveSlot};

/// Counts the call once when it goes, whatever happens.
pub(super) struct Tally<'a> {
    pub(super) slot: &'a ActiveSlot,
    pub(super) call: &'static str,
    pub(super) started: Instant,
    pub(super) outcome: &'static str,
    /// High-water mark of the instance, once it answered.
    pub(super) memory_bytes: Cell<usize>,
    /// Ticks of the engine that it computed through.
    pub(super) n_ticks: Cell<u64>,
}

impl<'a> Tally<'a> {
    pub(super) fn begin(slot: &'a ActiveSlot, call: &'static str, started: Instant) -> Self {
        Self {
            slot,
            call,
            started,
            outcome: "cancelled",
            memory_bytes: Cell::new(0),
            n_ticks: Cell::new(0),
        }
    }
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        record_seconds(self.slot, self.call, self.outcome, self.started);
        #[expect(clippy::cast_precision_loss, reason = "a metric, far below 2^52 bytes")]
        let bytes = self.memory_bytes.get() as f64;
        if bytes > 0.0 {
            metrics::histogram!(
                "phagen_plugin_memory_bytes",
                "slot" => self.slot.slot.as_str().to_owned(),
                "plugin" => self.slot.plugin.name().to_owned(),
                "version" => self.slot.plugin.label().to_owned(),
            )
            .record(bytes);
        }
        metrics::counter!(
            "phagen_plugin_ticks_total",
            "slot" => self.slot.slot.as_str().to_owned(),
            "plugin" => self.slot.plugin.name().to_owned(),
            "version" => self.slot.plugin.label().to_owned(),
        )
        .increment(self.n_ticks.get());
    }
}

pub(super) fn record_seconds(
    slot: &ActiveSlot,
    call: &'static str,
    outcome: &'static str,
    started: Instant,
) {
    metrics::histogram!(
        "phagen_plugin_call_seconds",
        "slot" => slot.slot.as_str().to_owned(),
        "plugin" => slot.plugin.name().to_owned(),
        "version" => slot.plugin.label().to_owned(),
        "call" => call,
        "outcome" => outcome,
    )
    .record(started.elapsed());
}

/// What a call runs in.
pub(crate) fn span(slot: &ActiveSlot, call: &'static str) -> Span {
    tracing::info_span!(
        "plugin_call",
        slot = slot.slot.as_str(),
        plugin = slot.plugin.name(),
        version = slot.plugin.version(),
        digest = slot.plugin.label(),
        call,
        outcome = field::Empty,
        otel.status_code = field::Empty,
    )
}

/// Begins a call in its span; one that never began ends there.
pub(crate) async fn begun<T>(
    span: &Span,
    begin: impl Future<Output = Result<T, PluginError>>,
) -> Result<T, PluginError> {
    match begin.instrument(span.clone()).await {
        Ok(call) => Ok(call),
        Err(error) => told(span, Err(error)),
    }
}

/// Says in its span how a call ended.
pub(crate) fn told<T>(span: &Span, answer: Result<T, PluginError>) -> Result<T, PluginError> {
    let outcome = answer.as_ref().err().map_or("ok", PluginError::code);
    span.record("outcome", outcome);
    if answer.is_err() {
        span.record("otel.status_code", "ERROR");
    }
    answer
}

/// Says once, when it happens, that calls no longer reach a guest, or reach it again.
pub(super) fn tell_breaker(slot: &ActiveSlot, state: BreakerState, error: Option<&PluginError>) {
    metrics::gauge!(
        "phagen_plugin_breaker",
        "slot" => slot.slot.as_str().to_owned(),
        "plugin" => slot.plugin.name().to_owned(),
        "version" => slot.plugin.label().to_owned(),
    )
    .set(match state {
        BreakerState::Closed => 0.0,
        BreakerState::HalfOpen => 0.5,
        BreakerState::Open => 1.0,
    });
    let (name, plugin) = (&slot.slot, slot.plugin.name());
    if let (BreakerState::Open, Some(error)) = (state, error) {
        tracing::warn!(
            slot = %name, plugin, error = %error,
            "`{plugin}` in slot `{name}` fails again and again; it is left alone for a while"
        );
    } else {
        tracing::info!(slot = %name, plugin, "`{plugin}` in slot `{name}` works again");
    }
}
