//! Golden cases: calls with known answers that a plugin brings along, as JSON.
//!
//! This module reads cases and compares answers. Who calls the plugin, and how its HTTP and its
//! corpus are answered from the case, is the plugin host's.

mod expect;
mod judge;
mod text;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use phagen_domain::{
    evidence::{Candidate, EvidenceId, Passage},
    molecule::Molecule,
    plugin::World,
    query::Query,
};
use serde::{Deserialize, Serialize};

pub use expect::{Expectation, ExpectedFinding, MAX_EXPECTED_FINDINGS};
pub use judge::Answer;

use crate::PackageError;

/// Bytes of all cases of a plugin.
pub const MAX_GOLDEN_BYTES: usize = 4 << 20;
/// Each runs before every first activation.
pub const MAX_CASES: usize = 200;

/// All cases of a plugin: `{ "cases": [ … ] }`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenCases {
    pub cases: Vec<GoldenCase>,
}

/// One call and the answer that it must give.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "text::CaseText", into = "text::CaseText")]
pub struct GoldenCase {
    /// For people; unique among the cases.
    pub name: String,
    /// What the slot's configuration says.
    pub config: BTreeMap<String, String>,
    /// Today, for the guest. Of a case that names no day and asks no query it is
    /// [`GoldenCase::SOME_DAY`].
    pub as_of: NaiveDate,
    /// The network as the guest sees it; nothing else answers.
    pub http: Vec<HttpExchange>,
    /// The host's corpus as the guest sees it: every search answers with these, in this order.
    pub corpus: Vec<Candidate>,
    pub call: GoldenCall,
    pub expect: Expectation,
    /// Scores may differ by so much. At 0 they must be the same bits.
    pub tolerance: f32,
}

/// What is asked of the plugin.
#[derive(Debug, Clone, PartialEq)]
pub enum GoldenCall {
    Search(SearchCall),
    Find(FindCall),
    Rerank(RerankCall),
}

/// Of a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchCall {
    pub query: Query,
    pub limit: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Of a mapper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FindCall {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub molecule: Option<Molecule>,
    pub documents: Vec<GoldenDocument>,
}

/// The passages of one piece of evidence, title first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenDocument {
    pub evidence_id: EvidenceId,
    pub passages: Vec<Passage>,
}

/// Of a reranker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RerankCall {
    pub query: Query,
    pub candidates: Vec<Candidate>,
}

/// One answer of the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpExchange {
    #[serde(default = "get")]
    pub method: String,
    /// Whole, with its query.
    pub url: String,
    #[serde(default = "ok")]
    pub status: u16,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    #[serde(default)]
    pub body: String,
}

fn get() -> String {
    "GET".to_owned()
}

fn ok() -> u16 {
    200
}

impl GoldenCall {
    pub fn world(&self) -> World {
        match self {
            Self::Search(_) => World::Source,
            Self::Find(_) => World::Mapper,
            Self::Rerank(_) => World::Reranker,
        }
    }
}

impl GoldenCase {
    /// Close enough for sums of single precision, far from another order.
    pub const DEFAULT_TOLERANCE: f32 = 1e-5;
    pub const SOME_DAY: NaiveDate = match NaiveDate::from_ymd_opt(2026, 1, 1) {
        Some(day) => day,
        None => NaiveDate::MIN,
    };
}

