//! What a hit costs in memory, in Redis and in the store, and a call while Redis is gone:
//! `cargo xtask services cargo run --release -p phagen-cache --example cache_speed`

use std::{
    convert::Infallible,
    net::TcpListener,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use phagen_cache::{Ask, Cache, CacheClass, CacheKey, CacheSettings, RedisSettings, RedisTier};
use phagen_domain::clock::Clock;
use phagen_store::{CacheTier, Store as _};
use phagen_store_sqlite::SqliteStore;
use rustix::process::{Pid, Signal, kill_process};

const N: u32 = 5_000;
/// About what a source answers.
const VALUE_BYTES: usize = 50_000;

/// As the host has it unless its operator says otherwise (`cache.redis_patience_milliseconds`).
const PATIENCE: Duration = Duration::from_millis(3);

struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "figures are taken in real time")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let url = std::env::var_os("PHAGEN_TEST_REDIS").and_then(|url| url.into_string().ok());
    let url = url.context("run it by `cargo xtask services cargo run …`")?;
    println(&format!("values of {VALUE_BYTES} bytes, {N} calls each"));
    let prefix = format!("speed-{}", uuid::Uuid::new_v4().simple());
    let redis = || tier(&url, &prefix);
    let memory = over(redis()?, 1 << 30).await;
    fill(&memory).await?;
    measure("a hit in memory", &memory).await?;
    memory.close().await;
    let nothing = 0;
    measure("a hit in Redis", &over(redis()?, nothing).await).await?;

    let folder = tempfile::tempdir()?;
    let store = SqliteStore::open(&folder.path().join("phagen.db")).await?;
    let table = || store.cache_tier(1 << 40).context("SQLite has a tier");
    let cache = over(table()?, nothing).await;
    fill(&cache).await?;
    cache.close().await;
    measure("a hit in the store", &over(table()?, nothing).await).await?;

    outage(&prefix, Signal::KILL, "after Redis was killed").await?;
    outage(&prefix, Signal::STOP, "after Redis hung").await
}

/// A server of our own that dies, or hangs, while it is used: the first calls find it out.
async fn outage(prefix: &str, signal: Signal, what: &str) -> Result<()> {
    let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let program = std::env::var_os("PHAGEN_TEST_REDIS_SERVER").context("no server is named")?;
    let mut server = Command::new(program)
        .args(["--bind", "127.0.0.1", "--save", "", "--port"])
        .arg(port.to_string())
        .stdout(Stdio::null())
        .spawn()?;
    let cache = patient_for(
        PATIENCE,
        tier(&format!("redis://127.0.0.1:{port}"), prefix)?,
        0,
    )
    .await;
    let is_answering = || cache.tier_health().is_some_and(|tier| tier.is_answering);
    while !is_answering() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    ensure!(!call(&cache, 0).await, "it was there already");
    let pid = Pid::from_raw(server.id().cast_signed()).context("it has an id")?;
    kill_process(pid, signal)?;
    let mut times = Vec::new();
    for n in 1..=N {
        let begun = Instant::now();
        call(&cache, n % 99 + 1).await;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let first: Vec<String> = times.drain(..5).map(|ms| format!("{ms:.2}")).collect();
    times.sort_unstable_by(f64::total_cmp);
    let (p50, most) = (times[times.len() / 2], times[times.len() - 1]);
    println(&format!(
        "{what:<28} first {} ms · then p50 {p50:.3}, most {most:.3} ms",
        first.join(", ")
    ));
    server.kill()?;
    server.wait()?;
    Ok(())
}

fn tier(url: &str, prefix: &str) -> Result<Arc<dyn CacheTier>> {
    Ok(Arc::new(RedisTier::open(&RedisSettings {
        url: url.to_owned(),
        prefix: prefix.to_owned(),
        roots: None,
        timeout: CacheSettings::TIER_TIMEOUT,
    })?))
}

async fn over(tier: Arc<dyn CacheTier>, max_bytes: u64) -> Cache {
    patient_for(CacheSettings::TIER_TIMEOUT, tier, max_bytes).await
}

async fn patient_for(patience: Duration, tier: Arc<dyn CacheTier>, max_bytes: u64) -> Cache {
    let settings = CacheSettings {
        max_bytes,
        tier_patience: patience,
        ..CacheSettings::default()
    };
    Cache::over(settings, Arc::new(SystemClock), tier).await
}

/// A hundred values, each asked for many times.
async fn call(cache: &Cache, n: u32) -> bool {
    let ask = Ask {
        class: CacheClass::Retrieval,
        source: "clinical",
        molecule: "aspirin",
        key: CacheKey::new("speed")
            .generation(u64::from(n % 100))
            .finish(),
    };
    let load = || async { Ok::<_, Infallible>("x".repeat(VALUE_BYTES)) };
    let answer = cache.get_or_load(ask, load).await;
    answer.is_ok_and(|answer| answer.cached)
}

async fn fill(cache: &Cache) -> Result<()> {
    for n in 0..100 {
        ensure!(!call(cache, n).await, "it was there already");
        // Fewer than go to a tier at once.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

async fn measure(what: &str, cache: &Cache) -> Result<()> {
    let mut times = Vec::new();
    for n in 0..N {
        let begun = Instant::now();
        let cached = call(cache, n).await;
        times.push(begun.elapsed());
        ensure!(cached, "call {n} of `{what}` was no hit");
    }
    times.sort_unstable();
    let at = |share: usize| times[times.len() * share / 100].as_secs_f64() * 1e6;
    let (p50, p99) = (at(50), at(99));
    println(&format!("{what:<28} p50 {p50:>7.1} · p99 {p99:>7.1} µs"));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example talks to a person")]
fn println(line: &str) {
    println!("{line}");
}
