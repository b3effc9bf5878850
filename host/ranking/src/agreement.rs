//! How far two orders of the same things agree.

/// Kendall's tau-b of two lists of scores, item by item: 1 for the same order, −1 for the reverse,
/// ties accounted for on both sides (Kendall 1945). 1 where no pair tells the items apart on both
/// sides alike or there are fewer than two items; 0 where only one side ties them all.
///
/// The lists have the same length; what is beyond the shorter one is not read.
pub fn kendall_tau(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len());
    let (mut agree, mut untied_a, mut untied_b) = (0_i64, 0_i64, 0_i64);
    for first in 0..n {
        for second in first + 1..n {
            let of_a = direction(a[first], a[second]);
            let of_b = direction(b[first], b[second]);
            agree += of_a * of_b;
            untied_a += of_a.abs();
            untied_b += of_b.abs();
        }
    }
    match (untied_a, untied_b) {
        (0, 0) => 1.0,
        (0, _) | (_, 0) => 0.0,
        _ => as_f64(agree) / (as_f64(untied_a) * as_f64(untied_b)).sqrt(),
    }
}

fn direction(first: f64, second: f64) -> i64 {
    match first.total_cmp(&second) {
        std::cmp::Ordering::Less => -1,
        std::cmp::Ordering::Equal => 0,
        std::cmp::Ordering::Greater => 1,
    }
}

/// Part of the first `k` that both orders share, of as many as the longer one has there. 1 when
/// both are empty.
pub fn overlap_at<T: PartialEq>(k: usize, a: &[T], b: &[T]) -> f64 {
    let (a, b) = (&a[..k.min(a.len())], &b[..k.min(b.len())]);
    let longer = a.len().max(b.len());
    if longer == 0 {
        return 1.0;
    }
    let n_shared = a.iter().filter(|item| b.contains(item)).count();
    let (n_shared, longer) = (n_shared as u64, longer as u64);
    as_f64(n_shared.cast_signed()) / as_f64(longer.cast_signed())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of pairs stay below 2^52"
)]
fn as_f64(count: i64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tau_is_that_of_the_textbook() {
        assert!((kendall_tau(&[1.0, 2.0, 3.0], &[10.0, 20.0, 30.0]) - 1.0).abs() < 1e-12);
        assert!((kendall_tau(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]) + 1.0).abs() < 1e-12);
        // scipy.stats.kendalltau([12, 2, 1, 12, 2], [1, 4, 7, 1, 0]) = -0.4714045207910316
        let tau = kendall_tau(&[12.0, 2.0, 1.0, 12.0, 2.0], &[1.0, 4.0, 7.0, 1.0, 0.0]);
        assert!((tau + 0.471_404_520_791_031_6).abs() < 1e-12, "{tau}");
        assert!((kendall_tau(&[1.0], &[2.0]) - 1.0).abs() < 1e-12);
        assert!(kendall_tau(&[1.0, 1.0], &[1.0, 2.0]).abs() < 1e-12);
    }

    #[test]
    fn overlap_counts_the_shared_part_of_the_first() {
        assert!((overlap_at(2, &["a", "b", "c"], &["b", "a"]) - 1.0).abs() < 1e-12);
        assert!((overlap_at(2, &["a", "b"], &["a", "c"]) - 0.5).abs() < 1e-12);
        assert!((overlap_at(10, &["a"], &["a", "b"]) - 0.5).abs() < 1e-12);
        assert!((overlap_at::<&str>(10, &[], &[]) - 1.0).abs() < 1e-12);
        assert!(overlap_at(10, &["a"], &[]).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn tau_is_symmetric_and_bounded(pairs in prop::collection::vec((-9_i8..9, -9_i8..9), 0..40)) {
            let (a, b): (Vec<f64>, Vec<f64>) = pairs.iter().map(|&(a, b)| (f64::from(a), f64::from(b))).unzip();
            let tau = kendall_tau(&a, &b);
            prop_assert!((-1.0 - 1e-9..=1.0 + 1e-9).contains(&tau));
            prop_assert!((tau - kendall_tau(&b, &a)).abs() < 1e-12);
            prop_assert!((kendall_tau(&a, &a) - 1.0).abs() < 1e-9);
        }
    }
}
