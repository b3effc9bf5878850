//! What the rows of the chain are written for: one change each, with a digest of what it became.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use phagen_domain::{
    artifact::ArtifactRecord,
    digest::Digest,
    plugin::{PluginEvent, PublisherKey, SlotName},
};
use serde_json::Value;

use super::{AuditHead, AuditRow, digest_of};
use crate::{ApiKey, StoreError};

/// What a driver is about to write down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditChange {
    pub actor: String,
    pub action: String,
    pub subject: String,
    pub digest: Digest,
    /// See [`AuditRow::detail`].
    pub detail: Option<String>,
}

impl AuditChange {
    /// `slot_row`: the whole slot after the move, as the event keeps it. What counts is what it
    /// says: a copy of the database may write it with other spaces.
    pub fn of_event(event: &PluginEvent, slot_row: Option<&str>) -> Result<Self, StoreError> {
        let slot_row = slot_row
            .map(serde_json::from_str)
            .transpose()
            .map_err(|err| StoreError::CorruptRow {
                table: "plugin_event",
                reason: format!("`slot_row`: {err}"),
            })?;
        Ok(Self {
            actor: event.cause.actor.clone(),
            action: format!("plugin.{}", event.cause.verb.as_str()),
            subject: event.seq.to_string(),
            digest: digest_of(&(
                event.seq,
                event.at.timestamp_millis(),
                event.cause.verb.as_str(),
                &event.cause.actor,
                &event.cause.reason,
                event.digest,
                event.state.as_str(),
                event.slot.as_ref().map(SlotName::as_str),
                event.generation,
                slot_row.map(sorted),
            ))?,
            detail: None,
        })
    }

    pub fn of_key_created(key: &ApiKey) -> Result<Self, StoreError> {
        Ok(Self {
            actor: key.created_by.clone(),
            action: Self::KEY_CREATE.to_owned(),
            subject: key.name.clone(),
            digest: digest_of(&(
                &key.name,
                &key.prefix,
                key.hash,
                key.scopes.to_string(),
                millisecond(Some(key.created_at)),
                &key.created_by,
                millisecond(key.expires_at),
            ))?,
            detail: None,
        })
    }

    pub fn of_key_revoked(key: &ApiKey, revoked_by: &str) -> Result<Self, StoreError> {
        Ok(Self {
            actor: revoked_by.to_owned(),
            action: Self::KEY_REVOKE.to_owned(),
            subject: key.name.clone(),
            digest: digest_of(&(&key.name, key.hash, millisecond(key.revoked_at)))?,
            detail: None,
        })
    }

    pub fn of_publisher_added(key: &PublisherKey) -> Result<Self, StoreError> {
        Ok(Self {
            actor: key.added_by.clone(),
            action: Self::PUBLISHER_ADD.to_owned(),
            subject: key.name.clone(),
            digest: digest_of(&(
                &key.name,
                &key.public_key,
                millisecond(Some(key.added_at)),
                &key.added_by,
                millisecond(key.expires_at),
            ))?,
            detail: None,
        })
    }

    pub fn of_publisher_revoked(key: &PublisherKey, revoked_by: &str) -> Result<Self, StoreError> {
        Ok(Self {
            actor: revoked_by.to_owned(),
            action: Self::PUBLISHER_REVOKE.to_owned(),
            subject: key.name.clone(),
            digest: digest_of(&(&key.name, &key.public_key, millisecond(key.revoked_at)))?,
            detail: None,
        })
    }

    /// Its promotion, and the way back, are moves of a slot, and have rows as such.
    pub fn of_model_recorded(
        artifact: &ArtifactRecord,
        recorded_by: &str,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            actor: recorded_by.to_owned(),
            action: Self::MODEL_RECORD.to_owned(),
            subject: artifact.digest.to_string(),
            digest: digest_of(&(
                artifact.digest,
                &artifact.name,
                &artifact.format,
                artifact.size_bytes,
                millisecond(Some(artifact.created_at)),
            ))?,
            detail: None,
        })
    }

    /// `what`: such as `all` or `source "clinical"`. The answers lie in no row of the database, so
    /// this one is written by itself, before they are forgotten.
    pub fn of_cache_invalidated(what: &str, invalidated_by: &str) -> Result<Self, StoreError> {
        Ok(Self {
            actor: invalidated_by.to_owned(),
            action: Self::CACHE_INVALIDATE.to_owned(),
            subject: what.to_owned(),
            digest: digest_of(&what)?,
            detail: None,
        })
    }

    pub const MODEL_RECORD: &str = "model.record";
    pub const CACHE_INVALIDATE: &str = "cache.invalidate";
    pub const SETTING_CHANGE: &str = "setting.change";
    pub const KEY_CREATE: &str = "key.create";
    pub const KEY_REVOKE: &str = "key.revoke";
    pub const PUBLISHER_ADD: &str = "publisher.add";
    pub const PUBLISHER_REVOKE: &str = "publisher.revoke";

    /// The row that follows `head`.
    pub fn after(self, head: AuditHead, at: DateTime<Utc>) -> Result<AuditRow, StoreError> {
        let mut row = AuditRow {
            seq: head.seq + 1,
            at,
            actor: self.actor,
            action: self.action,
            subject: self.subject,
            digest: self.digest,
            previous: head.hash,
            hash: head.hash,
            detail: self.detail,
        };
        row.hash = row.own_hash()?;
        Ok(row)
    }
}

/// With the fields of every object by name.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<String, Value> = fields.into_iter().collect();
            Value::Object(fields.into_iter().map(|(k, v)| (k, sorted(v))).collect())
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}

/// As the database keeps times.
fn millisecond(at: Option<DateTime<Utc>>) -> Option<i64> {
    at.map(|at| at.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use phagen_domain::plugin::{Cause, Verb, VersionState};

    use super::*;

    #[test]
    fn a_slot_is_what_its_row_says_however_it_is_written() {
        let event = PluginEvent {
            seq: 1,
            at: DateTime::UNIX_EPOCH,
            cause: Cause::host(Verb::Seed, "a test"),
            digest: Digest::of(b"plugin"),
            state: VersionState::Active,
            slot: Some("reranker".parse().unwrap()),
            generation: Some(1),
        };
        let digest = |row: &str| AuditChange::of_event(&event, Some(row)).unwrap().digest;
        let one = digest(r#"{"b":{"y":0.5,"x":[1,2]},"a":null}"#);
        assert_eq!(
            digest(r#"{ "a": null, "b": {"x": [1, 2], "y": 0.5} }"#),
            one
        );
        assert_ne!(digest(r#"{"b":{"y":0.5,"x":[2,1]},"a":null}"#), one);
        assert!(AuditChange::of_event(&event, Some("{")).is_err());
    }
}
