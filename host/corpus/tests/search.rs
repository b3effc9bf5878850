//! What a search finds, in which order, page by page.

mod common;

use common::{TestCorpus, bundled, for_names, for_text, ids};
use phagen_corpus::{Corpus, CorpusError};
use phagen_domain::{
    evidence::{Candidate, EvidenceId, EvidenceKind},
    query::CorpusRequest,
};

fn document(id: u32, title: &str, text: &str) -> String {
    let line = serde_json::json!({"pmid": id.to_string(), "title": title, "abstract": text});
    format!("{line}\n")
}

fn signal(candidate: &Candidate, name: &str) -> f32 {
    let found = candidate.signals.iter().find(|s| s.name == name);
    found.expect("a signal").value
}

#[test]
fn greek_letters_and_hyphens_are_found_however_they_are_written() {
    let corpus = TestCorpus::of_lines(
        &[
            document(1, "TNF-α in mice", "It rose."),
            document(2, "Mice", "Blockade of TNFalpha helped."),
            document(3, "Mice", "TNF was measured, alpha waves too."),
            document(4, "COX2 inhibitors", "They ease pain."),
        ]
        .concat(),
    );
    for name in ["TNF alpha", "TNFα", "tnf-alpha"] {
        let mut found = corpus.all(&for_names(&[name]));
        found.sort();
        assert_eq!(found, ["PMID:1", "PMID:2"], "{name}");
    }
    assert_eq!(corpus.all(&for_names(&["COX-2"])), ["PMID:4"]);
}

#[test]
fn a_name_is_a_phrase_within_one_passage_and_not_a_bag_of_words() {
    let corpus = TestCorpus::of_lines(
        &[
            document(1, "On acetylsalicylic acid", "Text."),
            document(2, "Acid and acetylsalicylic things", "Text."),
            document(3, "Acetylsalicylic", "Acid begins the body."),
        ]
        .concat(),
    );
    assert_eq!(
        corpus.all(&for_names(&["acetylsalicylic acid"])),
        ["PMID:1"]
    );
    assert!(
        corpus
            .all(&for_names(&["no such thing", "  ", "--"]))
            .is_empty()
    );
}

#[test]
fn names_decide_what_is_found_and_words_only_lift_it() {
    let corpus = TestCorpus::of_lines(
        &[
            document(1, "Aspirin and stroke", "Nothing more."),
            document(2, "Aspirin and fever", "Nothing more."),
            document(3, "Stroke alone", "Stroke, stroke, stroke."),
        ]
        .concat(),
    );
    let request = CorpusRequest {
        text: "stroke".to_owned(),
        ..for_names(&["aspirin"])
    };
    assert_eq!(corpus.all(&request), ["PMID:1", "PMID:2"]);
    assert_eq!(corpus.all(&for_text("the stroke"))[0], "PMID:3");
    assert_eq!(corpus.all(&for_text("the")).len(), 0);
}

#[test]
fn signals_are_each_fields_own_score_and_make_up_the_order() {
    let corpus = TestCorpus::of_bundled(&["ncbi_disease"]);
    let request = CorpusRequest {
        text: "mutation in families with breast cancer".to_owned(),
        ..for_names(&["BRCA1", "BRCA-2"])
    };
    let page = corpus.search(&request);
    assert!(page.candidates.len() > 20);
    let combined = |c: &Candidate| 0.4 * signal(c, "bm25_title") + signal(c, "bm25_body");
    for (n, pair) in page.candidates.windows(2).enumerate() {
        assert!(combined(&pair[0]) + 1e-3 >= combined(&pair[1]), "at {n}");
    }
    for (n, candidate) in (1_u16..).zip(&page.candidates) {
        assert!((signal(candidate, "source_rank") - f32::from(n)).abs() < f32::EPSILON);
        let title = candidate.evidence.title.to_lowercase();
        let in_title = ["brca", "mutation", "famil", "breast", "cancer"];
        assert_eq!(
            signal(candidate, "bm25_title") > 0.0,
            in_title.iter().any(|word| title.contains(word)),
            "{title}"
        );
    }
}

