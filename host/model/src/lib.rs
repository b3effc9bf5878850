//! The learning room: Burn lives here and nowhere else.
//!
//! What comes out is an [artifact](phagen_domain::artifact): plain numbers with the record of how
//! they were made. Guests serve it; this room never serves, never reads a clock, a file or a
//! database, and never trains on a feature that it computed itself: features come with the votes,
//! as the guest computed them when the vote was cast.
//!
//! `dataset` turns votes into pairs, `architecture` holds what is learned, `training` learns it,
//! `inference` scores, `evaluation` measures.

mod architecture;
mod dataset;
mod error;
mod evaluation;
mod inference;
mod training;

pub use dataset::VoteUse;
pub use error::ModelError;
pub use evaluation::{KindWeight, evaluate, weights_by_kind};
pub use inference::score;
pub use training::{Trained, TrainingProgress, TrainingSettings, train_reranker};

#[cfg(test)]
mod toy;
