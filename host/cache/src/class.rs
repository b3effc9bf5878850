//! What kinds of answers are kept, and for how long.

use std::time::Duration;

use phagen_domain::digest::Digest;

/// A sort of answer with a lifetime of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CacheClass {
    /// What a source answered.
    Retrieval,
    /// What a mapper or a reranker answered.
    GuestOutput,
}

impl CacheClass {
    pub const ALL: [Self; 2] = [Self::Retrieval, Self::GuestOutput];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retrieval => "retrieval",
            Self::GuestOutput => "guest_output",
        }
    }
}

/// What is asked for, and whose answer it is.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    pub class: CacheClass,
    /// The slot that answers.
    pub source: &'a str,
    /// The molecule's name, in any case.
    pub molecule: &'a str,
    /// Of the request and of all that produces the answer: see [`crate::CacheKey`].
    pub key: Digest,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheSettings {
    /// False: nothing is read and nothing is written, in either tier.
    pub enabled: bool,
    /// Bound on the values kept in memory, as their JSON counts.
    pub max_bytes: u64,
    pub retrieval_lifetime: Duration,
    pub guest_output_lifetime: Duration,
    /// How long after its lifetime what a source answered may still be handed out, marked as stale,
    /// while it is asked anew. What the other guests answer depends on nothing but its key.
    pub stale_lifetime: Duration,
    /// How long a caller waits for the tier behind memory before it goes on to load; an answer that
    /// comes while it loads is taken all the same.
    pub tier_patience: Duration,
    /// Longest that one answer of the tier is awaited, be it behind its caller.
    pub tier_timeout: Duration,
    /// The program that makes the values, with its version: what another made is not understood.
    pub producer: String,
}

/// How long an answer is fresh, and then how long it may stand in for a fresh one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lifetime {
    pub fresh: Duration,
    pub stale: Duration,
}

impl CacheSettings {
    /// Unless said otherwise, nobody goes on before an answer of the tier is given up.
    pub const TIER_TIMEOUT: Duration = Duration::from_millis(300);

    pub(crate) fn lifetime(&self, class: CacheClass) -> Lifetime {
        match class {
            CacheClass::Retrieval => Lifetime {
                fresh: self.retrieval_lifetime,
                stale: self.stale_lifetime,
            },
            CacheClass::GuestOutput => Lifetime {
                fresh: self.guest_output_lifetime,
                stale: Duration::ZERO,
            },
        }
    }
}

impl Default for CacheSettings {
    fn default() -> Self {
        let two_hours = Duration::from_hours(2);
        Self {
            enabled: true,
            max_bytes: 32 * 1024 * 1024,
            retrieval_lifetime: two_hours,
            guest_output_lifetime: two_hours,
            stale_lifetime: two_hours,
            tier_patience: Self::TIER_TIMEOUT,
            tier_timeout: Self::TIER_TIMEOUT,
            producer: String::new(),
        }
    }
}