impl GoldenCases {
    /// Reads the JSON of cases. Whether they fit a world is asked where there is one.
    pub fn parse(json: &[u8]) -> Result<Self, PackageError> {
        if json.len() > MAX_GOLDEN_BYTES {
            return Err(PackageError::TooLarge {
                what: "golden cases",
                size: json.len(),
                limit: MAX_GOLDEN_BYTES,
            });
        }
        let refused = |key: String, message: String| PackageError::Golden { key, message };
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let cases: Self = serde_path_to_error::deserialize(&mut deserializer)
            .map_err(|error| refused(error.path().to_string(), error.inner().to_string()))?;
        deserializer
            .end()
            .map_err(|error| refused(String::new(), error.to_string()))?;
        if cases.cases.len() > MAX_CASES {
            let n_cases = cases.cases.len();
            return Err(refused(
                "cases".to_owned(),
                format!("there are {n_cases} cases, more than the {MAX_CASES} that are allowed"),
            ));
        }
        let mut names = std::collections::BTreeSet::new();
        for (n, case) in cases.cases.iter().enumerate() {
            if !names.insert(case.name.as_str()) {
                return Err(refused(
                    format!("cases[{n}].name"),
                    format!("two cases are called `{}`", case.name),
                ));
            }
        }
        Ok(cases)
    }
}

pub(crate) fn parse_cases(json: &[u8], world: World) -> Result<GoldenCases, PackageError> {
    let cases = GoldenCases::parse(json)?;
    for (n, case) in cases.cases.iter().enumerate() {
        let asked = case.call.world();
        if asked != world {
            return Err(PackageError::Golden {
                key: format!("cases[{n}]"),
                message: format!(
                    "case `{}` asks a {asked}, but the plugin is a {world}",
                    case.name
                ),
            });
        }
    }
    Ok(cases)
}

