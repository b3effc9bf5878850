//! What a reranker says, held against what it was asked.

use crate::{
    bindings::v0_2_0::{packed_reranking, reranking},
    slot::Reranked,
};

/// Columns of a reranker.
const MAX_FEATURES: usize = 512;
/// Bytes of a column's name.
const MAX_NAME_BYTES: usize = 200;

/// A reranker's answer for `n_candidates`, or what is wrong with it first.
pub(crate) fn reranked(
    answer: reranking::Reranked,
    n_candidates: usize,
) -> Result<Reranked, String> {
    let reranking::Reranked {
        feature_names,
        features,
        scores,
    } = answer;
    check_names(&feature_names)?;
    let features = rows(&features, n_candidates, &feature_names)?;
    check_scores(&scores, n_candidates)?;
    Ok(Reranked {
        feature_names,
        features,
        scores,
    })
}

impl From<packed_reranking::Reranked> for reranking::Reranked {
    fn from(answer: packed_reranking::Reranked) -> Self {
        Self {
            feature_names: answer.feature_names,
            features: answer.features,
            scores: answer.scores,
        }
    }
}

/// One row after the other, cut into rows.
fn rows(features: &[f32], n_candidates: usize, names: &[String]) -> Result<Vec<Vec<f32>>, String> {
    let (n, n_names) = (features.len(), names.len());
    if n_candidates.checked_mul(n_names) != Some(n) {
        return Err(format!(
            "{n} features for {n_candidates} candidates and {n_names} names"
        ));
    }
    if let Some(at) = features.iter().position(|value| !value.is_finite()) {
        let (candidate, name) = (at / n_names, &names[at % n_names]);
        let value = features[at];
        return Err(format!(
            "feature `{name}` of candidate {candidate} is {value}"
        ));
    }
    Ok(match n_names {
        // Nothing to cut: every candidate still has its row.
        0 => vec![Vec::new(); n_candidates],
        _ => features
            .chunks_exact(n_names)
            .map(<[f32]>::to_vec)
            .collect(),
    })
}

pub(crate) fn check_names(names: &[String]) -> Result<(), String> {
    if names.len() > MAX_FEATURES {
        let n = names.len();
        return Err(format!("{n} features; at most {MAX_FEATURES} are kept"));
    }
    // By length first: most names differ in it, and it costs no look at their letters.
    let mut sorted: Vec<(usize, &str)> = names.iter().map(|name| (name.len(), &**name)).collect();
    sorted.sort_unstable();
    if let Some([(_, name), _]) = sorted.array_windows().find(|[a, b]| a == b) {
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

pub(crate) fn check_features(
    rows: &[Vec<f32>],
    n_candidates: usize,
    names: &[String],
) -> Result<(), String> {
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

pub(crate) fn check_scores(scores: &[f32], n_candidates: usize) -> Result<(), String> {
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
    fn a_flat_answer_is_cut_into_rows() {
        let answer = |n_names: usize, features: &[f32]| reranking::Reranked {
            feature_names: (0..n_names).map(|n| format!("f{n}")).collect(),
            features: features.to_vec(),
            scores: vec![0.0; 2],
        };
        let cut = |answer| reranked(answer, 2).map(|reranked| reranked.features);
        assert_eq!(
            cut(answer(2, &[1.0, 2.0, 3.0, 4.0])),
            Ok(vec![vec![1.0, 2.0], vec![3.0, 4.0]])
        );
        assert_eq!(cut(answer(0, &[])), Ok(vec![Vec::new(), Vec::new()]));
        for (broken, named) in [
            (answer(2, &[1.0]), "1 features for 2 candidates and 2 names"),
            (answer(0, &[1.0]), "1 features for 2 candidates and 0 names"),
            (
                answer(2, &[0.0, 0.0, 0.0, f32::INFINITY]),
                "feature `f1` of candidate 1 is inf",
            ),
        ] {
            assert_eq!(cut(broken), Err(named.to_owned()));
        }
        let short = reranked(answer(0, &[]), 3).unwrap_err();
        assert_eq!(short, "2 scores for 3 candidates");
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
