//! What became of every job, from its row and its events.

use std::fmt;

use anyhow::Result;
use phagen_domain::job::JobState;

use crate::{
    place::{MAX_ATTEMPTS, Place},
    slow_source::evidence_id,
    storm::{Asked, Storm},
};

const ENDS: [&str; 3] = ["succeeded", "failed", "cancelled"];

#[derive(Default)]
pub(crate) struct Verdict {
    n_killed: u32,
    n_poisoned: u32,
    seconds: f64,
    n_jobs: usize,
    n_succeeded: usize,
    /// Succeeded, and the result holds what the job's source had for it.
    n_whole: usize,
    n_poison: usize,
    n_discarded: usize,
    /// Claims beyond the first of each job.
    n_claimed_again: usize,
    n_lost: usize,
    n_ended_twice: usize,
}

pub(crate) async fn of(place: &Place, jobs: &[Asked], storm: &Storm) -> Result<Verdict> {
    let mut verdict = Verdict {
        n_killed: storm.n_killed,
        n_poisoned: storm.n_poisoned,
        seconds: storm.took.as_secs_f64(),
        ..Verdict::default()
    };
    for asked in jobs {
        verdict.count(place, asked).await?;
    }
    Ok(verdict)
}

impl Verdict {
    async fn count(&mut self, place: &Place, asked: &Asked) -> Result<()> {
        let events = place.store.list_events(asked.id, 0).await?;
        let n_ends = events.iter().filter(|e| ENDS.contains(&&*e.kind)).count();
        let n_claims = events.iter().filter(|e| e.kind == "running").count();
        self.n_claimed_again += n_claims.saturating_sub(1);
        self.n_lost += usize::from(n_ends == 0);
        self.n_ended_twice += usize::from(n_ends > 1);
        let job = place.store.find_job(asked.id).await?;
        let state = job.map(|job| job.state);
        if asked.is_poison {
            self.n_poison += 1;
            let is_discarded = matches!(
                &state,
                Some(JobState::Failed { failure, .. }) if !failure.retryable
            );
            let is_at_its_limit = n_claims == MAX_ATTEMPTS as usize;
            self.n_discarded += usize::from(is_discarded && is_at_its_limit);
            return Ok(());
        }
        self.n_jobs += 1;
        if let Some(JobState::Succeeded { result, .. }) = state {
            self.n_succeeded += 1;
            let wanted = evidence_id(&asked.molecule);
            let mut found = result.evidence.values().flatten();
            let is_whole = found.any(|ranked| ranked.evidence.evidence_id.to_string() == wanted);
            self.n_whole += usize::from(is_whole);
        }
        Ok(())
    }

    pub(crate) fn holds(&self) -> bool {
        self.n_lost == 0
            && self.n_ended_twice == 0
            && self.n_whole == self.n_jobs
            && self.n_discarded == self.n_poison
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "  workers killed                {} in {:.0} s, {} of them over a poison job",
            self.n_killed, self.seconds, self.n_poisoned
        )?;
        writeln!(
            f,
            "  jobs succeeded                {} of {}, with their evidence {}",
            self.n_succeeded, self.n_jobs, self.n_whole
        )?;
        writeln!(
            f,
            "  poison discarded at its limit {} of {} (attempt {MAX_ATTEMPTS})",
            self.n_discarded, self.n_poison
        )?;
        writeln!(
            f,
            "  claimed again                 {}",
            self.n_claimed_again
        )?;
        write!(
            f,
            "  lost, ended twice             {}, {}",
            self.n_lost, self.n_ended_twice
        )
    }
}
