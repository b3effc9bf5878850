//! Which tiers the cache of this process has: memory, over Redis where there is one, else over the
//! database where that is this machine's own.

use std::sync::Arc;

use anyhow::{Context, Result};
use phagen_cache::{Cache, CacheSettings, RedisSettings, RedisTier};
use phagen_domain::clock::Clock;
use phagen_store::{CacheTier, Store};

use crate::config;

/// Grows when what lies in the cache is understood otherwise than by the version before.
const FORMAT: u32 = 1;

/// A tier that does not answer delays the start by no more than one call, and is followed later.
pub(crate) async fn open(
    settings: &config::CacheSettings,
    store: &dyn Store,
    clock: Arc<dyn Clock>,
) -> Result<Cache> {
    let kept = CacheSettings {
        enabled: settings.enabled,
        max_bytes: settings.memory_bytes,
        retrieval_lifetime: settings.retrieval_lifetime(),
        guest_output_lifetime: settings.guest_output_lifetime(),
        stale_lifetime: settings.stale_lifetime(),
        // A table of this machine's own database is not far: there is nothing to gain.
        tier_patience: match &settings.redis_url {
            Some(_) => settings.redis_patience(),
            None => CacheSettings::TIER_TIMEOUT,
        },
        tier_timeout: CacheSettings::TIER_TIMEOUT,
        producer: format!("phagen {} format {FORMAT}", env!("CARGO_PKG_VERSION")),
    };
    if !settings.enabled {
        return Ok(Cache::new(kept, clock));
    }
    Ok(match tier(settings, store)? {
        Some(tier) => Cache::over(kept, clock, tier).await,
        None => Cache::new(kept, clock),
    })
}

fn tier(settings: &config::CacheSettings, store: &dyn Store) -> Result<Option<Arc<dyn CacheTier>>> {
    let Some(url) = &settings.redis_url else {
        return Ok((settings.store_bytes > 0)
            .then(|| store.cache_tier(settings.store_bytes))
            .flatten());
    };
    let read = |path| {
        std::fs::read(path).context("the file that `cache.redis_roots` names cannot be read")
    };
    let redis = RedisSettings {
        url: url.0.clone(),
        prefix: settings.redis_prefix.clone(),
        roots: settings.redis_roots.as_ref().map(read).transpose()?,
        timeout: CacheSettings::TIER_TIMEOUT,
    };
    let tier = RedisTier::open(&redis).context("setting `cache.redis_url` is wrong")?;
    Ok(Some(Arc::new(tier)))
}
