//! How good an order is, counted as `trec_eval` counts it. Written once, here, so that training,
//! evaluation and benchmarks cannot disagree.

/// nDCG of the first `k` places: gain = grade, discount log2(rank + 1), ideal over all judged
/// passages, found or not. A grade of zero or less gains nothing. 0 when nothing judged is good.
///
/// `grades_in_rank_order` holds the grade of each ranked passage (0 when unjudged), each of them
/// taken from `all_judged`.
pub fn ndcg_at(k: usize, grades_in_rank_order: &[f64], all_judged: &[f64]) -> f64 {
    let mut ideal_order = all_judged.to_vec();
    ideal_order.sort_by(|a, b| b.total_cmp(a));
    let ideal = discounted_gain(k, &ideal_order);
    if ideal > 0.0 {
        discounted_gain(k, grades_in_rank_order) / ideal
    } else {
        0.0
    }
}

/// Share of all relevant (grade above zero) passages among the first `k`; 0 when none is relevant.
pub fn recall_at(k: usize, grades_in_rank_order: &[f64], all_judged: &[f64]) -> f64 {
    let n_relevant = count_relevant(all_judged);
    if n_relevant == 0 {
        return 0.0;
    }
    let first = &grades_in_rank_order[..k.min(grades_in_rank_order.len())];
    as_f64(count_relevant(first)) / as_f64(n_relevant)
}

/// One over the rank of the first relevant passage; 0 when none is.
pub fn reciprocal_rank(grades_in_rank_order: &[f64]) -> f64 {
    grades_in_rank_order
        .iter()
        .position(|grade| *grade > 0.0)
        .map_or(0.0, |index| 1.0 / as_f64(index + 1))
}

/// Share of pairs (score of the better, score of the worse) in the right order; a tie counts half.
/// None without pairs.
pub fn pair_accuracy(pairs: impl IntoIterator<Item = (f64, f64)>) -> Option<f64> {
    let (mut n_pairs, mut right) = (0_usize, 0.0);
    for (better, worse) in pairs {
        n_pairs += 1;
        right += match better.total_cmp(&worse) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        };
    }
    (n_pairs > 0).then(|| right / as_f64(n_pairs))
}

fn discounted_gain(k: usize, grades: &[f64]) -> f64 {
    grades
        .iter()
        .take(k)
        .enumerate()
        .map(|(index, grade)| grade.max(0.0) / as_f64(index + 2).log2())
        .sum()
}

fn count_relevant(grades: &[f64]) -> usize {
    grades.iter().filter(|grade| **grade > 0.0).count()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of passages stay far below 2^52"
)]
fn as_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn ndcg_agrees_with_trec_eval_on_a_worked_example() {
        // DCG@3 = 0/1 + 2/log2(3) + 1/2; ideal@3 = 3/1 + 2/log2(3) + 1/2.
        let value = ndcg_at(3, &[0.0, 2.0, 1.0, 3.0], &[3.0, 2.0, 1.0, 0.0]);
        let part = 2.0 / 3.0_f64.log2() + 0.5;
        assert!(close(value, part / (3.0 + part)), "{value}");
    }

    #[test]
    fn ndcg_counts_what_was_judged_and_not_found() {
        assert!(close(
            ndcg_at(10, &[1.0], &[1.0, 1.0]),
            1.0 / (1.0 + 1.0 / 3.0_f64.log2())
        ));
        assert!(close(ndcg_at(10, &[], &[1.0]), 0.0));
        assert!(close(ndcg_at(10, &[0.0], &[]), 0.0));
        assert!(close(ndcg_at(0, &[1.0], &[1.0]), 0.0));
    }

    #[test]
    fn recall_and_reciprocal_rank_look_at_grades_above_zero() {
        assert!(close(
            recall_at(2, &[1.0, 0.0, 2.0], &[1.0, 2.0, 3.0, 0.0]),
            1.0 / 3.0
        ));
        assert!(close(recall_at(2, &[0.0], &[0.0]), 0.0));
        assert!(close(reciprocal_rank(&[0.0, 0.0, 1.0]), 1.0 / 3.0));
        assert!(close(reciprocal_rank(&[0.0]), 0.0));
    }

    #[test]
    fn a_tie_counts_half_a_pair() {
        assert_eq!(
            pair_accuracy([(2.0, 1.0), (1.0, 1.0), (0.0, 1.0)]),
            Some(0.5)
        );
        assert_eq!(pair_accuracy([]), None);
    }

    proptest! {
        #[test]
        fn ndcg_lies_between_zero_and_one(
            judged in prop::collection::vec(0_u8..4, 0..30),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
            k in 0_usize..40,
        ) {
            let judged: Vec<f64> = judged.into_iter().map(f64::from).collect();
            // A ranking lists each judged passage at most once.
            let mut left = judged.clone();
            let mut ranked = Vec::new();
            for index in order {
                if !left.is_empty() {
                    ranked.push(left.swap_remove(index.index(left.len())));
                }
            }
            let value = ndcg_at(k, &ranked, &judged);
            prop_assert!((0.0..=1.0 + 1e-12).contains(&value), "{value}");
        }

        #[test]
        fn a_perfect_order_scores_one(
            judged in prop::collection::vec(0_u8..4, 1..30),
            k in 1_usize..40,
        ) {
            let mut judged: Vec<f64> = judged.into_iter().map(f64::from).collect();
            judged.push(1.0);
            judged.sort_by(|a, b| b.total_cmp(a));
            prop_assert!(close(ndcg_at(k, &judged, &judged), 1.0));
            prop_assert!(close(recall_at(judged.len(), &judged, &judged), 1.0));
        }
    }
}
