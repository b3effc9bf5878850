//! Candidates in three pieces of memory: they cross the border with three allocations in the guest,
//! whatever their number, where a view of each takes some twenty.

use phagen_domain::evidence::{Candidate, Evidence};

use crate::bindings::v0_2_0::packed_reranking::PackedCandidates;

/// The length of a text that is not given.
const NONE: u32 = u32::MAX;

/// What [`PackedCandidates`] borrows.
#[derive(Default)]
pub(crate) struct Packed {
    text: String,
    layout: Vec<u32>,
    values: Vec<f32>,
}

impl Packed {
    pub(crate) fn new(candidates: &[Candidate]) -> Self {
        const USUAL_BYTES: usize = 1_024;
        const USUAL_NUMBERS: usize = 24;
        let n = candidates.len();
        let mut packed = Self {
            text: String::with_capacity(n * USUAL_BYTES),
            layout: Vec::with_capacity(n * USUAL_NUMBERS),
            values: Vec::new(),
        };
        for candidate in candidates {
            packed.push(candidate);
        }
        packed
    }

    pub(crate) fn get(&self) -> PackedCandidates<'_> {
        PackedCandidates {
            text: &self.text,
            layout: &self.layout,
            values: &self.values,
        }
    }

    fn push(&mut self, candidate: &Candidate) {
        let Candidate { evidence, signals } = candidate;
        for n in [
            evidence.passages.len(),
            evidence.attributes.len(),
            signals.len(),
        ] {
            self.layout.push(number(n));
        }
        self.push_evidence(evidence);
        for signal in signals {
            self.push_text(&signal.name);
            self.values.push(signal.value);
        }
    }

    fn push_evidence(&mut self, evidence: &Evidence) {
        self.push_text(evidence.evidence_id.as_str());
        self.push_text(evidence.kind.as_str());
        self.push_text(&evidence.title);
        self.push_text(&evidence.citation);
        self.push_option(evidence.url.as_deref());
        self.push_option(evidence.date.map(String::from).as_deref());
        for passage in &evidence.passages {
            self.layout.push(passage.ordinal);
            self.push_option(passage.section.as_deref());
            self.push_text(&passage.text);
        }
        for attribute in &evidence.attributes {
            self.push_text(&attribute.key);
            self.push_text(&attribute.value);
        }
    }

    fn push_option(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.push_text(text),
            None => self.layout.push(NONE),
        }
    }

    fn push_text(&mut self, text: &str) {
        self.layout.push(number(text.len()));
        self.text.push_str(text);
    }
}

/// No text or list of a job comes near four billion; the text as a whole is refused before.
fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(NONE - 1)
}

#[cfg(test)]
mod tests {
    use phagen_domain::evidence::{Attribute, EvidenceKind, Passage, Signal};

    use super::*;

    fn candidate() -> Candidate {
        Candidate {
            evidence: Evidence {
                evidence_id: "PMID:1".parse().unwrap(),
                kind: EvidenceKind::Literature,
                title: "A title".to_owned(),
                citation: "A citation".to_owned(),
                url: None,
                date: Some("2019-03".parse().unwrap()),
                passages: vec![Passage {
                    ordinal: 1,
                    section: Some("RESULTS".to_owned()),
                    text: "A text.".to_owned(),
                }],
                attributes: vec![Attribute {
                    key: "phase".to_owned(),
                    value: "PHASE3".to_owned(),
                }],
            },
            signals: vec![Signal {
                name: "bm25_title".to_owned(),
                value: 1.5,
            }],
        }
    }

    #[test]
    fn candidates_lie_one_after_the_other_in_the_order_of_the_contract() {
        let packed = Packed::new(&[candidate(), candidate()]);
        let one = "PMID:1literatureA titleA citation2019-03RESULTSA text.phasePHASE3bm25_title";
        assert_eq!(packed.text, one.repeat(2));
        let layout = [1, 1, 1, 6, 10, 7, 10, NONE, 7, 1, 7, 7, 5, 6, 10];
        assert_eq!(packed.layout, layout.repeat(2));
        assert_eq!(packed.values, [1.5, 1.5]);
        assert!(Packed::new(&[]).text.is_empty());
    }
}
