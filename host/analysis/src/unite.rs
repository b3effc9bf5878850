//! What several mappers found, as one list. For the same passage and descriptor the findings with
//! the higher score stand, and every mapper that named the pair there is kept beside them.

use std::{collections::HashMap, sync::Arc};

use phagen_domain::{
    digest::Digest,
    evidence::EvidenceId,
    finding::{Finding, Ground},
    mesh::MeshId,
};

use serde::{Deserialize, Serialize};

/// What one mapper found, shared with the cache.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Findings(pub Vec<Finding>);

/// Findings, and who made each.
pub(crate) struct United {
    findings: Arc<Findings>,
    by: By,
}

enum By {
    /// One chain link answered, so all is its own.
    One(Vec<Digest>),
    /// In the order of the findings.
    Each(Vec<Vec<Digest>>),
}

impl United {
    /// One list of what each mapper, named by its digest, found.
    pub(crate) fn of(mut found: Vec<(Digest, Arc<Findings>)>) -> Self {
        if found.len() <= 1 {
            let (by, findings) = match found.pop() {
                Some((digest, findings)) => (vec![digest], findings),
                None => (Vec::new(), Arc::default()),
            };
            return Self {
                findings,
                by: By::One(by),
            };
        }
        let pairs = pairs(&found);
        let (mut findings, mut by) = (Vec::new(), Vec::new());
        for (mapper, (_, list)) in found.iter().enumerate() {
            for finding in &list.0 {
                let pair = &pairs[&Key::of(finding)];
                if pair.surest == mapper {
                    findings.push(finding.clone());
                    by.push(pair.mappers.iter().map(|&m| found[m].0).collect());
                }
            }
        }
        Self {
            findings: Arc::new(Findings(findings)),
            by: By::Each(by),
        }
    }

    pub(crate) fn findings(&self) -> &[Finding] {
        &self.findings.0
    }

    /// Digests of the mappers that made finding `index`.
    pub(crate) fn by(&self, index: usize) -> &[Digest] {
        match &self.by {
            By::One(digests) => digests,
            By::Each(digests) => &digests[index],
        }
    }
}

/// One passage, or one basis in words, and one descriptor.
#[derive(PartialEq, Eq, Hash)]
struct Key<'a> {
    evidence_id: &'a EvidenceId,
    mesh_id: &'a MeshId,
    passage: Option<u32>,
    basis: Option<&'a str>,
}

impl<'a> Key<'a> {
    fn of(finding: &'a Finding) -> Self {
        let (passage, basis) = match &finding.ground {
            Ground::Span(span) => (Some(span.passage), None),
            Ground::Basis(words) => (None, Some(words.as_str())),
        };
        Self {
            evidence_id: &finding.evidence_id,
            mesh_id: &finding.mesh_id,
            passage,
            basis,
        }
    }
}

/// Who named a pair in one passage, and who was surest; of equals, the first in the chain.
struct Pair {
    surest: usize,
    score: f32,
    mappers: Vec<usize>,
}

fn pairs(found: &[(Digest, Arc<Findings>)]) -> HashMap<Key<'_>, Pair> {
    let mut pairs: HashMap<Key<'_>, Pair> = HashMap::new();
    for (mapper, (_, list)) in found.iter().enumerate() {
        for finding in &list.0 {
            let pair = pairs.entry(Key::of(finding)).or_insert(Pair {
                surest: mapper,
                score: finding.score,
                mappers: Vec::new(),
            });
            if finding.score > pair.score {
                (pair.surest, pair.score) = (mapper, finding.score);
            }
            if pair.mappers.last() != Some(&mapper) {
                pair.mappers.push(mapper);
            }
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use phagen_domain::finding::{Span, Stance};

    use super::*;

    fn finding(passage: u32, start: u32, disease: &str, score: f32) -> Finding {
        Finding {
            evidence_id: EvidenceId::pubmed(1),
            ground: Ground::Span(Span {
                passage,
                start,
                end: start + 4,
            }),
            mesh_id: disease.parse().unwrap(),
            matched_text: "gout".to_owned(),
            negated: false,
            stance: Stance::Neither,
            score,
        }
    }

    #[test]
    fn one_mapper_is_taken_as_it_is() {
        let digest = Digest::of(b"a");
        let list = Arc::new(Findings(vec![finding(1, 0, "D006073", 0.5)]));
        let united = United::of(vec![(digest, Arc::clone(&list))]);
        assert_eq!(united.findings(), list.0);
        assert_eq!(united.by(0), [digest]);
        assert!(United::of(Vec::new()).findings().is_empty());
    }

    #[test]
    fn of_two_mappers_the_surer_stands_and_both_are_named() {
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let of_a = vec![
            finding(1, 0, "D006073", 0.5),
            finding(1, 9, "D006073", 0.4),
            finding(2, 0, "D006073", 0.9),
        ];
        let of_b = vec![finding(1, 0, "D006073", 0.7), finding(1, 0, "D001172", 0.2)];
        let united = United::of(vec![
            (a, Arc::new(Findings(of_a.clone()))),
            (b, Arc::new(Findings(of_b.clone()))),
        ]);
        assert_eq!(
            united.findings(),
            [of_a[2].clone(), of_b[0].clone(), of_b[1].clone()]
        );
        assert_eq!(united.by(0), [a]);
        assert_eq!(united.by(1), [a, b]);
        assert_eq!(united.by(2), [b]);
    }
}
