//! The host as a native test sees it: what the harness was given, and nothing else.

use std::{cell::RefCell, rc::Rc};

use crate::{CorpusRequest, Failure, Page, log::Level, testing::LogLine};

thread_local! {
    /// Where log lines go: to the harness whose plugin runs on this thread.
    static RECORDER: RefCell<Option<Recorder>> = const { RefCell::new(None) };
}

/// Outside a harness a line has nowhere to go and is dropped.
pub(crate) fn emit(level: Level, message: &str, fields: &[(&str, &str)]) {
    RECORDER.with_borrow(|recorder| {
        if let Some(recorder) = recorder {
            recorder.0.borrow_mut().push(LogLine {
                level,
                message: message.to_owned(),
                fields: fields
                    .iter()
                    .map(|&(name, value)| (name.to_owned(), value.to_owned()))
                    .collect(),
            });
        }
    });
}

/// The log of one plugin under test.
#[derive(Clone, Default)]
pub(crate) struct Recorder(Rc<RefCell<Vec<LogLine>>>);

impl Recorder {
    /// Runs `call` with log lines going here.
    pub(crate) fn record<R>(&self, call: impl FnOnce() -> R) -> R {
        let before = RECORDER.replace(Some(self.clone()));
        let answer = call();
        RECORDER.set(before);
        answer
    }

    pub(crate) fn lines(&self) -> Vec<LogLine> {
        self.0.borrow().clone()
    }
}

pub(crate) type Corpus = dyn Fn(&CorpusRequest) -> Result<Page, Failure>;

#[derive(Clone, Default)]
pub(crate) struct Host {
    pub(crate) artifact: Option<ArtifactHandle>,
    pub(crate) corpus: Option<Rc<Corpus>>,
}

impl Host {
    pub(crate) fn open_artifact(&self) -> Result<ArtifactHandle, Failure> {
        let missing = || Failure::not_found("the harness was given no artifact");
        self.artifact.clone().ok_or_else(missing)
    }

    pub(crate) fn search_corpus(&self, request: &CorpusRequest) -> Result<Page, Failure> {
        let missing = || Failure::denied("the harness was given no corpus");
        self.corpus.as_ref().ok_or_else(missing)?(request)
    }
}

#[derive(Clone)]
pub(crate) struct ArtifactHandle {
    name: String,
    bytes: Rc<[u8]>,
}

impl ArtifactHandle {
    pub(crate) fn new(name: String, bytes: Rc<[u8]>) -> Self {
        Self { name, bytes }
    }

    pub(crate) fn name(&self) -> String {
        self.name.clone()
    }

    pub(crate) fn digest(&self) -> String {
        blake3::hash(&self.bytes).to_string()
    }

    pub(crate) fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub(crate) fn read(&self, offset: u64, len: u32) -> Result<Vec<u8>, Failure> {
        let past_end = || {
            Failure::invalid_input(format!(
                "offset {offset} is past the end of artifact `{}` of {} bytes",
                self.name,
                self.bytes.len()
            ))
        };
        let start = usize::try_from(offset).map_err(|_| past_end())?;
        let rest = self.bytes.get(start..).ok_or_else(past_end)?;
        Ok(rest[..rest.len().min(len as usize)].to_vec())
    }
}
