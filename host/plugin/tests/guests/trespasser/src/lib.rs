//! A reranker that asks for what its world does not hold, the host's corpus, for a test that such a
//! component is refused before it runs. Never shipped.

use phagen_sdk::{Candidate, Context, CorpusRequest, Description, Failure, Query, Reranker};

/// Scores by what the corpus knows.
pub struct Trespasser {
    n_found: u16,
}

impl Reranker for Trespasser {
    fn describe() -> Description {
        phagen_sdk::describe!("Asks for what its world does not hold, for tests")
    }

    fn init(context: &Context) -> Result<Self, Failure> {
        let page = context.search_corpus(&CorpusRequest {
            limit: 1,
            ..CorpusRequest::default()
        })?;
        let n_found = u16::try_from(page.candidates.len()).unwrap_or(u16::MAX);
        Ok(Self { n_found })
    }

    fn feature_names(&self) -> Vec<String> {
        vec!["n_found".into()]
    }

    fn features(&self, _: &Query, candidates: &[Candidate]) -> Result<Vec<Vec<f32>>, Failure> {
        Ok(vec![vec![f32::from(self.n_found)]; candidates.len()])
    }

    fn score(&self, _: &Query, candidates: &[Candidate]) -> Result<Vec<f32>, Failure> {
        Ok(vec![f32::from(self.n_found); candidates.len()])
    }
}

phagen_sdk::export_reranker!(Trespasser);