#[test]
fn kind_and_years_narrow_a_search() {
    let corpus = TestCorpus::of_bundled(&["pubmedqa", "trials", "labels"]);
    let all = for_text("cancer diabetes pain treatment patients");
    for kind in [
        EvidenceKind::Clinical,
        EvidenceKind::Literature,
        EvidenceKind::Regulatory,
    ] {
        let page = corpus.search(&CorpusRequest {
            kind: Some(kind),
            ..all.clone()
        });
        assert_eq!(page.candidates.len(), 200);
        assert!(page.candidates.iter().all(|c| c.evidence.kind == kind));
    }
    let in_years = CorpusRequest {
        year_from: Some(2005),
        year_to: Some(2007),
        ..all.clone()
    };
    let found = corpus.search(&in_years).candidates;
    assert!(found.len() > 50);
    assert!(found.iter().all(|c| {
        c.evidence
            .date
            .is_some_and(|d| (2005..=2007).contains(&d.year()))
    }));
    let since = corpus
        .search(&CorpusRequest {
            year_from: Some(2023),
            ..all.clone()
        })
        .candidates;
    assert!(
        since
            .iter()
            .all(|c| c.evidence.date.is_some_and(|d| d.year() >= 2023))
    );
    let never = CorpusRequest {
        kind: Some(EvidenceKind::Patent),
        ..all
    };
    assert!(corpus.search(&never).candidates.is_empty());
}

#[test]
fn pages_are_disjoint_and_together_complete() {
    let corpus = TestCorpus::of_bundled(&["ncbi_disease"]);
    let whole = ids(&corpus.search(&for_names(&["BRCA1"])));
    assert!(whole.len() > 15);
    for limit in [1, 7] {
        let paged = corpus.all(&CorpusRequest {
            limit,
            ..for_names(&["BRCA1"])
        });
        assert_eq!(paged, whole);
    }
    let second = CorpusRequest {
        limit: 5,
        ..for_names(&["BRCA1"])
    };
    let cursor = corpus.search(&second).cursor;
    let page = corpus.search(&CorpusRequest { cursor, ..second });
    assert!((signal(&page.candidates[0], "source_rank") - 6.0).abs() < f32::EPSILON);
}

#[test]
fn a_cursor_dies_with_the_state_it_counted_in() {
    let corpus = TestCorpus::of_bundled(&["ncbi_disease"]);
    let request = CorpusRequest {
        limit: 5,
        ..for_names(&["BRCA1"])
    };
    let cursor = corpus.search(&request).cursor;
    let refused = |names: &[&str]| {
        let request = CorpusRequest {
            cursor: cursor.clone(),
            limit: 5,
            ..for_names(names)
        };
        let error = corpus.corpus.search(&request).unwrap_err();
        assert!(matches!(error, CorpusError::InvalidCursor { .. }));
        error.to_string()
    };
    assert!(refused(&["BRCA2"]).contains("another question"));
    corpus.import(&document(1, "News", "New.")).unwrap();
    assert!(refused(&["BRCA1"]).contains("changed since"));
}

#[test]
fn a_request_out_of_bounds_is_refused() {
    let corpus = TestCorpus::empty();
    for request in [
        CorpusRequest {
            limit: 0,
            ..for_text("a")
        },
        CorpusRequest {
            limit: 201,
            ..for_text("a")
        },
        CorpusRequest {
            year_from: Some(2001),
            year_to: Some(2000),
            ..for_text("a")
        },
    ] {
        let error = corpus.corpus.search(&request).unwrap_err();
        assert!(
            matches!(error, CorpusError::InvalidRequest { .. }),
            "{error}"
        );
    }
    assert!(corpus.search(&for_text("a")).candidates.is_empty());
}

