//! What an operator may set of a training run.

use crate::ModelError;

/// The defaults fit a few thousand votes in seconds on one core and change little on few.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingSettings {
    /// Decides the order of batches, and which pairs are drawn where there are too many. Same
    /// votes, settings and seed: same bytes. Default 1.
    pub seed: u64,
    /// Passes over all pairs, 1 to 100,000. Default 200.
    pub n_epochs: usize,
    /// Step of the optimizer (Adam) at the start, above 0 up to 1; it falls to 0 by the last
    /// epoch. Default 0.05.
    pub learning_rate: f64,
    /// How many pieces of voted evidence the current weights are worth, for each feature: the
    /// loss of n pieces is held against ½ · `weight_decay` · features · squared distance from the
    /// current weights, in units of each feature's standard deviation. Default 10, after the rule
    /// of ten events a variable: six votes then move the weights little, hundreds move them far.
    pub weight_decay: f64,
    /// Share of molecules that training never sees, 0 up to but not including 1. Default 0.2.
    pub held_out_share: f64,
    /// Pairs of one step, at least 1. Default 4,096.
    pub n_pairs_per_batch: usize,
    /// Pairs taken of one molecule, at least 1; of more, this many are drawn. Default 10,000.
    pub max_pairs_per_query: usize,
}

impl Default for TrainingSettings {
    fn default() -> Self {
        Self {
            seed: 1,
            n_epochs: 200,
            learning_rate: 0.05,
            weight_decay: 10.0,
            held_out_share: 0.2,
            n_pairs_per_batch: 4_096,
            max_pairs_per_query: 10_000,
        }
    }
}

impl TrainingSettings {
    const MAX_EPOCHS: usize = 100_000;

    pub(super) fn check(&self) -> Result<(), ModelError> {
        let settings = [
            (
                "n_epochs",
                self.n_epochs.to_string(),
                (1..=Self::MAX_EPOCHS).contains(&self.n_epochs),
                "1 to 100000",
            ),
            (
                "learning_rate",
                self.learning_rate.to_string(),
                self.learning_rate > 0.0 && self.learning_rate <= 1.0,
                "above 0, up to 1",
            ),
            (
                "weight_decay",
                self.weight_decay.to_string(),
                (0.0..=1e6).contains(&self.weight_decay),
                "0 to 1000000",
            ),
            (
                "held_out_share",
                self.held_out_share.to_string(),
                (0.0..1.0).contains(&self.held_out_share),
                "0 up to but not including 1",
            ),
            (
                "n_pairs_per_batch",
                self.n_pairs_per_batch.to_string(),
                self.n_pairs_per_batch > 0,
                "at least 1",
            ),
            (
                "max_pairs_per_query",
                self.max_pairs_per_query.to_string(),
                self.max_pairs_per_query > 0,
                "at least 1",
            ),
        ];
        for (name, value, is_valid, expected) in settings {
            if !is_valid {
                return Err(ModelError::InvalidSetting {
                    name,
                    value,
                    expected,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_checked_and_named() {
        let good = TrainingSettings::default();
        assert!(good.check().is_ok());
        for (name, settings) in [
            (
                "n_epochs",
                TrainingSettings {
                    n_epochs: 0,
                    ..good.clone()
                },
            ),
            (
                "n_epochs",
                TrainingSettings {
                    n_epochs: 100_001,
                    ..good.clone()
                },
            ),
            (
                "learning_rate",
                TrainingSettings {
                    learning_rate: 0.0,
                    ..good.clone()
                },
            ),
            (
                "learning_rate",
                TrainingSettings {
                    learning_rate: f64::NAN,
                    ..good.clone()
                },
            ),
            (
                "weight_decay",
                TrainingSettings {
                    weight_decay: -1.0,
                    ..good.clone()
                },
            ),
            (
                "held_out_share",
                TrainingSettings {
                    held_out_share: 1.0,
                    ..good.clone()
                },
            ),
            (
                "n_pairs_per_batch",
                TrainingSettings {
                    n_pairs_per_batch: 0,
                    ..good.clone()
                },
            ),
            (
                "max_pairs_per_query",
                TrainingSettings {
                    max_pairs_per_query: 0,
                    ..good.clone()
                },
            ),
        ] {
            let message = settings.check().err().unwrap().to_string();
            assert!(message.contains(&format!("`{name}`")), "{message}");
        }
    }
}
