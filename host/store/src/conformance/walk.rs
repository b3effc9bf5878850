//! Random walks through the state machine, beside a model of it that fits on a page.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use phagen_domain::job::{JobId, JobState, JobStatus, Lease, Stage};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::{
    Harness, events,
    specimen::{LEASE, LONG, POLICY, failure, job, progress, result},
};
use crate::{CancelOutcome, Store, StoreError};

const N_WALKS: u64 = 4;
const N_STEPS: usize = 250;
const MAX_ATTEMPTS: u32 = 3;

#[derive(Debug, Clone)]
enum Place {
    Queued { due: bool },
    Running { lease: Lease, cancel: bool },
    Finished(JobStatus),
}

struct Model {
    place: Place,
    attempt: u32,
}

impl Model {
    /// Where a retryable failure leads.
    fn fail(&mut self, cancel: bool, due: bool) {
        self.place = if cancel {
            Place::Finished(JobStatus::Cancelled)
        } else if self.attempt >= MAX_ATTEMPTS {
            Place::Finished(JobStatus::Failed)
        } else {
            Place::Queued { due }
        };
    }
}

pub async fn random_walks_never_leave_the_state_machine(harness: &dyn Harness) {
    for seed in 0..N_WALKS {
        let mut walk = Walk {
            harness,
            store: harness.store(),
            chance: StdRng::seed_from_u64(seed),
            jobs: BTreeMap::new(),
            lost: Vec::new(),
        };
        for _ in 0..N_STEPS {
            walk.step().await;
        }
        walk.end().await;
    }
}

struct Walk<'a> {
    harness: &'a dyn Harness,
    store: Arc<dyn Store>,
    chance: StdRng,
    jobs: BTreeMap<JobId, Model>,
    /// Leases that must never write again.
    lost: Vec<Lease>,
}

