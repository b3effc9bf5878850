//! How independent pieces of support add up.

/// The chance that at least one of `weights` holds, were they independent chances; each is taken
/// as 0..=1, and what is no number counts nothing.
pub fn noisy_or(weights: impl IntoIterator<Item = f64>) -> f64 {
    let none_holds: f64 = weights
        .into_iter()
        .filter(|weight| weight.is_finite())
        .map(|weight| 1.0 - weight.clamp(0.0, 1.0))
        .product();
    1.0 - none_holds
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_supports_nothing() {
        assert!(noisy_or([]).abs() < 1e-12);
        assert!(noisy_or([f64::NAN]).abs() < 1e-12);
        assert!((noisy_or([0.5, 0.5]) - 0.75).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn more_support_never_lowers_the_chance(
            weights in prop::collection::vec(0.0_f64..=1.0, 0..20),
            more in 0.0_f64..=1.0,
        ) {
            let before = noisy_or(weights.iter().copied());
            let after = noisy_or(weights.iter().copied().chain([more]));
            prop_assert!(after >= before - 1e-12);
            prop_assert!((0.0..=1.0).contains(&after));
        }
    }
}
