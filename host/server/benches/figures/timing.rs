//! Repeating and summing up.

use std::time::{Duration, Instant};

/// What many runs took, sorted.
pub(crate) struct Timings(Vec<Duration>);

impl Timings {
    pub(crate) fn of(mut runs: Vec<Duration>) -> Self {
        runs.sort_unstable();
        Self(runs)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The run that `share` of all runs did not exceed.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let index = ((self.0.len() - 1) as f64 * share).round() as usize;
        self.0[index]
    }

    pub(crate) fn summary(&self) -> String {
        self.summary_in("ms", 1e3)
    }

    pub(crate) fn summary_in_micros(&self) -> String {
        self.summary_in("µs", 1e6)
    }

    fn summary_in(&self, unit: &str, per_second: f64) -> String {
        let shown = |share| format!("{:.2}", self.quantile(share).as_secs_f64() * per_second);
        format!(
            "p10 {} · p50 {} · p90 {} {unit} ({} runs)",
            shown(0.1),
            shown(0.5),
            shown(0.9),
            self.0.len()
        )
    }
}

/// Runs `left` and `right` in turn and gives the median of the paired ratios left / right.
pub(crate) fn paired(
    n_rounds: usize,
    mut left: impl FnMut(),
    mut right: impl FnMut(),
) -> (Timings, Timings, f64) {
    let (mut lefts, mut rights, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..n_rounds + 3 {
        let (l, r) = if round % 2 == 0 {
            let l = timed(&mut left);
            (l, timed(&mut right))
        } else {
            let r = timed(&mut right);
            (timed(&mut left), r)
        };
        // The first rounds fault in memory and fill caches.
        if round >= 3 {
            lefts.push(l);
            rights.push(r);
            ratios.push(l.as_secs_f64() / r.as_secs_f64());
        }
    }
    ratios.sort_unstable_by(f64::total_cmp);
    (
        Timings::of(lefts),
        Timings::of(rights),
        ratios[ratios.len() / 2],
    )
}

pub(crate) fn timed(run: &mut impl FnMut()) -> Duration {
    let begun = Instant::now();
    run();
    begun.elapsed()
}
