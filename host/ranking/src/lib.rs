//! Arithmetic on domain values: how good an order is, how far two orders
//! agree, and how findings add up to suggestions.
//!
//! Everything here is a pure function of its arguments. No IO, no clock, no chance, no plugin.

mod agreement;
mod fusion;
mod measure;
mod rollup;
mod selection;

pub use agreement::{kendall_tau, overlap_at};
pub use fusion::noisy_or;
pub use measure::{ndcg_at, pair_accuracy, recall_at, reciprocal_rank};
pub use rollup::{EvidenceStance, RollUp, is_ancestor, roll_up};
pub use selection::select;
