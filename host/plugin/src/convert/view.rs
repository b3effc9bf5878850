//! What guests get to see, as views: a hundred candidates cross the border with a handful of
//! allocations and no copy but the one into the guest's memory.
//!
//! Views are built in two steps, since a guest type borrows slices of smaller guest types: first
//! the small ones for everything, in one vector each, then the large ones that point into them.

use std::slice;

use phagen_domain::{
    evidence::{Attribute, Candidate, Passage},
    molecule::Molecule,
    query::Query,
};

use crate::{
    bindings::v0_1_0::{mapping, types},
    slot::Document,
};

pub(crate) fn attributes(attributes: &[Attribute]) -> Vec<types::AttributeParam<'_>> {
    attributes.iter().map(attribute).collect()
}

fn attribute(attribute: &Attribute) -> types::AttributeParam<'_> {
    types::AttributeParam {
        key: &attribute.key,
        value: &attribute.value,
    }
}

fn passage(passage: &Passage) -> types::PassageParam<'_> {
    types::PassageParam {
        ordinal: passage.ordinal,
        section: passage.section.as_deref(),
        text: &passage.text,
    }
}

/// The parts of a query that a view of it borrows.
pub(crate) struct QueryView<'a> {
    query: &'a Query,
    synonyms: Vec<&'a str>,
    as_of: String,
    attributes: Vec<types::AttributeParam<'a>>,
}

impl<'a> QueryView<'a> {
    pub(crate) fn new(query: &'a Query) -> Self {
        Self {
            query,
            synonyms: synonyms(&query.molecule),
            as_of: query.as_of.to_string(),
            attributes: attributes(&query.attributes),
        }
    }

    pub(crate) fn get(&self) -> types::Query<'_> {
        types::Query {
            molecule: molecule(&self.query.molecule, &self.synonyms),
            as_of: &self.as_of,
            attributes: &self.attributes,
        }
    }
}

fn synonyms(molecule: &Molecule) -> Vec<&str> {
    molecule.synonyms.iter().map(String::as_str).collect()
}

fn molecule<'a>(molecule: &'a Molecule, synonyms: &'a [&'a str]) -> types::Molecule<'a> {
    types::Molecule {
        name: &molecule.name,
        synonyms,
        smiles: molecule.smiles.as_deref(),
        inchi_key: molecule.inchi_key.as_deref(),
    }
}

/// The parts of candidates that views of them borrow.
pub(crate) struct CandidateViews<'a> {
    candidates: &'a [Candidate],
    dates: Vec<Option<String>>,
    passages: Vec<types::PassageParam<'a>>,
    attributes: Vec<types::AttributeParam<'a>>,
    signals: Vec<types::SignalParam<'a>>,
}

impl<'a> CandidateViews<'a> {
    pub(crate) fn new(candidates: &'a [Candidate]) -> Self {
        let evidence = || candidates.iter().map(|candidate| &candidate.evidence);
        Self {
            candidates,
            dates: evidence().map(|e| e.date.map(String::from)).collect(),
            passages: evidence().flat_map(|e| &e.passages).map(passage).collect(),
            attributes: evidence()
                .flat_map(|e| &e.attributes)
                .map(attribute)
                .collect(),
            signals: candidates
                .iter()
                .flat_map(|candidate| &candidate.signals)
                .map(|signal| types::SignalParam {
                    name: &signal.name,
                    value: signal.value,
                })
                .collect(),
        }
    }

    pub(crate) fn get(&self) -> Vec<types::CandidateParam<'_>> {
        let mut passages = Rest(self.passages.iter());
        let mut attributes = Rest(self.attributes.iter());
        let mut signals = Rest(self.signals.iter());
        self.candidates
            .iter()
            .zip(&self.dates)
            .map(
                |(
                    Candidate {
                        evidence,
                        signals: own,
                    },
                    date,
                )| types::CandidateParam {
                    evidence: types::EvidenceParam {
                        evidence_id: evidence.evidence_id.as_str(),
                        kind: evidence.kind.as_str(),
                        title: &evidence.title,
                        citation: &evidence.citation,
                        url: evidence.url.as_deref(),
                        date: date.as_deref(),
                        passages: passages.take(evidence.passages.len()),
                        attributes: attributes.take(evidence.attributes.len()),
                    },
                    signals: signals.take(own.len()),
                },
            )
            .collect()
    }
}

