//! How often a slot may ask: so often a second, with a second's worth at once.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// When each slot's next request is due. Slots are rows that an operator makes, so the map has an
/// end.
#[derive(Default)]
pub(super) struct Rate {
    due: Mutex<HashMap<String, Instant>>,
}

impl Rate {
    /// Takes the next place in the slot's line and says how long to wait for it; none when that
    /// is longer than `max_wait`, so that calls which were given up do not fill the line.
    pub(super) fn wait(
        &self,
        slot: &str,
        n_per_second: u32,
        max_wait: Duration,
        now: Instant,
    ) -> Option<Duration> {
        let step = Duration::from_secs(1) / n_per_second.max(1);
        let burst = Duration::from_secs(1).saturating_sub(step);
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let next = due.get(slot).copied().unwrap_or(now).max(now);
        let wait = next.saturating_duration_since(now).saturating_sub(burst);
        if wait > max_wait {
            return None;
        }
        due.insert(slot.to_owned(), next + step);
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_so_many_and_the_next_ones_wait_in_line() {
        let rate = Rate::default();
        let now = Instant::now();
        let half = Duration::from_millis(500);
        let wait = |slot, now| rate.wait(slot, 4, half, now).map(|wait| wait.as_millis());
        let waits: Vec<_> = (0..7).map(|_| wait("web", now)).collect();
        let in_line = [0, 0, 0, 0, 250, 500].map(Some);
        assert_eq!(waits[..6], in_line);
        assert_eq!(waits[6], None, "the line is full");
        assert_eq!(wait("other", now), Some(0));
        assert_eq!(wait("web", now + Duration::from_secs(9)), Some(0));
    }
}
