//! Scoring with an artifact, as the guest does it.

use phagen_domain::artifact::LinearReranker;

use crate::ModelError;

/// bias + Σ weight · feature. `features` are in the order of the artifact's names.
pub fn score(reranker: &LinearReranker, features: &[f32]) -> f32 {
    reranker
        .weights
        .iter()
        .zip(features)
        .fold(reranker.bias, |sum, (weight, feature)| {
            sum + weight * feature
        })
}

/// An artifact from a file may say anything.
pub(crate) fn check(reranker: &LinearReranker) -> Result<(), ModelError> {
    let invalid = |reason| Err(ModelError::InvalidArtifact { reason });
    let (n_weights, n_names) = (reranker.weights.len(), reranker.feature_names.len());
    if reranker.format != LinearReranker::FORMAT {
        return invalid(format!(
            "its format is `{}`, not `{}`",
            reranker.format,
            LinearReranker::FORMAT
        ));
    }
    if n_names == 0 || n_weights != n_names {
        return invalid(format!("it has {n_weights} weights for {n_names} names"));
    }
    let numbers = reranker.weights.iter().chain([&reranker.bias]);
    if numbers.into_iter().any(|value| !value.is_finite()) {
        return invalid("a weight is not finite".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy;

    #[test]
    fn an_artifact_that_cannot_score_is_refused() {
        let good = toy::reranker(&[1.0, 2.0]);
        assert!(check(&good).is_ok());
        let mut other_format = good.clone();
        other_format.format = "phagen.linear-reranker/9".into();
        let mut short = good.clone();
        short.weights.pop();
        let mut broken = good;
        broken.weights[0] = f32::NAN;
        for artifact in [other_format, short, broken] {
            assert!(check(&artifact).is_err(), "{artifact:?}");
        }
    }
}
