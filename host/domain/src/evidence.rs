//! One citation and the passages found in it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{PartialDate, digest::Digest};

/// The normalised citation: `NCT01907900`, `PMID:123`, `S2:4983`, `label:<set id>`, a patent
/// number, else `url:<blake3>`. Passage n is cited as `<evidence_id>#<n>`.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "PMID:7605421")]
pub struct EvidenceId(String);

#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not an evidence id: expected 1 to 200 printable ASCII characters without spaces or `#`, such as `PMID:123`"
)]
pub struct InvalidEvidenceId(String);

impl EvidenceId {
    const MAX_BYTES: usize = 200;

    pub fn pubmed(pmid: u64) -> Self {
        Self(format!("PMID:{pmid}"))
    }

    /// For a document that has an address and nothing better.
    pub fn of_url(url: &str) -> Self {
        Self(format!("url:{}", Digest::of(url.as_bytes())))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How passage `ordinal` of this evidence is cited.
    pub fn passage(&self, ordinal: u32) -> String {
        format!("{}#{ordinal}", self.0)
    }
}

impl FromStr for EvidenceId {
    type Err = InvalidEvidenceId;

    /// Trims, and writes the prefixes that people vary (`nct`, `pmid`, `s2`) in one way.
    fn from_str(text: &str) -> Result<Self, InvalidEvidenceId> {
        let text = text.trim();
        let printable = text.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
        if text.is_empty() || text.len() > Self::MAX_BYTES || !printable {
            return Err(InvalidEvidenceId(text.to_owned()));
        }
        let lower = text.to_ascii_lowercase();
        let is_number = |rest: &str| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit());
        let normalised = if let Some(rest) = lower.strip_prefix("nct").filter(|r| is_number(r)) {
            format!("NCT{rest}")
        } else if let Some(rest) = lower.strip_prefix("pmid:").filter(|r| is_number(r)) {
            format!("PMID:{}", rest.trim_start_matches('0'))
        } else if let Some(rest) = lower.strip_prefix("s2:").filter(|r| is_number(r)) {
            format!("S2:{rest}")
        } else {
            text.to_owned()
        };
        Ok(Self(normalised))
    }
}

impl TryFrom<String> for EvidenceId {
    type Error = InvalidEvidenceId;

    fn try_from(text: String) -> Result<Self, InvalidEvidenceId> {
        text.parse()
    }
}

impl From<EvidenceId> for String {
    fn from(id: EvidenceId) -> Self {
        id.0
    }
}

impl fmt::Display for EvidenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What sort of document evidence comes from.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceKind {
    Clinical,
    Literature,
    Regulatory,
    Patent,
    Market,
    /// What a later plugin calls by a name this host does not know.
    Other,
}

impl EvidenceKind {
    pub const ALL: [Self; 6] = [
        Self::Clinical,
        Self::Literature,
        Self::Regulatory,
        Self::Patent,
        Self::Market,
        Self::Other,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clinical => "clinical",
            Self::Literature => "literature",
            Self::Regulatory => "regulatory",
            Self::Patent => "patent",
            Self::Market => "market",
            Self::Other => "other",
        }
    }

    /// Total: an unknown kind is `other`, so that a newer plugin loses a label and not its evidence.
    pub fn from_name(name: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == name)
            .unwrap_or(Self::Other)
    }
}

impl fmt::Display for EvidenceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A span of a document: the unit that is retrieved, scored and cited.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Passage {
    /// Position in its evidence. 0 is the title; the body counts from 1.
    pub ordinal: u32,
    /// Heading it stood under, such as `RESULTS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    pub text: String,
}

/// A fact beyond the fixed fields, such as `phase` = `PHASE3` on a trial.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Attribute {
    pub key: String,
    pub value: String,
}

/// One citation with the passages found in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Evidence {
    pub evidence_id: EvidenceId,
    pub kind: EvidenceKind,
    pub title: String,
    /// The citation as a reader wants it.
    pub citation: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "2019-03")]
    pub date: Option<PartialDate>,
    /// The body, in order, without the title.
    pub passages: Vec<Passage>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<Attribute>,
}

impl Evidence {
    /// The first value that `key` has.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|a| a.key == key)
            .map(|a| a.value.as_str())
    }

    /// The text of passage `ordinal`, where 0 is the title.
    pub fn text_of(&self, ordinal: u32) -> Option<&str> {
        if ordinal == 0 {
            return Some(&self.title);
        }
        self.passages
            .iter()
            .find(|p| p.ordinal == ordinal)
            .map(|p| p.text.as_str())
    }

    /// Digest of the title and every passage, each ended by a zero byte.
    pub fn text_digest(&self) -> Digest {
        let mut bytes = Vec::new();
        for text in std::iter::once(&self.title).chain(self.passages.iter().map(|p| &p.text)) {
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(0);
        }
        Digest::of(&bytes)
    }
}

/// One number about one candidate, such as `bm25_title` or `source_rank`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Signal {
    pub name: String,
    pub value: f32,
}

/// Evidence on its way through ranking.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    pub evidence: Evidence,
    pub signals: Vec<Signal>,
}

/// One page of a source's answer, best first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Page {
    pub candidates: Vec<Candidate>,
    /// Where the next page begins; none after the last.
    pub cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_in_one_way() {
        for (given, normalised) in [
            ("nct01907900", "NCT01907900"),
            (" pmid:00123 ", "PMID:123"),
            ("S2:4983", "S2:4983"),
            ("US10123456B2", "US10123456B2"),
        ] {
            assert_eq!(given.parse::<EvidenceId>().unwrap().as_str(), normalised);
        }
    }

    #[test]
    fn an_id_never_holds_what_would_break_a_passage_reference() {
        for text in ["", " ", "PMID:1#2", "a b", "naïve", &"x".repeat(201)] {
            assert!(text.parse::<EvidenceId>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_unknown_kind_is_other() {
        assert_eq!(EvidenceKind::from_name("clinical"), EvidenceKind::Clinical);
        assert_eq!(EvidenceKind::from_name("genomic"), EvidenceKind::Other);
    }
}
