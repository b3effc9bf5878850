//! Taking a new version back without being asked: when it fails or answers late far more than the
//! one before it, within a window after it began to serve. Why is written into its record.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use phagen_domain::{
    digest::Digest,
    plugin::{Activation, Cause, Slot, SlotName, Verb},
};
use phagen_plugin::{BreakerState, CallStats, Guard};

use super::{Fleet, FleetSettings, Generation};

/// Part of its calls that any version may fail at.
const MAX_FAILED: f64 = 0.02;
/// A version may fail as many times as often as the one before it.
const FAILED_RATIO: f64 = 3.0;
/// Calls before a rate says anything.
const MIN_CALLS: u64 = 20;
/// Calls before a p99 says anything, and a latency that is never too late.
const MIN_CALLS_FOR_P99: u64 = 100;
const FAST_ENOUGH: Duration = Duration::from_millis(50);

/// Versions that began to serve while this process ran.
#[derive(Default)]
pub(super) struct Probation {
    watched: Mutex<HashMap<SlotName, Watched>>,
}

#[derive(Clone, Copy)]
struct Watched {
    digest: Digest,
    since: Instant,
    n_calls: u64,
    n_failed: u64,
}

impl Probation {
    /// Begins to watch what serves anew; forgets what serves no more.
    pub(super) fn follow(&self, old: &Generation, new: &Generation) {
        let mut watched = self.lock();
        watched.retain(|slot, w| serving(new, slot).is_some_and(|now| now.0 == w.digest));
        for active in new.set.iter() {
            let digest = active.activation.plugin_digest;
            if serving(old, &active.slot).is_some_and(|before| before.0 == digest) {
                continue;
            }
            let stats = active.guard().stats();
            let begun = Watched {
                digest,
                since: Instant::now(),
                n_calls: stats.n_calls,
                n_failed: stats.n_failed,
            };
            watched.insert(active.slot.clone(), begun);
        }
    }

    fn find(&self, slot: &SlotName, digest: Digest) -> Option<Watched> {
        self.lock()
            .get(slot)
            .copied()
            .filter(|w| w.digest == digest)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SlotName, Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serving<'a>(generation: &'a Generation, slot: &SlotName) -> Option<(Digest, &'a Arc<Guard>)> {
    let active = generation.active(slot)?;
    Some((active.activation.plugin_digest, active.guard()))
}

impl Fleet {
    /// Takes back what does too badly: a serving version to the one before, a candidate for good.
    pub(super) async fn look_after_versions(&self) {
        let generation = self.serving();
        for row in &generation.slots {
            if let Some(reason) = self.fault_of_serving(&generation, row) {
                self.write_back(row, Cause::host(Verb::Quarantine, reason))
                    .await;
            } else if let Some((digest, reason)) = fault_of_candidate(&generation, row) {
                let to = Slot {
                    candidate: None,
                    ..row.clone()
                };
                // A trial that ends lets nothing serve, so there is nothing to refuse.
                drop(
                    self.write(to, digest, Cause::host(Verb::Quarantine, reason))
                        .await,
                );
            }
        }
    }

