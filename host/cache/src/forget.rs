//! Forgetting on purpose, and how far it reaches.

use crate::{Cache, Scope};

/// Who forgot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The cache is off: there was nothing.
    Nowhere,
    /// There is no tier that processes share.
    ThisProcess,
    /// Every process with the same tier, others within a second.
    EveryProcess,
}

#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    #[error(
        "cache tier `{tier}` does not answer, so only this process forgot: ask again when it does"
    )]
    TierSilent { tier: &'static str },
}

impl Cache {
    /// Makes every kept answer of the scope unreachable, at once; the memory goes with its lifetime.
    pub async fn invalidate(&self, scope: &Scope) -> Result<Reach, CacheError> {
        let shared = &self.shared;
        if !shared.settings.enabled {
            return Ok(Reach::Nowhere);
        }
        let Some(tier) = &shared.tier else {
            shared.counters.bump(scope.bucket());
            return Ok(Reach::ThisProcess);
        };
        if tier.bump(scope.bucket()).await.is_none() {
            shared.entries.invalidate_all();
            return Err(CacheError::TierSilent { tier: tier.name() });
        }
        shared.look().await;
        Ok(Reach::EveryProcess)
    }
}
