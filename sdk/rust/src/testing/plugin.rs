//! A plugin under test: its calls go through the contract's rules and its log lines are kept.

use super::{LogLine, check};
use crate::{
    Candidate, Context, Document, Failure, Finding, Mapper, Molecule, Page, Query, Reranked,
    Reranker, Source, host::Recorder, with_views,
};

/// A source under test. An answer that breaks the contract comes back as an `internal` failure
/// that says how.
pub struct TestSource<P> {
    context: Context,
    plugin: P,
    log: Recorder,
}

impl<P: Source> TestSource<P> {
    pub(super) fn new(context: Context) -> Result<Self, Failure> {
        let log = context.recorder();
        let plugin = log.record(|| P::init(&context))?;
        Ok(Self {
            context,
            plugin,
            log,
        })
    }

    /// Calls [`Source::search`].
    pub fn search(&self, query: &Query, limit: u32, cursor: Option<&str>) -> Result<Page, Failure> {
        let call = || self.plugin.search(&self.context, query, limit, cursor);
        let page = self.log.record(call)?;
        check::page(&page, limit)?;
        Ok(page)
    }

    /// Calls [`Source::self_test`].
    pub fn self_test(&self) -> Result<(), Failure> {
        self.log.record(|| self.plugin.self_test())
    }

    /// What it has logged so far.
    pub fn log_lines(&self) -> Vec<LogLine> {
        self.log.lines()
    }
}

/// A mapper under test. An answer that breaks the contract comes back as an `internal` failure
/// that says how.
pub struct TestMapper<P> {
    plugin: P,
    log: Recorder,
}

impl<P: Mapper> TestMapper<P> {
    pub(super) fn new(context: &Context) -> Result<Self, Failure> {
        let log = Recorder::default();
        let plugin = log.record(|| P::init(context))?;
        Ok(Self { plugin, log })
    }

    /// Calls [`Mapper::find`].
    pub fn find(
        &self,
        molecule: Option<&Molecule>,
        documents: &[Document],
    ) -> Result<Vec<Finding>, Failure> {
        let findings = self.log.record(|| self.plugin.find(molecule, documents))?;
        check::findings(&findings, documents)?;
        Ok(findings)
    }

    /// The plugin itself, for a benchmark that leaves the contract's checks out.
    pub fn plugin(&self) -> &P {
        &self.plugin
    }

    /// Calls [`Mapper::self_test`].
    pub fn self_test(&self) -> Result<(), Failure> {
        self.log.record(|| self.plugin.self_test())
    }

    /// What it has logged so far.
    pub fn log_lines(&self) -> Vec<LogLine> {
        self.log.lines()
    }
}

/// A reranker under test. An answer that breaks the contract comes back as an `internal` failure
/// that says how.
pub struct TestReranker<P> {
    plugin: P,
    log: Recorder,
}

impl<P: Reranker> TestReranker<P> {
    pub(super) fn new(context: &Context) -> Result<Self, Failure> {
        let log = Recorder::default();
        let plugin = log.record(|| P::init(context))?;
        Ok(Self { plugin, log })
    }

    /// Calls [`Reranker::feature_names`].
    pub fn feature_names(&self) -> Vec<String> {
        self.log.record(|| self.plugin.feature_names())
    }

    /// Calls [`Reranker::features`].
    pub fn features(
        &self,
        query: &Query,
        candidates: &[Candidate],
    ) -> Result<Vec<Vec<f32>>, Failure> {
        let call = || self.plugin.features(query, candidates);
        let rows = self.log.record(call)?;
        check::features(&rows, &self.feature_names(), candidates.len())?;
        Ok(rows)
    }

    /// Calls [`Reranker::score`].
    pub fn score(&self, query: &Query, candidates: &[Candidate]) -> Result<Vec<f32>, Failure> {
        let scores = self.log.record(|| self.plugin.score(query, candidates))?;
        check::scores(&scores, candidates.len())?;
        Ok(scores)
    }

    /// Calls [`Reranker::rerank`], and holds its answer against [`Reranker::features`] and
    /// [`Reranker::score`] to the bit.
    pub fn rerank(&self, query: &Query, candidates: &[Candidate]) -> Result<Reranked, Failure> {
        let call = || with_views(candidates, |views| self.plugin.rerank(query, views));
        let reranked = self.log.record(call)?;
        let rows = self.features(query, candidates)?;
        let apart = Reranked::new(self.feature_names(), &rows, self.score(query, candidates)?)?;
        check::reranked(&reranked, &apart)?;
        Ok(reranked)
    }

    /// The plugin itself, for a benchmark that leaves the contract's checks out.
    pub fn plugin(&self) -> &P {
        &self.plugin
    }

    /// Calls [`Reranker::self_test`].
    pub fn self_test(&self) -> Result<(), Failure> {
        self.log.record(|| self.plugin.self_test())
    }

    /// What it has logged so far.
    pub fn log_lines(&self) -> Vec<LogLine> {
        self.log.lines()
    }
}
