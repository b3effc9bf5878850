//! Weights with everything needed to trust them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// The artifact of a linear reranker: what `evidence-reranker` reads and `phagen train reranker`
/// writes. The file is this struct as JSON; its digest is the artifact's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinearReranker {
    /// Always [`LinearReranker::FORMAT`].
    pub format: String,
    /// The guest refuses an artifact whose names are not its own, in its own order.
    pub feature_names: Vec<String>,
    /// One per feature; score = bias + Σ weight · feature.
    pub weights: Vec<f32>,
    pub bias: f32,
    /// How it was made; none for the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainingRecord>,
}

impl LinearReranker {
    pub const FORMAT: &'static str = "phagen.linear-reranker/1";
}

/// How weights were made and how well they did on queries they never saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingRecord {
    pub seed: u64,
    pub n_votes: usize,
    pub n_train_queries: usize,
    /// 0: there was one query to learn from, and none was left to judge by.
    pub n_held_out_queries: usize,
    pub n_pairs: usize,
    pub n_epochs: usize,
    pub learning_rate: f64,
    /// How strongly the weights were held to those of the artifact before.
    pub weight_decay: f64,
    /// Digest of the votes it was fitted to and judged by.
    pub votes_digest: Digest,
    /// Digest of the plugin whose features it was fitted to.
    pub plugin_digest: Digest,
    /// None without held-out queries: nothing was measured.
    pub trained: Option<RankingQuality>,
    /// The artifact it was fitted against, on the same held-out queries.
    pub baseline: Option<RankingQuality>,
}

/// Means over held-out queries.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RankingQuality {
    /// Share of (up, down) pairs in the right order; a tie counts half.
    pub pair_accuracy: f64,
    /// nDCG@10 as `trec_eval` counts it, upvote = grade 1.
    pub ndcg_at_10: f64,
}

/// An artifact as the store lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactRecord {
    pub digest: Digest,
    /// Such as `reranker-default` or `reranker-20261122-1`.
    pub name: String,
    /// Such as [`LinearReranker::FORMAT`].
    pub format: String,
    pub size_bytes: u64,
    pub created_at: DateTime<Utc>,
}
