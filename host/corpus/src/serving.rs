//! The corpus that serves in this process: one pointer, swapped as a whole. Whoever took it keeps what
//! it took, so that one answer never mixes two of them.

use std::sync::{Arc, PoisonError, RwLock};

use phagen_domain::{digest::Digest, evidence::Page, query::CorpusRequest};

use crate::{Corpus, CorpusError, CorpusStats};

pub struct ServingCorpus {
    now: RwLock<Arc<Corpus>>,
}

impl ServingCorpus {
    pub fn new(corpus: Corpus) -> Self {
        Self {
            now: RwLock::new(Arc::new(corpus)),
        }
    }

    /// The one that serves now. Take it once for what belongs together.
    pub fn now(&self) -> Arc<Corpus> {
        let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&now)
    }

    /// Lets another serve from the next look on.
    pub fn swap(&self, corpus: Corpus) {
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        *now = Arc::new(corpus);
    }

    /// As [`Corpus::search`], of the one that serves now.
    ///
    /// # Errors
    /// As there.
    pub fn search(&self, request: &CorpusRequest) -> Result<Page, CorpusError> {
        self.now().search(request)
    }

    /// As [`Corpus::stats`], of the one that serves now.
    ///
    /// # Errors
    /// As there.
    pub fn stats(&self) -> Result<CorpusStats, CorpusError> {
        self.now().stats()
    }

    /// As [`Corpus::generation`], of the one that serves now.
    pub fn generation(&self) -> u64 {
        self.now().generation()
    }

    /// As [`Corpus::state`], of the one that serves now.
    pub fn state(&self) -> Digest {
        self.now().state()
    }
}
