//! Why an attempt came to nothing, and what becomes of its job: it is tried again after the usual
//! wait, or after the one that was asked for, or not at all.

use std::{fmt, time::Duration};

use phagen_analysis::{AnalysisError, unanswered};
use phagen_domain::{
    job::{Job, JobFailure},
    result::JobResult,
};
use phagen_store::RetryPolicy;

use crate::causes;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setback {
    message: String,
    next: Next,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Retry,
    RetryAfter(Duration),
    Discard,
}

impl Setback {
    /// A job is not put off for much longer, whatever a source asks for.
    const MAX_WAIT: Duration = Duration::from_hours(1);
    /// Part of a wait that was asked for by which it grows at most, so that jobs that were told the
    /// same do not come back in one instant.
    const SPREAD: f64 = 0.1;

    /// A result is kept, but for one that no source answered, though all of them may later: with
    /// attempts left another is worth more. The last one's result is kept as it is, and says so.
    pub(super) fn judge(
        job: &Job,
        analysed: Result<JobResult, AnalysisError>,
    ) -> Result<JobResult, Self> {
        let result = analysed.map_err(|error| Self {
            message: causes::told(&error),
            next: if error.is_retryable() {
                Next::Retry
            } else {
                Next::Discard
            },
        })?;
        match unanswered(&result).filter(|_| job.attempt < job.max_attempts) {
            None => Ok(result),
            Some(unanswered) => Err(Self {
                message: unanswered.message,
                next: unanswered.retry_after.map_or(Next::Retry, Next::RetryAfter),
            }),
        }
    }

    pub(super) fn is_retryable(&self) -> bool {
        self.next != Next::Discard
    }

    pub(super) fn failure(&self) -> JobFailure {
        JobFailure {
            message: self.message.clone(),
            retryable: self.is_retryable(),
        }
    }

    /// Until the next attempt, after the one that failed. `jitter` lies in -1..=1.
    pub(super) fn delay(&self, policy: RetryPolicy, attempt: u32, jitter: f64) -> Duration {
        match self.next {
            Next::RetryAfter(wait) => {
                // Who asks for no wait, or for next to none, would use up all attempts in a moment.
                let wait = wait.max(policy.delay(attempt, jitter));
                let wait = wait.min(Self::MAX_WAIT.max(policy.cap));
                wait.mul_f64(1.0 + Self::SPREAD * jitter.abs().min(1.0))
            }
            Next::Retry | Next::Discard => policy.delay(attempt, jitter),
        }
    }
}

