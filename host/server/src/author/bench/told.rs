//! What was answered, as far as it shows that the same work was done.

use phagen_domain::{evidence::EvidenceId, mesh::MeshId};
use phagen_plugin::{CallAnswer, PluginError};
use serde::Deserialize;

/// Scores may differ by this share: the runtimes' `exp` and `ln` are not the same, nor is the width
/// of their numbers.
const SCORE_TOLERANCE: f64 = 1e-4;

/// An answer, told by whoever asked.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Told {
    EvidenceIds(Vec<String>),
    /// Evidence id, MeSH id, matched text.
    Findings(Vec<(String, String, String)>),
    /// None where one is not finite.
    Scores(Vec<Option<f64>>),
    /// The code of the failure.
    Error(String),
}

impl Told {
    pub(super) fn of_guest(answer: &Result<CallAnswer, PluginError>) -> Self {
        match answer {
            Ok(CallAnswer::Page(page)) => {
                let ids = page.candidates.iter();
                Self::EvidenceIds(ids.map(|it| it.evidence.evidence_id.to_string()).collect())
            }
            Ok(CallAnswer::Findings(findings)) => {
                let told = findings.iter().map(|it| {
                    let ids = (it.evidence_id.to_string(), it.mesh_id.as_str().to_owned());
                    (ids.0, ids.1, it.matched_text.clone())
                });
                Self::Findings(told.collect())
            }
            Ok(CallAnswer::Reranked(reranked)) => {
                let scores = reranked.scores.iter();
                Self::Scores(scores.map(|score| Some(f64::from(*score))).collect())
            }
            Err(PluginError::Guest(failure)) => Self::Error(failure.code.clone()),
            Err(error) => Self::Error(error.code().to_owned()),
        }
    }

    /// Whether this, told natively, is what the guest answered; if not, in words.
    pub(super) fn agree(&self, guest: &Self) -> Result<(), String> {
        let is_same = match (self, guest) {
            (Self::EvidenceIds(native), Self::EvidenceIds(guest)) => native
                .iter()
                .map(|id| written(id))
                .eq(guest.iter().cloned()),
            (Self::Findings(native), Self::Findings(guest)) => {
                let native = native.iter().map(|(evidence, mesh, text)| {
                    let parsed = mesh.parse().map(|id: MeshId| id.as_str().to_owned());
                    let mesh = parsed.unwrap_or_else(|_| mesh.clone());
                    (written(evidence), mesh, text.clone())
                });
                sorted(native) == sorted(guest.iter().cloned())
            }
            (Self::Scores(native), Self::Scores(guest)) => {
                native.len() == guest.len()
                    && native.iter().zip(guest).all(|(a, b)| is_close(*a, *b))
            }
            (native, guest) => native == guest,
        };
        if is_same {
            return Ok(());
        }
        let (native, guest) = (self.in_words(), guest.in_words());
        Err(if native == guest {
            format!("natively it answered {native} too, but not the same")
        } else {
            format!("natively it answered {native}, in the sandbox {guest}")
        })
    }

    fn in_words(&self) -> String {
        match self {
            Self::EvidenceIds(ids) => format!("{} candidates", ids.len()),
            Self::Findings(findings) => format!("{} findings", findings.len()),
            Self::Scores(scores) => format!("{} scores", scores.len()),
            Self::Error(code) => format!("the failure `{code}`"),
        }
    }
}

/// As the host writes an id, which a plugin may write otherwise.
fn written(id: &str) -> String {
    id.parse()
        .map_or_else(|_| id.to_owned(), |id: EvidenceId| id.to_string())
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort();
    items
}

fn is_close(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= SCORE_TOLERANCE * b.abs().max(1.0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(json: &str) -> Told {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_same_answer_may_be_written_in_two_ways() {
        for (native, guest) in [
            (
                r#"{ "evidence_ids": ["pmid:1"] }"#,
                r#"{ "evidence_ids": ["PMID:1"] }"#,
            ),
            (
                r#"{ "findings": [["PMID:1", "D2", "b"], ["PMID:1", "D1", "a"]] }"#,
                r#"{ "findings": [["PMID:1", "D1", "a"], ["PMID:1", "D2", "b"]] }"#,
            ),
            (
                r#"{ "scores": [0.10000000149, 1e6] }"#,
                r#"{ "scores": [0.1, 1000001.0] }"#,
            ),
            (r#"{ "error": "denied" }"#, r#"{ "error": "denied" }"#),
        ] {
            assert_eq!(told(native).agree(&told(guest)), Ok(()));
        }
    }

    #[test]
    fn another_answer_is_told_in_words() {
        for (native, guest, expected) in [
            (
                r#"{ "scores": [0.1, 0.2] }"#,
                r#"{ "scores": [0.1, 0.3] }"#,
                "2 scores too, but not the same",
            ),
            (
                r#"{ "scores": [null] }"#,
                r#"{ "error": "plugin_invalid_output" }"#,
                "1 scores, in the sandbox the failure `plugin_invalid_output`",
            ),
            (
                r#"{ "evidence_ids": ["PMID:2"] }"#,
                r#"{ "evidence_ids": ["PMID:1"] }"#,
                "not the same",
            ),
            (
                r#"{ "findings": [["PMID:1", "D1", "a"]] }"#,
                r#"{ "findings": [] }"#,
                "1 findings, in the sandbox 0 findings",
            ),
            (
                r#"{ "error": "unavailable" }"#,
                r#"{ "error": "denied" }"#,
                "the failure `unavailable`, in the sandbox the failure `denied`",
            ),
        ] {
            let refusal = told(native).agree(&told(guest)).unwrap_err();
            assert!(refusal.contains(expected), "{refusal}");
        }
    }
}
