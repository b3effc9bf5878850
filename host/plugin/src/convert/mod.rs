//! The border: guest types become domain values here and nowhere else, and the other way round.
//!
//! What comes from a guest is checked against the contract on the way in, so that nobody upstairs
//! checks it again. A broken promise (an id that is none, a number that is none) refuses the whole
//! answer and names the first offence; what the contract calls open (an unknown kind or stance) or
//! what a source merely passes on (a date or an address that does not parse) loses its meaning and
//! not the evidence.

mod finding;
mod packed;
mod page;
mod reranked;
mod view;

pub(crate) use finding::findings;
pub(crate) use packed::Packed;
pub(crate) use page::page;
pub(crate) use reranked::{check_features, check_names, check_scores, reranked};
pub(crate) use view::{CandidateViews, DocumentViews, QueryView, attributes};

use phagen_domain::{
    evidence::{Attribute, EvidenceKind},
    plugin::Failure,
    query::CorpusRequest,
};

use crate::bindings::v0_1_0::{corpus, types};

impl From<types::AttributeResult> for Attribute {
    fn from(attribute: types::AttributeResult) -> Self {
        Self {
            key: attribute.key,
            value: attribute.value,
        }
    }
}

impl From<Attribute> for types::AttributeResult {
    fn from(attribute: Attribute) -> Self {
        Self {
            key: attribute.key,
            value: attribute.value,
        }
    }
}

impl From<types::Failure> for Failure {
    /// Cut to a length that may stand in a row and a log line.
    fn from(failure: types::Failure) -> Self {
        const CODE_CHARS: usize = 64;
        const MESSAGE_CHARS: usize = 2_000;
        Self {
            code: first_chars(failure.code, CODE_CHARS),
            retryable: failure.retryable,
            retry_after_ms: failure.retry_after_ms,
            message: first_chars(failure.message, MESSAGE_CHARS),
        }
    }
}

impl From<Failure> for types::Failure {
    fn from(failure: Failure) -> Self {
        Self {
            code: failure.code,
            retryable: failure.retryable,
            retry_after_ms: failure.retry_after_ms,
            message: failure.message,
        }
    }
}

fn first_chars(mut text: String, n: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(n) {
        text.truncate(end);
    }
    text
}

/// A guest's request, or the failure to answer it with.
pub(crate) fn corpus_request(request: corpus::Request) -> Result<CorpusRequest, Failure> {
    const MAX_NAMES: usize = 200;
    let invalid = |what: String| Failure::new("invalid-input", what);
    if request.names.len() > MAX_NAMES {
        let n = request.names.len();
        return Err(invalid(format!("{n} names; at most {MAX_NAMES} are taken")));
    }
    let max = CorpusRequest::MAX_LIMIT;
    if !(1..=max).contains(&request.limit) {
        return Err(invalid(format!(
            "limit {}; expected 1 to {max}",
            request.limit
        )));
    }
    let year = |year: Option<u32>| {
        year.map(|year| u16::try_from(year).map_err(|_| invalid(format!("year {year}"))))
            .transpose()
    };
    Ok(CorpusRequest {
        year_from: year(request.year_from)?,
        year_to: year(request.year_to)?,
        names: request.names,
        text: request.text,
        kind: request.kind.as_deref().map(EvidenceKind::from_name),
        limit: request.limit,
        cursor: request.cursor,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> corpus::Request {
        corpus::Request {
            names: vec!["aspirin".to_owned()],
            text: String::new(),
            kind: Some("clinical".to_owned()),
            year_from: Some(1990),
            year_to: None,
            limit: 200,
            cursor: None,
        }
    }

    #[test]
    fn a_corpus_request_has_limits() {
        let taken = corpus_request(request()).unwrap();
        assert_eq!(taken.kind, Some(EvidenceKind::Clinical));
        assert_eq!(taken.year_from, Some(1990));
        for broken in [
            corpus::Request {
                limit: 0,
                ..request()
            },
            corpus::Request {
                limit: 201,
                ..request()
            },
            corpus::Request {
                year_to: Some(70_000),
                ..request()
            },
            corpus::Request {
                names: vec!["a".to_owned(); 201],
                ..request()
            },
        ] {
            assert_eq!(corpus_request(broken).unwrap_err().code, "invalid-input");
        }
    }

    #[test]
    fn a_failure_crosses_twice_unchanged_and_long_words_are_cut() {
        let failure = Failure {
            code: "rate-limited".to_owned(),
            retryable: true,
            retry_after_ms: Some(1_500),
            message: "registry asks to wait".to_owned(),
        };
        let there = types::Failure::from(failure.clone());
        assert_eq!(Failure::from(there), failure);

        let long = types::Failure {
            code: "ü".repeat(100),
            retryable: false,
            retry_after_ms: None,
            message: "ü".repeat(5_000),
        };
        let cut = Failure::from(long);
        assert_eq!(
            (cut.code.chars().count(), cut.message.chars().count()),
            (64, 2_000)
        );
    }
}
