//! Whether a tier is worth asking. After a few failures in a row it is not, until it was seen to
//! answer again; so a call goes on at once where the tier is gone. Knows no clock: whoever watches
//! the tier decides when to look.

/// Failures in a row after which the tier is left alone.
const MAX_FAILURES: u32 = 3;

#[derive(Debug, Default)]
pub(crate) struct Breaker {
    n_failures: u32,
}

/// What the last outcome changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Opened,
    Closed,
    None,
}

impl Breaker {
    pub(crate) fn is_open(&self) -> bool {
        self.n_failures >= MAX_FAILURES
    }

    pub(crate) fn fail(&mut self) -> Turn {
        self.n_failures = self.n_failures.saturating_add(1);
        if self.n_failures == MAX_FAILURES {
            Turn::Opened
        } else {
            Turn::None
        }
    }

    /// A call got through. Once open, only a look at the tier closes it: see [`Breaker::close`].
    pub(crate) fn succeed(&mut self) {
        if !self.is_open() {
            self.n_failures = 0;
        }
    }

    pub(crate) fn close(&mut self) -> Turn {
        let was_open = self.is_open();
        self.n_failures = 0;
        if was_open { Turn::Closed } else { Turn::None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_closes_when_looked_at() {
        let mut breaker = Breaker::default();
        for _ in 1..MAX_FAILURES {
            assert_eq!(breaker.fail(), Turn::None);
        }
        breaker.succeed();
        for _ in 1..MAX_FAILURES {
            assert_eq!(breaker.fail(), Turn::None);
        }
        assert!(!breaker.is_open());
        assert_eq!(breaker.fail(), Turn::Opened);
        assert!(breaker.is_open());
        // A call that was under way comes back, well or not.
        breaker.succeed();
        assert_eq!(breaker.fail(), Turn::None);
        assert!(breaker.is_open());
        assert_eq!(breaker.close(), Turn::Closed);
        assert!(!breaker.is_open());
        assert_eq!(breaker.close(), Turn::None);
    }
}
