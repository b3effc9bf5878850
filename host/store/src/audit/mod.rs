//! The record of changes as a chain: each row holds the hash of the one before it, so that none can
//! be changed, taken out or moved without a trace. It is written in the transaction of the change,
//! and never changed afterwards.
//!
//! Whoever can rewrite the whole chain, or cut its tail, is found by the heads that processes note
//! outside the database; nothing here does that.

mod change;
mod setting;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use phagen_domain::{digest::Digest, plugin::PluginEvent};
use serde::Serialize;

use crate::StoreError;

pub use change::AuditChange;
pub use setting::RunningSettings;

/// One change, as the chain has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Counts up from 1 without gap.
    pub seq: u64,
    pub at: DateTime<Utc>,
    pub actor: String,
    /// Such as `plugin.activate` or `key.create`.
    pub action: String,
    /// What changed: the number of an event of plugins, the name of a key, the digest of an artifact,
    /// what was forgotten, or whose settings.
    pub subject: String,
    /// Of what it changed to, as [`AuditChange`] writes it.
    pub digest: Digest,
    /// Hash of the row before; of the first, that of [`AuditHead::empty`].
    pub previous: Digest,
    pub hash: Digest,
    /// What `digest` is of, where no other row of the database has it: of settings, as JSON.
    pub detail: Option<String>,
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

impl AuditRow {
    pub fn head(&self) -> AuditHead {
        AuditHead {
            seq: self.seq,
            hash: self.hash,
        }
    }

    /// Whether the detail is what was written, and there is one where there must be.
    fn is_detail_whole(&self) -> bool {
        match &self.detail {
            Some(detail) => Digest::of(detail.as_bytes()) == self.digest,
            None => self.action != AuditChange::SETTING_CHANGE,
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
        let is_whole = row.own_hash()? == row.hash && row.is_detail_whole();
        Ok(match (is_whole, is_linked) {
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

    /// Writes down a change of something that is not in the database. Whatever is, leaves its row by
    /// itself.
    async fn record_change(&self, change: &AuditChange) -> Result<AuditRow, StoreError>;

    /// Writes down what a process runs with, when the newest row of its role on its host, or on any
    /// host if it has none, tells otherwise. Of processes that start at once with the same settings,
    /// one leaves a row.
    async fn record_settings(
        &self,
        running: &RunningSettings,
    ) -> Result<Option<AuditRow>, StoreError>;
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
                    detail: None,
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
    fn a_detail_is_as_safe_as_its_row() {
        let mut rows = chain(2);
        let detail = r#"{"changed":{}}"#.to_owned();
        let change = AuditChange {
            actor: "host".to_owned(),
            action: AuditChange::SETTING_CHANGE.to_owned(),
            subject: "serve on a".to_owned(),
            digest: Digest::of(detail.as_bytes()),
            detail: Some(detail),
        };
        rows.push(change.after(rows[1].head(), DateTime::UNIX_EPOCH).unwrap());
        assert_eq!(faults(&rows), []);
        for detail in [None, Some("{}".to_owned())] {
            rows[2].detail = detail;
            assert_eq!(faults(&rows), [AuditFault::Changed(3)]);
        }
        let mut rows = chain(2);
        rows[1].detail = Some("put there later".to_owned());
        assert_eq!(faults(&rows), [AuditFault::Changed(2)]);
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
