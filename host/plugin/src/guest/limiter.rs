//! The memory limit of one instance, and the most it ever took.

use wasmtime::ResourceLimiter;

use crate::error::MemoryRefused;

/// Table elements of one instance, each a pointer wide. Rust guests need a few thousand.
const MAX_TABLE_ELEMENTS: usize = 20_000;

/// Counts all memories of an instance together; they never shrink.
pub(crate) struct Limiter {
    max_bytes: usize,
    bytes: usize,
}

impl Limiter {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            bytes: 0,
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

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= MAX_TABLE_ELEMENTS)
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
    fn tables_have_a_limit() {
        let mut limiter = Limiter::new(0);
        let grown = |limiter: &mut Limiter, n| limiter.table_growing(0, n, None).unwrap();
        assert!(grown(&mut limiter, MAX_TABLE_ELEMENTS));
        assert!(!grown(&mut limiter, MAX_TABLE_ELEMENTS + 1));
    }
}
