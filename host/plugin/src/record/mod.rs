//! Calls of guests written down with all that went into them, and run again to prove that the same
//! bits come out.
//!
//! A tape hears what a slot is asked, what the host answered its guest, and what the guest said. It
//! changes no answer, and stores nothing: whoever asked for it keeps the [`Recording`].

mod difference;
mod http;
mod replay;
mod tape;

use chrono::NaiveDate;
use phagen_domain::{
    digest::Digest,
    evidence::{Attribute, Candidate, Page},
    finding::Finding,
    molecule::Molecule,
    plugin::{Failure, Grant, SlotName, World},
    query::{CorpusRequest, Query},
};
use serde::{Deserialize, Serialize};

pub use difference::Difference;
pub use http::{
    BodyEnd, Given, HttpAnswer, HttpExchange, HttpFailure, HttpHeader, HttpRequest, HttpResponse,
    NotKept, Octets,
};
pub use replay::{ReplayError, ask, replay};
pub use tape::Recorder;
pub(crate) use tape::{Taking, Tape};

use crate::slot::{Document, Reranked};

/// The calls of one job, in the order in which they ended.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Recording {
    pub calls: Vec<RecordedCall>,
    /// Calls that had no room any more.
    pub n_dropped: u32,
}

/// One call with everything that its answer depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedCall {
    pub slot: SlotName,
    pub world: World,
    pub plugin_digest: Digest,
    pub artifact_digest: Option<Digest>,
    pub config: Vec<Attribute>,
    /// The operator's side.
    pub grant: Grant,
    pub as_of: NaiveDate,
    pub input: CallInput,
    pub answer: Result<CallAnswer, RecordedFailure>,
    /// Of a good answer: what is compared when the answer itself was not kept.
    pub answer_digest: Option<Digest>,
    pub milliseconds: f64,
    /// What the host's corpus was asked by the guest, and answered, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub corpus: Vec<CorpusExchange>,
    /// What it asked of the network, and was answered, in the order of its requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<HttpExchange>,
    /// Of a source, unless the recording is from before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Given>,
}

/// What a guest was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum CallInput {
    Search {
        query: Query,
        limit: u32,
        cursor: Option<String>,
    },
    Find {
        molecule: Option<Molecule>,
        documents: Vec<Document>,
    },
    Rerank {
        query: Query,
        candidates: Vec<Candidate>,
    },
}

/// What a guest answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallAnswer {
    Page(Page),
    Findings(Vec<Finding>),
    Reranked(Reranked),
}

/// Why it did not answer, as [`PluginError`](crate::PluginError) says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedFailure {
    pub code: String,
    pub message: String,
}

/// One search of the host's corpus by a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CorpusExchange {
    pub request: CorpusRequest,
    pub answer: Result<Page, Failure>,
}

impl CallAnswer {
    /// Equal digests mean equal bits: numbers are written so that each finite one has one text.
    pub fn digest(&self) -> Digest {
        // Numbers are finite, as the border checked, and keys are strings: nothing here can fail.
        Digest::of(&serde_json::to_vec(self).unwrap_or_default())
    }
}

/// What a slot's method answers with, as it is written down.
pub(crate) trait Taped: Clone {
    fn taped(self) -> CallAnswer;
}

impl Taped for Page {
    fn taped(self) -> CallAnswer {
        CallAnswer::Page(self)
    }
}

impl Taped for Vec<Finding> {
    fn taped(self) -> CallAnswer {
        CallAnswer::Findings(self)
    }
}

impl Taped for Reranked {
    fn taped(self) -> CallAnswer {
        CallAnswer::Reranked(self)
    }
}
