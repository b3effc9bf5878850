//! What guests may ask of the host: log, configuration, artifact and corpus.
//!
//! The slot's grant decides here, at the call, and never at linking.

use std::sync::Arc;

use phagen_domain::plugin::Failure;
use wasmtime::component::{HasData, Resource};

use super::{
    Guest,
    denial::{Denied, Missing},
};
use crate::{
    bindings::v0_1_0::{artifacts, configuration, corpus, log, types},
    convert,
    logs::LogLevel,
    settings::CallLimits,
    slot::Artifact,
};

/// Tells generated code that our interfaces are answered by the whole [`Guest`].
pub(crate) struct HasGuest;

impl HasData for HasGuest {
    type Data<'a> = &'a mut Guest;
}

impl types::Host for Guest {}

/// How much a call may still write to the host's log.
pub(super) struct LogBudget {
    n_lines: u32,
    line_bytes: usize,
}

impl LogBudget {
    pub(super) fn new(limits: &CallLimits) -> Self {
        Self {
            n_lines: limits.n_log_lines,
            line_bytes: limits.log_line_bytes,
        }
    }
}

impl log::Host for Guest {
    fn emit(
        &mut self,
        level: log::Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        let (plugin, slot) = (&self.role.plugin, &self.role.slot);
        let Some(left) = self.log.n_lines.checked_sub(1) else {
            return Ok(());
        };
        self.log.n_lines = left;
        let line = one_line(&message, &fields, self.log.line_bytes);
        self.role.log.push(level.into(), slot, &line);
        match level {
            log::Level::Error => tracing::error!(target: "phagen::guest", plugin, slot, "{line}"),
            log::Level::Warn => tracing::warn!(target: "phagen::guest", plugin, slot, "{line}"),
            log::Level::Info => tracing::info!(target: "phagen::guest", plugin, slot, "{line}"),
            log::Level::Debug => tracing::debug!(target: "phagen::guest", plugin, slot, "{line}"),
        }
        if left == 0 {
            tracing::warn!(
                target: "phagen::guest", plugin, slot,
                "`{plugin}` has used up the log lines of one call; the rest is dropped"
            );
        }
        Ok(())
    }
}

impl From<log::Level> for LogLevel {
    fn from(level: log::Level) -> Self {
        match level {
            log::Level::Error => Self::Error,
            log::Level::Warn => Self::Warn,
            log::Level::Info => Self::Info,
            log::Level::Debug => Self::Debug,
        }
    }
}

/// A guest's line stays one line, whatever characters it sends, and has a longest length.
fn one_line(message: &str, fields: &[(String, String)], max_bytes: usize) -> String {
    let mut line = String::new();
    let pieces = fields
        .iter()
        .flat_map(|(key, value)| [" ", key.as_str(), "=", value.as_str()]);
    for character in std::iter::once(message).chain(pieces).flat_map(str::chars) {
        if line.len() + character.len_utf8() > max_bytes {
            break;
        }
        line.push(if character.is_control() {
            ' '
        } else {
            character
        });
    }
    line
}

impl configuration::Host for Guest {
    fn get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        let found = self.role.config.iter().find(|pair| pair.key == key);
        Ok(found.map(|pair| pair.value.clone()))
    }
}

/// An artifact that a guest holds a handle to.
#[expect(unreachable_pub, reason = "generated code re-exports it")]
pub struct OpenArtifact(Artifact);

impl artifacts::Host for Guest {
    fn open(&mut self) -> wasmtime::Result<Result<Resource<OpenArtifact>, types::Failure>> {
        let (asked, granted) = (self.role.asked.artifact, self.role.granted.artifact);
        if let Some(missing) = Missing::unless(asked, granted) {
            return Ok(Err(self.denied(&Denied::Artifact(missing))));
        }
        let Some(artifact) = self.role.artifact.clone() else {
            let message = format!("slot `{}` has no artifact", self.role.slot);
            return Ok(Err(Failure::new("not-found", message).into()));
        };
        Ok(Ok(self.table.push(OpenArtifact(artifact))?))
    }
}

