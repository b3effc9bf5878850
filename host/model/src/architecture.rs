//! What is learned. Only the architecture: how it learns stands in `training`.

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};

/// The distance of a linear reranker from the one it starts at, in units of each feature's scale.
///
/// Learning the distance and not the weights keeps a feature that no pair tells apart at exactly
/// the weight it had.
#[derive(Module, Debug)]
pub(crate) struct WeightShift {
    /// `[n_features]`
    pub(crate) shift: Param<Tensor<1>>,
}

impl WeightShift {
    pub(crate) fn zero(n_features: usize, device: &Device) -> Self {
        Self {
            shift: Param::from_tensor(Tensor::zeros([n_features], device)),
        }
    }

    /// How far each pair's upvoted evidence is ahead: `[n_pairs, n_features]` and `[n_pairs]` to
    /// `[n_pairs]`.
    pub(crate) fn forward(&self, differences: Tensor<2>, start: Tensor<1>) -> Tensor<1> {
        let shift = self.shift.val().unsqueeze_dim::<2>(1);
        start + differences.matmul(shift).squeeze_dim::<1>(1)
    }
}
