//! What `phagen plugin bench` orders: golden cases, how long each may be asked, and an artifact.

use std::{fs, path::Path, rc::Rc, time::Duration};

use serde_json::Value;

use super::case::{list, optional, text};
use crate::host::ArtifactHandle;

/// Of each case, where the order names no number.
const MAX_ROUNDS: usize = 2_000;
const BUDGET: Duration = Duration::from_secs(2);

pub(super) struct Order {
    pub(super) budget: Duration,
    pub(super) max_rounds: usize,
    pub(super) artifact: Option<ArtifactHandle>,
    cases: Vec<(String, Value)>,
}

impl Order {
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let file = |error| format!("cannot read the order `{}`: {error}", path.display());
        Self::parse(&fs::read(path).map_err(file)?)
    }

    pub(super) fn parse(json: &[u8]) -> Result<Self, String> {
        let order: Value = serde_json::from_slice(json)
            .map_err(|error| format!("the order is no JSON: {error}"))?;
        let artifact = match &order["artifact"] {
            Value::Null => None,
            artifact => Some(open(artifact)?),
        };
        let number = |key: &str| order[key].as_u64();
        Ok(Self {
            budget: number("budget_milliseconds").map_or(BUDGET, Duration::from_millis),
            max_rounds: number("max_rounds")
                .and_then(|rounds| usize::try_from(rounds).ok())
                .unwrap_or(MAX_ROUNDS),
            artifact,
            cases: list(&order, "cases", |case| {
                Ok((text(case, "name")?, case.clone()))
            })?,
        })
    }

    pub(super) fn cases(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.cases.iter().map(|(name, case)| (name.as_str(), case))
    }
}

fn open(artifact: &Value) -> Result<ArtifactHandle, String> {
    let path = text(artifact, "path")?;
    let bytes =
        fs::read(&path).map_err(|error| format!("cannot read the artifact `{path}`: {error}"))?;
    let name = optional(artifact, "name").unwrap_or_default();
    Ok(ArtifactHandle::new(name, Rc::from(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_without_numbers_has_the_usual_ones() {
        let order = Order::parse(br#"{ "cases": [{ "name": "a" }] }"#).unwrap();
        assert_eq!((order.budget, order.max_rounds), (BUDGET, MAX_ROUNDS));
        assert_eq!(order.cases().next().unwrap().0, "a");
    }

    #[test]
    fn an_order_that_cannot_be_read_says_why() {
        for (json, expected) in [
            ("{", "no JSON"),
            (r#"{ "cases": [{}] }"#, "`name` is missing"),
            (
                r#"{ "cases": [], "artifact": { "path": "/nowhere/x" } }"#,
                "/nowhere/x",
            ),
        ] {
            let refusal = Order::parse(json.as_bytes()).err().unwrap();
            assert!(refusal.contains(expected), "{refusal}");
        }
        let refusal = Order::read(Path::new("/nowhere/order")).err().unwrap();
        assert!(refusal.contains("/nowhere/order"), "{refusal}");
    }
}
