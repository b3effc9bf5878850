//! What is asked of a guest within a call, and the checks of what it answers.

use phagen_domain::{
    evidence::{Candidate, Page},
    finding::Finding,
    molecule::Molecule,
    query::Query,
};
use tokio::time::timeout_at;

use super::Call;
use crate::{
    PluginError,
    bindings::{
        v0_1_0::{self, types},
        v0_2_0,
    },
    convert::{self, CandidateViews, DocumentViews, Packed, QueryView},
    slot::{Document, Reranked},
    world::{Own, Reranker},
};

/// Runs the guest's own check.
pub(crate) async fn self_test(call: &mut Call<'_>) -> Result<(), PluginError> {
    let exports = call.open().await?;
    let deadline = call.arm_for_work();
    let answer = exports.lifecycle.call_self_test(&mut call.store);
    let answer = timeout_at(deadline, answer).await;
    call.answer("self-test", answer)
}

pub(crate) async fn search(
    call: &mut Call<'_>,
    query: &Query,
    limit: u32,
    cursor: Option<&str>,
) -> Result<Page, PluginError> {
    let query = QueryView::new(query);
    let Own::Source(guest) = call.open().await?.own else {
        return Err(call.not_of_this_world());
    };
    let deadline = call.arm_for_work();
    let answer = guest.call_search(&mut call.store, query.get(), limit, cursor);
    let answer = timeout_at(deadline, answer).await;
    let page = call.answer("search", answer)?;
    convert::page(page, limit).map_err(invalid("search"))
}

pub(crate) async fn find(
    call: &mut Call<'_>,
    molecule: Option<&Molecule>,
    documents: &[Document],
) -> Result<Vec<Finding>, PluginError> {
    let views = DocumentViews::new(molecule, documents);
    let given = views.documents();
    let Own::Mapper(guest) = call.open().await?.own else {
        return Err(call.not_of_this_world());
    };
    let deadline = call.arm_for_work();
    let answer = guest.call_find(&mut call.store, views.molecule(), &given);
    let answer = timeout_at(deadline, answer).await;
    let findings = call.answer("find", answer)?;
    convert::findings(findings, documents, molecule.is_some()).map_err(invalid("find"))
}

pub(crate) async fn rerank(
    call: &mut Call<'_>,
    query: &Query,
    candidates: &[Candidate],
) -> Result<Reranked, PluginError> {
    let query = QueryView::new(query);
    let Own::Reranker(guest) = call.open().await?.own else {
        return Err(call.not_of_this_world());
    };
    match guest {
        Reranker::Packed(guest) => rerank_packed(call, &guest, &query, candidates).await,
        Reranker::V0_2_0(guest) => {
            let views = CandidateViews::new(candidates);
            rerank_at_once(call, &guest, &query, &views.get()).await
        }
        Reranker::V0_1_0(guest) => {
            let views = CandidateViews::new(candidates);
            rerank_in_steps(call, &guest, &query, &views.get()).await
        }
    }
}

async fn rerank_packed(
    call: &mut Call<'_>,
    guest: &v0_2_0::packed_reranking::Guest,
    query: &QueryView<'_>,
    candidates: &[Candidate],
) -> Result<Reranked, PluginError> {
    let packed = Packed::new(candidates);
    let deadline = call.arm_for_work();
    let answer = guest.call_rerank(&mut call.store, query.get(), packed.get());
    let answer = timeout_at(deadline, answer).await;
    let answer = call.answer("rerank", answer)?;
    convert::reranked(answer.into(), candidates.len()).map_err(invalid("rerank"))
}

async fn rerank_at_once(
    call: &mut Call<'_>,
    guest: &v0_2_0::reranking::Guest,
    query: &QueryView<'_>,
    candidates: &[types::CandidateParam<'_>],
) -> Result<Reranked, PluginError> {
    let deadline = call.arm_for_work();
    let answer = guest.call_rerank(&mut call.store, query.get(), candidates);
    let answer = timeout_at(deadline, answer).await;
    let answer = call.answer("rerank", answer)?;
    convert::reranked(answer, candidates.len()).map_err(invalid("rerank"))
}

/// As 0.1.0 asks: the candidates cross once for features and once for scores.
async fn rerank_in_steps(
    call: &mut Call<'_>,
    guest: &v0_1_0::reranking::Guest,
    query: &QueryView<'_>,
    candidates: &[types::CandidateParam<'_>],
) -> Result<Reranked, PluginError> {
    let deadline = call.arm_for_work();
    let names = guest.call_feature_names(&mut call.store);
    let names = timeout_at(deadline, names).await;
    let feature_names = call.survived("feature-names", names)?;
    convert::check_names(&feature_names).map_err(invalid("feature-names"))?;

    let features = guest.call_features(&mut call.store, query.get(), candidates);
    let features = timeout_at(deadline, features).await;
    let features = call.answer("features", features)?;
    convert::check_features(&features, candidates.len(), &feature_names)
        .map_err(invalid("features"))?;

    let scores = guest.call_score(&mut call.store, query.get(), candidates);
    let scores = timeout_at(deadline, scores).await;
    let scores = call.answer("score", scores)?;
    convert::check_scores(&scores, candidates.len()).map_err(invalid("score"))?;

    Ok(Reranked {
        feature_names,
        features,
        scores,
    })
}

fn invalid(call: &'static str) -> impl FnOnce(String) -> PluginError {
    move |what| PluginError::InvalidOutput { call, what }
}
