//! Who answers when a slot's own version cannot: the versions that stand behind it, in order. An
//! answer by one of them is an answer, and the result is marked as degraded.

use phagen_plugin::{ActiveSlot, PluginError};
use tracing::warn;

/// The version that is asked now, and why the one before was not enough.
pub(crate) struct StandIn<'a> {
    pub by: &'a ActiveSlot,
    reason: Option<String>,
}

impl<'a> StandIn<'a> {
    /// The slot's own version first.
    pub(crate) fn none(slot: &'a ActiveSlot) -> Self {
        Self {
            by: slot,
            reason: None,
        }
    }

    /// Turns to the next version after a failure; false when there is none that could do better.
    pub(crate) fn step(&mut self, error: &PluginError) -> bool {
        let Some(fallback) = self.by.fallback() else {
            return false;
        };
        if !error.may_be_answered_elsewhere() {
            return false;
        }
        let name = &self.by.slot;
        let digest = fallback.activation.plugin_digest.short();
        warn!(slot = %name, error = %error, "slot `{name}` failed; its fallback `{digest}` is asked");
        // The first failure is the one to mend.
        self.reason.get_or_insert_with(|| error.to_string());
        self.by = fallback;
        true
    }

    /// What a reader of the result has to know, when `slot` itself did not answer.
    pub(crate) fn warning(&self, kind: &str, slot: &ActiveSlot) -> Option<String> {
        let reason = self.reason.as_ref()?;
        let (failed, stood_in) = (&slot.activation, &self.by.activation);
        Some(format!(
            "the {kind} `{}` failed with plugin `{}` ({}), and `{}` ({}) was asked instead: {reason}",
            slot.slot,
            failed.plugin,
            failed.plugin_digest.short(),
            stood_in.plugin,
            stood_in.plugin_digest.short(),
        ))
    }
}
