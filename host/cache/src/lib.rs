//! Answers worth keeping, so that work already done is not done again.
//!
//! A value lives in memory, and in a second tier behind it that processes share (Redis, or a table
//! of the store), under a digest of everything that produced it ([`CacheKey`]). One miss loads once,
//! however many wait for it, in this process and in others; an error is never kept; an answer past
//! its time is handed out, marked, while it is asked for anew. The cache only saves time: losing a
//! tier, all that is in it, or turning the whole off changes no answer.

mod breaker;
mod cache;
mod class;
mod entry;
mod flight;
mod forget;
mod key;
mod patience;
mod redis;
mod scope;
mod shared;
mod tier;
mod turn;

pub use cache::{Cache, Cached, TierHealth};
pub use class::{Ask, CacheClass, CacheSettings};
pub use forget::{CacheError, Reach};
pub use key::CacheKey;
pub use redis::{InvalidRedis, RedisSettings, RedisTier};
pub use scope::Scope;