impl artifacts::HostArtifact for Guest {
    fn name(&mut self, artifact: Resource<OpenArtifact>) -> wasmtime::Result<String> {
        Ok(self.table.get(&artifact)?.0.name.clone())
    }

    fn digest(&mut self, artifact: Resource<OpenArtifact>) -> wasmtime::Result<String> {
        Ok(self.table.get(&artifact)?.0.digest.to_string())
    }

    fn size(&mut self, artifact: Resource<OpenArtifact>) -> wasmtime::Result<u64> {
        Ok(self.table.get(&artifact)?.0.bytes.len() as u64)
    }

    fn read(
        &mut self,
        artifact: Resource<OpenArtifact>,
        offset: u64,
        len: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, types::Failure>> {
        let bytes = &self.table.get(&artifact)?.0.bytes;
        Ok(slice(bytes, offset, len, self.max_read_bytes)
            .map(<[u8]>::to_vec)
            .map_err(types::Failure::from))
    }

    fn drop(&mut self, artifact: Resource<OpenArtifact>) -> wasmtime::Result<()> {
        self.table.delete(artifact)?;
        Ok(())
    }
}

fn slice(bytes: &[u8], offset: u64, len: u32, max_bytes: usize) -> Result<&[u8], Failure> {
    let past_the_end = || {
        let message = format!("offset {offset} lies past the {} bytes", bytes.len());
        Failure::new("invalid-input", message)
    };
    let start = usize::try_from(offset).map_err(|_| past_the_end())?;
    let rest = bytes.get(start..).ok_or_else(past_the_end)?;
    let read = &rest[..rest.len().min(len as usize)];
    if read.len() > max_bytes {
        let message = format!("cannot read {} bytes at once; read in parts", read.len());
        return Err(Failure::new("invalid-input", message));
    }
    Ok(read)
}

impl corpus::Host for Guest {
    async fn search(&mut self, request: corpus::Request) -> Result<types::Page, types::Failure> {
        let (asked, granted) = (self.role.asked.corpus, self.role.granted.corpus);
        if let Some(missing) = Missing::unless(asked, granted) {
            return Err(self.denied(&Denied::Corpus(missing)));
        }
        let request = convert::corpus_request(request)?;
        let corpus = Arc::clone(&self.corpus);
        // The index reads files: not on a thread that serves sockets.
        let page = tokio::task::spawn_blocking(move || corpus.search(&request))
            .await
            .map_err(|_| Failure::new("internal", "the corpus search broke down"))??;
        Ok(page.into())
    }
}

impl Guest {
    fn denied(&self, denied: &Denied) -> types::Failure {
        Failure::new("denied", self.denials.deny(denied)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_is_read_in_parts_up_to_its_end() {
        let bytes = b"weights";
        assert_eq!(slice(bytes, 0, 3, 99).unwrap(), b"wei");
        assert_eq!(slice(bytes, 5, 99, 99).unwrap(), b"ts");
        assert_eq!(slice(bytes, 7, 1, 99).unwrap(), b"");
        for (offset, len, max_bytes) in [(8, 1, 99), (u64::MAX, 1, 99), (0, 7, 6)] {
            let failure = slice(bytes, offset, len, max_bytes).unwrap_err();
            assert_eq!(failure.code, "invalid-input");
        }
    }

    #[test]
    fn a_guests_log_line_stays_one_line_of_bounded_length() {
        let fields = [("key".to_owned(), "va\nlue".to_owned())];
        assert_eq!(
            one_line("a\r\nb\u{1b}[31m", &fields, 99),
            "a  b [31m key=va lue"
        );
        assert_eq!(
            one_line("größe", &[], 5),
            "größ".chars().take(3).collect::<String>()
        );
    }
}