/// One form for the same cases, however they were laid out.
pub(crate) fn to_embedded(json: &[u8], world: World) -> Result<Vec<u8>, PackageError> {
    let cases = parse_cases(json, world)?;
    serde_json::to_vec(&cases).map_err(|error| PackageError::Golden {
        key: String::new(),
        message: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use phagen_domain::{
        evidence::Page,
        finding::{Finding, Ground, Stance},
    };
    use proptest::prelude::*;

    use super::*;

    const QUERY: &str = r#"{ "molecule": { "name": "metformin", "synonyms": ["glucophage"] }, "as_of": "2026-11-22", "attributes": [] }"#;

    fn candidate(id: &str) -> String {
        format!(
            r#"{{ "evidence": {{ "evidence_id": "{id}", "kind": "literature", "title": "t", "citation": "c", "passages": [] }}, "signals": [] }}"#
        )
    }

    /// A case of `rest`, which holds the call and what it expects.
    fn case(rest: &str) -> Result<GoldenCase, PackageError> {
        let json = format!(r#"{{ "cases": [ {{ "name": "one", {rest} }} ] }}"#);
        GoldenCases::parse(json.as_bytes()).map(|mut cases| cases.cases.remove(0))
    }

    fn rerank(expect: &str) -> Result<GoldenCase, PackageError> {
        let candidates: Vec<String> = ["PMID:1", "PMID:2", "PMID:3"].map(candidate).into();
        case(&format!(
            r#""rerank": {{ "query": {QUERY}, "candidates": [{}] }}, "expect": {expect}"#,
            candidates.join(",")
        ))
    }

    fn page(ids: &[&str]) -> Answer {
        let candidates = ids
            .iter()
            .map(|id| serde_json::from_str(&candidate(id)).unwrap())
            .collect();
        Answer::Found(Page {
            candidates,
            cursor: None,
        })
    }

    fn finding(mesh_id: &str, matched_text: &str, stance: Stance) -> Finding {
        Finding {
            evidence_id: "PMID:1".parse().unwrap(),
            ground: Ground::Basis("title".to_owned()),
            mesh_id: mesh_id.parse().unwrap(),
            matched_text: matched_text.to_owned(),
            negated: false,
            stance,
            score: 1.0,
        }
    }

    #[track_caller]
    fn assert_refused<T: std::fmt::Debug, E: std::fmt::Display>(
        judged: Result<T, E>,
        expected: &str,
    ) {
        let refusal = judged.unwrap_err().to_string();
        assert!(refusal.contains(expected), "{refusal}\n{expected}");
    }

    #[test]
    fn a_search_is_judged_by_ids_and_number() {
        let search = |expect: &str| {
            case(&format!(
                r#""as_of": "2026-11-22", "http": [ {{ "url": "https://api.example.org/x?y=1", "body": "[]" }} ],
                "search": {{ "query": {QUERY}, "limit": 20 }}, "expect": {expect}"#
            ))
            .unwrap()
        };
        let by_ids = search(r#"{ "evidence_ids": ["PMID:1", "NCT2"] }"#);
        assert_eq!(by_ids.http[0].method, "GET");
        assert_eq!(by_ids.http[0].status, 200);
        assert_eq!(by_ids.judge(&page(&["PMID:1", "nct2"])), Ok(()));
        assert_refused(
            by_ids.judge(&page(&["NCT2", "PMID:1"])),
            "candidate 0 (from 0): expected `PMID:1`, got `NCT2`",
        );
        assert_refused(
            by_ids.judge(&page(&["PMID:1"])),
            "expected `NCT2`, got no more",
        );
        assert_refused(
            by_ids.judge(&page(&["PMID:1", "NCT2", "S2:3"])),
            "got `S2:3`",
        );
        let by_number = search(r#"{ "n": 1 }"#);
        assert_eq!(by_number.judge(&page(&["PMID:9"])), Ok(()));
        assert_refused(by_number.judge(&page(&[])), "expected 1 candidates, got 0");
        let denied = search(r#"{ "error": "denied" }"#);
        let failed = |code: &str| Answer::Failed {
            code: code.to_owned(),
        };
        assert_eq!(denied.judge(&failed("denied")), Ok(()));
        assert_refused(
            denied.judge(&failed("internal")),
            "expected the failure `denied`, got `internal`",
        );
        assert_refused(denied.judge(&page(&[])), "got 0 candidates");
        assert_refused(
            by_ids.judge(&failed("denied")),
            "expected an answer of a source, got the failure `denied`",
        );
    }

    #[test]
    fn findings_are_matched_in_any_order_and_none_is_left_over() {
        let case = case(
            r#""find": { "documents": [ { "evidence_id": "PMID:1", "passages": [] } ] },
            "expect": { "findings": [
                { "mesh_id": "D003924", "matched_text": "diabetes" },
                { "mesh_id": "D003924", "matched_text": "diabetes", "stance": "treats" }
            ] }"#,
        )
        .unwrap();
        assert_eq!(case.as_of, GoldenCase::SOME_DAY);
        let loose = finding("D003924", "diabetes", Stance::Neither);
        let treats = finding("D003924", "diabetes", Stance::Treats);
        for found in [[&treats, &loose], [&loose, &treats]] {
            let found = found.map(Clone::clone).into();
            assert_eq!(case.judge(&Answer::Findings(found)), Ok(()));
        }
        let twice = Answer::Findings(vec![loose.clone(), loose.clone()]);
        assert_refused(
            case.judge(&twice),
            "got it in `PMID:1` with stance `neither`",
        );
        let more = finding("D001249", "asthma", Stance::Neither);
        let three = Answer::Findings(vec![loose, treats, more]);
        assert_refused(
            case.judge(&three),
            "an unexpected finding of D001249 in `asthma`",
        );
        assert_refused(case.judge(&Answer::Findings(Vec::new())), "got no findings");
    }

    #[test]
    fn a_ranking_is_judged_by_order_and_scores() {
        let ranked = |scores: &[f32]| Answer::Ranked {
            scores: scores.to_vec(),
        };
        let order = rerank(r#"{ "order": ["PMID:2", "PMID:3"] }"#).unwrap();
        assert_eq!(order.judge(&ranked(&[0.1, 0.9, 0.5])), Ok(()));
        assert_refused(
            order.judge(&ranked(&[0.9, 0.5, 0.1])),
            "rank 1: expected `PMID:2`, got `PMID:1`",
        );
        assert_refused(order.judge(&ranked(&[0.9])), "expected 3 scores, got 1");
        let scores = rerank(r#"{ "scores": [1.0, 0.5, 0.25] }, "tolerance": 0.01"#).unwrap();
        assert_eq!(scores.judge(&ranked(&[1.005, 0.5, 0.25])), Ok(()));
        assert_refused(scores.judge(&ranked(&[1.0, 0.6, 0.25])), "score 1 (from 0)");
        assert_refused(scores.judge(&ranked(&[1.0, f32::NAN, 0.25])), "got NaN");
        let exact = rerank(r#"{ "scores": [1.0, 0.5, 0.25] }, "tolerance": 0"#).unwrap();
        assert_eq!(exact.judge(&ranked(&[1.0, 0.5, 0.25])), Ok(()));
        assert_refused(exact.judge(&ranked(&[1.0, 0.5, 0.250_000_03])), "score 2");
    }

    #[test]
    fn a_case_that_cannot_be_meant_is_refused() {
        let many = format!(
            r#"{{ "findings": [{}] }}"#,
            vec![r#"{ "mesh_id": "D003924", "matched_text": "x" }"#; MAX_EXPECTED_FINDINGS + 1]
                .join(",")
        );
        let find = r#""find": { "documents": [] }"#;
        for (given, expected) in [
            (
                rerank("{}"),
                "must hold `order`, `scores` or, alone, `error`",
            ),
            (
                rerank(r#"{ "findings": [] }"#),
                "must hold `order`, `scores`",
            ),
            (rerank(r#"{ "order": [], "error": "denied" }"#), "alone"),
            (
                rerank(r#"{ "scores": [1.0] }"#),
                "1 numbers for 3 candidates",
            ),
            (rerank(r#"{ "oder": [] }"#), "unknown field `oder`"),
            (rerank(r#"{ "order": [] }, "tolerance": -1"#), "0 or more"),
            (
                rerank(r#"{ "order": [] }, "as_of": "2026-11-21""#),
                "as of 2026-11-21, but its query as of 2026-11-22",
            ),
            (case(r#""expect": { "n": 1 }"#), "exactly one of"),
            (
                case(&format!(r#"{find}, "expect": {many}"#)),
                "more than the 1000",
            ),
        ] {
            assert_refused(given, expected);
        }
        let one = format!(r#"{{ "name": "a", {find}, "expect": {{ "findings": [] }} }}"#);
        let parse = |cases: &[&str]| {
            GoldenCases::parse(format!(r#"{{ "cases": [{}] }}"#, cases.join(",")).as_bytes())
        };
        assert!(parse(&[&one]).is_ok());
        assert_refused(
            parse(&[&one, &one]),
            "at `cases[1].name`: two cases are called `a`",
        );
        assert_refused(parse(&vec![&one[..]; MAX_CASES + 1]), "more than the 200");
        assert_refused(GoldenCases::parse(b"{ \"cases\": [] } x"), "trailing");
    }

    proptest! {
        #[test]
        fn what_a_plugin_answered_is_what_its_case_expects(
            scores in proptest::collection::vec(-1e6_f32..1e6, 3)
        ) {
            let written = serde_json::to_string(&scores).unwrap();
            let case = rerank(&format!(r#"{{ "scores": {written} }}, "tolerance": 0"#)).unwrap();
            let answer = Answer::Ranked { scores: scores.clone() };
            prop_assert_eq!(case.judge(&answer), Ok(()));
            let json = serde_json::to_vec(&GoldenCases { cases: vec![case.clone()] }).unwrap();
            prop_assert_eq!(&GoldenCases::parse(&json).unwrap().cases[0], &case);
            let mut other = scores;
            other[1] += 1.0;
            let is_changed = other[1].to_bits() != 0 && case.judge(&Answer::Ranked { scores: other.clone() }).is_err();
            prop_assert!(is_changed);
        }
    }
}
