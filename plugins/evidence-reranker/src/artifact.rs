//! The weights, as the artifact holds them. An artifact that was made for other features is
//! refused: a weight on the wrong column would order evidence by nonsense, and nobody would see.

use std::borrow::Cow;

use phagen_sdk::Failure;
use serde::Deserialize;

use crate::feature::NAMES;

/// The artifact's own name for its format.
const FORMAT: &str = "phagen.linear-reranker/1";

/// The largest magnitude that a weight may have; with features in -1..=1 every score is finite.
const MAX_WEIGHT: f32 = 1e6;

/// The part of the artifact that scoring needs; how it was trained is for people.
#[derive(Deserialize)]
struct Artifact<'a> {
    format: String,
    #[serde(borrow)]
    feature_names: Vec<Name<'a>>,
    weights: Vec<f32>,
    bias: f32,
}

/// Where it lies in the JSON, since every instance reads them all.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// What the artifact says otherwise than this guest expects.
#[derive(Debug)]
pub(crate) struct Mismatch(String);

impl Mismatch {
    pub(crate) fn of_artifact(self, name: &str) -> Failure {
        Failure::artifact_mismatch(format!("artifact `{name}` does not fit: {}", self.0))
    }
}

/// score = bias + Σ weight · feature.
#[derive(Debug)]
pub(crate) struct LinearModel {
    weights: [f32; NAMES.len()],
    bias: f32,
}

impl LinearModel {
    pub(crate) fn parse(json: &[u8]) -> Result<Self, Mismatch> {
        let artifact: Artifact<'_> = serde_json::from_slice(json)
            .map_err(|error| Mismatch(format!("expected `{FORMAT}` as JSON, found {error}")))?;
        if artifact.format != FORMAT {
            let found = artifact.format;
            return Err(Mismatch(format!(
                "expected format `{FORMAT}`, found `{found}`"
            )));
        }
        check_names(&artifact.feature_names)?;
        let n_weights = artifact.weights.len();
        let weights = artifact.weights.try_into().map_err(|_| {
            let n_features = NAMES.len();
            Mismatch(format!("expected {n_features} weights, found {n_weights}"))
        })?;
        let model = Self {
            weights,
            bias: artifact.bias,
        };
        model.check_weights()?;
        Ok(model)
    }

    pub(crate) fn score(&self, features: &[f32; NAMES.len()]) -> f32 {
        let terms = self.weights.iter().zip(features);
        terms.fold(self.bias, |score, (weight, feature)| {
            score + weight * feature
        })
    }

    fn check_weights(&self) -> Result<(), Mismatch> {
        let weights = NAMES.into_iter().zip(self.weights);
        for (name, weight) in weights.chain([("bias", self.bias)]) {
            if !(-MAX_WEIGHT..=MAX_WEIGHT).contains(&weight) {
                return Err(Mismatch(format!(
                    "expected weights of at most {MAX_WEIGHT:e}, found {weight} for `{name}`"
                )));
            }
        }
        Ok(())
    }
}

/// The same names in the same order, or the first difference.
fn check_names(found: &[Name<'_>]) -> Result<(), Mismatch> {
    let length = NAMES.len().max(found.len());
    let difference =
        (0..length).find(|&i| NAMES.get(i).copied() != found.get(i).map(|name| &*name.0));
    let Some(i) = difference else {
        return Ok(());
    };
    let quoted = |name: Option<&str>| name.map_or("none".to_owned(), |name| format!("`{name}`"));
    Err(Mismatch(format!(
        "expected {} as feature {} of {}, found {} of {}",
        quoted(NAMES.get(i).copied()),
        i + 1,
        NAMES.len(),
        quoted(found.get(i).map(|name| &*name.0)),
        found.len()
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn default() -> Value {
        serde_json::from_slice(include_bytes!("../artifact.json")).unwrap()
    }

    /// Why the default is refused after a change.
    fn refusal(change: impl FnOnce(&mut Value)) -> String {
        let mut artifact = default();
        change(&mut artifact);
        let json = serde_json::to_vec(&artifact).unwrap();
        LinearModel::parse(&json).unwrap_err().0
    }

    #[test]
    fn the_default_loads() {
        LinearModel::parse(include_bytes!("../artifact.json")).unwrap();
    }

    #[test]
    fn how_it_was_trained_is_not_looked_at() {
        let mut artifact = default();
        artifact["training"] = json!({ "seed": 7 });
        LinearModel::parse(&serde_json::to_vec(&artifact).unwrap()).unwrap();
    }

    #[test]
    fn another_format_is_refused() {
        assert_eq!(
            refusal(|a| a["format"] = json!("phagen.linear-reranker/2")),
            "expected format `phagen.linear-reranker/1`, found `phagen.linear-reranker/2`"
        );
    }

    #[test]
    fn other_features_are_refused_and_the_first_is_named() {
        assert_eq!(
            refusal(|a| a["feature_names"][1] = json!("colour")),
            "expected `name_in_subject` as feature 2 of 22, found `colour` of 22"
        );
        let swapped = refusal(|a| a["feature_names"].as_array_mut().unwrap().swap(0, 1));
        assert!(swapped.starts_with("expected `name_in_title` as feature 1"));
        let fewer = refusal(|a| drop(a["feature_names"].as_array_mut().unwrap().pop()));
        assert!(fewer.ends_with("found none of 21"), "{fewer}");
        let more = refusal(|a| a["feature_names"].as_array_mut().unwrap().push(json!("x")));
        assert!(more.starts_with("expected none as feature 23 of 22"));
    }

    #[test]
    fn a_wrong_number_of_weights_is_refused() {
        let fewer = refusal(|a| drop(a["weights"].as_array_mut().unwrap().pop()));
        assert_eq!(fewer, "expected 22 weights, found 21");
    }

    #[test]
    fn weights_beyond_the_limit_are_refused() {
        let infinite = refusal(|a| a["weights"][0] = json!(1e39));
        assert_eq!(
            infinite,
            "expected weights of at most 1e6, found inf for `name_in_title`"
        );
        assert!(refusal(|a| a["bias"] = json!(-1.1e6)).ends_with("`bias`"));
        assert!(refusal(|a| a["weights"][0] = Value::Null).contains("found invalid type"));
        let mut largest = default();
        largest["weights"][0] = json!(1e6);
        LinearModel::parse(&serde_json::to_vec(&largest).unwrap()).unwrap();
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for bytes in [b"".as_slice(), b"\0asm", b"{}", b"[]"] {
            let why = LinearModel::parse(bytes).unwrap_err().0;
            assert!(why.starts_with("expected `phagen.linear-reranker/1` as JSON"));
        }
    }
}
