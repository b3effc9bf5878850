//! A source that asks the host's own corpus: one component, a slot per kind of evidence. It adds
//! nothing to what the corpus answers and leaves nothing out.

use phagen_sdk::{Context, CorpusRequest, Description, Failure, Page, Query, Source};

/// The kinds that a slot's configuration may give `kind`.
const KINDS: [&str; 5] = ["clinical", "literature", "regulatory", "patent", "market"];

/// Searches one kind of the host's corpus for the molecule, by all its names.
pub struct CorpusSource {
    kind: &'static str,
}

impl Source for CorpusSource {
    fn describe() -> Description {
        phagen_sdk::describe!("Finds evidence of one kind in the host's corpus")
    }

    fn init(context: &Context) -> Result<Self, Failure> {
        let expected = || format!("expected one of `{}`", KINDS.join("`, `"));
        let given = context
            .config("kind")
            .ok_or_else(|| Failure::invalid_config(format!("`kind` is missing: {}", expected())))?;
        let kind = KINDS.into_iter().find(|kind| *kind == given);
        let unknown = || Failure::invalid_config(format!("`kind` is `{given}`: {}", expected()));
        Ok(Self {
            kind: kind.ok_or_else(unknown)?,
        })
    }

    fn search(
        &self,
        context: &Context,
        query: &Query,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page, Failure> {
        context.search_corpus(&CorpusRequest {
            names: query.molecule.names().map(str::to_owned).collect(),
            kind: Some(self.kind.to_owned()),
            limit,
            cursor: cursor.map(str::to_owned),
            ..CorpusRequest::default()
        })
    }
}

phagen_sdk::export_source!(CorpusSource);

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, rc::Rc};

    use phagen_sdk::{Candidate, Evidence, Molecule, Signal, testing::Harness};

    use super::*;

    fn aspirin() -> Query {
        Query {
            molecule: Molecule {
                name: "aspirin".into(),
                synonyms: vec!["acetylsalicylic acid".into()],
                ..Molecule::default()
            },
            ..Query::of("", "2026-11-22")
        }
    }

    #[test]
    fn asks_for_one_kind_by_every_name() {
        let asked = Rc::new(RefCell::new(Vec::new()));
        let heard = asked.clone();
        let source = Harness::new()
            .config("kind", "clinical")
            .corpus(move |request| {
                heard.borrow_mut().push(request.clone());
                Ok(Page::default())
            })
            .source::<CorpusSource>()
            .unwrap();
        source.search(&aspirin(), 30, Some("20")).unwrap();
        let expected = CorpusRequest {
            names: vec!["aspirin".into(), "acetylsalicylic acid".into()],
            text: String::new(),
            kind: Some("clinical".into()),
            year_from: None,
            year_to: None,
            limit: 30,
            cursor: Some("20".into()),
        };
        assert_eq!(*asked.borrow(), [expected]);
    }

    #[test]
    fn hands_on_what_the_corpus_answers() {
        let page = Page {
            candidates: vec![Candidate {
                evidence: Evidence {
                    evidence_id: "NCT01907900".into(),
                    kind: "clinical".into(),
                    title: "Aspirin after stroke".into(),
                    ..Evidence::default()
                },
                signals: vec![Signal::new("source_rank", 1.0)],
            }],
            cursor: Some("1".into()),
        };
        let source = Harness::new()
            .config("kind", "clinical")
            .pages(vec![page.clone()])
            .source::<CorpusSource>()
            .unwrap();
        assert_eq!(source.search(&aspirin(), 1, None).unwrap(), page);
    }

    #[test]
    fn a_corpus_that_refuses_is_passed_on() {
        let harness = Harness::new().config("kind", "market");
        let source = harness.source::<CorpusSource>().unwrap();
        let failure = source.search(&aspirin(), 1, None).unwrap_err();
        assert_eq!(failure.code, "denied");
    }

    #[test]
    fn a_wrong_kind_is_named_with_those_allowed() {
        let build = |harness: Harness| harness.source::<CorpusSource>().err().unwrap();
        let missing = build(Harness::new());
        assert_eq!(missing.code, "invalid-config");
        assert_eq!(
            missing.message,
            "`kind` is missing: expected one of `clinical`, `literature`, `regulatory`, `patent`, `market`"
        );
        let unknown = build(Harness::new().config("kind", "Clinical"));
        assert_eq!(unknown.code, "invalid-config");
        assert_eq!(
            unknown.message,
            "`kind` is `Clinical`: expected one of `clinical`, `literature`, `regulatory`, `patent`, `market`"
        );
        for kind in KINDS {
            assert!(
                Harness::new()
                    .config("kind", kind)
                    .source::<CorpusSource>()
                    .is_ok()
            );
        }
    }
}
