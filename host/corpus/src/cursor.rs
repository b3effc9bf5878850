//! Where the next page of a search begins.
//!
//! A cursor is an offset, sealed with what it counts in: the state of the index and the question.
//! Counting on in another list would skip documents or show them twice, so that is refused.

use phagen_domain::{digest::Digest, query::CorpusRequest};

use crate::CorpusError;

/// Results that can be paged through, in documents: every page collects all the ones before it.
pub(crate) const MAX_DEPTH: usize = 10_000;

/// What a cursor counts in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seal {
    state: String,
    question: String,
}

impl Seal {
    /// `state` is the digest of the index as it is searched.
    pub(crate) fn new(state: &Digest, request: &CorpusRequest) -> Self {
        let question = format!(
            "{:?}",
            (
                &request.names,
                &request.text,
                request.kind,
                request.year_from,
                request.year_to
            )
        );
        Self {
            state: state.short(),
            question: Digest::of(question.as_bytes()).short(),
        }
    }

    pub(crate) fn cursor(&self, offset: usize) -> String {
        format!("{}{}{offset:x}", self.state, self.question)
    }

    /// The offset in `cursor`.
    pub(crate) fn offset(&self, cursor: &str) -> Result<usize, CorpusError> {
        let refuse = |reason| CorpusError::InvalidCursor {
            cursor: cursor.chars().take(80).collect(),
            reason,
        };
        let foreign = "it is none of this corpus";
        let (state, rest) = cursor
            .split_at_checked(self.state.len())
            .ok_or_else(|| refuse(foreign))?;
        let (question, offset) = rest
            .split_at_checked(self.question.len())
            .ok_or_else(|| refuse(foreign))?;
        let offset = usize::from_str_radix(offset, 16)
            .ok()
            .filter(|offset| *offset <= MAX_DEPTH)
            .ok_or_else(|| refuse(foreign))?;
        if question != self.question {
            return Err(refuse("it belongs to another question"));
        }
        if state != self.state {
            return Err(refuse("the corpus has changed since"));
        }
        Ok(offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> CorpusRequest {
        CorpusRequest {
            text: text.to_owned(),
            limit: 10,
            ..CorpusRequest::default()
        }
    }

    #[test]
    fn a_cursor_counts_in_one_question_and_one_state() {
        let (before, after) = (Digest::of(b"before"), Digest::of(b"after"));
        let seal = Seal::new(&before, &request("pain"));
        let cursor = seal.cursor(40);
        assert_eq!(seal.offset(&cursor).unwrap(), 40);
        for (other, expected) in [
            (Seal::new(&after, &request("pain")), "changed since"),
            (Seal::new(&before, &request("fever")), "another question"),
        ] {
            let error = other.offset(&cursor).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let seal = Seal::new(&Digest::of(b"state"), &request("pain"));
        let too_deep = seal.cursor(MAX_DEPTH + 1);
        for cursor in ["", "40", "ééééééééééééé", &"f".repeat(200), &too_deep] {
            assert!(seal.offset(cursor).is_err(), "{cursor}");
        }
        assert!(seal.offset(&seal.cursor(MAX_DEPTH)).is_ok());
    }
}
