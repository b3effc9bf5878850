//! The loop. Knows tensors; knows nothing of votes or artifacts.

use burn::{
    optim::{AdamConfig, GradientsParams, ModuleOptimizer},
    tensor::{Device, Tensor, TensorData, activation},
};
use rand::{rngs::StdRng, seq::SliceRandom};

use super::TrainingSettings;
use crate::{
    ModelError,
    architecture::WeightShift,
    dataset::{PairBatch, PairSet, as_f64},
};

/// Called with the epoch, its loss and the shift so far.
pub(super) type OnEpoch<'a> = &'a mut dyn FnMut(usize, f64, &[f32]);

/// Minimises the loss and returns the shift of each weight, in units of its feature's scale.
pub(super) fn fit(
    pairs: &PairSet<'_>,
    settings: &TrainingSettings,
    rng: &mut StdRng,
    stop: &dyn Fn() -> bool,
    on_epoch: OnEpoch<'_>,
) -> Result<Vec<f32>, ModelError> {
    let device = Device::flex().autodiff();
    let mut model = WeightShift::zero(pairs.n_features(), &device);
    let mut optimizer = AdamConfig::new().init();
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    let mut shift = vec![0.0; pairs.n_features()];
    for epoch in 1..=settings.n_epochs {
        // Falls to 0 with the last epoch, so that the weights come to rest.
        let left = as_f64(settings.n_epochs + 1 - epoch) / as_f64(settings.n_epochs);
        let learning_rate = settings.learning_rate * left;
        order.shuffle(rng);
        let mut loss = 0.0;
        for indexes in order.chunks(settings.n_pairs_per_batch) {
            if stop() {
                return Err(ModelError::Stopped { epoch });
            }
            let share = as_f64(indexes.len()) / as_f64(pairs.len());
            let objective = Objective::new(pairs, indexes, settings.weight_decay, &device);
            let (batch_loss, next) = step(model, &mut optimizer, &objective, learning_rate)?;
            loss += share * batch_loss;
            model = next;
        }
        shift = read(model.shift.val(), "weights")?;
        if !loss.is_finite() || shift.iter().any(|value| !value.is_finite()) {
            return Err(ModelError::Diverged { epoch });
        }
        on_epoch(epoch, loss, &shift);
    }
    Ok(shift)
}

fn step(
    model: WeightShift,
    optimizer: &mut ModuleOptimizer,
    objective: &Objective,
    learning_rate: f64,
) -> Result<(f64, WeightShift), ModelError> {
    let loss = objective.loss(&model);
    let value = read(loss.clone(), "loss")?.into_iter().sum::<f32>();
    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    let model = optimizer.step(learning_rate, model, gradients);
    Ok((f64::from(value), model))
}

fn read(tensor: Tensor<1>, what: &'static str) -> Result<Vec<f32>, ModelError> {
    tensor
        .try_into_vec_as::<f32>()
        .map_err(|cause| ModelError::Tensor {
            what,
            cause: cause.into(),
        })
}

/// The loss of one batch, an unbiased estimate of the loss of all pairs.
struct Objective {
    /// `[n_pairs, n_features]`
    differences: Tensor<2>,
    /// `[n_pairs]`
    start: Tensor<1>,
    /// `[n_pairs]`, so that the loss is a mean over pieces of evidence.
    pair_weights: Tensor<1>,
    /// Of the squared shift.
    penalty: f64,
}

impl Objective {
    fn new(pairs: &PairSet<'_>, indexes: &[usize], weight_decay: f64, device: &Device) -> Self {
        let (n_pairs, n_features) = (indexes.len(), pairs.n_features());
        let PairBatch {
            differences,
            margins,
            pair_weights,
        } = pairs.batch(indexes);
        let scale = as_f64(pairs.len()) / as_f64(n_pairs) / pairs.total_weight;
        let column =
            |values: Vec<f32>| Tensor::<1>::from_data(TensorData::new(values, [n_pairs]), device);
        Self {
            differences: Tensor::from_data(
                TensorData::new(differences, [n_pairs, n_features]),
                device,
            ),
            start: column(margins),
            pair_weights: column(pair_weights).mul_scalar(scale),
            penalty: 0.5 * weight_decay * as_f64(n_features) / pairs.total_weight,
        }
    }

