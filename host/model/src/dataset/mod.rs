//! From votes to the pairs that training sees. Everything here is sorted, so that the order in
//! which votes are read changes nothing.

mod pairs;
mod split;
mod votes;

pub(crate) use pairs::{PairBatch, PairSet, Scaling, as_f32, as_f64};
pub(crate) use split::split;
pub use votes::VoteUse;
pub(crate) use votes::{VotedEvidence, VotedQuery, Votes, is_used};
