//! A native test harness: builds a plugin as the host would, with a configuration, an artifact and
//! a corpus of the test's choosing, and holds its answers against the contract. And [`bench()`], which
//! asks a plugin its golden cases natively and takes the time.
//!
//! It does not sandbox: deadlines and memory limits are for the built component in the real host.

mod bench;
mod check;
mod plugin;

use std::{cell::Cell, rc::Rc};

use crate::{
    Attribute, Context, CorpusRequest, Failure, Mapper, Page, Reranker, Source,
    host::{ArtifactHandle, Host},
    http::{Request, Response},
    log::Level,
};

#[doc(hidden)]
pub use bench::Native;
pub use bench::{Exported, bench};
pub use plugin::{TestMapper, TestReranker, TestSource};

/// A line that the plugin logged.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    /// How grave it is.
    pub level: Level,
    /// The message, which reads alone.
    pub message: String,
    /// Names and values.
    pub fields: Vec<(String, String)>,
}

/// What a plugin is to be built with. Without an artifact, opening one is `not-found`; without a
/// corpus, searching it is `denied`, and so is a request without answers.
#[derive(Default)]
pub struct Harness {
    config: Vec<Attribute>,
    host: Host,
}

impl Harness {
    /// No configuration, no artifact, no corpus.
    pub fn new() -> Self {
        Self::default()
    }

    /// One line of the slot's configuration.
    #[must_use]
    pub fn config(mut self, key: &str, value: &str) -> Self {
        self.config.push(Attribute::new(key, value));
        self
    }

    /// The slot's artifact.
    #[must_use]
    pub fn artifact(mut self, name: &str, bytes: &[u8]) -> Self {
        self.host.artifact = Some(ArtifactHandle::new(name.to_owned(), bytes.into()));
        self
    }

    /// A corpus that answers as the closure does.
    #[must_use]
    pub fn corpus(
        mut self,
        search: impl Fn(&CorpusRequest) -> Result<Page, Failure> + 'static,
    ) -> Self {
        self.host.corpus = Some(Rc::new(search));
        self
    }

    /// A corpus that answers any search with these pages, one a call; then with empty ones.
    #[must_use]
    pub fn pages(self, pages: Vec<Page>) -> Self {
        let n_answered = Cell::new(0);
        self.corpus(move |_| {
            let page = pages.get(n_answered.get()).cloned().unwrap_or_default();
            n_answered.set(n_answered.get() + 1);
            Ok(page)
        })
    }

    /// A network that answers as the closure does, redirects included.
    ///
    /// ```
    /// # use phagen_sdk::{http::Response, testing::Harness};
    /// let harness = Harness::new().http(|request| match request.url.as_str() {
    ///     "https://api.example.org/search?q=aspirin" => Ok(Response::new(200, "[]")),
    ///     _ => Ok(Response::new(404, "")),
    /// });
    /// ```
    #[must_use]
    pub fn http(
        mut self,
        answer: impl Fn(&Request) -> Result<Response, Failure> + 'static,
    ) -> Self {
        self.host.http = Some(Rc::new(answer));
        self
    }

    /// A secret that the plugin is granted, and what stands for it.
    #[must_use]
    pub fn secret(self, name: &str, placeholder: &str) -> Self {
        self.config(&format!("secret.{name}"), placeholder)
    }

    /// The context alone, for a test or a benchmark that calls `init` itself.
    pub fn context(self) -> Context {
        Context::new(self.config, self.host)
    }

    /// Builds a source.
    pub fn source<P: Source>(self) -> Result<TestSource<P>, Failure> {
        TestSource::new(Context::new(self.config, self.host))
    }

    /// Builds a mapper.
    pub fn mapper<P: Mapper>(self) -> Result<TestMapper<P>, Failure> {
        TestMapper::new(&Context::new(self.config, self.host))
    }

    /// Builds a reranker.
    pub fn reranker<P: Reranker>(self) -> Result<TestReranker<P>, Failure> {
        TestReranker::new(&Context::new(self.config, self.host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Description, Query, log};

    /// Logs what it finds in its context, and answers with whatever the corpus does.
    struct Echo;

    impl Source for Echo {
        fn describe() -> Description {
            crate::describe!("answers with what the corpus answers")
        }

        fn init(context: &Context) -> Result<Self, Failure> {
            let artifact = context.artifact()?;
            let size = artifact.size().to_string();
            log::info(&artifact.digest(), &[("size", size.as_str())]);
            assert_eq!(artifact.read_all()?.len() as u64, artifact.size());
            assert_eq!(artifact.read(1, 1)?.len(), 1);
            match context.config("mode") {
                Some("fail") => Err(Failure::invalid_config("`mode` is `fail`")),
                _ => Ok(Self),
            }
        }

        fn search(
            &self,
            context: &Context,
            _: &Query,
            limit: u32,
            _: Option<&str>,
        ) -> Result<Page, Failure> {
            log::warn("searching", &[]);
            context.search_corpus(&CorpusRequest {
                limit,
                ..CorpusRequest::default()
            })
        }
    }

    fn query() -> Query {
        Query::of("aspirin", "2026-11-22")
    }

    #[test]
    fn a_plugin_sees_its_artifact_and_its_log_is_kept() {
        let bytes = vec![7; (2 << 20) + 5];
        let source = Harness::new()
            .artifact("table", &bytes)
            .pages(Vec::new())
            .source::<Echo>()
            .unwrap();
        source.search(&query(), 5, None).unwrap();
        let lines = source.log_lines();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].message, blake3::hash(&bytes).to_string());
        assert_eq!(lines[0].fields, [("size".to_owned(), "2097157".to_owned())]);
        assert_eq!(lines[1].level, Level::Warn);
    }

    #[test]
    fn what_the_harness_was_not_given_is_refused() {
        let failure = Harness::new().source::<Echo>().err().unwrap();
        assert_eq!(failure.code, "not-found");
        let harness = Harness::new().artifact("table", b"ab");
        let source = harness.source::<Echo>().unwrap();
        assert_eq!(source.search(&query(), 5, None).unwrap_err().code, "denied");
        let harness = Harness::new().artifact("table", b"ab");
        let failure = harness.config("mode", "fail").source::<Echo>().err();
        assert_eq!(failure.unwrap().code, "invalid-config");
    }

    #[test]
    fn an_artifact_is_not_read_past_its_end() {
        let handle = ArtifactHandle::new("t".into(), b"abc".as_slice().into());
        assert_eq!(handle.read(1, 9).unwrap(), b"bc");
        assert_eq!(handle.read(3, 9).unwrap(), b"");
        assert_eq!(handle.read(4, 1).unwrap_err().code, "invalid-input");
    }

    #[test]
    fn pages_are_answered_one_a_call() {
        let page = Page {
            cursor: Some("2".into()),
            ..Page::default()
        };
        let harness = Harness::new().artifact("t", b"ab").pages(vec![page]);
        let source = harness.source::<Echo>().unwrap();
        let cursor = |source: &TestSource<Echo>| source.search(&query(), 5, None).unwrap().cursor;
        assert_eq!(cursor(&source).as_deref(), Some("2"));
        assert_eq!(cursor(&source), None);
    }
}