    fn loss(&self, model: &WeightShift) -> Tensor<1> {
        let margins = model.forward(self.differences.clone(), self.start.clone());
        // ln(1 + exp(-margin)), without overflow for a pair that is badly wrong.
        let losses = activation::log_sigmoid(margins).neg() * self.pair_weights.clone();
        let distance = model.shift.val().powi_scalar(2).sum();
        losses.sum() + distance.mul_scalar(self.penalty)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::{
        dataset::{Scaling, Votes},
        toy,
    };

    /// The same loss again, in f64 and without tensors.
    fn reference_loss(batch: &PairBatch, total_weight: f64, decay: f64, shift: &[f64]) -> f64 {
        let n_features = shift.len();
        let rows = batch.differences.chunks(n_features);
        let pairs = rows.zip(&batch.margins).zip(&batch.pair_weights);
        let losses: f64 = pairs
            .map(|((row, start), weight)| {
                let moved: f64 = row.iter().zip(shift).map(|(d, s)| f64::from(*d) * s).sum();
                f64::from(*weight) * (-(f64::from(*start) + moved)).exp().ln_1p()
            })
            .sum();
        let distance: f64 = shift.iter().map(|s| s * s).sum();
        (losses + 0.5 * decay * as_f64(n_features) * distance) / total_weight
    }

    #[test]
    fn the_gradient_matches_finite_differences() {
        let queries = Votes::collect(&toy::votes(4, 12, 1), &toy::names(3))
            .unwrap()
            .queries;
        let scaling = Scaling::of(&queries, 3);
        let mut rng = StdRng::seed_from_u64(1);
        let start = [0.7, -0.2, 0.1];
        let pairs = PairSet::new(&queries, &start, &scaling, usize::MAX, &mut rng);
        let indexes: Vec<usize> = (0..pairs.len()).collect();
        let device = Device::flex().autodiff();
        let objective = Objective::new(&pairs, &indexes, 2.0, &device);
        let shift = [0.3_f32, -0.5, 0.2];
        let mut model = WeightShift::zero(3, &device);
        model.shift = burn::module::Param::from_tensor(Tensor::from_floats(shift, &device));

        let loss = objective.loss(&model);
        let value = f64::from(read(loss.clone(), "loss").unwrap()[0]);
        let mut gradients = GradientsParams::from_grads(loss.backward(), &model);
        let gradient = gradients.remove::<1>(model.shift.id).unwrap();
        let gradient = read(gradient, "gradient").unwrap();

        let batch = pairs.batch(&indexes);
        let at = |shift: &[f64]| reference_loss(&batch, pairs.total_weight, 2.0, shift);
        let shift = shift.map(f64::from);
        assert!((value - at(&shift)).abs() < 1e-5, "{value}");
        for feature in 0..3 {
            let nudged = |by: f64| {
                let mut shift = shift;
                shift[feature] += by;
                at(&shift)
            };
            let expected = (nudged(1e-5) - nudged(-1e-5)) / 2e-5;
            let found = f64::from(gradient[feature]);
            assert!((found - expected).abs() < 1e-5, "{found} for {expected}");
        }
    }

    #[test]
    fn batches_add_up_to_the_whole() {
        let queries = Votes::collect(&toy::votes(4, 12, 1), &toy::names(3))
            .unwrap()
            .queries;
        let scaling = Scaling::of(&queries, 3);
        let mut rng = StdRng::seed_from_u64(1);
        let pairs = PairSet::new(&queries, &[0.5; 3], &scaling, usize::MAX, &mut rng);
        let device = Device::flex().autodiff();
        let model = WeightShift::zero(3, &device);
        let loss_of = |indexes: &[usize]| {
            let objective = Objective::new(&pairs, indexes, 2.0, &device);
            f64::from(read(objective.loss(&model), "loss").unwrap()[0])
        };
        let all: Vec<usize> = (0..pairs.len()).collect();
        let parts: f64 = all
            .chunks(7)
            .map(|part| loss_of(part) * as_f64(part.len()) / as_f64(pairs.len()))
            .sum();
        assert!((parts - loss_of(&all)).abs() < 1e-5);
    }
}
