//! From votes to an artifact. Never decides whether it serves: an operator promotes it.

mod fit;
mod settings;

use phagen_domain::{
    artifact::{LinearReranker, TrainingRecord},
    digest::Digest,
    feedback::Feedback,
};
use rand::{SeedableRng, rngs::StdRng};

use crate::{
    ModelError,
    dataset::{PairSet, Scaling, VoteUse, VotedQuery, Votes, as_f32, is_used, split},
    evaluation, inference,
};

pub use settings::TrainingSettings;

/// Told after every epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingProgress {
    /// 1-based.
    pub epoch: usize,
    pub n_epochs: usize,
    /// Mean over pieces of voted evidence, with the penalty for leaving the current weights.
    pub loss: f64,
    /// None without held-out queries.
    pub held_out_pair_accuracy: Option<f64>,
}

/// What a run made. Nothing has been written yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    pub artifact: LinearReranker,
    /// The artifact as JSON: what is stored and served.
    pub bytes: Vec<u8>,
    pub digest: Digest,
    pub usage: VoteUse,
}

/// Fits the weights of `current` to `votes`: for each molecule and each pair of an upvoted and a
/// downvoted piece of evidence the loss is ln(1 + exp(score of the downvoted − score of the
/// upvoted)), which is `RankNet`'s.
///
/// `plugin_digest` names the reranker that serves now. `progress` hears of each epoch, `stop` is
/// asked before each batch.
#[expect(
    clippy::too_many_arguments,
    reason = "two callbacks, of which one mutates and one does not: a struct of both would only rename them"
)]
pub fn train_reranker(
    votes: &[Feedback],
    current: &LinearReranker,
    plugin_digest: Digest,
    settings: &TrainingSettings,
    progress: &mut dyn FnMut(&TrainingProgress),
    stop: &dyn Fn() -> bool,
) -> Result<Trained, ModelError> {
    settings.check()?;
    inference::check(current)?;
    let (votes, usage) = collect(votes, current, plugin_digest)?;
    let (training, held_out) = split(votes.queries, settings.held_out_share);
    let scaling = Scaling::of(&training, current.weights.len());
    let mut rng = StdRng::seed_from_u64(settings.seed);
    let pairs = PairSet::new(
        &training,
        &current.weights,
        &scaling,
        settings.max_pairs_per_query,
        &mut rng,
    );
    let shift = fit::fit(
        &pairs,
        settings,
        &mut rng,
        stop,
        &mut |epoch, loss, shift| {
            progress(&TrainingProgress {
                epoch,
                n_epochs: settings.n_epochs,
                loss,
                held_out_pair_accuracy: accuracy(&moved(current, &scaling, shift), &held_out),
            });
        },
    )?;
    let mut artifact = moved(current, &scaling, &shift);
    if inference::check(&artifact).is_err() {
        return Err(ModelError::Diverged {
            epoch: settings.n_epochs,
        });
    }
    artifact.training = Some(TrainingRecord {
        seed: settings.seed,
        n_votes: usage.n_used,
        n_train_queries: training.len(),
        n_held_out_queries: held_out.len(),
        n_pairs: pairs.len(),
        n_epochs: settings.n_epochs,
        learning_rate: settings.learning_rate,
        weight_decay: settings.weight_decay,
        votes_digest: votes.digest,
        plugin_digest,
        trained: evaluation::quality(&artifact, &held_out),
        baseline: evaluation::quality(current, &held_out),
    });
    write(artifact, usage)
}

/// The votes that say something of order, or why there are none.
fn collect(
    feedback: &[Feedback],
    current: &LinearReranker,
    plugin_digest: Digest,
) -> Result<(Votes, VoteUse), ModelError> {
    let votes = Votes::collect(feedback, &current.feature_names)?;
    let usage = VoteUse {
        n_other_plugin: feedback
            .iter()
            .filter(|vote| is_used(vote, &current.feature_names))
            .filter(|vote| vote.reranker_digest != plugin_digest)
            .count(),
        ..votes.usage
    };
    if !votes.queries.is_empty() {
        return Ok((votes, usage));
    }
    if usage.n_other_features > 0 && usage.n_used == 0 && usage.n_flags == 0 {
        return Err(ModelError::OtherFeatures {
            n_votes: usage.n_other_features,
        });
    }
    Err(ModelError::TooFewVotes {
        n_votes: usage.n_votes,
        n_used: usage.n_used,
        n_flags: usage.n_flags,
        n_other_features: usage.n_other_features,
    })
}

/// `current` moved by `shift`, back in the units of raw features. The bias takes up what the
/// weights add on average, so that scores stay where they were.
fn moved(current: &LinearReranker, scaling: &Scaling, shift: &[f32]) -> LinearReranker {
    let mut bias = f64::from(current.bias);
    let mut weights = Vec::with_capacity(current.weights.len());
    let columns = scaling.means.iter().zip(&scaling.scales);
    for ((weight, shift), (mean, scale)) in current.weights.iter().zip(shift).zip(columns) {
        let change = f64::from(*shift) / scale;
        weights.push(as_f32(f64::from(*weight) + change));
        bias -= change * mean;
    }
    LinearReranker {
        format: LinearReranker::FORMAT.to_owned(),
        feature_names: current.feature_names.clone(),
        weights,
        bias: as_f32(bias),
        training: None,
    }
}

fn accuracy(reranker: &LinearReranker, queries: &[VotedQuery]) -> Option<f64> {
    evaluation::quality(reranker, queries).map(|quality| quality.pair_accuracy)
}

fn write(artifact: LinearReranker, usage: VoteUse) -> Result<Trained, ModelError> {
    let mut bytes = serde_json::to_vec_pretty(&artifact).map_err(ModelError::Json)?;
    bytes.push(b'\n');
    Ok(Trained {
        digest: Digest::of(&bytes),
        artifact,
        bytes,
        usage,
    })
}

#[cfg(test)]
mod tests;