/// The parts of documents that views of them borrow.
pub(crate) struct DocumentViews<'a> {
    documents: &'a [Document],
    molecule: Option<(&'a Molecule, Vec<&'a str>)>,
    passages: Vec<types::PassageParam<'a>>,
}

impl<'a> DocumentViews<'a> {
    pub(crate) fn new(molecule: Option<&'a Molecule>, documents: &'a [Document]) -> Self {
        Self {
            documents,
            molecule: molecule.map(|molecule| (molecule, synonyms(molecule))),
            passages: documents
                .iter()
                .flat_map(|document| &document.passages)
                .map(passage)
                .collect(),
        }
    }

    pub(crate) fn molecule(&self) -> Option<types::Molecule<'_>> {
        let (given, synonyms) = self.molecule.as_ref()?;
        Some(molecule(given, synonyms))
    }

    pub(crate) fn documents(&self) -> Vec<mapping::Document<'_>> {
        let mut passages = Rest(self.passages.iter());
        self.documents
            .iter()
            .map(|document| mapping::Document {
                evidence_id: document.evidence_id.as_str(),
                passages: passages.take(document.passages.len()),
            })
            .collect()
    }
}

/// What is left of a slice that is dealt out from the front.
struct Rest<'a, T>(slice::Iter<'a, T>);

impl<'a, T> Rest<'a, T> {
    fn take(&mut self, n: usize) -> &'a [T] {
        let (front, rest) = self.0.as_slice().split_at(n);
        self.0 = rest.iter();
        front
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::convert::page::tests::candidates;

    /// What a guest would make of the views.
    fn lift(view: &types::CandidateParam<'_>) -> types::CandidateResult {
        let evidence = &view.evidence;
        types::CandidateResult {
            evidence: types::EvidenceResult {
                evidence_id: evidence.evidence_id.to_owned(),
                kind: evidence.kind.to_owned(),
                title: evidence.title.to_owned(),
                citation: evidence.citation.to_owned(),
                url: evidence.url.map(str::to_owned),
                date: evidence.date.map(str::to_owned),
                passages: evidence
                    .passages
                    .iter()
                    .map(|passage| types::PassageResult {
                        ordinal: passage.ordinal,
                        section: passage.section.map(str::to_owned),
                        text: passage.text.to_owned(),
                    })
                    .collect(),
                attributes: evidence
                    .attributes
                    .iter()
                    .map(|attribute| types::AttributeResult {
                        key: attribute.key.to_owned(),
                        value: attribute.value.to_owned(),
                    })
                    .collect(),
            },
            signals: view
                .signals
                .iter()
                .map(|signal| types::SignalResult {
                    name: signal.name.to_owned(),
                    value: signal.value,
                })
                .collect(),
        }
    }

    proptest! {
        #[test]
        fn candidates_cross_by_view_and_back_unchanged(candidates in vec(candidates(), 0..5)) {
            let views = CandidateViews::new(&candidates);
            let page = types::Page {
                candidates: views.get().iter().map(lift).collect(),
                cursor: None,
            };
            let back = crate::convert::page(page, 5).unwrap();
            prop_assert_eq!(back.candidates, candidates);
        }
    }

    #[test]
    fn a_query_shows_its_day_and_every_name() {
        let query = Query {
            molecule: Molecule {
                name: "aspirin".to_owned(),
                synonyms: vec!["ASA".to_owned(), "acetylsalicylic acid".to_owned()],
                smiles: Some("CC(=O)Oc1ccccc1C(=O)O".to_owned()),
                inchi_key: None,
            },
            as_of: chrono::NaiveDate::from_ymd_opt(2026, 11, 2).unwrap(),
            attributes: Vec::new(),
        };
        let view = QueryView::new(&query);
        assert_eq!(view.get().as_of, "2026-11-02");
        assert_eq!(
            view.get().molecule.synonyms,
            ["ASA", "acetylsalicylic acid"]
        );
        assert_eq!(view.get().molecule.smiles, query.molecule.smiles.as_deref());
    }
}
