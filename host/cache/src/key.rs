//! What an answer is kept under: a digest of the request and of all that produced the answer, so
//! that a swapped plugin, artifact, configuration or corpus never serves its predecessor's answers.

use phagen_domain::digest::Digest;
use serde::Serialize;

/// Collects what an answer depends on. Every part is written with its length, so that no two lists
/// of parts read alike.
#[derive(Debug)]
#[must_use]
pub struct CacheKey {
    bytes: Vec<u8>,
}

impl CacheKey {
    /// `operation` names what is asked, such as `source.search`.
    pub fn new(operation: &str) -> Self {
        Self { bytes: Vec::new() }.part(operation.as_bytes())
    }

    /// A request or a configuration. Its JSON is canonical: field order is that of the type.
    ///
    /// # Errors
    /// When the value has no JSON form, such as a map with keys that are no strings.
    pub fn value(self, value: &impl Serialize) -> Result<Self, serde_json::Error> {
        Ok(self.part(&serde_json::to_vec(value)?))
    }

    pub fn digest(self, digest: &Digest) -> Self {
        self.part(digest.as_bytes())
    }

    /// None is written as an empty part, which no digest is.
    pub fn optional_digest(self, digest: Option<&Digest>) -> Self {
        self.part(digest.map_or(&[], |d| d.as_bytes().as_slice()))
    }

    /// A counter that grows when what lies behind changes, such as the corpus generation.
    pub fn generation(self, generation: u64) -> Self {
        self.part(&generation.to_le_bytes())
    }

    /// A name, such as that of the program that makes the answer.
    pub fn text(self, text: impl AsRef<[u8]>) -> Self {
        self.part(text.as_ref())
    }

    pub fn finish(self) -> Digest {
        Digest::of(&self.bytes)
    }

    fn part(mut self, part: &[u8]) -> Self {
        self.bytes
            .extend_from_slice(&(part.len() as u64).to_le_bytes());
        self.bytes.extend_from_slice(part);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts_and_borders_do_not_blur() {
        let plugin = Digest::of(b"plugin");
        let key = || CacheKey::new("source.search");
        let keys = [
            key().value(&("ab", "c")).unwrap().finish(),
            key().value(&("a", "bc")).unwrap().finish(),
            key().value(&"ab").unwrap().value(&"c").unwrap().finish(),
            key().value(&"a").unwrap().value(&"bc").unwrap().finish(),
            key().digest(&plugin).finish(),
            key().digest(&Digest::of(b"its successor")).finish(),
            key().digest(&plugin).optional_digest(None).finish(),
            key()
                .digest(&plugin)
                .optional_digest(Some(&plugin))
                .finish(),
            key().generation(1).finish(),
            key().generation(2).finish(),
            key().text("phagen 1").finish(),
            CacheKey::new("mapper.find").generation(2).finish(),
        ];
        for (i, a) in keys.iter().enumerate() {
            for b in &keys[i + 1..] {
                assert_ne!(a, b);
            }
        }
        assert_eq!(keys[8], key().generation(1).finish());
    }
}
