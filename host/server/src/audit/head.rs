//! The ends that the record of changes had, one a line of a file outside the database: a tail that
//! is cut off, or a chain that is written anew, no longer fits it. Lines are only ever added.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use phagen_store::{AuditHead, Store};
use tokio::{fs, io::AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

use crate::config::Settings;

const FILE: &str = "audit-head.log";
/// How long a change may be in the database alone.
const EVERY: Duration = Duration::from_secs(1);

/// The file; several processes may add to one.
#[derive(Debug, Clone)]
pub struct HeadLog(PathBuf);

impl HeadLog {
    pub fn of(settings: &Settings) -> Self {
        let own = || settings.data_dir.join(FILE);
        Self(settings.audit.head_file.clone().unwrap_or_else(own))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Adds a line, and waits until it is on disk.
    pub async fn note(&self, head: AuditHead) -> io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.0)
            .await?;
        // One write, so that lines of two processes do not mix.
        let line = format!("{} {}\n", head.seq, head.hash);
        file.write_all(line.as_bytes()).await?;
        file.flush().await?;
        file.sync_data().await
    }

    /// Every line; none of a file that is not there.
    pub async fn read(&self) -> io::Result<Vec<AuditHead>> {
        let text = match fs::read_to_string(&self.0).await {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        text.lines()
            .enumerate()
            .map(|(n, line)| {
                parse(line).ok_or_else(|| {
                    io::Error::other(format!(
                        "line {} is not the number of a row and its hash",
                        n + 1
                    ))
                })
            })
            .collect()
    }
}

fn parse(line: &str) -> Option<AuditHead> {
    let (seq, hash) = line.split_once(' ')?;
    Some(AuditHead {
        seq: seq.parse().ok()?,
        hash: hash.parse().ok()?,
    })
}

/// Notes each new end of the record until `shutdown`, and once more after it.
pub async fn follow(store: Arc<dyn Store>, log: HeadLog, shutdown: CancellationToken) {
    let noted = log.read().await.unwrap_or_default();
    let mut follower = Follower {
        newest: noted.iter().map(|head| head.seq).max().unwrap_or_default(),
        is_well: true,
    };
    let mut interval = tokio::time::interval(EVERY);
    while shutdown
        .run_until_cancelled(interval.tick())
        .await
        .is_some()
    {
        follower.look(store.as_ref(), &log).await;
    }
    follower.look(store.as_ref(), &log).await;
}

struct Follower {
    /// The highest row that was noted.
    newest: u64,
    /// Whether the last look went well: what goes wrong is told once.
    is_well: bool,
}

impl Follower {
    async fn look(&mut self, store: &dyn Store, log: &HeadLog) {
        match self.try_look(store, log).await {
            Ok(()) => self.is_well = true,
            Err(reason) => {
                if self.is_well {
                    let path = log.path().display();
                    tracing::error!(
                        %reason,
                        "the end of the record of changes cannot be noted in `{path}`: {reason}"
                    );
                }
                self.is_well = false;
            }
        }
    }

    async fn try_look(&mut self, store: &dyn Store, log: &HeadLog) -> Result<(), String> {
        let head = store
            .audit_head()
            .await
            .map_err(|error| error.to_string())?;
        if head.seq < self.newest {
            return Err(format!(
                "it ends at row {}, and row {} was there before: run `phagen audit verify`",
                head.seq, self.newest
            ));
        }
        if head.seq > self.newest {
            log.note(head).await.map_err(|error| error.to_string())?;
            self.newest = head.seq;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use phagen_domain::digest::Digest;

    use super::*;

    #[tokio::test]
    async fn lines_are_added_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let log = HeadLog(folder.path().join(FILE));
        assert_eq!(log.read().await.unwrap(), []);
        let heads = [1, 2].map(|seq| AuditHead {
            seq,
            hash: Digest::of(&[0]),
        });
        for head in heads {
            log.note(head).await.unwrap();
        }
        assert_eq!(log.read().await.unwrap(), heads);
        std::fs::write(log.path(), "1 x\n").unwrap();
        let error = log.read().await.unwrap_err().to_string();
        assert!(error.contains("line 1"), "{error}");
    }
}
