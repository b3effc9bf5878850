//! What can go wrong while learning.

use phagen_domain::evidence::EvidenceId;

#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("artifact cannot be trained from: {reason}")]
    InvalidArtifact { reason: String },
    #[error("setting `{name}` is {value}: expected {expected}")]
    InvalidSetting {
        name: &'static str,
        value: String,
        expected: &'static str,
    },
    #[error("vote on `{evidence_id}` for `{molecule}` cannot be trained on: {reason}")]
    InvalidVote {
        evidence_id: EvidenceId,
        molecule: String,
        reason: String,
    },
    #[error(
        "all {n_votes} votes were cast on other features than the artifact's: vote on results of the reranker that serves now, then train again"
    )]
    OtherFeatures { n_votes: usize },
    #[error(
        "no pair to learn from: of {n_votes} votes, {n_flags} are flags and {n_other_features} were cast on other features, and the {n_used} left hold no molecule with an upvote and a downvote; at least one molecule with an upvote and a downvote is needed"
    )]
    TooFewVotes {
        n_votes: usize,
        n_used: usize,
        n_flags: usize,
        n_other_features: usize,
    },
    #[error("training was stopped in epoch {epoch}; nothing was written")]
    Stopped { epoch: usize },
    #[error(
        "training diverged in epoch {epoch}: lower `learning_rate`, or raise `weight_decay`, then train again"
    )]
    Diverged { epoch: usize },
    #[error("tensor of {what} could not be read back")]
    Tensor {
        what: &'static str,
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("artifact could not be written as JSON")]
    Json(#[source] serde_json::Error),
}
