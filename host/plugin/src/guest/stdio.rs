//! Keeps the first words of what a guest prints, for the message of a trap. Nothing reaches the
//! host's own output.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

#[derive(Clone)]
pub(super) struct Stdio {
    kept: Arc<Mutex<Vec<u8>>>,
    max_bytes: usize,
}

impl Stdio {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            kept: Arc::default(),
            max_bytes,
        }
    }

    /// For the next call.
    pub(super) fn forget(&self) {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    pub(super) fn text(&self) -> String {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept).into_owned()
    }
}

impl IsTerminal for Stdio {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stdio {
    /// Only WASI 0.3 takes this one, and no world of ours has it.
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::empty())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Stdio {
    async fn ready(&mut self) {}
}

impl OutputStream for Stdio {
    /// Past the limit it swallows: a guest that prints much has done nothing wrong.
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let room = self.max_bytes.saturating_sub(kept.len());
        kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        const PERMIT_BYTES: usize = 64 << 10;
        Ok(PERMIT_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_first_bytes_only() {
        let mut stdio = Stdio::new(4);
        for text in ["abc", "def", "ghi"] {
            stdio.write(Bytes::from_static(text.as_bytes())).unwrap();
        }
        assert_eq!(stdio.text(), "abcd");
    }
}
