//! A small question for plugins that bring no golden cases of their own: enough to see whether two
//! instances agree, and how long one takes.

use chrono::NaiveDate;
use phagen_domain::{
    evidence::{Candidate, Evidence, EvidenceId, EvidenceKind, Passage, Signal},
    molecule::Molecule,
    plugin::World,
    query::Query,
};
use phagen_package::golden::{FindCall, GoldenCall, GoldenDocument, RerankCall};

/// What a scoring guest is asked. A source is asked nothing: it would reach out for an answer.
pub(super) fn question(world: World, as_of: NaiveDate) -> Option<GoldenCall> {
    match world {
        World::Source => None,
        World::Mapper => Some(GoldenCall::Find(FindCall {
            molecule: Some(molecule()),
            documents: vec![GoldenDocument {
                evidence_id: EvidenceId::pubmed(1),
                passages: vec![passage(0, TITLE), passage(1, TEXT)],
            }],
        })),
        World::Reranker => Some(GoldenCall::Rerank(RerankCall {
            query: Query {
                molecule: molecule(),
                as_of,
                attributes: Vec::new(),
            },
            candidates: vec![candidate(1, TITLE, TEXT), candidate(2, TEXT, TITLE)],
        })),
    }
}

const TITLE: &str = "Aspirin in the primary prevention of colorectal cancer";
const TEXT: &str = "Aspirin lowered the incidence of colorectal cancer and did not cause asthma.";

fn molecule() -> Molecule {
    Molecule {
        name: "aspirin".to_owned(),
        synonyms: vec!["acetylsalicylic acid".to_owned()],
        smiles: Some("CC(=O)Oc1ccccc1C(=O)O".to_owned()),
        inchi_key: None,
    }
}

fn passage(ordinal: u32, text: &str) -> Passage {
    Passage {
        ordinal,
        section: None,
        text: text.to_owned(),
    }
}

fn candidate(pmid: u64, title: &str, text: &str) -> Candidate {
    Candidate {
        evidence: Evidence {
            evidence_id: EvidenceId::pubmed(pmid),
            kind: EvidenceKind::Literature,
            title: title.to_owned(),
            citation: String::new(),
            url: None,
            date: None,
            passages: vec![passage(1, text)],
            attributes: Vec::new(),
        },
        signals: vec![Signal {
            name: "source_rank".to_owned(),
            value: 1.0,
        }],
    }
}
