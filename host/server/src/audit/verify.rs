//! Holds the record of changes against itself, against the ends that were noted outside the
//! database, and against what it tells of: moves, slots, keys and artifacts.
//!
//! What was there before the first row is not covered by it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context, Result, bail};
use phagen_domain::{digest::Digest, plugin::Slot};
use phagen_store::{AuditChange, AuditHead, AuditRow, AuditWalk, Standing, Store};

use super::HeadLog;

/// Rows read at once.
const PAGE: u32 = 1_000;
/// Attempts to read it all while nobody changes anything.
const MAX_ATTEMPTS: usize = 5;

/// What was found.
#[derive(Debug)]
pub struct AuditReport {
    pub head: AuditHead,
    /// Ends that were noted in the file.
    pub n_noted: usize,
    /// What is wrong, one sentence each; empty: nothing is.
    pub faults: Vec<String>,
}

pub async fn verify(store: &dyn Store, log: &HeadLog) -> Result<AuditReport> {
    for _ in 0..MAX_ATTEMPTS {
        // First: what is noted after the rows were read would look like a tail that was cut.
        let noted = log
            .read()
            .await
            .with_context(|| format!("cannot read `{}`", log.path().display()))?;
        let before = store.audit_head().await?;
        let mut audit = Audit::default();
        audit.walk(store, &noted).await?;
        audit.check_events(store).await?;
        audit.check_keys(store).await?;
        audit.check_publishers(store).await?;
        audit.check_models(store).await?;
        if store.audit_head().await? == before {
            return Ok(AuditReport {
                head: audit.walk.head(),
                n_noted: noted.len(),
                faults: audit.faults,
            });
        }
    }
    bail!("things kept changing while they were compared: try again when nobody moves plugins")
}

/// What the rows say, as far as it is needed to check the rest.
#[derive(Default)]
struct Audit {
    walk: AuditWalk,
    /// By action and subject: the row and the digest it gives.
    told: HashMap<(String, String), (u64, Digest)>,
    /// Numbers of the events that rows stand for.
    events: BTreeMap<u64, (u64, Digest)>,
    faults: Vec<String>,
}

impl Audit {
    async fn walk(&mut self, store: &dyn Store, noted: &[AuditHead]) -> Result<()> {
        let hashes: HashMap<u64, Digest> = noted.iter().map(|head| (head.seq, head.hash)).collect();
        loop {
            let rows = store.list_audit(self.walk.head().seq, PAGE).await?;
            for row in &rows {
                if let Some(fault) = self.walk.step(row)? {
                    self.faults.push(fault.to_string());
                }
                if hashes.get(&row.seq).is_some_and(|hash| *hash != row.hash) {
                    let seq = row.seq;
                    self.faults
                        .push(format!("row {seq} is not the one that was noted outside"));
                }
                self.remember(row);
            }
            if rows.is_empty() {
                break;
            }
        }
        let last = self.walk.head().seq;
        let newest = noted.iter().map(|head| head.seq).max();
        if let Some(newest) = newest.filter(|newest| *newest > last) {
            self.faults.push(format!(
                "the record ends at row {last}, and row {newest} was noted outside: its tail was cut"
            ));
        }
        Ok(())
    }

    fn remember(&mut self, row: &AuditRow) {
        let place = (row.seq, row.digest);
        match row.subject.parse() {
            Ok(event) if row.action.starts_with("plugin.") => {
                self.events.insert(event, place);
            }
            _ => {
                let about = (row.action.clone(), row.subject.clone());
                self.told.insert(about, place);
            }
        }
    }

    /// Every move since the first row, and the slots that they left.
    async fn check_events(&mut self, store: &dyn Store) -> Result<()> {
        let Some(first) = self.events.keys().next().copied() else {
            return Ok(());
        };
        let slots = store.list_slots().await?;
        let mut left: BTreeMap<String, Option<String>> = BTreeMap::new();
        let mut after = first - 1;
        let mut found = BTreeSet::new();
        loop {
            let events = store.list_audited_events(after, PAGE).await?;
            let Some((last, _)) = events.last() else {
                break;
            };
            after = last.seq;
            for (event, slot_row) in events {
                let change = AuditChange::of_event(&event, slot_row.as_deref())?;
                let seq = event.seq;
                match self.events.get(&seq) {
                    None => self
                        .faults
                        .push(format!("event {seq} of plugins stands in no row")),
                    Some((row, digest)) if *digest != change.digest => self.faults.push(format!(
                        "event {seq} of plugins is not what row {row} was written for"
                    )),
                    Some(_) => {}
                }
                found.insert(seq);
                if let Some(slot) = event.slot {
                    left.insert(slot.to_string(), slot_row);
                }
            }
        }
        let missing = self.events.iter().filter(|(seq, _)| !found.contains(seq));
        let missing: Vec<String> = missing
            .map(|(seq, (row, _))| format!("event {seq} of plugins, of row {row}, is missing"))
            .collect();
        self.faults.extend(missing);
        self.check_slots(&slots, &left);
        Ok(())
    }

