//! The next index: one process at a time builds it, from what serves, and publishes it. The others
//! wait for their turn and then build on that.

use std::{path::PathBuf, time::Duration};

use phagen_corpus::{Corpus, SnapshotManifest, Taken};
use phagen_domain::digest::Digest;
use phagen_store::CorpusSnapshot;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::{SnapshotError, Snapshots, blocking, publish::Finished};

/// How long a builder may be silent before another has its turn.
pub(super) const TURN: Duration = Duration::from_secs(10);
const RENEW_EVERY: Duration = Duration::from_secs(3);
/// How often one who waits asks again.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// What an import is told besides its documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// On what serves, after whoever imports now.
    Wait,
    /// The same, unless somebody imports now: [`SnapshotError::UnderWay`].
    Now,
    /// On nothing, so that only what is imported is in it.
    Anew,
}

/// An index while it is built.
pub struct Importing {
    pub corpus: Corpus,
    /// Changed by whoever imports. A change of this alone is published, too.
    pub taken: Taken,
    /// The process stops, or has lost its turn.
    pub stop: CancellationToken,
    /// Set by whoever imports when what there is must not serve.
    pub is_given_up: bool,
}

/// What came of it.
pub struct Built<R> {
    /// What the import itself answered.
    pub answer: R,
    /// None when there was nothing new in it.
    pub published: Option<CorpusSnapshot>,
}

/// The right to build, as long as it is renewed.
pub(super) struct Turn {
    stop: CancellationToken,
    pub lost: CancellationToken,
}

/// Where a new index begins.
struct Base {
    digest: Option<Digest>,
    manifest: Option<SnapshotManifest>,
    expected: u64,
}

/// What an import came to, before anybody knows of it.
struct Worked<R> {
    answer: R,
    work: PathBuf,
    taken: Taken,
    is_given_up: bool,
    /// Whether it committed anything.
    is_new: bool,
    is_without_documents: bool,
}

