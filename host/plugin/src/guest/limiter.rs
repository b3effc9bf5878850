//! The limits of one instance's memories and tables, and the most memory it ever took.

use wasmtime::ResourceLimiter;

use crate::error::{MemoryRefused, TableRefused};

/// Table elements of one instance, each a pointer wide. Rust guests need a few thousand.
const MAX_TABLE_ELEMENTS: usize = 20_000;

/// Counts all memories of an instance together, and all tables; they never shrink.
pub(crate) struct Limiter {
    max_bytes: usize,
    bytes: usize,
    n_elements: usize,
}

impl Limiter {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            bytes: 0,
            n_elements: 0,
        }
    }

    /// The high-water mark.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl ResourceLimiter for Limiter {
    /// Ends the call instead of answering -1, which guests turn into a trap without a reason.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let asked_bytes = self.bytes.saturating_add(desired.saturating_sub(current));
        if asked_bytes > self.max_bytes {
            return Err(MemoryRefused {
                asked_bytes,
                max_bytes: self.max_bytes,
            }
            .into());
        }
        self.bytes = asked_bytes;
        Ok(true)
    }

    /// Ends the call, for the same reason.
    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let n_asked = self
            .n_elements
            .saturating_add(desired.saturating_sub(current));
        if n_asked > MAX_TABLE_ELEMENTS {
            return Err(TableRefused {
                n_asked,
                n_max: MAX_TABLE_ELEMENTS,
            }
            .into());
        }
        self.n_elements = n_asked;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_of_one_instance_share_the_limit() {
        let mut limiter = Limiter::new(100);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.memory_growing(0, 40, None).unwrap());
        assert!(limiter.memory_growing(40, 41, None).is_err());
        assert_eq!(limiter.bytes(), 100);
    }

    #[test]
    fn tables_of_one_instance_share_a_limit() {
        let mut limiter = Limiter::new(0);
        assert!(
            limiter
                .table_growing(0, MAX_TABLE_ELEMENTS - 1, None)
                .unwrap()
        );
        assert!(limiter.table_growing(0, 1, None).unwrap());
        assert!(limiter.table_growing(1, 2, None).is_err());
    }
}