#[test]
fn many_names_and_endless_words_cost_no_more_than_their_limits() {
    let corpus = TestCorpus::of_bundled(&["ncbi_disease"]);
    let mut names: Vec<String> = (0..5_000).map(|n| format!("no such name {n}")).collect();
    names.insert(0, "BRCA1".to_owned());
    names.push("breast cancer".to_owned());
    names.push("x ".repeat(100_000));
    let request = CorpusRequest {
        names,
        text: (0..5_000)
            .map(|n| format!("word{n} "))
            .collect::<Vec<_>>()
            .concat(),
        limit: 200,
        ..CorpusRequest::default()
    };
    // `breast cancer` stands past the 256th name and is left out.
    let mut found = corpus.all(&request);
    let mut expected = corpus.all(&for_names(&["BRCA1"]));
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_page_ends_early_rather_than_grow_without_end() {
    let long = "All of it is about aspirin. ".repeat(16_000);
    let lines: String = (1..=20).map(|n| document(n, "Long", &long)).collect();
    let corpus = TestCorpus::of_lines(&lines);
    let page = corpus.search(&for_names(&["aspirin"]));
    assert!(
        (2..=10).contains(&page.candidates.len()),
        "{}",
        page.candidates.len()
    );
    assert!(page.cursor.is_some());
    assert_eq!(corpus.all(&for_names(&["aspirin"])).len(), 20);
}

#[test]
fn evidence_is_found_by_its_id() {
    let corpus = TestCorpus::of_bundled(&["clinicaltrials_pages", "openfda_labels"]);
    let find = |id: &str| corpus.corpus.find(&id.parse().unwrap()).unwrap();
    let trial = find("nct00353704").unwrap();
    assert_eq!(
        trial.title,
        "Analgetic and Anxiolytic Effect of Preoperative Pregabalin"
    );
    assert_eq!(trial.attribute("status"), Some("COMPLETED"));
    assert_eq!(trial.attribute("phase"), Some("PHASE4"));
    assert_eq!(trial.attribute("has_results"), Some("true"));
    assert_eq!(trial.attribute("interventions"), Some("pregabalin"));
    assert_eq!(trial.attribute("mesh_ids"), Some("D007405"));
    assert_eq!(trial.date.unwrap().to_string(), "2005-11");
    assert!(
        trial
            .passages
            .iter()
            .any(|p| p.section.as_deref() == Some("INTERVENTIONS"))
    );
    let label = find("label:0025eb89-590c-4451-8a06-b129686cf75a").unwrap();
    assert!(
        label
            .attribute("drugs")
            .is_some_and(|drug| drug.eq_ignore_ascii_case("aspirin"))
    );
    assert_eq!(label.date.unwrap().to_string(), "2012-11-14");
    assert_eq!(
        label.passages[0].section.as_deref(),
        Some("INDICATIONS AND USAGE")
    );
    assert_eq!(find("NCT99999999"), None);
    assert_eq!(find("PMID:353704"), None);
}

#[test]
fn a_trial_that_was_stopped_says_why() {
    let corpus = TestCorpus::of_bundled(&["trials", "clinicaltrials_pages"]);
    let id: EvidenceId = "NCT02179567".parse().unwrap();
    let trial = corpus.corpus.find(&id).unwrap().unwrap();
    assert_eq!(trial.attribute("status"), Some("TERMINATED"));
    assert_eq!(
        trial.attribute("why_stopped"),
        Some("Terminated due to poor accrual")
    );
}

#[test]
fn two_readers_see_what_a_third_imports_at_once() {
    let writer = TestCorpus::empty();
    let readers = [(); 2].map(|()| Corpus::open(writer.folder.path()).unwrap());
    for reader in &readers {
        assert!(
            reader
                .search(&for_names(&["BRCA1"]))
                .unwrap()
                .candidates
                .is_empty()
        );
    }
    let file = bundled("corpus/ncbi_disease.jsonl.gz");
    writer
        .corpus
        .import_file(&file, &mut |_| {}, &|| false)
        .unwrap();
    let expected = writer.search(&for_names(&["BRCA1"]));
    for reader in &readers {
        assert_eq!(reader.generation(), writer.corpus.generation());
        assert_eq!(reader.search(&for_names(&["BRCA1"])).unwrap(), expected);
    }
}
