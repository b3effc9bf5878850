//! The record of changes as a chain: each row holds the hash of the one before it, so that none can
//! be changed, taken out or moved without a trace. It is written in the transaction of the change,
//! and never changed afterwards.
//!
//! Whoever can rewrite the whole chain, or cut its tail, is found by the heads that processes note
//! outside the database; nothing here does that.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use phagen_domain::{
    digest::Digest,
    plugin::{PluginEvent, PublisherKey, SlotName},
};
use serde::Serialize;
use serde_json::Value;

use crate::{ApiKey, StoreError};

/// One change, as the chain has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Counts up from 1 without gap.
    pub seq: u64,
    pub at: DateTime<Utc>,
    pub actor: String,
    /// Such as `plugin.activate` or `key.create`.
    pub action: String,
    /// What changed: the number of an event of plugins, or the name of a key.
    pub subject: String,
    /// Of what it changed to, as [`AuditChange`] writes it.
    pub digest: Digest,
    /// Hash of the row before; of the first, that of [`AuditHead::empty`].
    pub previous: Digest,
    pub hash: Digest,
}

/// Where the chain ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditHead {
    /// 0 before the first row.
    pub seq: u64,
    pub hash: Digest,
}

impl AuditHead {
    /// Before the first row.
    pub fn empty() -> Self {
        Self {
            seq: 0,
            hash: Digest::of(b"phagen audit 1"),
        }
    }
}

/// What a driver is about to write down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditChange {
    pub actor: String,
    pub action: String,
    pub subject: String,
    pub digest: Digest,
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
        })
    }

    pub fn of_key_revoked(key: &ApiKey, revoked_by: &str) -> Result<Self, StoreError> {
        Ok(Self {
            actor: revoked_by.to_owned(),
            action: Self::KEY_REVOKE.to_owned(),
            subject: key.name.clone(),
            digest: digest_of(&(&key.name, key.hash, millisecond(key.revoked_at)))?,
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
        })
    }

    pub fn of_publisher_revoked(key: &PublisherKey, revoked_by: &str) -> Result<Self, StoreError> {
        Ok(Self {
            actor: revoked_by.to_owned(),
            action: Self::PUBLISHER_REVOKE.to_owned(),
            subject: key.name.clone(),
            digest: digest_of(&(&key.name, &key.public_key, millisecond(key.revoked_at)))?,
        })
    }

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
        };
        row.hash = row.own_hash()?;
        Ok(row)
    }
}

impl AuditRow {
    pub fn head(&self) -> AuditHead {
        AuditHead {
            seq: self.seq,
            hash: self.hash,
        }
    }

    /// The hash that the row has unless somebody changed it.
    fn own_hash(&self) -> Result<Digest, StoreError> {
        digest_of(&(
            self.seq,
            self.at.timestamp_millis(),
            &self.actor,
            &self.action,
            &self.subject,
            self.digest,
            self.previous,
        ))
    }
}

/// What is wrong with the chain, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditFault {
    #[error("row {0} is missing")]
    Missing(u64),
    #[error("row {0} was changed after it was written")]
    Changed(u64),
    #[error(
        "row {0} does not follow the row before it: one of the two was put there later, or moved"
    )]
    Misplaced(u64),
}

/// The chain as far as it was walked.
#[derive(Debug)]
pub struct AuditWalk(AuditHead);

impl Default for AuditWalk {
    fn default() -> Self {
        Self(AuditHead::empty())
    }
}

impl AuditWalk {
    pub fn head(&self) -> AuditHead {
        self.0
    }

    /// The next row by its number. After a fault the walk goes on from this row, so that one that
    /// was changed is one fault and not as many as there are rows behind it.
    pub fn step(&mut self, row: &AuditRow) -> Result<Option<AuditFault>, StoreError> {
        let before = std::mem::replace(&mut self.0, row.head());
        if row.seq != before.seq + 1 {
            return Ok(Some(AuditFault::Missing(before.seq + 1)));
        }
        let is_linked = row.previous == before.hash;
        Ok(match (row.own_hash()? == row.hash, is_linked) {
            (true, true) => None,
            (false, true) => Some(AuditFault::Changed(row.seq)),
            (_, false) => Some(AuditFault::Misplaced(row.seq)),
        })
    }
}

