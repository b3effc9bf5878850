//! Constructors and shorthands of the contract's records. Their fields are public and complete;
//! nothing here adds a rule to them.

use std::ops::Range;

use crate::{
    Attribute, Candidate, Evidence, Failure, Molecule, Passage, Query, Reranked, Signal, Span,
};

impl Attribute {
    /// A fact, such as `phase` = `PHASE3`.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            value: value.into(),
        }
    }
}

/// Why a call failed, for people and for the host's decision to try again. Each constructor names
/// one code of the contract; say what was tried, on what, and what to do next.
impl Failure {
    /// A failure that is not worth another attempt.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            retryable: false,
            retry_after_ms: None,
            message: message.into(),
        }
    }

    /// The call's arguments cannot be worked on.
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::new("invalid-input", message)
    }

    /// The slot's configuration is wrong: name the key and what was expected.
    pub fn invalid_config(message: impl Into<String>) -> Self {
        Self::new("invalid-config", message)
    }

    /// The slot's artifact was made for something else: name what was expected and what was found.
    pub fn artifact_mismatch(message: impl Into<String>) -> Self {
        Self::new("artifact-mismatch", message)
    }

    /// What the plugin needs does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new("not-found", message)
    }

    /// The slot is not granted it.
    pub fn denied(message: impl Into<String>) -> Self {
        Self::new("denied", message)
    }

    /// The other side does not answer now; the host tries again.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self {
            retryable: true,
            ..Self::new("unavailable", message)
        }
    }

    /// The other side asks for patience; the host tries again, after `milliseconds` if known.
    pub fn rate_limited(milliseconds: Option<u64>, message: impl Into<String>) -> Self {
        Self {
            retryable: true,
            retry_after_ms: milliseconds,
            ..Self::new("rate-limited", message)
        }
    }

    /// The plugin itself is at fault.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new("internal", message)
    }
}

impl Molecule {
    /// Its name, then its synonyms.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name)
            .chain(&self.synonyms)
            .map(String::as_str)
    }
}

impl Query {
    /// A query for a molecule that has one name, on a day (`2026-11-22`): for tests.
    pub fn of(molecule: impl Into<String>, as_of: impl Into<String>) -> Self {
        Self {
            molecule: Molecule {
                name: molecule.into(),
                ..Molecule::default()
            },
            as_of: as_of.into(),
            attributes: Vec::new(),
        }
    }
}

impl Passage {
    /// Passage 0.
    pub fn title(text: impl Into<String>) -> Self {
        Self::body(0, text)
    }

    /// Passage `ordinal` of the body, which counts from 1, without a heading.
    pub fn body(ordinal: u32, text: impl Into<String>) -> Self {
        Self {
            ordinal,
            section: None,
            text: text.into(),
        }
    }
}

impl Evidence {
    /// The first value that `key` has.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        let attribute = self.attributes.iter().find(|a| a.key == key)?;
        Some(&attribute.value)
    }
}

impl Signal {
    /// One number about one candidate, such as `source_rank` = 3.
    pub fn new(name: impl Into<String>, value: f32) -> Self {
        Self {
            name: name.into(),
            value,
        }
    }
}

impl Candidate {
    /// The first value of the signal `name`.
    pub fn signal(&self, name: &str) -> Option<f32> {
        let signal = self.signals.iter().find(|s| s.name == name)?;
        Some(signal.value)
    }
}

impl Reranked {
    /// One row of features and one score per candidate; refuses a row that has not one value per
    /// name, since all rows become one list.
    pub fn new(
        feature_names: Vec<String>,
        rows: &[Vec<f32>],
        scores: Vec<f32>,
    ) -> Result<Self, Failure> {
        let n_names = feature_names.len();
        if let Some((at, row)) = rows.iter().enumerate().find(|(_, r)| r.len() != n_names) {
            let n = row.len();
            return Err(Failure::internal(format!(
                "row {at} of the features has {n} values for {n_names} names"
            )));
        }
        Ok(Self {
            feature_names,
            features: rows.concat(),
            scores,
        })
    }
}

impl Span {
    /// Bytes of a passage's text; refuses a text of more than 4 GiB.
    pub fn new(passage: u32, bytes: Range<usize>) -> Result<Self, Failure> {
        let offset = |byte: usize| {
            u32::try_from(byte).map_err(|_| {
                Failure::invalid_input(format!("byte {byte} of a text is beyond 4 GiB"))
            })
        };
        Ok(Self {
            passage,
            start: offset(bytes.start)?,
            end: offset(bytes.end)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failures_that_may_heal_ask_for_another_attempt() {
        assert!(Failure::unavailable("down").retryable);
        let limited = Failure::rate_limited(Some(500), "slow down");
        assert!(limited.retryable);
        assert_eq!(limited.retry_after_ms, Some(500));
        for failure in [
            Failure::invalid_input("x"),
            Failure::invalid_config("x"),
            Failure::artifact_mismatch("x"),
            Failure::not_found("x"),
            Failure::denied("x"),
            Failure::internal("x"),
        ] {
            assert!(!failure.retryable, "{failure:?}");
        }
    }

    #[test]
    fn rows_become_one_list_only_when_each_is_whole() {
        let names = || vec!["a".to_owned(), "b".to_owned()];
        let rows = [vec![1.0, 2.0], vec![3.0, 4.0]];
        let reranked = Reranked::new(names(), &rows, vec![0.0; 2]).unwrap();
        assert_eq!(reranked.features, [1.0, 2.0, 3.0, 4.0]);
        // As many values as there should be, and in the wrong columns.
        let ragged = [vec![1.0, 2.0, 3.0], vec![4.0]];
        let failure = Reranked::new(names(), &ragged, vec![0.0; 2]).unwrap_err();
        assert_eq!(
            failure.message,
            "row 0 of the features has 3 values for 2 names"
        );
    }

    #[test]
    fn the_first_value_of_a_key_counts() {
        let evidence = Evidence {
            attributes: vec![
                Attribute::new("phase", "PHASE3"),
                Attribute::new("phase", "PHASE1"),
            ],
            ..Evidence::default()
        };
        assert_eq!(evidence.attribute("phase"), Some("PHASE3"));
        assert_eq!(evidence.attribute("status"), None);
    }
}
