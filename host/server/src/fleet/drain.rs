//! Old sets on their way out: jobs end with the set they began with, but not for ever.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError, Weak},
    time::{Duration, Instant},
};

use phagen_domain::{
    digest::Digest,
    plugin::{Cause, Verb, VersionState},
};
use phagen_store::{StoreError, VersionMove};
use tokio_util::sync::CancellationToken;

use super::{Fleet, Generation};

/// A host that has been silent for longer does not hold a version back from retirement.
const HOST_AGE: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(super) struct Draining {
    old: Vec<Old>,
}

struct Old {
    generation: Weak<Generation>,
    digests: BTreeSet<Digest>,
    since: Instant,
    expired: CancellationToken,
}

impl Fleet {
    pub(super) fn begin_draining(&self, old: Arc<Generation>) {
        let leaving = Old {
            generation: Arc::downgrade(&old),
            digests: old.plugin_digests().collect(),
            since: Instant::now(),
            expired: old.expired.clone(),
        };
        drop(old);
        self.draining().old.push(leaving);
    }

    /// Ends what has drained for too long, and drops from memory what nothing uses any more.
    pub(super) async fn drain(&self) {
        let freed = {
            let mut draining = self.draining();
            if draining.old.is_empty() {
                return;
            }
            for old in &draining.old {
                if old.since.elapsed() >= self.settings.drain {
                    old.expired.cancel();
                }
            }
            let is_gone = |old: &mut Old| old.generation.strong_count() == 0;
            draining
                .old
                .extract_if(.., is_gone)
                .flat_map(|old| old.digests)
                .collect::<BTreeSet<Digest>>()
        };
        if freed.is_empty() {
            return;
        }
        let serving = self.serving();
        self.loader.keep_only(&serving.slots);
        let named: BTreeSet<Digest> = serving.plugin_digests().collect();
        for digest in freed.difference(&named) {
            if let Err(error) = self.retire(*digest).await {
                tracing::warn!(%digest, %error, "version `{digest}` could not be marked as retired");
            }
        }
    }

    /// Versions that calls may still be running in here.
    pub(super) fn draining_digests(&self) -> Vec<Digest> {
        let serving: BTreeSet<Digest> = self.serving().plugin_digests().collect();
        let draining = self.draining();
        let old = draining.old.iter().flat_map(|old| &old.digests).copied();
        old.collect::<BTreeSet<Digest>>()
            .difference(&serving)
            .copied()
            .collect()
    }

    /// The last host that drained a version says so.
    pub(super) async fn retire(&self, digest: Digest) -> Result<(), StoreError> {
        let hosts = self.store.list_hosts(HOST_AGE).await?;
        let is_in_use = hosts
            .iter()
            .any(|host| host.host != self.host && host.draining.contains(&digest));
        let version = self.store.find_version(digest).await?;
        if is_in_use || version.is_none_or(|v| v.state != VersionState::Draining) {
            return Ok(());
        }
        let change = VersionMove {
            digest,
            from: VersionState::Draining,
            to: VersionState::Retired,
            gate: None,
            signature: None,
            cause: Cause::host(Verb::Retire, "no slot names it and no job runs with it"),
        };
        match self.store.move_version(&change).await {
            Ok(_) | Err(StoreError::VersionMoved { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn draining(&self) -> std::sync::MutexGuard<'_, Draining> {
        self.draining.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
