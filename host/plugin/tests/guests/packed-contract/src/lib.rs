//! The logic of `first-contract` by way of the SDK, which takes candidates in few pieces of memory:
//! the third side of the comparison. Never shipped.

#[path = "../../first-contract/src/row.rs"]
mod row;

use phagen_sdk::{Candidate, Context, Description, Failure, Query, Reranker};

use row::{NAMES, row};

/// The records of the SDK, under the names that the shared file uses.
mod contract {
    pub(crate) mod types {
        pub(crate) use phagen_sdk::{Candidate, Query};
    }
}

/// Weights from the artifact, four bytes each; the bias from the configuration.
pub struct PackedContract {
    weights: [f32; NAMES.len()],
    bias: f32,
}

impl Reranker for PackedContract {
    fn describe() -> Description {
        phagen_sdk::describe!("Computes what `first-contract` does, for tests")
    }

    fn init(context: &Context) -> Result<Self, Failure> {
        let bytes = context.artifact()?.read_all()?;
        let mut weights = [0.0; NAMES.len()];
        for (weight, bytes) in weights.iter_mut().zip(bytes.as_chunks().0) {
            *weight = f32::from_le_bytes(*bytes);
        }
        let bias = context
            .config("bias")
            .and_then(|bias| bias.parse().ok())
            .ok_or_else(|| Failure::invalid_config("`bias` is no number"))?;
        Ok(Self { weights, bias })
    }

    fn feature_names(&self) -> Vec<String> {
        NAMES.map(str::to_owned).into()
    }

    fn features(&self, query: &Query, candidates: &[Candidate]) -> Result<Vec<Vec<f32>>, Failure> {
        Ok(candidates.iter().map(|c| row(query, c).into()).collect())
    }

    fn score(&self, query: &Query, candidates: &[Candidate]) -> Result<Vec<f32>, Failure> {
        let score = |candidate| row::score(self.bias, &self.weights, &row(query, candidate));
        Ok(candidates.iter().map(score).collect())
    }
}

phagen_sdk::export_reranker!(PackedContract);
