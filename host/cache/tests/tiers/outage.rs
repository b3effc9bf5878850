//! Redis dies, hangs, comes late and comes back: calls go on, and it heals by itself.

use phagen_cache::Cache;

use crate::{
    server::RedisServer,
    world::{get, over, prefix, redis, until, was},
};

fn is_answering(cache: &Cache) -> bool {
    cache.tier_health().expect("a tier").is_answering
}

async fn started(server: &RedisServer, prefix: &str) -> Cache {
    let cache = over(redis(&server.url(), prefix)).await;
    until("a server", async || is_answering(&cache)).await;
    cache
}

#[tokio::test]
async fn calls_go_on_while_redis_is_dead_and_use_it_again_when_it_is_back() {
    let mut server = RedisServer::start();
    let prefix = prefix();
    let cache = started(&server, &prefix).await;
    assert_eq!(get(&cache, "a", "one").await, was("one", false));
    server.kill();
    // Those who find it out, and those after them.
    for n in 0..50 {
        let name = format!("dead {n}");
        assert_eq!(get(&cache, &name, "new").await, was("new", false));
        assert_eq!(get(&cache, &name, "").await, was("new", true));
    }
    until("it is noticed", async || !is_answering(&cache)).await;
    assert_eq!(get(&cache, "a", "").await, was("one", true));
    server.start_again();
    until("it heals", async || is_answering(&cache)).await;
    assert!(!get(&cache, "after", "kept").await.1);
    cache.close().await;
    let next = started(&server, &prefix).await;
    assert_eq!(get(&next, "after", "").await, was("kept", true));
    next.close().await;
}

#[tokio::test]
async fn a_redis_that_hangs_is_given_up_and_found_again() {
    let server = RedisServer::start();
    let cache = started(&server, &prefix()).await;
    server.freeze();
    for n in 0..10 {
        let name = format!("hanging {n}");
        assert_eq!(get(&cache, &name, "new").await, was("new", false));
    }
    assert!(!is_answering(&cache));
    server.go_on();
    until("it heals", async || is_answering(&cache)).await;
    assert!(!get(&cache, "after", "kept").await.1);
}

#[tokio::test]
async fn a_process_starts_without_redis_and_finds_it_later() {
    let mut server = RedisServer::start();
    server.kill();
    let prefix = prefix();
    let cache = over(redis(&server.url(), &prefix)).await;
    assert!(!is_answering(&cache));
    assert_eq!(get(&cache, "a", "one").await, was("one", false));
    assert_eq!(get(&cache, "a", "").await, was("one", true));
    server.start_again();
    until("it is found", async || is_answering(&cache)).await;
    assert!(!get(&cache, "later", "kept").await.1);
    cache.close().await;
    let next = started(&server, &prefix).await;
    assert_eq!(get(&next, "later", "").await, was("kept", true));
    next.close().await;
}
