//! Trains the reranker every so often on what was voted meanwhile. Every process with workers asks for
//! the tick; the database gives it to one.
//!
//! What it makes never serves by itself: it is stored with its evaluation, for an operator to look at
//! and to promote.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use phagen_domain::{
    artifact::{ArtifactRecord, LinearReranker},
    feedback::Feedback,
    plugin::Cause,
};
use phagen_model::{ModelError, TrainingSettings};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::{house::House, training};

/// How often a process asks for the tick.
const ASK_EVERY: Duration = Duration::from_mins(1);
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
    if !house.store.take_tick(CHORE, every).await? {
        return Ok(());
    }
    let votes = house.store.list_feedback().await?;
    let n_new = n_new(&votes, &house.store.list_artifacts().await?);
    let least = house.settings.training.min_new_votes;
    if n_new < least {
        info!(
            n_new,
            least, "the reranker is not trained: {n_new} new votes, and {least} are asked for"
        );
        return Ok(());
    }
    let settings = TrainingSettings::default();
    let stop = shutdown.child_token();
    let trained = training::train(house, votes, settings, |_| {}, stop).await?;
    let record = training::store(house, &trained, Cause::HOST).await?;
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

/// Votes since a reranker was made last.
fn n_new(votes: &[Feedback], artifacts: &[ArtifactRecord]) -> usize {
    let rerankers = artifacts
        .iter()
        .filter(|artifact| artifact.format == LinearReranker::FORMAT);
    let last = rerankers.map(|artifact| artifact.created_at).max();
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
