//! The whole of `data/corpus`, as the first start imports it.

mod common;

use common::{TestCorpus, for_text, names_of_drug};
use phagen_domain::{evidence::EvidenceKind, query::CorpusRequest};

const FILES: [&str; 7] = [
    "clinicaltrials_pages",
    "labels",
    "ncbi_disease",
    "openfda_labels",
    "pubmedqa",
    "scifact",
    "trials",
];

/// One test, since the import is what takes the time.
#[test]
fn the_bundle_is_imported_whole_and_knows_the_drugs_it_was_made_for() {
    let bundle = TestCorpus::of_bundled(&FILES);
    let stats = bundle.corpus.stats().unwrap();
    assert_eq!(stats.n_documents, 5_183 + 500 + 692 + 60 + 233 + 369 + 2);
    let of_kind = |kind| {
        let found = stats.by_kind.iter().find(|k| k.kind == kind);
        found.map_or(0, |k| k.n_documents)
    };
    assert_eq!(of_kind(EvidenceKind::Literature), 5_183 + 500 + 692);
    assert_eq!(of_kind(EvidenceKind::Clinical), 293);
    assert_eq!(of_kind(EvidenceKind::Regulatory), 371);
    assert!(stats.n_passages > stats.n_documents);

    // As counted with a regular expression over the bundled files.
    for (drug, n_documents) in [
        ("aspirin", 26),
        ("cisplatin", 24),
        ("metformin", 27),
        ("dexamethasone", 29),
        ("tamoxifen", 15),
    ] {
        let mut names = names_of_drug(drug);
        assert!(names.len() > 1, "{drug}");
        // Four letters or fewer name too many things.
        names.retain(|name| name.chars().filter(|c| c.is_alphanumeric()).count() > 4);
        let found = bundle.all(&CorpusRequest {
            names,
            limit: 200,
            ..CorpusRequest::default()
        });
        assert_eq!(found.len(), n_documents, "{drug}: {found:?}");
    }

    let claim = for_text("Aspirin inhibits the production of PGE2.");
    let first = &bundle.search(&claim).candidates[0].evidence;
    assert!(first.evidence_id.as_str().starts_with("S2:"));
    assert_eq!(first.date, None);
}
