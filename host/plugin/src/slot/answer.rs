//! Whose answer it is: the slot's own, or its fallback's.

use std::future::Future;

use super::ActiveSlot;
use crate::PluginError;

/// An answer, who gave it, and why it was not the slot itself.
#[derive(Debug)]
pub struct Answered<'a, T> {
    pub value: T,
    pub by: &'a ActiveSlot,
    /// Why the slot itself did not answer; an answer with a reason here is degraded.
    pub fallback_because: Option<PluginError>,
}

impl<T> Answered<'_, T> {
    pub fn is_degraded(&self) -> bool {
        self.fallback_because.is_some()
    }
}

impl ActiveSlot {
    /// Asks the slot, and where it fails or its breaker is open, what it falls back to, and so on
    /// down. When nothing answers, the error is the slot's own.
    ///
    /// A question that the guest finds wrong (`invalid-input`) is wrong for all, and a full pool is
    /// full for all of the same engine: neither is asked again of another.
    ///
    /// ```ignore
    /// let answered = slot.answer(|slot| slot.rerank(&query, &candidates)).await?;
    /// let (scores, by) = (answered.value, &answered.by.activation.plugin_digest);
    /// ```
    pub async fn answer<'a, T, F, A>(&'a self, ask: F) -> Result<Answered<'a, T>, PluginError>
    where
        F: Fn(&'a Self) -> A,
        A: Future<Output = Result<T, PluginError>>,
    {
        let mut first_error = None;
        let mut next = Some(self);
        while let Some(slot) = next {
            match ask(slot).await {
                Ok(value) => {
                    return Ok(Answered {
                        value,
                        by: slot,
                        fallback_because: first_error,
                    });
                }
                Err(error) => {
                    next = slot
                        .fallback()
                        .map(AsRef::as_ref)
                        .filter(|_| may_answer_elsewhere(&error));
                    if let Some(next) = next {
                        tracing::warn!(
                            slot = slot.slot.as_str(), error = %error,
                            "slot `{}` falls back from `{}` to `{}`",
                            slot.slot, slot.plugin.name(), next.plugin.name(),
                        );
                    }
                    first_error.get_or_insert(error);
                }
            }
        }
        // The loop ran at least once, so there is an error.
        Err(first_error.unwrap_or_else(|| PluginError::engine("nothing was asked")))
    }
}

fn may_answer_elsewhere(error: &PluginError) -> bool {
    match error {
        PluginError::PoolFull { .. } => false,
        PluginError::Guest(failure) => failure.code != "invalid-input",
        _ => true,
    }
}
