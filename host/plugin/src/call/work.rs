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
    convert::{self, CandidateViews, DocumentViews, QueryView},
    slot::{Document, Reranked},
    world::Own,
};

/// Columns of a reranker.
const MAX_FEATURES: usize = 512;
/// Bytes of a column's name.
const MAX_NAME_BYTES: usize = 200;

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
    let views = CandidateViews::new(candidates);
    let candidates = views.get();
    let Own::Reranker(guest) = call.open().await?.own else {
        return Err(call.not_of_this_world());
    };
    let deadline = call.arm_for_work();

    let names = guest.call_feature_names(&mut call.store);
    let names = timeout_at(deadline, names).await;
    let feature_names = call.survived("feature-names", names)?;
    check_names(&feature_names).map_err(invalid("feature-names"))?;

    let features = guest.call_features(&mut call.store, query.get(), &candidates);
    let features = timeout_at(deadline, features).await;
    let features = call.answer("features", features)?;
    check_features(&features, candidates.len(), &feature_names).map_err(invalid("features"))?;

    let scores = guest.call_score(&mut call.store, query.get(), &candidates);
    let scores = timeout_at(deadline, scores).await;
    let scores = call.answer("score", scores)?;
    check_scores(&scores, candidates.len()).map_err(invalid("score"))?;

    Ok(Reranked {
        feature_names,
        features,
        scores,
    })
}

fn invalid(call: &'static str) -> impl FnOnce(String) -> PluginError {
    move |what| PluginError::InvalidOutput { call, what }
}

fn check_names(names: &[String]) -> Result<(), String> {
    if names.len() > MAX_FEATURES {
        let n = names.len();
        return Err(format!("{n} features; at most {MAX_FEATURES} are kept"));
    }
    let mut sorted: Vec<&str> = names.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    if let Some([name, _]) = sorted.array_windows().find(|[a, b]| a == b) {
        return Err(format!("feature `{name}` is named twice"));
    }
    match names
        .iter()
        .find(|name| name.trim().is_empty() || name.len() > MAX_NAME_BYTES)
    {
        Some(name) => Err(format!(
            "a feature's name has {} bytes; expected 1 to {MAX_NAME_BYTES}, not all blank",
            name.len()
        )),
        None => Ok(()),
    }
}

fn check_features(rows: &[Vec<f32>], n_candidates: usize, names: &[String]) -> Result<(), String> {
    if rows.len() != n_candidates {
        return Err(format!("{} rows for {n_candidates} candidates", rows.len()));
    }
    for (at, row) in rows.iter().enumerate() {
        if row.len() != names.len() {
            let (n, n_names) = (row.len(), names.len());
            return Err(format!("row {at} has {n} values for {n_names} names"));
        }
        if let Some((value, name)) = row.iter().zip(names).find(|(value, _)| !value.is_finite()) {
            return Err(format!("feature `{name}` of candidate {at} is {value}"));
        }
    }
    Ok(())
}

fn check_scores(scores: &[f32], n_candidates: usize) -> Result<(), String> {
    if scores.len() != n_candidates {
        return Err(format!(
            "{} scores for {n_candidates} candidates",
            scores.len()
        ));
    }
    match scores.iter().position(|score| !score.is_finite()) {
        Some(at) => Err(format!("the score of candidate {at} is {}", scores[at])),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn feature_names_are_few_short_and_different() {
        assert_eq!(check_names(&names(&["a", "b"])), Ok(()));
        let many: Vec<String> = (0..=MAX_FEATURES).map(|n| n.to_string()).collect();
        assert!(check_names(&many[1..]).is_ok());
        for (broken, named) in [
            (many, "513 features"),
            (names(&["a", "b", "a"]), "`a` is named twice"),
            (names(&[" "]), "expected 1 to 200"),
            (vec!["x".repeat(MAX_NAME_BYTES + 1)], "has 201 bytes"),
        ] {
            let what = check_names(&broken).unwrap_err();
            assert!(what.contains(named), "{what}");
        }
    }

    #[test]
    fn features_have_a_row_per_candidate_and_a_value_per_name() {
        let names = names(&["a", "b"]);
        assert_eq!(check_features(&[vec![0.0, 1.0]], 1, &names), Ok(()));
        for (rows, named) in [
            (vec![], "0 rows for 1 candidates"),
            (vec![vec![0.0]], "row 0 has 1 values for 2 names"),
            (
                vec![vec![0.0, f32::NAN]],
                "feature `b` of candidate 0 is NaN",
            ),
        ] {
            assert_eq!(check_features(&rows, 1, &names), Err(named.to_owned()));
        }
    }

    #[test]
    fn scores_are_as_many_as_candidates_and_finite() {
        assert_eq!(check_scores(&[0.5, -1.0], 2), Ok(()));
        let short = check_scores(&[0.5], 2);
        assert_eq!(short, Err("1 scores for 2 candidates".to_owned()));
        let endless = check_scores(&[0.5, f32::NEG_INFINITY], 2);
        assert_eq!(endless, Err("the score of candidate 1 is -inf".to_owned()));
    }
}