impl Walk<'_> {
    async fn step(&mut self) {
        match self.chance.random_range(0..12) {
            0..=1 => self.enqueue().await,
            2..=5 => self.claim().await,
            6..=8 => self.end_attempt().await,
            9 => self.cancel().await,
            10 => self.lose_worker().await,
            _ => {
                self.wait().await;
                self.write_too_late().await;
            }
        }
    }

    async fn enqueue(&mut self) {
        let mut job = job("aspirin");
        job.max_attempts = MAX_ATTEMPTS;
        self.store.enqueue(&job, None).await.expect("a job");
        let model = Model {
            place: Place::Queued { due: true },
            attempt: 0,
        };
        self.jobs.insert(job.id, model);
    }

    async fn claim(&mut self) {
        let claim = self.store.claim("walker", LEASE).await.expect("a claim");
        let is_due = |model: &Model| matches!(model.place, Place::Queued { due: true });
        let Some(claim) = claim else {
            assert!(!self.jobs.values().any(is_due), "a due job was not served");
            return;
        };
        let model = self.jobs.get_mut(&claim.job.id).expect("a job of ours");
        assert!(is_due(model), "{:?} was claimed", model.place);
        model.attempt += 1;
        assert_eq!(claim.job.attempt, model.attempt);
        model.place = Place::Running {
            lease: claim.lease,
            cancel: false,
        };
        self.check(claim.job.id).await;
    }

    async fn end_attempt(&mut self) {
        let Some((id, lease, cancel)) = self.pick_running() else {
            return;
        };
        let way = self.chance.random_range(0..6);
        let ended = match way {
            0 => self.store.finish(&lease, &result("aspirin")).await,
            1 => self.store.fail(&lease, &failure(false), LONG).await,
            2 => {
                let failure = failure(true);
                self.store.fail(&lease, &failure, Duration::ZERO).await
            }
            3 => self.store.release(&lease).await,
            4 if cancel => self.store.acknowledge_cancel(&lease).await,
            _ => {
                let report = progress(Stage::Gather, "on its way");
                let reported = self.store.report_progress(&lease, &report).await;
                reported.expect("the holder reports");
                return;
            }
        };
        ended.expect("the holder ends it");
        let model = self.jobs.get_mut(&id).expect("a job of ours");
        match way {
            0 => model.place = Place::Finished(JobStatus::Succeeded),
            1 => model.place = Place::Finished(JobStatus::Failed),
            2 => model.fail(cancel, true),
            3 => {
                model.attempt -= 1;
                model.place = if cancel {
                    Place::Finished(JobStatus::Cancelled)
                } else {
                    Place::Queued { due: true }
                };
            }
            _ => model.place = Place::Finished(JobStatus::Cancelled),
        }
        self.lost.push(lease);
        self.check(id).await;
    }

    async fn cancel(&mut self) {
        let Some(id) = self.pick(|_| true) else {
            return;
        };
        let outcome = self.store.cancel(id).await;
        let model = self.jobs.get_mut(&id).expect("a job of ours");
        match &mut model.place {
            Place::Queued { .. } => {
                assert_eq!(outcome.expect("an outcome"), CancelOutcome::Cancelled);
                model.place = Place::Finished(JobStatus::Cancelled);
            }
            Place::Running { cancel, .. } => {
                assert_eq!(outcome.expect("an outcome"), CancelOutcome::Requested);
                *cancel = true;
            }
            Place::Finished(status) => {
                let refused = matches!(
                    outcome,
                    Err(StoreError::AlreadyFinished { status: found, .. }) if found == *status
                );
                assert!(refused, "a finished job was cancelled");
            }
        }
        self.check(id).await;
    }

    async fn lose_worker(&mut self) {
        let Some((id, lease, cancel)) = self.pick_running() else {
            return;
        };
        self.harness.expire_lease(id).await;
        assert_eq!(self.store.reap(POLICY).await.expect("a reap"), 1);
        self.jobs
            .get_mut(&id)
            .expect("a job of ours")
            .fail(cancel, false);
        self.lost.push(lease);
        self.check(id).await;
    }

    async fn wait(&mut self) {
        let waits = |model: &Model| matches!(model.place, Place::Queued { due: false });
        let Some(id) = self.pick(waits) else {
            return;
        };
        self.harness.make_due(id).await;
        self.jobs.get_mut(&id).expect("a job of ours").place = Place::Queued { due: true };
    }

    async fn write_too_late(&mut self) {
        if self.lost.is_empty() {
            return;
        }
        let n = self.chance.random_range(0..self.lost.len());
        let lease = self.lost[n].clone();
        let refused = match self.chance.random_range(0..4) {
            0 => self.store.finish(&lease, &result("aspirin")).await,
            1 => self.store.fail(&lease, &failure(true), LONG).await,
            2 => self.store.release(&lease).await,
            _ => self.store.acknowledge_cancel(&lease).await,
        };
        assert!(
            matches!(refused, Err(StoreError::LeaseLost(_))),
            "{refused:?}"
        );
        self.check(lease.job_id).await;
    }

    fn pick(&mut self, fits: impl Fn(&Model) -> bool) -> Option<JobId> {
        let fitting = self.jobs.iter().filter(|(_, model)| fits(model));
        let ids: Vec<JobId> = fitting.map(|(id, _)| *id).collect();
        (!ids.is_empty()).then(|| ids[self.chance.random_range(0..ids.len())])
    }

    fn pick_running(&mut self) -> Option<(JobId, Lease, bool)> {
        let id = self.pick(|model| matches!(model.place, Place::Running { .. }))?;
        match &self.jobs[&id].place {
            Place::Running { lease, cancel } => Some((id, lease.clone(), *cancel)),
            _ => None,
        }
    }

    /// The stored job stands where the model's does.
    async fn check(&self, id: JobId) {
        let job = self.store.find_job(id).await.expect("a read");
        let job = job.expect("a job of ours");
        let model = &self.jobs[&id];
        assert_eq!(job.attempt, model.attempt);
        match (&job.state, &model.place) {
            (JobState::Queued { .. }, Place::Queued { .. }) => {}
            (
                JobState::Running {
                    cancel_requested, ..
                },
                Place::Running { cancel, .. },
            ) => assert_eq!(cancel_requested, cancel),
            (state, Place::Finished(status)) => assert_eq!(state.status(), *status),
            (state, place) => panic!("{state:?} is stored, {place:?} was expected"),
        }
    }

    /// Each story is whole, and ends as its job did; then the queue is left empty.
    async fn end(self) {
        for (id, model) in &self.jobs {
            let kinds = events::kinds(&*self.store, *id).await;
            let last = kinds.iter().rev().find(|kind| *kind != "progress");
            let last = last.expect("every story begins").as_str();
            match &model.place {
                Place::Queued { .. } => assert!(matches!(last, "queued" | "retry"), "{last}"),
                Place::Running { .. } => assert_eq!(last, "running"),
                Place::Finished(status) => assert_eq!(last, status.as_str()),
            }
            match &model.place {
                Place::Queued { .. } => {
                    self.store.cancel(*id).await.expect("a cancel");
                }
                Place::Running { lease, .. } => {
                    let ended = self.store.acknowledge_cancel(lease).await;
                    ended.expect("the holder ends it");
                }
                Place::Finished(_) => {}
            }
        }
    }
}
