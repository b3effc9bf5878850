//! Keeps the leases of this process, from a thread with a runtime and a connection of its own:
//! guests and models may hold every thread of the other runtime, and a job that runs must not look
//! abandoned for it.
//!
//! It ends nothing itself: it tells the attempt, which does.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use phagen_domain::job::{JobId, Lease};
use phagen_store::{Renewal, Store, StoreError};
use tokio::{
    runtime,
    sync::{oneshot, watch},
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use tracing::warn;

use crate::{database::Database, telemetry::RENEWAL_FAILURES};

/// How often leases are renewed, and a wish to cancel looked for; a quarter of the shortest lease.
const BEAT: Duration = Duration::from_millis(250);

/// How long one renewal may take: a connection that went silent must not end the heartbeat.
const RENEWAL_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the holder of a lease should stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Another worker may run the job, or it ended.
    LeaseLost,
    CancelRequested,
}

/// Why there is no heartbeat.
#[derive(Debug, thiserror::Error)]
pub enum HeartbeatError {
    #[error("the thread that renews leases cannot start")]
    Thread(#[source] io::Error),
    #[error("the connection that renews leases cannot be opened")]
    Connection(#[source] StoreError),
}

/// The thread ends with the last clone.
#[derive(Clone)]
pub struct Heartbeat {
    leases: Arc<Leases>,
    _stop: Arc<DropGuard>,
}

impl Heartbeat {
    /// Starts the thread and waits for its connection. Leases are renewed to now + `lease`; `pulse`
    /// is called at each beat, whether the database answers or not. `tasks` waits for its end.
    pub async fn start(
        database: Database,
        lease: Duration,
        pulse: impl Fn() + Send + 'static,
        tasks: &TaskTracker,
    ) -> Result<Self, HeartbeatError> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(HeartbeatError::Thread)?;
        let leases = Arc::new(Leases::default());
        let stop = CancellationToken::new();
        let (opened, opening) = oneshot::channel();
        let (ended, end) = oneshot::channel::<()>();
        let thread = Thread {
            leases: Arc::clone(&leases),
            lease,
            stop: stop.clone(),
        };
        thread::Builder::new()
            .name("phagen-heartbeat".to_owned())
            .spawn(move || {
                runtime.block_on(thread.run(database, pulse, opened));
                drop(runtime);
                drop(ended);
            })
            .map_err(HeartbeatError::Thread)?;
        let stop = Arc::new(stop.drop_guard());
        tasks.spawn(async move { drop(end.await) });
        match opening.await {
            Ok(Ok(())) => Ok(Self {
                leases,
                _stop: stop,
            }),
            Ok(Err(error)) => Err(HeartbeatError::Connection(error)),
            Err(_) => Err(HeartbeatError::Thread(io::Error::other("it ended"))),
        }
    }

    /// From now on the lease is renewed, until what is returned is dropped.
    pub fn hold(&self, lease: &Lease) -> Held {
        let (news, notice) = watch::channel(None);
        let entry = Entry {
            lease: lease.clone(),
            news,
        };
        // Whoever gave this lease out has taken the one before back.
        if let Some(before) = self.leases.locked().insert(lease.job_id, entry) {
            before.news.send_replace(Some(Notice::LeaseLost));
        }
        Held {
            leases: Arc::clone(&self.leases),
            lease: lease.clone(),
            notice,
        }
    }
}

/// A lease that is renewed.
pub struct Held {
    leases: Arc<Leases>,
    lease: Lease,
    notice: watch::Receiver<Option<Notice>>,
}

impl Held {
    /// Resolves when there is a reason to stop.
    pub async fn notice(&mut self) -> Notice {
        let told = self.notice.wait_for(Option::is_some).await;
        // Nobody tells any more: another lease on the same job was held and dropped.
        told.ok()
            .and_then(|notice| *notice)
            .unwrap_or(Notice::LeaseLost)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut leases = self.leases.locked();
        if leases
            .get(&self.lease.job_id)
            .is_some_and(|entry| entry.lease.token == self.lease.token)
        {
            leases.remove(&self.lease.job_id);
        }
    }
}

struct Entry {
    lease: Lease,
    news: watch::Sender<Option<Notice>>,
}

/// What this process holds, one lease a job.
#[derive(Default)]
struct Leases(Mutex<HashMap<JobId, Entry>>);

impl Leases {
    /// A panic elsewhere leaves the map whole: every change is one insert or removal.
    fn locked(&self) -> MutexGuard<'_, HashMap<JobId, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self) -> Vec<Lease> {
        let entries = self.locked();
        entries.values().map(|entry| entry.lease.clone()).collect()
    }

    /// Passes on what became of `asked`, unless the job is held by another lease meanwhile.
    fn tell(&self, asked: &[Lease], renewals: &[Renewal]) {
        let entries = self.locked();
        for (lease, renewal) in asked.iter().zip(renewals) {
            let notice = match renewal {
                Renewal::Extended {
                    cancel_requested: false,
                    ..
                } => continue,
                Renewal::Extended {
                    cancel_requested: true,
                    ..
                } => Notice::CancelRequested,
                Renewal::Lost { .. } => Notice::LeaseLost,
            };
            if let Some(entry) = entries.get(&lease.job_id)
                && entry.lease.token == lease.token
            {
                entry.news.send_replace(Some(notice));
            }
        }
    }
}

/// What the thread itself has.
struct Thread {
    leases: Arc<Leases>,
    lease: Duration,
    stop: CancellationToken,
}

impl Thread {
    async fn run(
        self,
        database: Database,
        pulse: impl Fn(),
        opened: oneshot::Sender<Result<(), StoreError>>,
    ) {
        let store = match database.open_beside().await {
            Ok(store) => store,
            Err(error) => {
                // Nobody waits for it once the process gave up.
                drop(opened.send(Err(error)));
                return;
            }
        };
        drop(opened.send(Ok(())));
        let mut beats = interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let beating = async {
            loop {
                beats.tick().await;
                pulse();
                self.beat(&*store).await;
            }
        };
        self.stop.run_until_cancelled(beating).await;
    }

    /// A renewal that fails is tried again at the next beat: leases hold for longer than that.
    async fn beat(&self, store: &dyn Store) {
        let held = self.leases.held();
        if held.is_empty() {
            return;
        }
        match timeout(RENEWAL_TIMEOUT, store.renew(&held, self.lease)).await {
            Ok(Ok(renewals)) => self.leases.tell(&held, &renewals),
            Ok(Err(error)) => {
                metrics::counter!(RENEWAL_FAILURES).increment(1);
                warn!(n_leases = held.len(), %error, "leases were not renewed; tries again");
            }
            Err(_) => {
                metrics::counter!(RENEWAL_FAILURES).increment(1);
                warn!(
                    n_leases = held.len(),
                    "leases were not renewed in {RENEWAL_TIMEOUT:?}; tries again"
                );
            }
        }
    }
}