#[async_trait]
pub trait AuditStore: Send + Sync {
    /// The rows after `after`, by their numbers.
    async fn list_audit(&self, after: u64, limit: u32) -> Result<Vec<AuditRow>, StoreError>;

    async fn audit_head(&self) -> Result<AuditHead, StoreError>;

    /// Events of plugins after `after`, oldest first, each with the slot that it left, as text: what
    /// [`AuditChange::of_event`] is made of.
    async fn list_audited_events(
        &self,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(PluginEvent, Option<String>)>, StoreError>;
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

/// Of `content` as JSON: an array of what counts, in a fixed order.
fn digest_of(content: &impl Serialize) -> Result<Digest, StoreError> {
    let text = serde_json::to_vec(content).map_err(|err| StoreError::Database {
        tried: "write down a change",
        cause: err.into(),
    })?;
    Ok(Digest::of(&text))
}

#[cfg(test)]
mod tests {
    use phagen_domain::plugin::{Cause, Verb, VersionState};

    use super::*;

    /// A chain of `n` changes.
    fn chain(n: u64) -> Vec<AuditRow> {
        let mut head = AuditHead::empty();
        (1..=n)
            .map(|n| {
                let change = AuditChange {
                    actor: "ada".to_owned(),
                    action: AuditChange::KEY_CREATE.to_owned(),
                    subject: n.to_string(),
                    digest: Digest::of(&n.to_be_bytes()),
                };
                let row = change.after(head, DateTime::UNIX_EPOCH).unwrap();
                head = row.head();
                row
            })
            .collect()
    }

    fn faults(rows: &[AuditRow]) -> Vec<AuditFault> {
        let mut walk = AuditWalk::default();
        rows.iter()
            .filter_map(|row| walk.step(row).unwrap())
            .collect()
    }

    #[test]
    fn an_untouched_chain_is_whole() {
        let rows = chain(5);
        assert_eq!(faults(&rows), []);
        let mut walk = AuditWalk::default();
        for row in &rows {
            walk.step(row).unwrap();
        }
        assert_eq!(walk.head(), rows[4].head());
    }

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

    #[test]
    fn a_changed_row_is_named() {
        let change: [fn(&mut AuditRow); 5] = [
            |row| row.actor = "eve".to_owned(),
            |row| row.action = AuditChange::KEY_REVOKE.to_owned(),
            |row| row.subject = "9".to_owned(),
            |row| row.digest = Digest::of(b"other"),
            |row| row.at = DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(1),
        ];
        for change in change {
            let mut rows = chain(4);
            change(&mut rows[2]);
            assert_eq!(faults(&rows), [AuditFault::Changed(3)]);
        }
        // With a hash that fits: the row behind it tells.
        let mut rows = chain(4);
        rows[2].actor = "eve".to_owned();
        rows[2].hash = rows[2].own_hash().unwrap();
        assert_eq!(faults(&rows), [AuditFault::Misplaced(4)]);
    }

    #[test]
    fn a_missing_row_is_named() {
        for (n, at) in [(0, 1), (2, 3)] {
            let mut rows = chain(4);
            rows.remove(n);
            assert_eq!(faults(&rows), [AuditFault::Missing(at)]);
        }
    }

    #[test]
    fn rows_that_changed_places_are_named() {
        let mut rows = chain(4);
        rows.swap(1, 2);
        (rows[1].seq, rows[2].seq) = (2, 3);
        assert_eq!(
            faults(&rows),
            [2, 3, 4].map(AuditFault::Misplaced),
            "and the one behind them"
        );
    }
}
