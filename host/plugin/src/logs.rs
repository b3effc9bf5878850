//! The last lines that guests logged, per digest, in memory. The host's own log has them too; this
//! tail is for authors and operators who ask for one plugin's.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use chrono::{DateTime, Utc};
use phagen_domain::digest::Digest;
use serde::{Deserialize, Serialize};

/// Lines kept of one digest; an older one goes for each that comes.
const MAX_LINES: usize = 1_000;
/// Digests of plugins that are gone and whose lines are kept still, for who asks afterwards.
const MAX_GONE: usize = 32;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

/// One line of one guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Grows by one with each line of the digest, from 1; a gap means that lines were dropped.
    pub seq: u64,
    pub at: DateTime<Utc>,
    pub level: LogLevel,
    pub slot: String,
    pub line: String,
}

/// The tail of one digest, as its instances hold it.
#[derive(Default)]
pub(crate) struct LogTail(Mutex<Lines>);

#[derive(Default)]
struct Lines {
    last_seq: u64,
    lines: VecDeque<LogLine>,
}

impl LogTail {
    pub(crate) fn push(&self, level: LogLevel, slot: &str, line: &str) {
        let mut lines = lock(&self.0);
        lines.last_seq += 1;
        if lines.lines.len() == MAX_LINES {
            lines.lines.pop_front();
        }
        let seq = lines.last_seq;
        lines.lines.push_back(LogLine {
            seq,
            at: SystemTime::now().into(),
            level,
            slot: slot.to_owned(),
            line: line.to_owned(),
        });
    }

    fn after(&self, seq: u64) -> Vec<LogLine> {
        let lines = lock(&self.0);
        lines
            .lines
            .iter()
            .filter(|line| line.seq > seq)
            .cloned()
            .collect()
    }
}

/// The tails of all digests that were loaded.
#[derive(Default)]
pub(crate) struct Logs(Mutex<Tails>);

#[derive(Default)]
struct Tails {
    by_digest: HashMap<Digest, Arc<LogTail>>,
    /// In the order of their first load.
    digests: VecDeque<Digest>,
}

impl Logs {
    /// The tail of a digest, an empty one at first.
    pub(crate) fn tail(&self, digest: Digest) -> Arc<LogTail> {
        let mut tails = lock(&self.0);
        if let Some(tail) = tails.by_digest.get(&digest) {
            return Arc::clone(tail);
        }
        tails.forget_some();
        let tail = Arc::<LogTail>::default();
        tails.by_digest.insert(digest, Arc::clone(&tail));
        tails.digests.push_back(digest);
        tail
    }

    pub(crate) fn after(&self, digest: Digest, seq: u64) -> Vec<LogLine> {
        let tail = lock(&self.0).by_digest.get(&digest).cloned();
        tail.map(|tail| tail.after(seq)).unwrap_or_default()
    }
}

impl Tails {
    /// Makes room for one more: the oldest go of those that no plugin holds any more.
    fn forget_some(&mut self) {
        let is_gone = |tail: &Arc<LogTail>| Arc::strong_count(tail) == 1;
        let n_gone = self.by_digest.values().filter(|tail| is_gone(tail)).count();
        let mut n_too_many = (n_gone + 1).saturating_sub(MAX_GONE);
        let by_digest = &mut self.by_digest;
        self.digests.retain(|digest| {
            let goes = n_too_many > 0 && by_digest.get(digest).is_some_and(is_gone);
            if goes {
                n_too_many -= 1;
                by_digest.remove(digest);
            }
            !goes
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_thousand_lines_are_kept() {
        let logs = Logs::default();
        let digest = Digest::of(b"a");
        let tail = logs.tail(digest);
        for n in 1..=1_200 {
            tail.push(LogLevel::Info, "clinical", &format!("line {n}"));
        }
        let lines = logs.after(digest, 0);
        assert_eq!(lines.len(), MAX_LINES);
        assert_eq!((lines[0].seq, lines[0].line.as_str()), (201, "line 201"));
        let news = logs.after(digest, 1_198);
        assert_eq!(
            news.iter().map(|line| line.seq).collect::<Vec<_>>(),
            [1_199, 1_200]
        );
        assert!(logs.after(Digest::of(b"b"), 0).is_empty());
    }

    #[test]
    fn tails_of_plugins_that_are_gone_are_few() {
        let logs = Logs::default();
        let digest = |n: u32| Digest::of(&n.to_le_bytes());
        let loaded = logs.tail(digest(0));
        loaded.push(LogLevel::Info, "a", "still loaded");
        for n in 1..=100 {
            logs.tail(digest(n)).push(LogLevel::Warn, "b", "gone");
        }
        let n_known = (1..=100)
            .filter(|n| !logs.after(digest(*n), 0).is_empty())
            .count();
        assert_eq!(n_known, MAX_GONE);
        assert!(!logs.after(digest(100), 0).is_empty());
        assert!(!logs.after(digest(0), 0).is_empty());
    }
}
