//! An API gets SIGTERM under a steady stream of requests, and another takes over.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Result, bail};
use phagen_domain::job::JobId;
use reqwest::StatusCode;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use uuid::Uuid;

use super::{
    Engine, Size,
    cluster::{Api, Caller, Cluster, Submitted},
    figures::Figures,
    jobs::{Jobs, molecule},
    kit::Kit,
    place::Place,
    process::{PATIENCE, POLL},
    storm::{begin, told},
};

const N_CLIENTS: usize = 8;
/// Between two requests of one client.
const PAUSE: Duration = Duration::from_millis(5);
/// For as long it takes requests after SIGTERM, so that who sends them learns of it.
const DRAIN_SECONDS: &str = "5";

pub(crate) async fn of(kit: &Arc<Kit>, engine: Engine, size: Size) -> Result<Figures> {
    let mut place = Place::new(kit, engine).await?;
    place.set("PHAGEN_SERVER__DRAIN_SECONDS", DRAIN_SECONDS);
    let (mut cluster, _source) = begin(&place, size).await?;
    let front = Arc::new(Front::new(cluster.api.caller.clone(), size.n_jobs));
    let mut clients = JoinSet::new();
    for number in 0..N_CLIENTS {
        clients.spawn(Arc::clone(&front).call_on(number));
    }
    let replaced = replace(&mut cluster, &place, &front, size).await;
    front.is_over.store(true, Ordering::Relaxed);
    clients.join_all().await;
    let mut figures = told(replaced, &place)?;
    place.until_open(0).await?;
    let mut jobs = Jobs::default();
    let accepted = std::mem::take(&mut *front.locked(&front.accepted));
    let n_accepted = accepted.len();
    for (id, molecule) in accepted {
        jobs.add(id, molecule);
    }
    figures.must(
        n_accepted == size.n_jobs,
        "requests for a job, accepted",
        format!("{}, {n_accepted}", front.n_submits.load(Ordering::Relaxed)),
    );
    figures.tell("reads", front.n_reads.load(Ordering::Relaxed));
    let n_not_taken = front.n_not_taken.load(Ordering::Relaxed);
    figures.tell("connections not taken, asked elsewhere", n_not_taken);
    let failed = front.locked(&front.failed).clone();
    let first = failed.first().map(|first| format!(", such as {first}"));
    figures.must(
        failed.is_empty(),
        "requests taken and failed",
        format!("{}{}", failed.len(), first.unwrap_or_default()),
    );
    jobs.judge(&place, &mut figures).await?;
    Ok(figures)
}

/// Each time a share of the requests has been made, a second API starts, the first gets SIGTERM, and
/// requests go on meanwhile.
async fn replace(
    cluster: &mut Cluster,
    place: &Place,
    front: &Arc<Front>,
    size: Size,
) -> Result<Figures> {
    let mut n_well = 0;
    for number in 1..=size.n_outages {
        front
            .until_submitted(size.n_jobs * number / (size.n_outages + 1))
            .await?;
        let next = Api::start(place)?;
        next.until_ready("ok").await?;
        let balancing = front.follow(&cluster.api.caller, &next.caller);
        let (ended, ()) = tokio::try_join!(cluster.api.process.end_by("TERM"), balancing)?;
        n_well += usize::from(ended.success());
        cluster.api = next;
    }
    front.until_submitted(size.n_jobs).await?;
    let mut figures = Figures::default();
    figures.must(
        n_well == size.n_outages,
        "APIs that got SIGTERM, ended well",
        format!("{}, {n_well}", size.n_outages),
    );
    Ok(figures)
}

/// What stands before the APIs, as a Service or a load balancer does: it sends requests to the one
/// that says that it is ready.
struct Front {
    target: Mutex<Caller>,
    is_over: AtomicBool,
    /// Jobs that are still to be asked for.
    n_wanted: usize,
    n_begun: AtomicUsize,
    n_submits: AtomicUsize,
    n_reads: AtomicUsize,
    n_not_taken: AtomicUsize,
    accepted: Mutex<Vec<(JobId, String)>>,
    failed: Mutex<Vec<String>>,
}

impl Front {
    fn new(first: Caller, n_wanted: usize) -> Self {
        Self {
            target: Mutex::new(first),
            is_over: AtomicBool::new(false),
            n_wanted,
            n_begun: AtomicUsize::new(0),
            n_submits: AtomicUsize::new(0),
            n_reads: AtomicUsize::new(0),
            n_not_taken: AtomicUsize::new(0),
            accepted: Mutex::default(),
            failed: Mutex::default(),
        }
    }

    #[expect(clippy::unused_self, reason = "reads as a word about what is in it")]
    fn locked<'a, T>(&self, mutex: &'a Mutex<T>) -> std::sync::MutexGuard<'a, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn target(&self) -> Caller {
        self.locked(&self.target).clone()
    }

    /// Sends requests to `next` once `old` is not ready any more.
    async fn follow(&self, old: &Caller, next: &Caller) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while let Ok((StatusCode::OK, _)) = old.ask("/ready").await {
            if Instant::now() >= deadline {
                bail!("an API is ready {PATIENCE:?} after SIGTERM");
            }
            sleep(POLL).await;
        }
        *self.locked(&self.target) = next.clone();
        Ok(())
    }

    async fn until_submitted(&self, n_jobs: usize) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.locked(&self.accepted).len() < n_jobs {
            let failed = self.locked(&self.failed).clone();
            if Instant::now() >= deadline {
                bail!("not {n_jobs} requests accepted in {PATIENCE:?}; failed: {failed:?}");
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    /// One client: asks for a job as long as some are wanted, and reads one all the time.
    async fn call_on(self: Arc<Self>, client: usize) {
        while !self.is_over.load(Ordering::Relaxed) {
            let number = self.n_begun.fetch_add(1, Ordering::Relaxed);
            if number < self.n_wanted {
                self.submit(molecule(number)).await;
            }
            self.read(client).await;
            sleep(PAUSE).await;
        }
    }

    /// Under one key until it is accepted.
    async fn submit(&self, molecule: String) {
        let key = Uuid::new_v4();
        loop {
            self.n_submits.fetch_add(1, Ordering::Relaxed);
            match self.target().submit(&molecule, key).await {
                Submitted::Accepted(id) => {
                    self.locked(&self.accepted).push((id, molecule));
                    return;
                }
                Submitted::NotTaken => {
                    self.n_not_taken.fetch_add(1, Ordering::Relaxed);
                    sleep(PAUSE).await;
                }
                other => {
                    self.locked(&self.failed).push(other.to_string());
                    sleep(POLL).await;
                }
            }
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    async fn read(&self, client: usize) {
        let known = {
            let accepted = self.locked(&self.accepted);
            let at = client.checked_rem(accepted.len());
            at.map(|at| accepted[at].0)
        };
        let Some(id) = known else { return };
        self.n_reads.fetch_add(1, Ordering::Relaxed);
        match self.target().ask(&format!("/api/jobs/{id}")).await {
            Ok((StatusCode::OK, _)) => {}
            Ok((status, body)) => self.locked(&self.failed).push(format!("{status}: {body}")),
            Err(error) if is_not_taken(&error) => {
                self.n_not_taken.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => self.locked(&self.failed).push(format!("{error:?}")),
        }
    }
}

fn is_not_taken(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<reqwest::Error>();
    error.is_some_and(reqwest::Error::is_connect)
}
