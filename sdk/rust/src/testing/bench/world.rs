//! How a plugin of each world is asked natively: by the adapter that also makes it a guest.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    case::{candidate, document, list, molecule, number, optional, query},
    timed,
};
use crate::{
    Candidate, Context, Document, Failure, Finding, Mapper, Molecule, Page, Query, Reranked,
    Reranker, Source,
    export::{MapperGuest, RerankerGuest, SourceGuest},
    with_views,
};

/// A world, with one plugin in it. Implemented here, for all three.
#[expect(missing_docs, reason = "only `bench` calls it")]
pub trait Native {
    type Plugin;
    /// The arguments of one call, owned.
    type Question;
    type Answer;

    fn question(case: &Value) -> Result<Self::Question, String>;
    fn init(context: &Context) -> Result<Self::Plugin, Failure>;
    /// What the call took, without what stands for the border.
    fn ask(
        plugin: &Self::Plugin,
        context: &Context,
        question: &Self::Question,
    ) -> (Duration, Result<Self::Answer, Failure>);
    /// As much of an answer as shows that the work was done.
    fn told(answer: Self::Answer) -> Value;
}

fn call<'a>(case: &'a Value, key: &str) -> Result<&'a Value, String> {
    case.get(key)
        .ok_or_else(|| format!("the case has no `{key}`, and the plugin answers nothing else"))
}

impl<P: Source> Native for SourceGuest<P> {
    type Plugin = P;
    type Question = (Query, u32, Option<String>);
    type Answer = Page;

    fn question(case: &Value) -> Result<Self::Question, String> {
        let call = call(case, "search")?;
        Ok((
            query(&call["query"])?,
            number(call, "limit")?,
            optional(call, "cursor"),
        ))
    }

    fn init(context: &Context) -> Result<P, Failure> {
        P::init(context)
    }

    fn ask(
        plugin: &P,
        context: &Context,
        (query, limit, cursor): &Self::Question,
    ) -> (Duration, Result<Page, Failure>) {
        timed(|| plugin.search(context, query, *limit, cursor.as_deref()))
    }

    fn told(page: Page) -> Value {
        let ids = page
            .candidates
            .into_iter()
            .map(|it| it.evidence.evidence_id);
        json!({ "evidence_ids": ids.collect::<Vec<_>>() })
    }
}

impl<P: Mapper> Native for MapperGuest<P> {
    type Plugin = P;
    type Question = (Option<Molecule>, Vec<Document>);
    type Answer = Vec<Finding>;

    fn question(case: &Value) -> Result<Self::Question, String> {
        let call = call(case, "find")?;
        let given = call.get("molecule").filter(|it| !it.is_null());
        Ok((
            given.map(molecule).transpose()?,
            list(call, "documents", document)?,
        ))
    }

    fn init(context: &Context) -> Result<P, Failure> {
        P::init(context)
    }

    fn ask(
        plugin: &P,
        _: &Context,
        (molecule, documents): &Self::Question,
    ) -> (Duration, Result<Vec<Finding>, Failure>) {
        timed(|| plugin.find(molecule.as_ref(), documents))
    }

    fn told(findings: Vec<Finding>) -> Value {
        let told = |it: Finding| [it.evidence_id, it.mesh_id, it.matched_text];
        json!({ "findings": findings.into_iter().map(told).collect::<Vec<_>>() })
    }
}

impl<P: Reranker> Native for RerankerGuest<P> {
    type Plugin = P;
    type Question = (Query, Vec<Candidate>);
    type Answer = Reranked;

    fn question(case: &Value) -> Result<Self::Question, String> {
        let call = call(case, "rerank")?;
        Ok((query(&call["query"])?, list(call, "candidates", candidate)?))
    }

    fn init(context: &Context) -> Result<P, Failure> {
        P::init(context)
    }

    fn ask(
        plugin: &P,
        _: &Context,
        (query, candidates): &Self::Question,
    ) -> (Duration, Result<Reranked, Failure>) {
        // A guest makes its views of what crossed the border: that counts as crossing.
        with_views(candidates, |views| timed(|| plugin.rerank(query, views)))
    }

    fn told(reranked: Reranked) -> Value {
        json!({ "scores": reranked.scores })
    }
}
