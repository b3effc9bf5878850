//! Trains the reranker every so often on what was voted meanwhile. Every process with workers asks for
//! the tick; the database gives it to one, which looks at how old the last artifact is. So a training
//! that fails, or that a shutdown stops, is begun again by a later tick, not a whole period later.
//!
//! What it makes never serves by itself: it is stored with its evaluation, for an operator to look at
//! and to promote.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use chrono::{DateTime, Utc};
use phagen_domain::{
    artifact::{ArtifactRecord, LinearReranker},
    feedback::Feedback,
    plugin::Cause,
};
use phagen_model::{ModelError, TrainingSettings};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info};

use crate::{bootstrap::DEFAULT_ARTIFACT, house::House, training};

/// How often a process asks for the tick.
const ASK_EVERY: Duration = Duration::from_mins(1);
/// Longest from one tick to the next, however seldom a reranker is trained.
const LOOK_EVERY: Duration = Duration::from_hours(1);
const CHORE: &str = "train-reranker";

/// Asks until shutdown; not at all when training is not scheduled.
pub(super) async fn run(house: Arc<House>, shutdown: CancellationToken) {
    let Some(every) = house.settings.training.every() else {
        return;
    };
    let mut interval = tokio::time::interval(ASK_EVERY);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while shutdown
        .run_until_cancelled(interval.tick())
        .await
        .is_some()
    {
        match look_around(&house, every, &shutdown).await {
            Ok(()) => {}
            Err(error) if is_no_fault(&error) => {
                info!("the reranker was not trained: {error}");
            }
            Err(error) => {
                let chain = format!("{error:#}");
                error!(error = %chain, "the reranker was not trained; the next tick tries again: {chain}");
            }
        }
    }
}

async fn look_around(house: &House, every: Duration, shutdown: &CancellationToken) -> Result<()> {
    if !house.store.take_tick(CHORE, every.min(LOOK_EVERY)).await? {
        return Ok(());
    }
    let begun = house.clock.now();
    let votes = house.store.list_feedback().await?;
    let artifacts = house.store.list_artifacts().await?;
    let n_new = n_new(&votes, &artifacts);
    let least = house.settings.training.min_new_votes;
    if n_new < least {
        info!(
            n_new,
            least, "the reranker is not trained: {n_new} new votes, and {least} are asked for"
        );
        return Ok(());
    }
    if !is_due(&artifacts, every, begun) {
        debug!(
            n_new,
            "the reranker is not trained: the last artifact is too young"
        );
        return Ok(());
    }
    let settings = TrainingSettings::default();
    let stop = shutdown.child_token();
    let trained = training::train(house, votes, settings, |_| {}, stop).await?;
    let record = training::store(house, &trained, begun, Cause::HOST).await?;
    let quality = trained.artifact.training.as_ref();
    let ndcg = quality.and_then(|told| Some((told.baseline?.ndcg_at_10, told.trained?.ndcg_at_10)));
    let told = ndcg.map_or_else(
        || "without held-out molecules to judge it by".to_owned(),
        |(before, after)| format!("nDCG@10 {after:.4} on held-out molecules, {before:.4} before"),
    );
    let name = &record.name;
    info!(artifact = %record.digest, n_new, "trained `{name}` on {n_new} new votes, {told}; `phagen model promote {name}` makes it serve");
    Ok(())
}

fn rerankers(artifacts: &[ArtifactRecord]) -> impl Iterator<Item = &ArtifactRecord> {
    artifacts
        .iter()
        .filter(|artifact| artifact.format == LinearReranker::FORMAT)
}

/// Whether the last training began `every` ago. The bundled artifact was not trained here.
fn is_due(artifacts: &[ArtifactRecord], every: Duration, now: DateTime<Utc>) -> bool {
    let trained = rerankers(artifacts).filter(|artifact| artifact.name != DEFAULT_ARTIFACT);
    let last = trained.map(|artifact| artifact.created_at).max();
    // A tick that comes a moment early must not cost a whole further one.
    last.is_none_or(|last| last + every <= now + ASK_EVERY)
}

/// Votes since a reranker was made last.
fn n_new(votes: &[Feedback], artifacts: &[ArtifactRecord]) -> usize {
    let last = rerankers(artifacts)
        .map(|artifact| artifact.created_at)
        .max();
    votes
        .iter()
        .filter(|vote| last.is_none_or(|last| vote.created_at > last))
        .count()
}

/// Votes that teach nothing yet, or a process that stops.
fn is_no_fault(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(
            ModelError::TooFewVotes { .. }
                | ModelError::OtherFeatures { .. }
                | ModelError::Stopped { .. }
        )
    )
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use phagen_domain::digest::Digest;
    use phagen_store::conformance::votes;

    use super::*;

    fn at(seconds: i64) -> chrono::DateTime<chrono::Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn voted(seconds: i64) -> Feedback {
        let job = phagen_domain::job::JobId::new();
        let vote = phagen_domain::feedback::Vote::Upvote;
        Feedback {
            created_at: at(seconds),
            ..votes::vote(job, "anonymous", "PMID:1", vote)
        }
    }

    fn made(format: &str, seconds: i64) -> ArtifactRecord {
        ArtifactRecord {
            digest: Digest::of(format.as_bytes()),
            name: "made".to_owned(),
            format: format.to_owned(),
            size_bytes: 1,
            created_at: at(seconds),
        }
    }

    #[test]
    fn the_last_training_decides_on_the_next_one_not_the_tick() {
        let day = Duration::from_hours(24);
        let noon = at(24 * 3_600);
        let trained = |seconds| made(LinearReranker::FORMAT, seconds);
        assert!(is_due(&[], day, noon));
        assert!(is_due(&[trained(0)], day, noon));
        assert!(is_due(&[trained(59)], day, noon));
        assert!(!is_due(&[trained(61)], day, noon));
        assert!(!is_due(&[trained(3_600), trained(0)], day, noon));
        assert!(is_due(&[made("another/1", 3_600)], day, noon));
        let bundled = ArtifactRecord {
            name: DEFAULT_ARTIFACT.to_owned(),
            ..trained(3_600)
        };
        assert!(is_due(&[bundled], day, noon));
    }

    #[test]
    fn votes_are_new_until_a_reranker_was_made_of_them() {
        let votes = [voted(1), voted(5), voted(9)];
        assert_eq!(n_new(&votes, &[]), 3);
        let reranker = |seconds| made(LinearReranker::FORMAT, seconds);
        assert_eq!(n_new(&votes, &[reranker(0)]), 3);
        assert_eq!(n_new(&votes, &[reranker(0), reranker(5)]), 1);
        assert_eq!(n_new(&votes, &[reranker(5), reranker(0)]), 1);
        // Weights of another kind were made of other things.
        assert_eq!(n_new(&votes, &[made("another/1", 9)]), 3);
    }
}
