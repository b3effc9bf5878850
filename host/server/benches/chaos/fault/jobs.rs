//! What is asked for, and what became of it, read from every job's row and events.

use anyhow::Result;
use phagen_domain::job::{Job, JobId, JobState};
use phagen_store::JobEvent;
use uuid::Uuid;

use super::{
    cluster::Caller,
    figures::Figures,
    place::Place,
    slow_source::{LONG, evidence_id},
};

const ENDS: [&str; 3] = ["succeeded", "failed", "cancelled"];

/// What was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) id: JobId,
    pub(crate) molecule: String,
    /// Whoever claims it is killed for it.
    pub(crate) is_poison: bool,
}

/// Jobs of one run, each about a molecule of its own.
#[derive(Default)]
pub(crate) struct Jobs {
    pub(crate) asked: Vec<Asked>,
}

impl Jobs {
    pub(crate) async fn submit(&mut self, api: &Caller, n_jobs: usize) -> Result<()> {
        for _ in 0..n_jobs {
            let molecule = molecule(self.asked.len());
            let id = api.submit_surely(&molecule, Uuid::new_v4()).await?;
            self.add(id, molecule);
        }
        Ok(())
    }

    /// Those whose source takes long to answer.
    pub(crate) async fn submit_long(&mut self, api: &Caller, n_jobs: usize) -> Result<()> {
        for _ in 0..n_jobs {
            let molecule = format!("{LONG} {}", self.asked.len());
            let id = api.submit_surely(&molecule, Uuid::new_v4()).await?;
            self.add(id, molecule);
        }
        Ok(())
    }

    pub(crate) fn add(&mut self, id: JobId, molecule: String) {
        self.asked.push(Asked {
            id,
            molecule,
            is_poison: false,
        });
    }

    /// Those that take long become poison.
    pub(crate) fn poison_long_ones(&mut self) {
        for job in &mut self.asked {
            job.is_poison = job.molecule.starts_with(LONG);
        }
    }

    /// Tells what became of them, and holds it against what must be of every fault.
    pub(crate) async fn judge(&self, place: &Place, figures: &mut Figures) -> Result<Judged> {
        let mut judged = Judged::default();
        for asked in &self.asked {
            judged.count(place, asked).await?;
        }
        let n_jobs = self.asked.iter().filter(|job| !job.is_poison).count();
        figures.must(
            judged.n_succeeded == n_jobs && judged.n_whole == n_jobs,
            "jobs succeeded, with their evidence",
            format!("{} and {} of {n_jobs}", judged.n_succeeded, judged.n_whole),
        );
        figures.must(
            judged.n_lost == 0 && judged.n_ended_twice == 0,
            "lost, ended twice",
            format!("{}, {}", judged.n_lost, judged.n_ended_twice),
        );
        Ok(judged)
    }
}

pub(crate) fn molecule(number: usize) -> String {
    format!("substance {number}")
}

#[derive(Default)]
pub(crate) struct Judged {
    n_succeeded: usize,
    /// Succeeded, and the result holds what the job's source had for it.
    n_whole: usize,
    n_lost: usize,
    n_ended_twice: usize,
    /// Poison jobs that were discarded at their last attempt, and no sooner.
    pub(crate) n_discarded: usize,
    /// Claims beyond the first of each job.
    pub(crate) n_claimed_again: usize,
    /// Attempts beyond the first that counted.
    pub(crate) n_attempts_used: u32,
    /// Who claimed, once for each claim.
    pub(crate) claimers: Vec<String>,
}

impl Judged {
    async fn count(&mut self, place: &Place, asked: &Asked) -> Result<()> {
        let id = asked.id;
        let events = place.read(|store| async move { store.list_events(id, 0).await });
        let events = events.await?;
        let job = place.read(|store| async move { store.find_job(id).await });
        let job = job.await?;
        let n_ends = events.iter().filter(|e| ENDS.contains(&&*e.kind)).count();
        self.n_lost += usize::from(n_ends == 0);
        self.n_ended_twice += usize::from(n_ends > 1);
        let n_claims = self.count_claims(&events);
        let Some(job) = job else {
            return Ok(());
        };
        if asked.is_poison {
            self.n_discarded += usize::from(is_discarded(&job, n_claims));
            return Ok(());
        }
        self.n_attempts_used += job.attempt.saturating_sub(1);
        if let JobState::Succeeded { result, .. } = job.state {
            self.n_succeeded += 1;
            let wanted = evidence_id(&asked.molecule);
            let mut found = result.evidence.values().flatten();
            let is_whole = found.any(|ranked| ranked.evidence.evidence_id.to_string() == wanted);
            self.n_whole += usize::from(is_whole);
        }
        Ok(())
    }

    fn count_claims(&mut self, events: &[JobEvent]) -> usize {
        let claims = events.iter().filter(|event| event.kind == "running");
        let before = self.claimers.len();
        self.claimers
            .extend(claims.filter_map(|claim| Some(claim.data["worker"].as_str()?.to_owned())));
        let n_claims = self.claimers.len() - before;
        self.n_claimed_again += n_claims.saturating_sub(1);
        n_claims
    }
}

fn is_discarded(job: &Job, n_claims: usize) -> bool {
    let is_final = matches!(&job.state, JobState::Failed { failure, .. } if !failure.retryable);
    is_final && n_claims == job.max_attempts as usize
}