impl fmt::Display for Setback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use phagen_domain::{
        job::JobStatus,
        result::{PassingFailure, SourceStatus},
    };
    use phagen_store::{
        NewJob, QueueStore as _, Store,
        conformance::specimen::{LEASE, claimed, job, result},
    };
    use phagen_store_sqlite::SqliteStore;
    use tempfile::TempDir;

    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        base: Duration::from_secs(2),
        cap: Duration::from_mins(1),
    };

    const FAILED: PassingFailure = PassingFailure {
        retry_after_milliseconds: None,
    };

    fn asking_for(milliseconds: u64) -> PassingFailure {
        PassingFailure {
            retry_after_milliseconds: Some(milliseconds),
        }
    }

    /// A result whose sources failed like this; none: for good.
    fn unanswered_result(failures: &[Option<PassingFailure>]) -> JobResult {
        let mut result = result("aspirin");
        let one = result.sources[0].clone();
        result.sources = failures
            .iter()
            .map(|passing| {
                let mut source = one.clone();
                source.status = SourceStatus::Failed;
                source.error = Some("too many requests".to_owned());
                source.passing = *passing;
                source
            })
            .collect();
        result
    }

    fn interrupted() -> AnalysisError {
        AnalysisError::Interrupted {
            molecule: "aspirin".to_owned(),
        }
    }

    async fn store() -> (SqliteStore, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("phagen.db")).await;
        (store.unwrap(), folder)
    }

    async fn claimed_job(store: &dyn Store, max_attempts: u32) -> phagen_store::ClaimedJob {
        let new = NewJob {
            max_attempts,
            ..job("aspirin")
        };
        store.enqueue(&new, None).await.unwrap();
        claimed(store).await
    }

    #[tokio::test]
    async fn each_class_decides_on_the_next_attempt() {
        let (store, _folder) = store().await;
        let job = claimed_job(&store, 3).await.job;
        let judge = |analysed| Setback::judge(&job, analysed);
        let delay = |setback: &Setback| setback.delay(POLICY, 2, 1.0);
        let usual = POLICY.delay(2, 1.0);

        let retry = judge(Err(interrupted())).unwrap_err();
        assert!(retry.is_retryable() && delay(&retry) == usual);
        let discard = judge(Err(AnalysisError::NoReranker)).unwrap_err();
        assert!(!discard.is_retryable());

        let retry = judge(Ok(unanswered_result(&[Some(FAILED), Some(FAILED)]))).unwrap_err();
        assert!(retry.is_retryable() && delay(&retry) == usual);
        let failures = [
            Some(asking_for(90_000)),
            Some(FAILED),
            Some(asking_for(7_250)),
        ];
        let after = judge(Ok(unanswered_result(&failures))).unwrap_err();
        assert!(after.is_retryable());
        assert_eq!(after.delay(POLICY, 2, 0.0), Duration::from_millis(7_250));
        for jitter in [-1.0, 1.0] {
            let spread = after.delay(POLICY, 2, jitter);
            assert_eq!(spread, Duration::from_millis(7_975));
        }
        assert!(after.to_string().contains("no source answered"), "{after}");
        assert!(after.to_string().contains("too many requests"), "{after}");
        let greedy = judge(Ok(unanswered_result(&[Some(asking_for(u64::MAX))]))).unwrap_err();
        assert_eq!(greedy.delay(POLICY, 2, 0.0), Setback::MAX_WAIT);
    }

    #[tokio::test]
    async fn who_asks_for_next_to_no_wait_gets_the_usual_one() {
        let (store, _folder) = store().await;
        let job = claimed_job(&store, 9).await.job;
        for milliseconds in [0, 1] {
            let asked = unanswered_result(&[Some(asking_for(milliseconds))]);
            let setback = Setback::judge(&job, Ok(asked)).unwrap_err();
            for attempt in 1..9 {
                let usual = POLICY.delay(attempt, 0.0);
                assert_eq!(setback.delay(POLICY, attempt, 0.0), usual);
                let late = POLICY.delay(attempt, 1.0);
                assert!(setback.delay(POLICY, attempt, 1.0) > late);
            }
        }
    }

    #[tokio::test]
    async fn what_any_source_answered_is_kept_and_so_is_the_last_attempt() {
        let (store, _folder) = store().await;
        let job = claimed_job(&store, 2).await.job;
        let nothing_passes = unanswered_result(&[Some(asking_for(5)), None]);
        let mut answered = unanswered_result(&[Some(asking_for(5)), Some(asking_for(5))]);
        answered.sources[1].status = SourceStatus::Empty;
        answered.sources[1].passing = None;
        let unasked = {
            let mut result = unanswered_result(&[None]);
            result.sources[0].status = SourceStatus::NotAsked;
            result
        };
        for kept in [nothing_passes, answered, unasked] {
            assert_eq!(Setback::judge(&job, Ok(kept.clone())), Ok(kept));
        }
        let last = Job { attempt: 2, ..job };
        let unanswered = unanswered_result(&[Some(asking_for(5))]);
        assert_eq!(
            Setback::judge(&last, Ok(unanswered.clone())),
            Ok(unanswered)
        );
    }

    /// Through the queue: the row moves by exactly what was asked, and the attempt counts.
    #[tokio::test]
    async fn a_job_comes_back_when_its_source_asked_it_to() {
        let (store, _folder) = store().await;
        let claim = claimed_job(&store, 3).await;
        let answer = unanswered_result(&[Some(asking_for(1_234_567))]);
        let setback = Setback::judge(&claim.job, Ok(answer)).unwrap_err();
        let delay = setback.delay(POLICY, claim.job.attempt, 0.0);
        let before = store.ping().await.unwrap();
        store
            .fail(&claim.lease, &setback.failure(), delay)
            .await
            .unwrap();
        let after = store.ping().await.unwrap();
        let job = store.find_job(claim.job.id).await.unwrap().unwrap();
        assert_eq!((job.state.status(), job.attempt), (JobStatus::Queued, 1));
        let phagen_domain::job::JobState::Queued { run_at } = job.state else {
            panic!("{job:?}")
        };
        let asked = Duration::from_millis(1_234_567);
        assert!(run_at >= before + asked && run_at <= after + asked);
        assert_eq!(store.claim("worker-1", LEASE).await.unwrap(), None);
    }
}