impl Snapshots {
    /// Lets `import` add to an index, and publishes what it committed, even where it was stopped in
    /// between: its answer says so.
    ///
    /// # Errors
    /// Nothing is published then, and what serves goes on.
    pub async fn build<R: Send + 'static>(
        &self,
        begin: Begin,
        shutdown: &CancellationToken,
        import: impl FnOnce(&mut Importing) -> R + Send + 'static,
    ) -> Result<Built<R>, SnapshotError> {
        let under_way = || SnapshotError::UnderWay(self.host.clone());
        let _building = match begin {
            Begin::Now => self.building.try_lock().map_err(|_| under_way())?,
            Begin::Wait | Begin::Anew => self.building.lock().await,
        };
        self.take_turn(begin, shutdown).await?;
        let turn = Turn::of(shutdown);
        // Boxed: the whole walk of an import is in that future.
        let building = Box::pin(self.build_and_publish(begin, &turn, import));
        let built = self.renewing(building, &turn).await;
        // Whoever has the turn by now may be building in the same place.
        if !turn.lost.is_cancelled() {
            let shelf = self.shelf.clone();
            if let Err(error) = blocking(move || Ok(shelf.end_import()?)).await {
                tracing::warn!(%error, "what an import left is still on this disk");
            }
        }
        self.give_turn_back().await;
        built
    }

    pub(super) async fn give_turn_back(&self) {
        // It runs out by itself, a little later.
        if let Err(error) = self.store.drop_import(&self.host).await {
            tracing::warn!(%error, "the turn to import is not given back; others wait {TURN:?} for it");
        }
    }

    async fn take_turn(
        &self,
        begin: Begin,
        shutdown: &CancellationToken,
    ) -> Result<(), SnapshotError> {
        let mut is_told = false;
        while let Some(holder) = self.store.hold_import(&self.host, TURN).await? {
            if begin == Begin::Now {
                return Err(SnapshotError::UnderWay(holder));
            }
            if !is_told {
                tracing::warn!("another import is under way, by `{holder}`: this one waits for it");
                is_told = true;
            }
            if shutdown
                .run_until_cancelled(tokio::time::sleep(ASK_EVERY))
                .await
                .is_none()
            {
                return Err(SnapshotError::Stopped);
            }
        }
        Ok(())
    }

    /// Keeps the turn until the work is done. Once it is lost the work is told to stop, and ends by
    /// itself without publishing. Both go on side by side: where a database has one writer, a renewal
    /// may wait for what only the work can give back.
    pub(super) async fn renewing<T>(&self, work: impl Future<Output = T>, turn: &Turn) -> T {
        let done = CancellationToken::new();
        let work = async {
            let result = work.await;
            done.cancel();
            result
        };
        let (result, ()) = tokio::join!(work, self.renew(turn, &done));
        result
    }

    /// Until it is done or the turn is lost. A renewal that has begun is waited for, since it would
    /// take the turn again after it was given back.
    async fn renew(&self, turn: &Turn, done: &CancellationToken) {
        let mut interval = tokio::time::interval_at(Instant::now() + RENEW_EVERY, RENEW_EVERY);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while done.run_until_cancelled(interval.tick()).await.is_some() {
            match self.store.hold_import(&self.host, TURN).await {
                Ok(None) => {}
                Ok(Some(holder)) => {
                    tracing::error!("the turn to import was lost to `{holder}`");
                    turn.lost.cancel();
                    turn.stop.cancel();
                    return;
                }
                Err(error) => {
                    tracing::warn!(%error, "the turn to import is not renewed; tries again");
                }
            }
        }
    }

    async fn build_and_publish<R: Send + 'static>(
        &self,
        begin: Begin,
        turn: &Turn,
        import: impl FnOnce(&mut Importing) -> R + Send + 'static,
    ) -> Result<Built<R>, SnapshotError> {
        // What is fetched here may be gigabytes.
        let base = turn.stop.run_until_cancelled(self.base(begin)).await;
        let base = base.unwrap_or_else(|| Err(turn.why_stopped()))?;
        let worked = self.work(begin, &base, turn, import).await?;
        if !worked.is_news_to(&base) {
            return Ok(Built {
                answer: worked.answer,
                published: None,
            });
        }
        if turn.lost.is_cancelled() {
            return Err(SnapshotError::TurnLost);
        }
        let finished = Finished {
            work: worked.work,
            base: base.manifest,
            taken: worked.taken,
            expected: base.expected,
        };
        let published = self.publish(finished).await?;
        Ok(Built {
            answer: worked.answer,
            published: Some(published),
        })
    }

    async fn work<R: Send + 'static>(
        &self,
        begin: Begin,
        base: &Base,
        turn: &Turn,
        import: impl FnOnce(&mut Importing) -> R + Send + 'static,
    ) -> Result<Worked<R>, SnapshotError> {
        let taken = base.taken().cloned().unwrap_or_default();
        let (shelf, digest, stop) = (self.shelf.clone(), base.digest, turn.stop.clone());
        blocking(move || {
            let work = match begin {
                Begin::Anew => shelf.begin_anew()?,
                Begin::Wait | Begin::Now => shelf.begin_import(digest.as_ref())?,
            };
            let mut importing = Importing {
                corpus: Corpus::open(&work)?,
                taken,
                stop,
                is_given_up: false,
            };
            let generation = importing.corpus.generation();
            let answer = import(&mut importing);
            Ok(Worked {
                answer,
                work,
                is_given_up: importing.is_given_up,
                is_new: importing.corpus.generation() != generation,
                is_without_documents: importing.corpus.stats()?.n_documents == 0,
                taken: importing.taken,
            })
        })
        .await
    }

    /// What serves, on this disk; while nothing does, what lies there from another database.
    async fn base(&self, begin: Begin) -> Result<Base, SnapshotError> {
        let row = self.store.serving_snapshot().await?;
        let expected = row.as_ref().map_or(0, |row| row.generation);
        if begin == Begin::Anew {
            return Ok(Base {
                digest: None,
                manifest: None,
                expected,
            });
        }
        let shelf = self.shelf.clone();
        let (digest, manifest) = if let Some(row) = row {
            self.fetch(row.digest).await?;
            let manifest = blocking(move || Ok(shelf.manifest(&row.digest))).await?;
            (Some(row.digest), manifest)
        } else {
            blocking(move || Ok(shelf.newest())).await?.unzip()
        };
        Ok(Base {
            digest,
            manifest,
            expected,
        })
    }
}

impl Turn {
    pub(super) fn of(shutdown: &CancellationToken) -> Self {
        Self {
            stop: shutdown.child_token(),
            lost: CancellationToken::new(),
        }
    }

    fn why_stopped(&self) -> SnapshotError {
        if self.lost.is_cancelled() {
            SnapshotError::TurnLost
        } else {
            SnapshotError::Stopped
        }
    }
}

impl Base {
    fn taken(&self) -> Option<&Taken> {
        self.manifest.as_ref().map(|manifest| &manifest.taken)
    }
}

impl<R> Worked<R> {
    /// Whether it is to be published on `base`.
    fn is_news_to(&self, base: &Base) -> bool {
        // What lies here and no row names is as new as what was just imported: the database is.
        let is_news = self.is_new || base.taken() != Some(&self.taken) || base.expected == 0;
        let is_empty = self.taken == Taken::default() && self.is_without_documents;
        is_news && !is_empty && !self.is_given_up
    }
}

impl Importing {
    /// For whoever imports file by file.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }
}
