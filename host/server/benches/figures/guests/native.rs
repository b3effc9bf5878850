//! The same values in the guest's types, for the native side of a ratio.

use phagen_domain::{evidence, molecule as host, query as host_query};
use phagen_plugin as plugin;
use phagen_sdk as sdk;

pub(super) fn query(query: &host_query::Query) -> sdk::Query {
    sdk::Query {
        molecule: molecule(&query.molecule),
        as_of: query.as_of.to_string(),
        attributes: Vec::new(),
    }
}

pub(super) fn molecule(molecule: &host::Molecule) -> sdk::Molecule {
    sdk::Molecule {
        name: molecule.name.clone(),
        synonyms: molecule.synonyms.clone(),
        smiles: None,
        inchi_key: None,
    }
}

pub(super) fn candidates(candidates: &[evidence::Candidate]) -> Vec<sdk::Candidate> {
    candidates.iter().map(candidate).collect()
}

fn candidate(candidate: &evidence::Candidate) -> sdk::Candidate {
    let evidence = &candidate.evidence;
    sdk::Candidate {
        evidence: sdk::Evidence {
            evidence_id: evidence.evidence_id.to_string(),
            kind: evidence.kind.to_string(),
            title: evidence.title.clone(),
            citation: evidence.citation.clone(),
            url: evidence.url.clone(),
            date: evidence.date.map(|date| date.to_string()),
            passages: evidence.passages.iter().map(passage).collect(),
            attributes: evidence
                .attributes
                .iter()
                .map(|a| sdk::Attribute::new(&a.key, &a.value))
                .collect(),
        },
        signals: candidate
            .signals
            .iter()
            .map(|s| sdk::Signal::new(&s.name, s.value))
            .collect(),
    }
}

pub(super) fn documents(documents: &[plugin::Document]) -> Vec<sdk::Document> {
    let document = |document: &plugin::Document| sdk::Document {
        evidence_id: document.evidence_id.to_string(),
        passages: document.passages.iter().map(passage).collect(),
    };
    documents.iter().map(document).collect()
}

fn passage(passage: &evidence::Passage) -> sdk::Passage {
    sdk::Passage {
        ordinal: passage.ordinal,
        section: passage.section.clone(),
        text: passage.text.clone(),
    }
}
