//! What a plugin is given: its configuration, its artifact and, for sources, the host's corpus.

use crate::{
    Attribute, CorpusRequest, Failure, Page,
    host::{ArtifactHandle, Host},
};

/// What a plugin is given at `init`, and a source at every search.
pub struct Context {
    config: Vec<Attribute>,
    host: Host,
}

impl Context {
    pub(crate) fn new(config: Vec<Attribute>, host: Host) -> Self {
        Self { config, host }
    }

    /// Where the log lines and the requests of a plugin under test go.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn recorder(&self) -> crate::host::Recorder {
        self.host.recorder()
    }

    /// The value that the slot's configuration gives `key`.
    pub fn config(&self, key: &str) -> Option<&str> {
        let attribute = self.config.iter().find(|a| a.key == key)?;
        Some(&attribute.value)
    }

    /// What stands for the secret `name` in a header or in the query of a request; none when the
    /// manifest does not ask for it, the operator does not grant it, or the host has no value.
    ///
    /// The host puts the value into requests that are granted it, and nowhere else; a request to
    /// another place with it is denied.
    pub fn secret(&self, name: &str) -> Option<&str> {
        self.config(&format!("secret.{name}"))
    }

    /// The slot's artifact; `not-found` when it has none, `denied` when it is not granted.
    pub fn artifact(&self) -> Result<Artifact, Failure> {
        self.host.open_artifact().map(|handle| Artifact { handle })
    }

    /// Searches the host's own corpus; `denied` when the slot is not granted it.
    ///
    /// Only sources may. A mapper or a reranker that calls this imports what its world does not
    /// hold, and the host refuses to install it.
    pub fn search_corpus(&self, request: &CorpusRequest) -> Result<Page, Failure> {
        self.host.search_corpus(request)
    }
}

/// Weights or tables that an operator paired with the plugin, read-only.
pub struct Artifact {
    handle: ArtifactHandle,
}

impl Artifact {
    /// Bytes that [`Artifact::read_all`] asks for at a time, so that no single call to the host
    /// nears the host's limit on what one call may carry.
    const CHUNK_BYTES: u32 = 1 << 20;

    /// Such as `reranker-default`.
    pub fn name(&self) -> String {
        self.handle.name()
    }

    /// blake3 of the bytes, 64 hexadecimal digits.
    pub fn digest(&self) -> String {
        self.handle.digest()
    }

    /// Length in bytes.
    pub fn size(&self) -> u64 {
        self.handle.size()
    }

    /// At most `len` bytes from `offset`; fewer at the end; `invalid-input` past the end.
    pub fn read(&self, offset: u64, len: u32) -> Result<Vec<u8>, Failure> {
        self.handle.read(offset, len)
    }

    /// All of it.
    pub fn read_all(&self) -> Result<Vec<u8>, Failure> {
        let mut bytes = self.read(0, Self::CHUNK_BYTES)?;
        if bytes.len() < Self::CHUNK_BYTES as usize {
            // It ended; to ask for its size as well would cost as much as reading it did.
            return Ok(bytes);
        }
        let size = self.size();
        while (bytes.len() as u64) < size {
            let chunk = self.read(bytes.len() as u64, Self::CHUNK_BYTES)?;
            if chunk.is_empty() {
                return Err(Failure::internal(format!(
                    "artifact `{}` ended at byte {} of {size}",
                    self.name(),
                    bytes.len()
                )));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}
