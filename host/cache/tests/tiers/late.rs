//! A tier that answers late, or never: nobody waits for it, and what it says after all is taken. Here
//! an answer is given up after an hour, so that whoever waited for one would never come back.

use std::{
    collections::HashMap,
    convert::Infallible,
    future::pending,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use phagen_cache::Cache;
use phagen_domain::digest::Digest;
use phagen_store::{CacheTier, CacheTierError, Generations};
use tokio::{net::TcpSocket, sync::Semaphore};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::{
    server::{RedisServer, shared_url},
    silent::Way,
    world::{
        HOUR, SlowLoads, ask, get, impatient, over, prefix, redis, redis_within, settings, until,
        was,
    },
};

/// Answers that are awaited behind those who asked.
const N_LATE: usize = 32;

/// A tier whose answers wait for the test.
#[derive(Default)]
struct Gated {
    entries: Mutex<HashMap<Digest, Vec<u8>>>,
    reads: Option<Semaphore>,
    locks: Option<Semaphore>,
    n_reads: AtomicUsize,
    n_unlocks: AtomicUsize,
}

impl Gated {
    fn shut() -> Semaphore {
        Semaphore::new(0)
    }

    fn open(gate: Option<&Semaphore>) {
        gate.expect("a gate")
            .add_permits(Semaphore::MAX_PERMITS / 2);
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Digest, Vec<u8>>> {
        self.entries.lock().expect("nobody panicked")
    }

    async fn pass(gate: Option<&Semaphore>) {
        if let Some(gate) = gate {
            drop(gate.acquire().await.expect("it stays"));
        }
    }
}

type Answer<T> = Result<T, CacheTierError>;

#[async_trait]
impl CacheTier for Gated {
    fn name(&self) -> &'static str {
        "gated"
    }

    async fn get(&self, key: Digest) -> Answer<Option<Vec<u8>>> {
        self.n_reads.fetch_add(1, Ordering::SeqCst);
        Self::pass(self.reads.as_ref()).await;
        Ok(self.entries().get(&key).cloned())
    }

    async fn put(&self, key: Digest, value: &[u8], _: Duration) -> Answer<()> {
        self.entries().insert(key, value.to_vec());
        Ok(())
    }

    async fn lock(&self, _: Digest, _: Uuid, _: Duration) -> Answer<bool> {
        Self::pass(self.locks.as_ref()).await;
        Ok(true)
    }

    async fn unlock(&self, _: Digest, _: Uuid) -> Answer<()> {
        self.n_unlocks.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn generations(&self, _: &str) -> Answer<Option<Generations>> {
        Ok(None)
    }

    async fn bump(&self, _: u16) -> Answer<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_tier_that_never_answers_holds_nobody_up_and_is_not_asked_without_end() {
    let tier = Arc::new(Gated {
        reads: Some(Gated::shut()),
        ..Gated::default()
    });
    let cache = impatient(Arc::clone(&tier) as Arc<dyn CacheTier>).await;
    for n in 0..3 * N_LATE {
        let name = n.to_string();
        assert_eq!(get(&cache, &name, "new").await, was("new", false));
        assert_eq!(get(&cache, &name, "").await, was("new", true));
    }
    assert_eq!(tier.n_reads.load(Ordering::SeqCst), N_LATE);
    // Once it answers, it is asked again.
    Gated::open(tier.reads.as_ref());
    until("a question", async || {
        let name = Uuid::new_v4().to_string();
        get(&cache, &name, "new").await;
        tier.n_reads.load(Ordering::SeqCst) > N_LATE
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_comes_while_it_loads_is_taken() {
    let tier = Arc::new(Gated {
        reads: Some(Gated::shut()),
        ..Gated::default()
    });
    let shared = || Arc::clone(&tier) as Arc<dyn CacheTier>;
    let first = impatient(shared()).await;
    assert_eq!(get(&first, "a", "kept").await, was("kept", false));
    until("it is in the tier", async || !tier.entries().is_empty()).await;
    let other = impatient(shared()).await;
    let load = || {
        Gated::open(tier.reads.as_ref());
        pending::<Result<String, Infallible>>()
    };
    let answer = other.get_or_load(ask("a"), load).await.unwrap();
    assert_eq!((answer.value.as_str(), answer.cached), ("kept", true));
}

#[tokio::test]
async fn a_tier_that_has_nothing_after_all_ends_no_load() {
    let tier = Arc::new(Gated {
        reads: Some(Gated::shut()),
        ..Gated::default()
    });
    let cache = impatient(Arc::clone(&tier) as Arc<dyn CacheTier>).await;
    let load = || {
        let tier = Arc::clone(&tier);
        async move {
            Gated::open(tier.reads.as_ref());
            // Its answer is there long before this is.
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok::<_, Infallible>("loaded".to_owned())
        }
    };
    let answer = cache.get_or_load(ask("a"), load).await.unwrap();
    assert_eq!((answer.value.as_str(), answer.cached), ("loaded", false));
}

/// What comes of a load that fails before the tier, which is late, says anything.
async fn after_a_failure(tier: &Arc<Gated>) -> Result<(String, bool), String> {
    let cache = impatient(Arc::clone(tier) as Arc<dyn CacheTier>).await;
    let load = || {
        let tier = Arc::clone(tier);
        async move {
            // This thread, the only one, comes to it when whoever asked has nothing left but to wait.
            TaskTracker::new().spawn(async move { Gated::open(tier.reads.as_ref()) });
            Err::<String, _>("the source is down")
        }
    };
    match cache.get_or_load(ask("a"), load).await {
        Ok(answer) => Ok((answer.value.as_ref().clone(), answer.cached)),
        Err(error) => Err((*error).to_owned()),
    }
}

#[tokio::test]
async fn an_answer_that_comes_after_its_load_failed_is_taken() {
    let tier = Arc::new(Gated {
        reads: Some(Gated::shut()),
        ..Gated::default()
    });
    let first = impatient(Arc::clone(&tier) as Arc<dyn CacheTier>).await;
    assert_eq!(get(&first, "a", "kept").await, was("kept", false));
    until("it is in the tier", async || !tier.entries().is_empty()).await;
    assert_eq!(after_a_failure(&tier).await, Ok(was("kept", true)));
}

#[tokio::test]
async fn a_load_that_failed_stays_so_when_the_tier_has_nothing_after_all() {
    let tier = Arc::new(Gated {
        reads: Some(Gated::shut()),
        ..Gated::default()
    });
    let failed = Err("the source is down".to_owned());
    assert_eq!(after_a_failure(&tier).await, failed);
}

#[tokio::test]
async fn a_lock_that_comes_late_is_given_back() {
    let tier = Arc::new(Gated {
        locks: Some(Gated::shut()),
        ..Gated::default()
    });
    let cache = impatient(Arc::clone(&tier) as Arc<dyn CacheTier>).await;
    assert_eq!(get(&cache, "a", "new").await, was("new", false));
    assert_eq!(tier.n_unlocks.load(Ordering::SeqCst), 0);
    Gated::open(tier.locks.as_ref());
    until("it is given back", async || {
        tier.n_unlocks.load(Ordering::SeqCst) == 1
    })
    .await;
}

async fn started(url: &str, prefix: &str) -> Cache {
    let cache = impatient(redis_within(url, prefix, HOUR)).await;
    until("a server", async || {
        cache.tier_health().expect("a tier").is_answering
    })
    .await;
    cache
}

#[tokio::test]
async fn calls_go_on_while_redis_hangs_and_it_is_asked_again_afterwards() {
    let server = RedisServer::start();
    let prefix = prefix();
    let cache = started(&server.url(), &prefix).await;
    server.freeze();
    for n in 0..2 * N_LATE {
        let name = n.to_string();
        assert_eq!(get(&cache, &name, "new").await, was("new", false));
        assert_eq!(get(&cache, &name, "").await, was("new", true));
    }
    server.go_on();
    // What was to be written then gets there, and is of use to others: they can load nothing.
    until("an answer of the first", async || {
        let other = over(redis(&server.url(), &prefix)).await;
        let load = async || Err::<String, _>("the source is down");
        let answer = other.get_or_load(ask("0"), load).await;
        answer.is_ok_and(|answer| answer.value.as_str() == "new")
    })
    .await;
}

#[tokio::test]
async fn calls_go_on_when_the_way_to_redis_falls_silent() {
    let way = Way::open(&shared_url()).await;
    let cache = started(&way.url(), &prefix()).await;
    assert_eq!(get(&cache, "before", "new").await, was("new", false));
    way.fall_silent();
    for n in 0..2 * N_LATE {
        let name = n.to_string();
        assert_eq!(get(&cache, &name, "new").await, was("new", false));
    }
}

#[tokio::test]
async fn whoever_waits_for_another_process_goes_on_when_redis_hangs() {
    let server = RedisServer::start();
    let prefix = prefix();
    let holder = started(&server.url(), &prefix).await;
    let waiter = started(&server.url(), &prefix).await;
    let held = SlowLoads::default();
    tokio::select! {
        _ = held.get(&holder, "a", HOUR) => unreachable!("it takes an hour"),
        () = async {
            until("the other's load", async || held.count() == 1).await;
            let waiting = get(&waiter, "a", "own");
            let freezing = async { server.freeze() };
            let (answer, ()) = tokio::join!(waiting, freezing);
            assert_eq!(answer, was("own", false));
        } => {}
    }
}

#[tokio::test]
async fn an_address_that_never_answers_is_not_waited_for() {
    // It takes connections and says nothing.
    let mute = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    // It does not even take any more of them: those that fill its queue were never taken.
    let full = TcpSocket::new_v4().expect("a socket");
    full.bind("127.0.0.1:0".parse().expect("an address"))
        .expect("a port");
    let full = full.listen(1).expect("a listener");
    let address = full.local_addr().expect("an address");
    let mut queued = Vec::new();
    while let Ok(Ok(connection)) = tokio::time::timeout(
        Duration::from_millis(200),
        tokio::net::TcpStream::connect(address),
    )
    .await
    {
        queued.push(connection);
    }
    for port in [
        mute.local_addr().expect("an address").port(),
        address.port(),
    ] {
        // Here a first look waits as long as an answer may take, and nobody after it.
        let tier = redis(&format!("redis://127.0.0.1:{port}"), &prefix());
        let cache = Cache::over(settings(), crate::world::TestClock::new(), tier).await;
        assert!(!cache.tier_health().expect("a tier").is_answering);
        for n in 0..100 {
            let name = n.to_string();
            assert_eq!(get(&cache, &name, "new").await, was("new", false));
        }
    }
}
