//! One answer kept for a while, so that probes and scrapes cost the database one query a period
//! however many they are. Never used for what a user asks.

use std::time::Duration;

use tokio::{sync::Mutex, time::Instant};

pub(super) struct Cached<T> {
    ttl: Duration,
    kept: Mutex<Option<(Instant, T)>>,
}

impl<T: Clone> Cached<T> {
    pub(super) fn new(ttl: Duration) -> Self {
        Self {
            ttl,
            kept: Mutex::new(None),
        }
    }

    /// The kept answer while it is fresh, else a new one; concurrent callers wait for the same.
    pub(super) async fn get(&self, ask: impl Future<Output = T>) -> T {
        let mut kept = self.kept.lock().await;
        if let Some((at, value)) = kept.as_ref()
            && at.elapsed() < self.ttl
        {
            return value.clone();
        }
        let value = ask.await;
        *kept = Some((Instant::now(), value.clone()));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn asks_again_only_when_the_answer_is_stale() {
        let fresh = Cached::new(Duration::from_hours(1));
        assert_eq!(fresh.get(async { 1 }).await, 1);
        assert_eq!(fresh.get(async { 2 }).await, 1);
        let stale = Cached::new(Duration::ZERO);
        assert_eq!(stale.get(async { 1 }).await, 1);
        assert_eq!(stale.get(async { 2 }).await, 2);
    }
}
