//! The host as a native test sees it: what the harness was given, and nothing else.

use std::{cell::RefCell, rc::Rc};

use crate::{
    CorpusRequest, Failure, Page,
    http::{Request, Response, without_query},
    log::Level,
    testing::LogLine,
};

thread_local! {
    /// Where log lines go: to the harness whose plugin runs on this thread.
    static RECORDER: RefCell<Option<Recorder>> = const { RefCell::new(None) };
}

/// Outside a harness a line has nowhere to go and is dropped.
pub(crate) fn emit(level: Level, message: &str, fields: &[(&str, &str)]) {
    RECORDER.with_borrow(|recorder| {
        if let Some(recorder) = recorder {
            recorder.lines.borrow_mut().push(LogLine {
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

/// Answered by the harness whose plugin runs on this thread.
pub(crate) fn send_http(request: &Request, max_bytes: usize) -> Result<Response, Failure> {
    let http = RECORDER.with_borrow(|recorder| recorder.as_ref().and_then(|r| r.http.clone()));
    let what = format!("`{} {}`", request.method, without_query(&request.url));
    let missing = || Failure::denied(format!("the harness was given no answer to {what}"));
    let response = http.ok_or_else(missing)?(request)?;
    if response.body.len() > max_bytes {
        let n_bytes = response.body.len();
        return Err(Failure {
            retryable: false,
            ..Failure::unavailable(format!(
                "{what} answered with {n_bytes} bytes; {max_bytes} are taken"
            ))
        });
    }
    Ok(response)
}

pub(crate) type Http = dyn Fn(&Request) -> Result<Response, Failure>;

/// The log of one plugin under test, and who answers its requests.
#[derive(Clone, Default)]
pub(crate) struct Recorder {
    lines: Rc<RefCell<Vec<LogLine>>>,
    http: Option<Rc<Http>>,
}

impl Recorder {
    #[cfg(test)]
    pub(crate) fn answering(
        http: impl Fn(&Request) -> Result<Response, Failure> + 'static,
    ) -> Self {
        Self {
            http: Some(Rc::new(http)),
            ..Self::default()
        }
    }

    /// Runs `call` with log lines going here.
    pub(crate) fn record<R>(&self, call: impl FnOnce() -> R) -> R {
        let before = RECORDER.replace(Some(self.clone()));
        let answer = call();
        RECORDER.set(before);
        answer
    }

    pub(crate) fn lines(&self) -> Vec<LogLine> {
        self.lines.borrow().clone()
    }
}

pub(crate) type Corpus = dyn Fn(&CorpusRequest) -> Result<Page, Failure>;

#[derive(Clone, Default)]
pub(crate) struct Host {
    pub(crate) artifact: Option<ArtifactHandle>,
    pub(crate) corpus: Option<Rc<Corpus>>,
    pub(crate) http: Option<Rc<Http>>,
}

impl Host {
    pub(crate) fn recorder(&self) -> Recorder {
        Recorder {
            http: self.http.clone(),
            ..Recorder::default()
        }
    }

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
