//! Pairs of an upvoted and a downvoted piece of evidence, in the units that training works in.

use rand::{rngs::StdRng, seq::index};

use super::VotedQuery;

/// What one step of each feature is worth, and where its middle lies.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scaling {
    pub(crate) means: Vec<f64>,
    pub(crate) scales: Vec<f64>,
}

impl Scaling {
    /// The standard deviation, but at least this share of the range: else one odd vote on a
    /// nearly constant feature would swing its weight.
    const MIN_SHARE_OF_RANGE: f64 = 0.1;

    pub(crate) fn of(queries: &[VotedQuery], n_features: usize) -> Self {
        let rows: Vec<&[f32]> = queries
            .iter()
            .flat_map(|query| &query.evidence)
            .map(|evidence| evidence.features.as_slice())
            .collect();
        let (means, scales) = (0..n_features)
            .map(|feature| {
                let values: Vec<f64> = rows.iter().map(|row| f64::from(row[feature])).collect();
                mean_and_scale(&values)
            })
            .unzip();
        Self { means, scales }
    }
}

fn mean_and_scale(values: &[f64]) -> (f64, f64) {
    let n = as_f64(values.len().max(1));
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if high > low {
        let scale = variance
            .sqrt()
            .max((high - low) * Scaling::MIN_SHARE_OF_RANGE);
        (mean, scale)
    } else {
        // A constant tells nothing: every difference is 0, and any scale but 0 will do.
        (mean, 1.0)
    }
}

/// One pair, upvoted minus downvoted.
struct Pair<'a> {
    upvoted: &'a [f32],
    downvoted: &'a [f32],
    weight: f64,
}

/// Every pair that is trained on.
pub(crate) struct PairSet<'a> {
    pairs: Vec<Pair<'a>>,
    scales: &'a [f64],
    weights: &'a [f32],
    /// Sum of the pairs' weights: pieces of evidence in the queries.
    pub(crate) total_weight: f64,
}

/// Pairs laid out for tensors.
pub(crate) struct PairBatch {
    /// Row by row, one row a pair, one column a feature, in units of its scale.
    pub(crate) differences: Vec<f32>,
    /// How far the starting artifact puts the upvoted ahead.
    pub(crate) margins: Vec<f32>,
    pub(crate) pair_weights: Vec<f32>,
}

impl<'a> PairSet<'a> {
    /// Takes every pair of every query, or `max_pairs_per_query` of them, drawn by `rng`.
    ///
    /// The pairs of a query weigh together as much as it has pieces of evidence: votes are
    /// independent of each other, the pairs made of them are not.
    pub(crate) fn new(
        queries: &'a [VotedQuery],
        weights: &'a [f32],
        scaling: &'a Scaling,
        max_pairs_per_query: usize,
        rng: &mut StdRng,
    ) -> Self {
        let mut pairs = Vec::new();
        for query in queries {
            let upvoted: Vec<_> = query.upvoted().collect();
            let downvoted: Vec<_> = query.downvoted().collect();
            let n_pairs = upvoted.len() * downvoted.len();
            let n_taken = n_pairs.min(max_pairs_per_query);
            let mut taken = index::sample(rng, n_pairs, n_taken).into_vec();
            taken.sort_unstable();
            let weight = as_f64(query.evidence.len()) / as_f64(n_taken);
            pairs.extend(taken.into_iter().map(|i| Pair {
                upvoted: &upvoted[i / downvoted.len()].features,
                downvoted: &downvoted[i % downvoted.len()].features,
                weight,
            }));
        }
        Self {
            total_weight: pairs.iter().map(|pair| pair.weight).sum(),
            pairs,
            scales: &scaling.scales,
            weights,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.pairs.len()
    }

    pub(crate) fn n_features(&self) -> usize {
        self.scales.len()
    }

    pub(crate) fn batch(&self, indexes: &[usize]) -> PairBatch {
        let mut batch = PairBatch {
            differences: Vec::with_capacity(indexes.len() * self.scales.len()),
            margins: Vec::with_capacity(indexes.len()),
            pair_weights: Vec::with_capacity(indexes.len()),
        };
        for &index in indexes {
            let pair = &self.pairs[index];
            let mut margin = 0.0;
            let columns = self.scales.iter().zip(self.weights).enumerate();
            for (feature, (scale, weight)) in columns {
                let difference =
                    f64::from(pair.upvoted[feature]) - f64::from(pair.downvoted[feature]);
                margin += difference * f64::from(*weight);
                batch.differences.push(as_f32(difference / scale));
            }
            batch.margins.push(as_f32(margin));
            batch.pair_weights.push(as_f32(pair.weight));
        }
        batch
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of votes and pairs stay far below 2^52"
)]
pub(crate) fn as_f64(n: usize) -> f64 {
    n as f64
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "tensors hold f32; only precision is lost, and what overflows is found as divergence"
)]
pub(crate) fn as_f32(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::{dataset::Votes, toy};

    fn queries() -> Vec<VotedQuery> {
        Votes::collect(&toy::votes(3, 10, 0), &toy::names(3))
            .unwrap()
            .queries
    }

    #[test]
    fn every_query_weighs_as_much_as_it_has_evidence() {
        let queries = queries();
        let scaling = Scaling::of(&queries, 3);
        let mut rng = StdRng::seed_from_u64(0);
        let n_evidence: usize = queries.iter().map(|query| query.evidence.len()).sum();
        for max_pairs in [usize::MAX, 4] {
            let pairs = PairSet::new(&queries, &[0.0; 3], &scaling, max_pairs, &mut rng);
            assert!((pairs.total_weight - as_f64(n_evidence)).abs() < 1e-9);
            assert!(pairs.len() <= max_pairs.saturating_mul(queries.len()));
        }
    }

    #[test]
    fn no_query_brings_more_pairs_than_the_limit() {
        let queries = queries();
        let scaling = Scaling::of(&queries, 3);
        let mut rng = StdRng::seed_from_u64(0);
        let n_all = PairSet::new(&queries, &[0.0; 3], &scaling, usize::MAX, &mut rng).len();
        let n_some = PairSet::new(&queries, &[0.0; 3], &scaling, 4, &mut rng).len();
        assert!(n_all > n_some);
        assert_eq!(n_some, 4 * queries.len());
    }

    #[test]
    fn a_nearly_constant_feature_is_scaled_by_its_range() {
        let mut values = vec![0.0; 999];
        values.push(1.0);
        assert!((mean_and_scale(&values).1 - 0.1).abs() < 1e-9);
        assert_eq!(mean_and_scale(&[3.0, 3.0]), (3.0, 1.0));
        assert_eq!(mean_and_scale(&[1.0, 3.0]), (2.0, 1.0));
    }
}
