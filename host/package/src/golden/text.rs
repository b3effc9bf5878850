//! A case as its author writes it, and the rules that its parts keep together.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use phagen_domain::evidence::Candidate;
use serde::{Deserialize, Serialize};

use super::{
    FindCall, GoldenCall, GoldenCase, HttpExchange, RerankCall, SearchCall, expect::ExpectationText,
};

/// A case as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CaseText {
    name: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    config: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    as_of: Option<NaiveDate>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    http: Vec<HttpExchange>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    corpus: Vec<Candidate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    search: Option<SearchCall>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    find: Option<FindCall>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rerank: Option<RerankCall>,
    expect: ExpectationText,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tolerance: Option<f32>,
}

impl TryFrom<CaseText> for GoldenCase {
    type Error = String;

    fn try_from(text: CaseText) -> Result<Self, String> {
        let call = match (text.search, text.find, text.rerank) {
            (Some(search), None, None) => GoldenCall::Search(search),
            (None, Some(find), None) => GoldenCall::Find(find),
            (None, None, Some(rerank)) => GoldenCall::Rerank(rerank),
            _ => {
                return Err(format!(
                    "case `{}` must hold exactly one of `search`, `find` and `rerank`",
                    text.name
                ));
            }
        };
        let of_query = match &call {
            GoldenCall::Search(search) => Some(search.query.as_of),
            GoldenCall::Rerank(rerank) => Some(rerank.query.as_of),
            GoldenCall::Find(_) => None,
        };
        if let (Some(case), Some(query)) = (text.as_of, of_query)
            && case != query
        {
            return Err(format!(
                "case `{}` is as of {case}, but its query as of {query}; write the same day or leave the case's out",
                text.name
            ));
        }
        let tolerance = text.tolerance.unwrap_or(Self::DEFAULT_TOLERANCE);
        if !tolerance.is_finite() || tolerance < 0.0 {
            return Err(format!(
                "`tolerance` of case `{}` must be 0 or more",
                text.name
            ));
        }
        Ok(Self {
            expect: text.expect.for_call(&text.name, &call)?,
            name: text.name,
            config: text.config,
            as_of: text.as_of.or(of_query).unwrap_or(Self::SOME_DAY),
            http: text.http,
            corpus: text.corpus,
            call,
            tolerance,
        })
    }
}

impl From<GoldenCase> for CaseText {
    fn from(case: GoldenCase) -> Self {
        let (mut search, mut find, mut rerank) = (None, None, None);
        match case.call {
            GoldenCall::Search(call) => search = Some(call),
            GoldenCall::Find(call) => find = Some(call),
            GoldenCall::Rerank(call) => rerank = Some(call),
        }
        Self {
            name: case.name,
            config: case.config,
            as_of: Some(case.as_of),
            http: case.http,
            corpus: case.corpus,
            search,
            find,
            rerank,
            expect: case.expect.into(),
            tolerance: Some(case.tolerance),
        }
    }
}
