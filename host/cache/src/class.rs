//! What kinds of answers are kept, and for how long.

use std::time::Duration;

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

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheSettings {
    /// False: nothing is read and nothing is written.
    pub enabled: bool,
    /// Bound on the values kept, as their JSON counts.
    pub max_bytes: u64,
    pub retrieval_lifetime: Duration,
    pub guest_output_lifetime: Duration,
}

impl CacheSettings {
    pub fn lifetime(&self, class: CacheClass) -> Duration {
        match class {
            CacheClass::Retrieval => self.retrieval_lifetime,
            CacheClass::GuestOutput => self.guest_output_lifetime,
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
        }
    }
}
