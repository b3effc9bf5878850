//! The corpus as guests reach it: the same search, its errors in the contract's words.

use std::sync::Arc;

use phagen_corpus::{Corpus, CorpusError, ServingCorpus};
use phagen_domain::{evidence::Page, plugin::Failure, query::CorpusRequest};
use phagen_plugin::CorpusSearch;

/// The one index that a job began with, whatever serves by now.
pub struct PinnedCorpus(pub Arc<Corpus>);

/// Whatever serves at each search: for what belongs to no job.
pub struct NewestCorpus(pub Arc<ServingCorpus>);

impl CorpusSearch for PinnedCorpus {
    fn search(&self, request: &CorpusRequest) -> Result<Page, Failure> {
        self.0.search(request).map_err(told)
    }
}

impl CorpusSearch for NewestCorpus {
    fn search(&self, request: &CorpusRequest) -> Result<Page, Failure> {
        self.0.search(request).map_err(told)
    }
}

fn told(error: CorpusError) -> Failure {
    match error {
        CorpusError::InvalidCursor { .. } | CorpusError::InvalidRequest { .. } => {
            Failure::new("invalid-input", error.to_string())
        }
        other => Failure {
            retryable: true,
            ..Failure::new("unavailable", other.to_string())
        },
    }
}
