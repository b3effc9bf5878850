//! The third step: one piece of evidence per citation and text, whoever brought it. Every source
//! that did stays named.

use std::collections::BTreeMap;

use phagen_domain::{
    digest::Digest,
    evidence::{Candidate, EvidenceId, EvidenceKind, Signal},
    result::Provenance,
};

use crate::{
    asked::Asked,
    gather::{Found, as_f32},
    sketch::Sketch,
};

/// From this likeness on, two texts are one.
const SAME_TEXT: f64 = 0.9;

/// Evidence with all who brought it.
#[derive(Debug, Clone)]
pub(crate) struct Merged {
    pub candidate: Candidate,
    pub provenance: Vec<Provenance>,
    pub same_text_as: Vec<EvidenceId>,
    /// Of what was merged.
    pub digest: Digest,
    sketch: Sketch,
}

/// Merges by citation, then by text. In the order of kind, rank at the source, evidence id; the
/// place within its kind is the signal `previous_rank`.
pub(crate) fn merge(asked: &[Asked<'_>]) -> Vec<Merged> {
    let found = asked.iter().flat_map(|asked| {
        let provenance = Provenance {
            slot: asked.slot.slot.clone(),
            plugin_digest: asked.slot.activation.plugin_digest,
            artifact_digest: asked.slot.activation.artifact_digest,
        };
        let found = asked.answer.iter().flat_map(|answer| &answer.found);
        found.map(move |found| (found, provenance.clone()))
    });
    let mut merged = fold_same_text(by_citation(found));
    let mut n_of_kind: BTreeMap<EvidenceKind, u32> = BTreeMap::new();
    for Merged { candidate, .. } in &mut merged {
        let rank = n_of_kind.entry(candidate.evidence.kind).or_default();
        *rank += 1;
        set_signal(&mut candidate.signals, "previous_rank", as_f32(*rank));
    }
    merged
}

fn by_citation<'a>(found: impl Iterator<Item = (&'a Found, Provenance)>) -> Vec<Merged> {
    let mut by_id: BTreeMap<EvidenceId, Merged> = BTreeMap::new();
    for (found, provenance) in found {
        by_id
            .entry(found.candidate.evidence.evidence_id.clone())
            .and_modify(|merged| merged.join(found, &provenance))
            .or_insert_with(|| Merged {
                candidate: found.candidate.clone(),
                provenance: vec![provenance],
                same_text_as: Vec::new(),
                digest: found.digest,
                sketch: found.sketch.clone(),
            });
    }
    let mut merged: Vec<Merged> = by_id.into_values().collect();
    merged.sort_by(|a, b| {
        a.place()
            .partial_cmp(&b.place())
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    merged
}

/// Folds evidence into earlier evidence of its kind with the same text. A registry number is a
/// trial of its own, whatever its text.
fn fold_same_text(merged: Vec<Merged>) -> Vec<Merged> {
    let mut kept: Vec<Merged> = Vec::with_capacity(merged.len());
    for next in merged {
        let kind = next.candidate.evidence.kind;
        let twin = kept.iter_mut().find(|earlier| {
            kind != EvidenceKind::Clinical
                && earlier.candidate.evidence.kind == kind
                && earlier.sketch.likeness(&next.sketch) >= SAME_TEXT
        });
        match twin {
            Some(earlier) => earlier.fold(next),
            None => kept.push(next),
        }
    }
    kept
}

impl Merged {
    /// The source's rank, when only one brought it; the best, when several did.
    pub(crate) fn source_rank(&self) -> f32 {
        self.candidate
            .signals
            .iter()
            .find(|signal| signal.name == "source_rank")
            .map_or(f32::MAX, |signal| signal.value)
    }

    fn place(&self) -> (EvidenceKind, f32, &EvidenceId) {
        let evidence = &self.candidate.evidence;
        (evidence.kind, self.source_rank(), &evidence.evidence_id)
    }

    /// The same citation from another source: the passages of both, the better of each signal.
    fn join(&mut self, found: &Found, provenance: &Provenance) {
        let evidence = &mut self.candidate.evidence;
        for passage in &found.candidate.evidence.passages {
            if evidence
                .passages
                .iter()
                .all(|p| p.ordinal != passage.ordinal)
            {
                evidence.passages.push(passage.clone());
            }
        }
        evidence.passages.sort_by_key(|passage| passage.ordinal);
        for attribute in &found.candidate.evidence.attributes {
            if !evidence.attributes.contains(attribute) {
                evidence.attributes.push(attribute.clone());
            }
        }
        for signal in &found.candidate.signals {
            let known = self
                .candidate
                .signals
                .iter()
                .find(|s| s.name == signal.name);
            let value = known.map_or(signal.value, |known| {
                if signal.name.ends_with("_rank") {
                    known.value.min(signal.value)
                } else {
                    known.value.max(signal.value)
                }
            });
            set_signal(&mut self.candidate.signals, &signal.name, value);
        }
        self.add_provenance(provenance);
        self.digest = both(&self.digest, &found.digest);
    }

    /// Another citation of the same text: it is named, and its text not kept.
    fn fold(&mut self, other: Self) {
        self.same_text_as.push(other.candidate.evidence.evidence_id);
        self.same_text_as.extend(other.same_text_as);
        for provenance in &other.provenance {
            self.add_provenance(provenance);
        }
    }

    fn add_provenance(&mut self, provenance: &Provenance) {
        if !self.provenance.contains(provenance) {
            self.provenance.push(provenance.clone());
        }
    }
}

pub(crate) fn set_signal(signals: &mut Vec<Signal>, name: &str, value: f32) {
    match signals.iter_mut().find(|signal| signal.name == name) {
        Some(signal) => signal.value = value,
        None => signals.push(Signal {
            name: name.to_owned(),
            value,
        }),
    }
}

fn both(a: &Digest, b: &Digest) -> Digest {
    Digest::of(&[a.as_bytes().as_slice(), b.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use phagen_domain::evidence::{Evidence, Passage};

    use super::*;

    fn found(id: &str, kind: EvidenceKind, rank: f32, passages: &[(u32, &str)]) -> Found {
        let evidence = Evidence {
            evidence_id: id.parse().unwrap(),
            kind,
            title: "Aspirin".to_owned(),
            citation: String::new(),
            url: None,
            date: None,
            passages: passages
                .iter()
                .map(|&(ordinal, text)| Passage {
                    ordinal,
                    section: None,
                    text: text.to_owned(),
                })
                .collect(),
            attributes: vec![],
        };
        Found {
            digest: evidence.text_digest(),
            sketch: Sketch::of(&evidence),
            candidate: Candidate {
                evidence,
                signals: vec![Signal {
                    name: "source_rank".to_owned(),
                    value: rank,
                }],
            },
        }
    }

    fn from(slot: &str) -> Provenance {
        Provenance {
            slot: slot.parse().unwrap(),
            plugin_digest: Digest::of(slot.as_bytes()),
            artifact_digest: None,
        }
    }

    const TEXT: &str = "aspirin lowered the risk of a second infarction in men who had had one and took it daily for more than a year without bleeding";

    #[test]
    fn one_citation_from_two_sources_is_one_piece_of_evidence() {
        let a = found(
            "PMID:1",
            EvidenceKind::Literature,
            3.0,
            &[(1, "one"), (3, "three")],
        );
        let b = found(
            "PMID:1",
            EvidenceKind::Literature,
            2.0,
            &[(2, "two"), (3, "three")],
        );
        let merged = by_citation([(&a, from("x")), (&b, from("y"))].into_iter());
        assert_eq!(merged.len(), 1);
        assert!((merged[0].source_rank() - 2.0).abs() < 1e-6);
        assert_eq!(merged[0].provenance, [from("x"), from("y")]);
        let ordinals: Vec<u32> = merged[0]
            .candidate
            .evidence
            .passages
            .iter()
            .map(|p| p.ordinal)
            .collect();
        assert_eq!(ordinals, [1, 2, 3]);
    }

    #[test]
    fn the_same_text_under_two_citations_is_one_piece_of_evidence() {
        let a = found("PMID:1", EvidenceKind::Literature, 1.0, &[(1, TEXT)]);
        let b = found("S2:9", EvidenceKind::Literature, 2.0, &[(1, TEXT)]);
        let c = found(
            "PMID:2",
            EvidenceKind::Literature,
            3.0,
            &[(1, "quite another text")],
        );
        let all = [(&a, from("x")), (&b, from("y")), (&c, from("x"))];
        let merged = fold_same_text(by_citation(all.into_iter()));
        assert_eq!(merged.len(), 2);
        assert_eq!(merged[0].same_text_as, ["S2:9".parse().unwrap()]);
        assert_eq!(merged[0].provenance, [from("x"), from("y")]);
    }

    #[test]
    fn two_trials_stay_two_whatever_their_text() {
        let a = found("NCT00000001", EvidenceKind::Clinical, 1.0, &[(1, TEXT)]);
        let b = found("NCT00000002", EvidenceKind::Clinical, 2.0, &[(1, TEXT)]);
        let merged = fold_same_text(by_citation([(&a, from("x")), (&b, from("x"))].into_iter()));
        assert_eq!(merged.len(), 2);
    }

    #[test]
    fn the_order_is_kind_then_rank_then_id() {
        let a = found("PMID:3", EvidenceKind::Literature, 1.0, &[(1, "a b c d")]);
        let b = found("PMID:2", EvidenceKind::Literature, 2.0, &[(1, "e f g h")]);
        let c = found("PMID:1", EvidenceKind::Literature, 2.0, &[(1, "i j k l")]);
        let d = found(
            "NCT00000001",
            EvidenceKind::Clinical,
            9.0,
            &[(1, "m n o p")],
        );
        let all = [&a, &b, &c, &d].map(|f| (f, from("x")));
        let ids: Vec<String> = by_citation(all.into_iter())
            .iter()
            .map(|m| m.candidate.evidence.evidence_id.to_string())
            .collect();
        assert_eq!(ids, ["NCT00000001", "PMID:3", "PMID:1", "PMID:2"]);
    }
}
