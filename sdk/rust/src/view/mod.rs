//! Candidates as a reranker reads them: records whose texts lie where the host put them.
//!
//! The host hands a reranker all texts in one piece; views point into it, so that no text is copied
//! and almost nothing is allocated. Their fields are those of [`Candidate`] and its parts.

mod packed;

use crate::{
    Attribute, Candidate, Evidence, Failure, Passage, Signal,
    bindings::reranking::exports::phagen::plugin0_2_0::packed_reranking::PackedCandidates,
};

/// Evidence on its way through ranking.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CandidateView<'a> {
    /// What is ranked.
    pub evidence: EvidenceView<'a>,
    /// Numbers about it.
    pub signals: &'a [SignalView<'a>],
}

/// One citation with the passages found in it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of `Evidence`")]
pub struct EvidenceView<'a> {
    pub evidence_id: &'a str,
    pub kind: &'a str,
    pub title: &'a str,
    pub citation: &'a str,
    pub url: Option<&'a str>,
    pub date: Option<&'a str>,
    pub passages: &'a [PassageView<'a>],
    pub attributes: &'a [AttributeView<'a>],
}

/// A span of a document.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of `Passage`")]
pub struct PassageView<'a> {
    pub ordinal: u32,
    pub section: Option<&'a str>,
    pub text: &'a str,
}

/// A fact beyond the fixed fields.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of `Attribute`")]
pub struct AttributeView<'a> {
    pub key: &'a str,
    pub value: &'a str,
}

/// One number about one candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of `Signal`")]
pub struct SignalView<'a> {
    pub name: &'a str,
    pub value: f32,
}

impl CandidateView<'_> {
    /// The first value of the signal `name`.
    pub fn signal(&self, name: &str) -> Option<f32> {
        let signal = self.signals.iter().find(|s| s.name == name)?;
        Some(signal.value)
    }

    /// The same as a record that owns its texts.
    pub fn to_candidate(&self) -> Candidate {
        let evidence = &self.evidence;
        let passage = |passage: &PassageView<'_>| Passage {
            ordinal: passage.ordinal,
            section: passage.section.map(str::to_owned),
            text: passage.text.to_owned(),
        };
        Candidate {
            evidence: Evidence {
                evidence_id: evidence.evidence_id.to_owned(),
                kind: evidence.kind.to_owned(),
                title: evidence.title.to_owned(),
                citation: evidence.citation.to_owned(),
                url: evidence.url.map(str::to_owned),
                date: evidence.date.map(str::to_owned),
                passages: evidence.passages.iter().map(passage).collect(),
                attributes: evidence
                    .attributes
                    .iter()
                    .map(|a| Attribute::new(a.key, a.value))
                    .collect(),
            },
            signals: self
                .signals
                .iter()
                .map(|s| Signal::new(s.name, s.value))
                .collect(),
        }
    }
}

impl EvidenceView<'_> {
    /// The first value that `key` has.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        let attribute = self.attributes.iter().find(|a| a.key == key)?;
        Some(attribute.value)
    }
}

