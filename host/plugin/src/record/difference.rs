//! Where two answers first differ.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a replay found that the recording does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("`{path}` was `{recorded}` and is `{replayed}` now")]
pub struct Difference {
    /// Within the recorded call, such as `answer.reranked.scores[3]`.
    pub path: String,
    pub recorded: String,
    pub replayed: String,
}

impl Difference {
    pub(crate) fn new(
        path: impl Into<String>,
        recorded: impl fmt::Display,
        replayed: impl fmt::Display,
    ) -> Self {
        Self {
            path: path.into(),
            recorded: recorded.to_string(),
            replayed: replayed.to_string(),
        }
    }

    /// The first between two values, in the order of their fields.
    pub(crate) fn first<T: Serialize>(path: &str, recorded: &T, replayed: &T) -> Option<Self> {
        let value = |value| serde_json::to_value(value).unwrap_or(Value::Null);
        walk(path, &value(recorded), &value(replayed))
    }
}

fn walk(path: &str, recorded: &Value, replayed: &Value) -> Option<Difference> {
    const NOTHING: &str = "nothing";
    match (recorded, replayed) {
        (Value::Array(a), Value::Array(b)) => {
            let mut both = a.iter().zip(b).enumerate();
            let within = both.find_map(|(n, (a, b))| walk(&format!("{path}[{n}]"), a, b));
            within.or_else(|| {
                (a.len() != b.len()).then(|| {
                    let at = a.len().min(b.len());
                    let text = |list: &[Value]| list.get(at).map_or(NOTHING.to_owned(), short);
                    Difference::new(format!("{path}[{at}]"), text(a), text(b))
                })
            })
        }
        (Value::Object(a), Value::Object(b)) => {
            let mut keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            keys.find_map(|key| {
                let path = format!("{path}.{key}");
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => walk(&path, a, b),
                    (a, b) => {
                        let text = |v: Option<&Value>| v.map_or(NOTHING.to_owned(), short);
                        Some(Difference::new(path, text(a), text(b)))
                    }
                }
            })
        }
        // As texts: 0 and -0 are equal as numbers and have other bits.
        (a, b) => {
            let (a, b) = (a.to_string(), b.to_string());
            (a != b).then(|| Difference::new(path, short_text(a), short_text(b)))
        }
    }
}

fn short(value: &Value) -> String {
    short_text(value.to_string())
}

/// A difference stays a line.
fn short_text(mut text: String) -> String {
    const MAX_CHARS: usize = 200;
    if let Some((end, _)) = text.char_indices().nth(MAX_CHARS) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_difference_is_named_with_both_values() {
        let first = |a: Value, b: Value| {
            Difference::first("answer", &a, &b).map(|d| (d.path, d.recorded, d.replayed))
        };
        let told =
            |path: &str, a: &str, b: &str| Some((path.to_owned(), a.to_owned(), b.to_owned()));
        assert_eq!(first(json!({"a": [1, 2]}), json!({"a": [1, 2]})), None);
        assert_eq!(
            first(
                json!({"a": [1, 2, 3], "b": 1}),
                json!({"a": [1, 5, 4], "b": 2})
            ),
            told("answer.a[1]", "2", "5")
        );
        assert_eq!(
            first(json!([1]), json!([1, 2])),
            told("answer[1]", "nothing", "2")
        );
        assert_eq!(
            first(json!({"a": 1}), json!({})),
            told("answer.a", "1", "nothing")
        );
        assert_eq!(
            first(json!(0.0), json!(-0.0)),
            told("answer", "0.0", "-0.0")
        );
        assert_eq!(first(json!(1), json!("1")), told("answer", "1", "\"1\""));
    }

    #[test]
    fn neighbours_among_numbers_differ() {
        let score = 0.1_f32;
        let next = f32::from_bits(score.to_bits() + 1);
        let difference = Difference::first("scores", &[score], &[next]).unwrap();
        assert_eq!(difference.path, "scores[0]");
    }
}
