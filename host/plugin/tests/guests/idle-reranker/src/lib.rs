//! A reranker that looks at nothing: what a call of it takes is the price of the border. For the
//! benchmark only, never shipped.

use phagen_sdk::{
    Candidate, CandidateView, Context, Description, Failure, Query, Reranked, Reranker,
};

/// Scores everything 0.
pub struct IdleReranker;

impl Reranker for IdleReranker {
    fn describe() -> Description {
        phagen_sdk::describe!("Looks at nothing, to measure the border")
    }

    fn init(_: &Context) -> Result<Self, Failure> {
        Ok(Self)
    }

    fn feature_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn features(&self, _: &Query, candidates: &[Candidate]) -> Result<Vec<Vec<f32>>, Failure> {
        Ok(vec![Vec::new(); candidates.len()])
    }

    fn score(&self, _: &Query, candidates: &[Candidate]) -> Result<Vec<f32>, Failure> {
        Ok(vec![0.0; candidates.len()])
    }

    fn rerank(&self, _: &Query, candidates: &[CandidateView<'_>]) -> Result<Reranked, Failure> {
        Ok(Reranked {
            feature_names: Vec::new(),
            features: Vec::new(),
            scores: vec![0.0; candidates.len()],
        })
    }
}

phagen_sdk::export_reranker!(IdleReranker);