/// Calls `call` with views of records.
pub fn with_views<R>(candidates: &[Candidate], call: impl FnOnce(&[CandidateView<'_>]) -> R) -> R {
    let mut parts = Parts::default();
    for candidate in candidates {
        parts.add(candidate);
    }
    call(&parts.views())
}

/// Calls `call` with views of what the host sent.
pub(crate) fn with_packed<R>(
    packed: &PackedCandidates,
    call: impl FnOnce(&[CandidateView<'_>]) -> Result<R, Failure>,
) -> Result<R, Failure> {
    let parts = packed::unpack(packed).ok_or_else(|| {
        Failure::invalid_input("the texts of the candidates do not fit their layout")
    })?;
    call(&parts.views())
}

/// What views of candidates borrow: everything in one list of its kind.
#[derive(Default)]
struct Parts<'a> {
    heads: Vec<Head<'a>>,
    passages: Vec<PassageView<'a>>,
    attributes: Vec<AttributeView<'a>>,
    signals: Vec<SignalView<'a>>,
}

/// A candidate without its lists.
struct Head<'a> {
    n_passages: usize,
    n_attributes: usize,
    n_signals: usize,
    evidence_id: &'a str,
    kind: &'a str,
    title: &'a str,
    citation: &'a str,
    url: Option<&'a str>,
    date: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn add(&mut self, candidate: &'a Candidate) {
        let Candidate { evidence, signals } = candidate;
        self.heads.push(Head {
            n_passages: evidence.passages.len(),
            n_attributes: evidence.attributes.len(),
            n_signals: signals.len(),
            evidence_id: &evidence.evidence_id,
            kind: &evidence.kind,
            title: &evidence.title,
            citation: &evidence.citation,
            url: evidence.url.as_deref(),
            date: evidence.date.as_deref(),
        });
        let passages = evidence.passages.iter().map(|passage| PassageView {
            ordinal: passage.ordinal,
            section: passage.section.as_deref(),
            text: &passage.text,
        });
        let attributes = evidence.attributes.iter().map(|attribute| AttributeView {
            key: &attribute.key,
            value: &attribute.value,
        });
        let signals = signals.iter().map(|signal| SignalView {
            name: &signal.name,
            value: signal.value,
        });
        self.passages.extend(passages);
        self.attributes.extend(attributes);
        self.signals.extend(signals);
    }

    fn views(&self) -> Vec<CandidateView<'_>> {
        let (mut passages, mut attributes, mut signals) =
            (&self.passages[..], &self.attributes[..], &self.signals[..]);
        self.heads
            .iter()
            .map(|head| CandidateView {
                evidence: EvidenceView {
                    evidence_id: head.evidence_id,
                    kind: head.kind,
                    title: head.title,
                    citation: head.citation,
                    url: head.url,
                    date: head.date,
                    passages: take(&mut passages, head.n_passages),
                    attributes: take(&mut attributes, head.n_attributes),
                },
                signals: take(&mut signals, head.n_signals),
            })
            .collect()
    }
}

fn take<'a, T>(rest: &mut &'a [T], n: usize) -> &'a [T] {
    let (front, back) = rest.split_at(n);
    *rest = back;
    front
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate() -> Candidate {
        Candidate {
            evidence: Evidence {
                evidence_id: "PMID:1".into(),
                kind: "literature".into(),
                title: "Größe".into(),
                url: Some("https://example.org".into()),
                passages: vec![Passage::body(1, "One."), Passage::body(2, "Two.")],
                attributes: vec![Attribute::new("phase", "PHASE3")],
                ..Evidence::default()
            },
            signals: vec![Signal::new("source_rank", 3.0)],
        }
    }

    /// `candidate` and a blank one, as the contract has them.
    fn packed() -> PackedCandidates {
        let none = u32::MAX;
        PackedCandidates {
            text: "PMID:1literatureGrößehttps://example.orgOne.Two.phasePHASE3source_rank".into(),
            layout: vec![
                2, 1, 1, 6, 10, 7, 0, 19, none, 1, none, 4, 2, none, 4, 5, 6, 11, // the first
                0, 0, 0, 0, 0, 0, 0, none, none, // the blank one
            ],
            values: vec![3.0],
        }
    }

    #[test]
    fn what_the_host_packs_is_what_records_hold() {
        let records = [candidate(), Candidate::default()];
        let unpacked = with_packed(&packed(), |views| {
            with_views(&records, |expected| assert_eq!(views, expected));
            Ok(views
                .iter()
                .map(CandidateView::to_candidate)
                .collect::<Vec<_>>())
        });
        assert_eq!(unpacked.unwrap(), records);
    }

    #[test]
    fn a_view_finds_what_a_record_finds() {
        with_views(&[candidate()], |views| {
            assert_eq!(views[0].signal("source_rank"), Some(3.0));
            assert_eq!(views[0].signal("bm25_title"), None);
            assert_eq!(views[0].evidence.attribute("phase"), Some("PHASE3"));
            assert_eq!(views[0].evidence.attribute("status"), None);
        });
    }

    #[test]
    fn a_layout_that_does_not_fit_is_refused() {
        let breaks: [fn(&mut PackedCandidates); 6] = [
            |packed| packed.text.push('x'),
            |packed| packed.text.truncate(9),
            |packed| packed.values.clear(),
            |packed| packed.values.push(1.0),
            |packed| packed.layout.truncate(26),
            // Into the middle of a character.
            |packed| packed.layout[5] = 3,
        ];
        for broken in breaks {
            let mut packed = packed();
            broken(&mut packed);
            let failure = with_packed(&packed, |_| Ok(())).unwrap_err();
            assert_eq!(failure.code, "invalid-input");
        }
    }
}