    fn fault_of_serving(&self, generation: &Generation, row: &Slot) -> Option<String> {
        let Activation {
            plugin_digest: before,
            ..
        } = row.previous.as_ref()?;
        let (digest, guard) = serving(generation, &row.name)?;
        // The row may already name another version than the one that serves here.
        if digest != row.serving.plugin_digest {
            return None;
        }
        let watched = self.probation.find(&row.name, digest)?;
        let stats = guard.stats();
        let now = Tally {
            n_calls: stats.n_calls.saturating_sub(watched.n_calls),
            n_failed: stats.n_failed.saturating_sub(watched.n_failed),
            p99: stats.p99,
            is_broken: guard.state() == BreakerState::Open,
        };
        let FleetSettings {
            rollback_window,
            rollback_calls,
            ..
        } = self.settings;
        if watched.since.elapsed() > rollback_window || now.n_calls > rollback_calls {
            return None;
        }
        let before = self
            .loader
            .guard(&row.name, *before)
            .map(|guard| Tally::of(&guard.stats(), false));
        fault(&now, before.as_ref(), self.settings.latency_ratio)
    }
}

fn fault_of_candidate(generation: &Generation, row: &Slot) -> Option<(Digest, String)> {
    let candidate = row.candidate.as_ref()?;
    let digest = candidate.activation.plugin_digest;
    let trial = generation.trials.iter().find(|trial| {
        *trial.slot() == row.name && trial.candidate.activation.plugin_digest == digest
    })?;
    let guard = trial.candidate.guard();
    let tally = Tally::of(&guard.stats(), guard.state() == BreakerState::Open);
    let serving = Tally::of(&trial.serving.guard().stats(), false);
    // How slow it is, the trial's report says; only failures end a trial.
    fault(&tally, Some(&serving), f64::INFINITY).map(|reason| (digest, reason))
}

/// How a version did.
#[derive(Debug, Clone, Copy)]
struct Tally {
    n_calls: u64,
    n_failed: u64,
    p99: Duration,
    is_broken: bool,
}

impl Tally {
    fn of(stats: &CallStats, is_broken: bool) -> Self {
        Self {
            n_calls: stats.n_calls,
            n_failed: stats.n_failed,
            p99: stats.p99,
            is_broken,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    fn failed(&self) -> f64 {
        self.n_failed as f64 / self.n_calls.max(1) as f64
    }
}

/// What is wrong with a version that serves since a moment, beside the one before.
fn fault(now: &Tally, before: Option<&Tally>, latency_ratio: f64) -> Option<String> {
    if now.is_broken {
        return Some(format!(
            "its breaker opened: {} of its {} calls failed",
            now.n_failed, now.n_calls
        ));
    }
    let allowed = before.map_or(0.0, |before| FAILED_RATIO * before.failed());
    let allowed = allowed.max(MAX_FAILED);
    if now.n_calls >= MIN_CALLS && now.failed() > allowed {
        return Some(format!(
            "{} of its {} calls failed, and {:.1} % are allowed",
            now.n_failed,
            now.n_calls,
            allowed * 100.0
        ));
    }
    let before = before.filter(|before| before.n_calls >= MIN_CALLS_FOR_P99)?;
    let budget = before.p99.as_secs_f64() * latency_ratio;
    let is_late =
        now.n_calls >= MIN_CALLS_FOR_P99 && now.p99 > FAST_ENOUGH && now.p99.as_secs_f64() > budget;
    is_late.then(|| {
        format!(
            "its p99 is {:.0} ms, and {:.0} ms are allowed after the version before",
            now.p99.as_secs_f64() * 1_000.0,
            budget * 1_000.0
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(n_calls: u64, n_failed: u64, p99: u64) -> Tally {
        Tally {
            n_calls,
            n_failed,
            p99: Duration::from_millis(p99),
            is_broken: false,
        }
    }

    #[test]
    fn a_version_that_does_as_well_as_the_one_before_stays() {
        let before = tally(1_000, 10, 40);
        for now in [
            tally(500, 5, 100),
            tally(19, 19, 1),
            tally(400, 12, 49),
            tally(99, 0, 900),
        ] {
            assert_eq!(fault(&now, Some(&before), 3.0), None, "{now:?}");
        }
    }

    #[test]
    fn a_version_that_fails_or_lags_far_more_is_taken_back() {
        let before = tally(1_000, 10, 40);
        let said = |now, before| fault(&now, before, 3.0).unwrap_or_default();
        assert!(said(tally(20, 1, 1), Some(&before)).contains("1 of its 20 calls failed"));
        assert!(said(tally(100, 4, 1), Some(&before)).contains("3.0 % are allowed"));
        assert!(said(tally(100, 3, 1), None).contains("2.0 % are allowed"));
        assert!(said(tally(100, 0, 130), Some(&before)).contains("120 ms are allowed"));
        let broken = Tally {
            is_broken: true,
            ..tally(5, 5, 1)
        };
        assert!(said(broken, None).contains("breaker opened"));
    }
}
