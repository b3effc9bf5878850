//! What this guest and `second-contract`, which takes this file from here, ask of the host alike: all
//! that a reranker may, so that a host which adapts one version must adapt it whole.

use std::cell::OnceCell;

use crate::{
    contract::{
        artifacts, configuration, log,
        types::{Attribute, Failure},
    },
    row::{self, NAMES},
};

thread_local! {
    static MODEL: OnceCell<Model> = const { OnceCell::new() };
}

/// Weights from the artifact, four bytes each; the bias from the configuration.
pub(crate) struct Model {
    weights: [f32; NAMES.len()],
    bias: f32,
}

pub(crate) fn describe(name: &str) -> Vec<Attribute> {
    vec![Attribute {
        key: "name".to_owned(),
        value: name.to_owned(),
    }]
}

pub(crate) fn init() -> Result<(), Failure> {
    let artifact = artifacts::open()?;
    let bytes = artifact.read(0, 16)?;
    let mut weights = [0.0; NAMES.len()];
    for (weight, bytes) in weights.iter_mut().zip(bytes.as_chunks().0) {
        *weight = f32::from_le_bytes(*bytes);
    }
    let bias = configuration::get("bias")
        .and_then(|bias| bias.parse().ok())
        .ok_or_else(|| failure("`bias` is no number"))?;
    let name = artifact.name();
    log::emit(
        log::Level::Info,
        "read the weights",
        &[("artifact".to_owned(), name)],
    );
    MODEL.with(|model| {
        model
            .set(Model { weights, bias })
            .map_err(|_| failure("`init` was called twice"))
    })
}

pub(crate) fn with<R>(call: impl FnOnce(&Model) -> R) -> Result<R, Failure> {
    MODEL.with(|model| {
        let model = model
            .get()
            .ok_or_else(|| failure("`init` was not called"))?;
        Ok(call(model))
    })
}

impl Model {
    pub(crate) fn score(&self, row: &[f32; NAMES.len()]) -> f32 {
        row::score(self.bias, &self.weights, row)
    }
}

fn failure(message: &str) -> Failure {
    Failure {
        code: "invalid-config".to_owned(),
        retryable: false,
        retry_after_ms: None,
        message: message.to_owned(),
    }
}