    fn check_slots(&mut self, slots: &[Slot], left: &BTreeMap<String, Option<String>>) {
        for (name, row) in left {
            let slot = slots.iter().find(|slot| slot.name.as_str() == name);
            let expected = row.as_deref().map(serde_json::from_str::<Slot>);
            let fits = match (slot, expected) {
                (Some(slot), Some(Ok(expected))) => *slot == expected,
                (None, None) => true,
                _ => false,
            };
            if !fits {
                self.faults
                    .push(format!("slot `{name}` is not as its last move left it"));
            }
        }
    }

    async fn check_keys(&mut self, store: &dyn Store) -> Result<()> {
        let keys = store.list_api_keys().await?;
        for key in &keys {
            let made = AuditChange::of_key_created(key)?;
            let revoked = (key.standing == Standing::Revoked)
                .then(|| AuditChange::of_key_revoked(key, ""))
                .transpose()?;
            self.check_key(AuditChange::KEY_CREATE, &key.name, Some(made.digest));
            self.check_key(
                AuditChange::KEY_REVOKE,
                &key.name,
                revoked.map(|change| change.digest),
            );
        }
        let names = keys.iter().map(|key| key.name.as_str()).collect();
        self.check_gone(AuditChange::KEY_CREATE, &names);
        Ok(())
    }

    async fn check_publishers(&mut self, store: &dyn Store) -> Result<()> {
        let keys = store.list_publisher_keys().await?;
        for key in &keys {
            // A key from before the first row has none.
            if self.find(AuditChange::PUBLISHER_ADD, &key.name).is_some() {
                let added = AuditChange::of_publisher_added(key)?;
                self.check_key(AuditChange::PUBLISHER_ADD, &key.name, Some(added.digest));
            }
            let is_known = self
                .find(AuditChange::PUBLISHER_REVOKE, &key.name)
                .is_some();
            if is_known {
                let revoked = AuditChange::of_publisher_revoked(key, "")?;
                self.check_key(
                    AuditChange::PUBLISHER_REVOKE,
                    &key.name,
                    Some(revoked.digest),
                );
            }
        }
        let names = keys.iter().map(|key| key.name.as_str()).collect();
        self.check_gone(AuditChange::PUBLISHER_ADD, &names);
        Ok(())
    }

    /// Weights from before the first row have none; which of them serve is told by moves of slots.
    async fn check_models(&mut self, store: &dyn Store) -> Result<()> {
        let mut stored = BTreeSet::new();
        for artifact in store.list_artifacts().await? {
            let name = artifact.digest.to_string();
            let recorded = AuditChange::of_model_recorded(&artifact, "")?;
            if let Some((row, told)) = self.find(AuditChange::MODEL_RECORD, &name)
                && told != recorded.digest
            {
                self.faults
                    .push(format!("artifact `{name}` is not as row {row} left it"));
            }
            stored.insert(name);
        }
        let mut gone: Vec<String> = self
            .told
            .iter()
            .filter(|((told, name), _)| told == AuditChange::MODEL_RECORD && !stored.contains(name))
            .map(|((_, name), (row, _))| format!("artifact `{name}`, of row {row}, is missing"))
            .collect();
        gone.sort();
        self.faults.extend(gone);
        Ok(())
    }

    fn find(&self, action: &str, name: &str) -> Option<(u64, Digest)> {
        let about = (action.to_owned(), name.to_owned());
        self.told.get(&about).copied()
    }

    /// `stored`: what the database has now; none: it says that this never happened.
    fn check_key(&mut self, action: &str, name: &str, stored: Option<Digest>) {
        let fault = match (self.find(action, name), stored) {
            (None, None) => return,
            (Some((_, told)), Some(stored)) if told == stored => return,
            (Some((row, _)), _) => format!("key `{name}` is not as row {row} (`{action}`) left it"),
            (None, Some(_)) => {
                format!("key `{name}` was changed past the record: no row says `{action}`")
            }
        };
        self.faults.push(fault);
    }

    /// Keys are never deleted.
    fn check_gone(&mut self, action: &str, names: &BTreeSet<&str>) {
        let mut gone: Vec<String> = self
            .told
            .iter()
            .filter(|((told, name), _)| told == action && !names.contains(name.as_str()))
            .map(|((_, name), (row, _))| format!("key `{name}`, of row {row}, is missing"))
            .collect();
        gone.sort();
        self.faults.extend(gone);
    }
}
