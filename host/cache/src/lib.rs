//! Answers worth keeping, so that work already done is not done again.
//!
//! A value lives in memory under a digest of everything that produced it ([`CacheKey`]). One miss
//! loads once, however many wait for it; an error is never kept; what is kept is never waited for.
//! The cache only saves time: losing it, or turning it off, changes no answer.

mod class;
mod key;
mod memory;

pub use class::{CacheClass, CacheSettings};
pub use key::CacheKey;
pub use memory::{Cache, Cached};
