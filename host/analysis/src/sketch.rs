//! Whether two texts are nearly the same, without keeping the texts.

use phagen_domain::evidence::Evidence;
use serde::{Deserialize, Serialize};

use crate::names::fold;

/// Words in one shingle.
const SHINGLE_WORDS: usize = 4;

/// Hashes kept of a text; a text with fewer shingles is compared exactly.
const N_HASHES: u32 = 64;

/// Where FNV-1a begins.
const SEED: u64 = 0xcbf2_9ce4_8422_2325;

/// The smallest hashes of the shingles of a text, sorted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sketch(Vec<u64>);

impl Sketch {
    /// Of title and passages together.
    pub(crate) fn of(evidence: &Evidence) -> Self {
        let texts =
            std::iter::once(&evidence.title).chain(evidence.passages.iter().map(|p| &p.text));
        let folded: Vec<String> = texts.map(|text| fold(text)).collect();
        let words: Vec<u64> = folded
            .iter()
            .flat_map(|text| text.split(' '))
            .map(|word| {
                word.bytes()
                    .fold(SEED, |hash, byte| mixed(hash ^ u64::from(byte)))
            })
            .collect();
        let mut hashes: Vec<u64> = words
            .windows(SHINGLE_WORDS.min(words.len().max(1)))
            .map(|shingle| shingle.iter().fold(SEED, |hash, word| mixed(hash ^ word)))
            .collect();
        hashes.sort_unstable();
        hashes.dedup();
        hashes.truncate(N_HASHES as usize);
        Self(hashes)
    }

    /// 0..=1: the share of shingles that both texts have, estimated from the smallest of both.
    pub(crate) fn likeness(&self, other: &Self) -> f64 {
        let (mut left, mut right) = (self.0.as_slice(), other.0.as_slice());
        let (mut n_seen, mut n_shared) = (0_u32, 0_u32);
        while n_seen < N_HASHES {
            match (left.split_first(), right.split_first()) {
                (Some((a, rest_a)), Some((b, rest_b))) => {
                    if a == b {
                        n_shared += 1;
                    }
                    left = if a <= b { rest_a } else { left };
                    right = if b <= a { rest_b } else { right };
                }
                (Some((_, rest)), None) => left = rest,
                (None, Some((_, rest))) => right = rest,
                (None, None) => break,
            }
            n_seen += 1;
        }
        f64::from(n_shared) / f64::from(n_seen.max(1))
    }
}

/// One step of FNV-1a, with the high bits folded down so that small hashes are as random as large.
fn mixed(hash: u64) -> u64 {
    let hash = hash.wrapping_mul(0x0100_0000_01b3);
    hash ^ (hash >> 29)
}

#[cfg(test)]
mod tests {
    use phagen_domain::evidence::{EvidenceId, EvidenceKind, Passage};

    use super::*;

    fn sketch(text: &str) -> Sketch {
        Sketch::of(&Evidence {
            evidence_id: EvidenceId::pubmed(1),
            kind: EvidenceKind::Literature,
            title: "A title of some words".to_owned(),
            citation: String::new(),
            url: None,
            date: None,
            passages: vec![Passage {
                ordinal: 1,
                section: None,
                text: text.to_owned(),
            }],
            attributes: vec![],
        })
    }

    fn numbered(range: std::ops::Range<u32>) -> String {
        range.map(|n| n.to_string() + " ").collect()
    }

    #[test]
    fn likeness_is_the_share_of_common_shingles() {
        let text = numbered(0..300);
        assert!((sketch(&text).likeness(&sketch(&text.to_uppercase())) - 1.0).abs() < 1e-9);
        assert!(sketch(&text).likeness(&sketch(&numbered(0..297))) > 0.9);
        assert!(sketch(&text).likeness(&sketch(&numbered(1_000..1_300))) < 0.1);
        let half = sketch(&text).likeness(&sketch(&numbered(100..400)));
        assert!((0.3..0.7).contains(&half), "{half}");
    }

    #[test]
    fn an_empty_text_is_like_itself_only() {
        assert!(sketch("").likeness(&sketch("")) > 0.99);
        assert!(sketch("").likeness(&sketch(&numbered(0..50))) < 0.1);
    }
}
