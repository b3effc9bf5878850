//! Keeps a process in step with the index that the database names.

use std::{sync::Arc, time::Duration};

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::Snapshots;
use crate::causes;

/// How often the database is asked which index serves.
const POLL: Duration = Duration::from_secs(1);

impl Snapshots {
    /// Follows until shutdown. What cannot be followed leaves what serves as it is; `tell` hears
    /// of each change between the two, with whether the newest serves.
    pub async fn follow(self: Arc<Self>, tell: impl Fn(bool), shutdown: CancellationToken) {
        let mut interval = tokio::time::interval(POLL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last_error = None;
        while shutdown
            .run_until_cancelled(interval.tick())
            .await
            .is_some()
        {
            let Some(caught_up) = shutdown.run_until_cancelled(self.catch_up()).await else {
                return;
            };
            match caught_up {
                Ok(has_changed) => {
                    if has_changed {
                        let state = self.serving.state();
                        tracing::info!(corpus = %state, "corpus index `{}` serves now", state.short());
                    }
                    if last_error.take().is_some() {
                        tell(true);
                    }
                }
                Err(error) => {
                    let error = causes::told(&error);
                    if last_error.as_ref() != Some(&error) {
                        tracing::error!(%error, "the corpus index that the database names cannot serve; the one before goes on: {error}");
                        tell(false);
                        last_error = Some(error);
                    }
                }
            }
        }
    }
}
