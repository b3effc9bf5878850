//! Answers about jobs that succeeded, as the bytes that go out: such a job never changes again, so
//! whoever asks once more costs no read, no check of quotes and no writing of JSON.
//!
//! The database stays the truth: each is kept for a short time only, after which it is read, and its
//! quotes are checked, again. A job that was forgotten meanwhile is told as long as that.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use phagen_domain::job::JobId;
use tokio::time::Instant;

use crate::http::entity_tag::Tagged;

/// Most that is kept at once, bytes of bodies.
const MAX_BYTES: usize = 32 * 1024 * 1024;
/// How long each is.
const LIFETIME: Duration = Duration::from_secs(30);

pub(in crate::http) struct KeptAnswers {
    max_bytes: usize,
    lifetime: Duration,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    by_job: HashMap<JobId, (Instant, Tagged)>,
    /// The oldest first, which is also the first to go.
    order: VecDeque<JobId>,
    n_bytes: usize,
}

impl Default for KeptAnswers {
    fn default() -> Self {
        Self::new(MAX_BYTES, LIFETIME)
    }
}

impl KeptAnswers {
    fn new(max_bytes: usize, lifetime: Duration) -> Self {
        Self {
            max_bytes,
            lifetime,
            kept: Mutex::default(),
        }
    }

    pub(super) fn find(&self, id: JobId) -> Option<Tagged> {
        let kept = self.kept();
        let (at, answer) = kept.by_job.get(&id)?;
        (at.elapsed() < self.lifetime).then(|| answer.clone())
    }

    /// Only of a job that can never change.
    pub(super) fn keep(&self, id: JobId, answer: &Tagged) {
        if answer.n_bytes() > self.max_bytes {
            return;
        }
        let mut kept = self.kept();
        kept.forget(id);
        kept.by_job.insert(id, (Instant::now(), answer.clone()));
        kept.order.push_back(id);
        kept.n_bytes += answer.n_bytes();
        while kept.n_bytes > self.max_bytes
            && let Some(&oldest) = kept.order.front()
        {
            kept.forget(oldest);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn forget(&mut self, id: JobId) {
        if let Some((_, answer)) = self.by_job.remove(&id) {
            self.n_bytes -= answer.n_bytes();
            self.order.retain(|kept| *kept != id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn answer(n_bytes: usize) -> Tagged {
        Tagged::of("text/plain", vec![b'x'; n_bytes])
    }

    #[test]
    fn the_oldest_go_first_when_there_are_too_many() {
        let kept = KeptAnswers::new(100, HOUR);
        let ids: Vec<JobId> = (0..4).map(|_| JobId::new()).collect();
        for id in &ids[..2] {
            kept.keep(*id, &answer(50));
        }
        // Kept anew, it is the youngest, and counts once.
        kept.keep(ids[0], &answer(50));
        kept.keep(ids[2], &answer(50));
        let is_kept = |id: &JobId| kept.find(*id).is_some();
        assert_eq!(
            ids.iter().map(is_kept).collect::<Vec<_>>(),
            [true, false, true, false]
        );
        kept.keep(ids[3], &answer(101));
        assert!(!is_kept(&ids[3]), "larger than all of it may be");
        kept.keep(ids[3], &answer(100));
        assert!(is_kept(&ids[3]) && !is_kept(&ids[0]) && !is_kept(&ids[2]));
    }

    #[test]
    fn what_is_past_its_time_is_not_handed_out() {
        let kept = KeptAnswers::new(100, Duration::ZERO);
        let id = JobId::new();
        kept.keep(id, &answer(1));
        assert!(kept.find(id).is_none());
    }
}
