//! What a process runs with, held against what one like it ran with before.
//!
//! Values come as they may be told: whoever reads the settings has put digests in place of secrets.

use std::collections::BTreeMap;

use phagen_domain::{digest::Digest, plugin::Cause};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::AuditChange;
use crate::StoreError;

/// The settings of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningSettings {
    /// What it does: `serve` or `worker`.
    pub role: String,
    /// The machine it runs on.
    pub host: String,
    /// By name, such as `server.port`.
    pub values: BTreeMap<String, Value>,
}

/// What the row of a change keeps.
#[derive(Serialize, Deserialize)]
struct Detail {
    changed: BTreeMap<String, Changed>,
    settings: BTreeMap<String, Value>,
}

/// None where there is no such setting, or was none.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Changed {
    from: Option<Value>,
    to: Option<Value>,
}

impl RunningSettings {
    /// What a row of theirs is about.
    pub fn subject(&self) -> String {
        format!("{}{}", self.role_prefix(), self.host)
    }

    /// With which the subjects of all rows of this role begin.
    pub fn role_prefix(&self) -> String {
        format!("{} on ", self.role)
    }

    /// The change since the row whose detail is `last`; none when there is none. The first row of all
    /// tells every setting as it is.
    pub fn since(&self, last: Option<&str>) -> Result<Option<AuditChange>, StoreError> {
        let before = match last {
            Some(detail) => read(detail)?.settings,
            None => BTreeMap::new(),
        };
        if last.is_some() && before == self.values {
            return Ok(None);
        }
        let detail = Detail {
            changed: changed(&before, &self.values),
            settings: self.values.clone(),
        };
        let detail = serde_json::to_string(&detail).map_err(|err| StoreError::Database {
            tried: "write down the settings",
            cause: err.into(),
        })?;
        Ok(Some(AuditChange {
            actor: Cause::HOST.to_owned(),
            action: AuditChange::SETTING_CHANGE.to_owned(),
            subject: self.subject(),
            digest: Digest::of(detail.as_bytes()),
            detail: Some(detail),
        }))
    }
}

fn read(detail: &str) -> Result<Detail, StoreError> {
    serde_json::from_str(detail).map_err(|err| StoreError::CorruptRow {
        table: "audit",
        reason: format!("`detail`: {err}; run `phagen audit verify`"),
    })
}

fn changed(
    before: &BTreeMap<String, Value>,
    after: &BTreeMap<String, Value>,
) -> BTreeMap<String, Changed> {
    let names = before.keys().chain(after.keys());
    names
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| {
            let changed = Changed {
                from: before.get(name).cloned(),
                to: after.get(name).cloned(),
            };
            (name.clone(), changed)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn running(values: &Value) -> RunningSettings {
        let Value::Object(values) = values else {
            panic!("{values}")
        };
        RunningSettings {
            role: "serve".to_owned(),
            host: "a".to_owned(),
            values: values.clone().into_iter().collect(),
        }
    }

    fn told(change: Option<AuditChange>) -> (String, Value) {
        let detail = change.unwrap().detail.unwrap();
        let changed = serde_json::from_str::<Value>(&detail).unwrap()["changed"].take();
        (detail, changed)
    }

    #[test]
    fn a_row_tells_by_name_what_is_otherwise_than_before() {
        let first = running(&json!({ "a": 1, "b": "x" }));
        let (detail, changed) = told(first.since(None).unwrap());
        assert_eq!(
            changed,
            json!({ "a": { "from": null, "to": 1 }, "b": { "from": null, "to": "x" } })
        );
        assert_eq!(first.since(Some(&detail)).unwrap(), None);
        let next = running(&json!({ "a": 2, "c": null }));
        let (_, changed) = told(next.since(Some(&detail)).unwrap());
        assert_eq!(
            changed,
            json!({
                "a": { "from": 1, "to": 2 },
                "b": { "from": "x", "to": null },
                "c": { "from": null, "to": null },
            })
        );
    }

    #[test]
    fn the_first_row_is_written_even_of_no_settings() {
        assert!(running(&json!({})).since(None).unwrap().is_some());
        assert!(running(&json!({})).since(Some("{")).is_err());
    }
}
