//! The loop that keeps a process in step with the database and with itself.

use std::{sync::Arc, time::Duration};

use chrono::DateTime;
use phagen_domain::plugin::VersionState;
use phagen_store::{HostReport, StoreError};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::Fleet;

/// How often a process says what it serves, and looks at how its versions do and how old their
/// kept instances are.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// How often versions are looked for that a process left draining when it died.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

impl Fleet {
    /// Follows the database until shutdown.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let mut poll = tokio::time::interval(self.settings.poll);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut report_at, mut sweep_at) = (Instant::now(), Instant::now());
        loop {
            tokio::select! {
                _ = poll.tick() => {}
                () = self.news.notified() => {}
                () = shutdown.cancelled() => return,
            }
            let has_changed = match self.refresh().await {
                Ok(has_changed) => has_changed,
                Err(error) => {
                    tracing::error!(%error, "the slots of the database cannot serve; those before go on");
                    false
                }
            };
            self.drain().await;
            let now = Instant::now();
            if has_changed || now >= report_at {
                report_at = now + REPORT_EVERY;
                self.loader.drop_aged(now.into_std());
                self.look_after_versions().await;
                log_fault("say what this process serves", self.report().await);
            }
            if now >= sweep_at {
                sweep_at = now + SWEEP_EVERY;
                log_fault("look for drained versions", self.sweep().await);
            }
        }
    }

    async fn report(&self) -> Result<(), StoreError> {
        let report = HostReport {
            host: self.host.clone(),
            set_generation: self.serving().set_generation,
            draining: self.draining_digests(),
            seen_at: DateTime::UNIX_EPOCH,
        };
        self.store.report_host(&report).await
    }

    async fn sweep(&self) -> Result<(), StoreError> {
        let mine = self.draining_digests();
        for version in self.store.list_versions().await? {
            if version.state == VersionState::Draining && !mine.contains(&version.digest) {
                self.retire(version.digest).await?;
            }
        }
        Ok(())
    }
}

fn log_fault(tried: &str, outcome: Result<(), StoreError>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "cannot {tried}; tries again");
    }
}
