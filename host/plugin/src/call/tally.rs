//! What a call leaves in metrics and in the log.

use std::{cell::Cell, time::Instant};

use crate::{PluginError, breaker::BreakerState, slot::ActiveSlot};

/// Counts the call once when it goes, whatever happens.
pub(super) struct Tally<'a> {
    pub(super) slot: &'a ActiveSlot,
    pub(super) call: &'static str,
    pub(super) started: Instant,
    pub(super) outcome: &'static str,
    /// High-water mark of the instance, once it answered.
    pub(super) memory_bytes: Cell<usize>,
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
                "plugin" => self.slot.plugin.label().to_owned(),
            )
            .record(bytes);
        }
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
        "plugin" => slot.plugin.label().to_owned(),
        "call" => call,
        "outcome" => outcome,
    )
    .record(started.elapsed());
}

/// Says once, when it happens, that calls no longer reach a guest, or reach it again.
pub(super) fn tell_breaker(slot: &ActiveSlot, state: BreakerState, error: Option<&PluginError>) {
    metrics::gauge!(
        "phagen_plugin_breaker",
        "slot" => slot.slot.as_str().to_owned(),
        "plugin" => slot.plugin.label().to_owned(),
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
