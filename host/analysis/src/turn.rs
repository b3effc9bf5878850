//! Whose turn it is with a source: of all the calls of one slot in this process no more are under way,
//! and no faster begun, than the operator allows, so that an API is not hammered by many jobs at once.
//! Knows nothing of other processes.

use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use phagen_domain::plugin::SlotName;
use phagen_plugin::PluginError;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, timeout},
};

/// What the source in one slot bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SourceLimit {
    /// Calls under way at once; none: any number.
    pub n_in_flight: Option<NonZeroU32>,
    /// From the beginning of one call to that of the next; zero: none.
    pub interval: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceLimits {
    /// Of every slot that has no other.
    pub usual: SourceLimit,
    pub of_slot: BTreeMap<SlotName, SourceLimit>,
    /// Longest that the first call of a source waits for its turn, in one job.
    pub patience: Duration,
}

impl Default for SourceLimits {
    fn default() -> Self {
        Self {
            usual: SourceLimit::default(),
            of_slot: BTreeMap::new(),
            patience: Duration::from_secs(5),
        }
    }
}

/// The queues before all sources.
pub(crate) struct Turns {
    limits: SourceLimits,
    queues: Mutex<HashMap<SlotName, Arc<Queue>>>,
}

/// The right to make one call, until it is dropped.
pub(crate) struct Turn {
    _place: Option<OwnedSemaphorePermit>,
}

/// Before one source.
struct Queue {
    places: Option<Arc<Semaphore>>,
    interval: Duration,
    /// When the next call may begin.
    next: Mutex<Option<Instant>>,
}

impl Turns {
    pub(crate) fn new(limits: SourceLimits) -> Self {
        Self {
            limits,
            queues: Mutex::default(),
        }
    }

    pub(crate) fn patience(&self) -> Duration {
        self.limits.patience
    }

    /// Waits for a turn, in the order of asking, for no longer than `patience`.
    pub(crate) async fn take(
        &self,
        slot: &SlotName,
        patience: Duration,
    ) -> Result<Turn, PluginError> {
        let Some(queue) = self.queue(slot) else {
            return Ok(Turn { _place: None });
        };
        let none = || PluginError::NoTurn {
            slot: slot.to_string(),
            waited: patience,
        };
        let begun = Instant::now();
        let place = match &queue.places {
            None => None,
            Some(places) => match timeout(patience, Arc::clone(places).acquire_owned()).await {
                Ok(Ok(place)) => Some(place),
                Ok(Err(_)) | Err(_) => return Err(none()),
            },
        };
        let left = patience.saturating_sub(begun.elapsed());
        let wait = queue.reserve(Instant::now(), left).ok_or_else(none)?;
        if !wait.is_zero() {
            sleep(wait).await;
        }
        Ok(Turn { _place: place })
    }

    /// None before a source without limits.
    fn queue(&self, slot: &SlotName) -> Option<Arc<Queue>> {
        let limits = &self.limits;
        let limit = *limits.of_slot.get(slot).unwrap_or(&limits.usual);
        if limit == SourceLimit::default() {
            return None;
        }
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queues
            .entry(slot.clone())
            .or_insert_with(|| Arc::new(Queue::new(limit)));
        Some(Arc::clone(queue))
    }
}

impl Queue {
    fn new(limit: SourceLimit) -> Self {
        let places = limit
            .n_in_flight
            .map(|n_places| Arc::new(Semaphore::new(n_places.get() as usize)));
        Self {
            places,
            interval: limit.interval,
            next: Mutex::new(None),
        }
    }

    /// How long to wait for the next beginning that nobody has; none, and nothing taken, if that is
    /// longer than `patience`.
    fn reserve(&self, now: Instant, patience: Duration) -> Option<Duration> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let at = next.map_or(now, |next| next.max(now));
        let wait = at - now;
        if wait > patience {
            return None;
        }
        *next = Some(at + self.interval);
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn slot(name: &str) -> SlotName {
        name.parse().unwrap()
    }

    fn two_at_once(patience: Duration) -> Turns {
        let usual = SourceLimit {
            n_in_flight: NonZeroU32::new(2),
            ..SourceLimit::default()
        };
        let free = (slot("free"), SourceLimit::default());
        Turns::new(SourceLimits {
            usual,
            of_slot: BTreeMap::from([free]),
            patience,
        })
    }

    #[tokio::test]
    async fn no_more_calls_of_a_source_are_under_way_than_it_bears() {
        let turns = two_at_once(Duration::ZERO);
        let clinical = slot("clinical");
        let first = turns.take(&clinical, turns.patience()).await.unwrap();
        let _second = turns.take(&clinical, turns.patience()).await.unwrap();
        let refused = turns.take(&clinical, turns.patience()).await.err().unwrap();
        assert!(matches!(&refused, PluginError::NoTurn { slot, .. } if slot == "clinical"));
        assert!(refused.is_retryable() && !refused.may_be_answered_elsewhere());
        // Another source has turns of its own, and one without limits as many as it likes.
        turns.take(&slot("patent"), turns.patience()).await.unwrap();
        let mut free = Vec::new();
        for _ in 0..100 {
            free.push(turns.take(&slot("free"), turns.patience()).await.unwrap());
        }
        drop(first);
        turns.take(&clinical, turns.patience()).await.unwrap();
    }

    #[tokio::test]
    async fn who_waits_gets_the_turn_of_who_ends() {
        let turns = two_at_once(Duration::from_mins(10));
        let clinical = slot("clinical");
        let first = turns.take(&clinical, turns.patience()).await.unwrap();
        let _second = turns.take(&clinical, turns.patience()).await.unwrap();
        let (third, ()) = tokio::join!(turns.take(&clinical, turns.patience()), async {
            drop(first);
        });
        third.unwrap();
    }

    #[test]
    fn calls_begin_one_interval_after_another() {
        let queue = Queue::new(SourceLimit {
            n_in_flight: None,
            interval: SECOND,
        });
        let now = Instant::now();
        let waits: Vec<_> = (0..4).map(|_| queue.reserve(now, SECOND * 2)).collect();
        assert_eq!(
            waits,
            [Some(Duration::ZERO), Some(SECOND), Some(SECOND * 2), None]
        );
        // Whoever was turned away has taken nothing, and a rest saves up no more than one call.
        assert_eq!(queue.reserve(now + SECOND, SECOND * 2), Some(SECOND * 2));
        let later = now + SECOND * 60;
        assert_eq!(queue.reserve(later, SECOND), Some(Duration::ZERO));
        assert_eq!(queue.reserve(later, SECOND), Some(SECOND));
    }

    #[tokio::test]
    async fn a_source_that_was_just_asked_is_not_asked_again_too_soon() {
        let usual = SourceLimit {
            n_in_flight: None,
            interval: Duration::from_hours(1),
        };
        let turns = Turns::new(SourceLimits {
            usual,
            ..SourceLimits::default()
        });
        turns
            .take(&slot("clinical"), turns.patience())
            .await
            .unwrap();
        assert!(
            turns
                .take(&slot("clinical"), turns.patience())
                .await
                .is_err()
        );
        turns.take(&slot("patent"), turns.patience()).await.unwrap();
    }
}
