//! Orders evidence. Replace the features and how they become a score.

use phagen_sdk::{Candidate, Context, Description, Failure, Query, Reranker};

pub struct MyReranker;

impl Reranker for MyReranker {
    fn describe() -> Description {
        phagen_sdk::describe!("Orders evidence; say how")
    }

    fn init(_: &Context) -> Result<Self, Failure> {
        Ok(Self)
    }

    fn feature_names(&self) -> Vec<String> {
        vec!["title_match".into(), "has_results".into()]
    }

    fn features(&self, query: &Query, candidates: &[Candidate]) -> Result<Vec<Vec<f32>>, Failure> {
        let names: Vec<String> = query.molecule.names().map(str::to_lowercase).collect();
        let row = |candidate: &Candidate| {
            let title = candidate.evidence.title.to_lowercase();
            vec![
                f32::from(names.iter().any(|name| title.contains(name))),
                f32::from(candidate.evidence.attribute("has_results") == Some("true")),
            ]
        };
        Ok(candidates.iter().map(row).collect())
    }

    fn score(&self, query: &Query, candidates: &[Candidate]) -> Result<Vec<f32>, Failure> {
        // One finite number per candidate, in their order; higher is better.
        let features = self.features(query, candidates)?;
        Ok(features.iter().map(|row| row[0] + 0.1 * row[1]).collect())
    }
}

phagen_sdk::export_reranker!(MyReranker);
