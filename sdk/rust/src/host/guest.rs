//! The host as a guest reaches it. Each function is an import that the linker drops from a guest
//! that does not call it.

use crate::{
    CorpusRequest, Failure, Page,
    bindings::host::phagen::plugin::{artifacts, corpus, log},
};

pub(crate) fn emit(level: log::Level, message: &str, fields: &[(&str, &str)]) {
    let fields: Vec<(String, String)> = fields
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    log::emit(level, message, &fields);
}

/// Holds nothing: the host is asked by import.
#[derive(Default)]
pub(crate) struct Host(());

impl Host {
    #[expect(
        clippy::unused_self,
        reason = "the native host keeps its answers in it"
    )]
    pub(crate) fn open_artifact(&self) -> Result<ArtifactHandle, Failure> {
        artifacts::open().map(ArtifactHandle)
    }

    #[expect(
        clippy::unused_self,
        reason = "the native host keeps its answers in it"
    )]
    pub(crate) fn search_corpus(&self, request: &CorpusRequest) -> Result<Page, Failure> {
        corpus::search(request)
    }
}

pub(crate) struct ArtifactHandle(artifacts::Artifact);

impl ArtifactHandle {
    pub(crate) fn name(&self) -> String {
        self.0.name()
    }

    pub(crate) fn digest(&self) -> String {
        self.0.digest()
    }

    pub(crate) fn size(&self) -> u64 {
        self.0.size()
    }

    pub(crate) fn read(&self, offset: u64, len: u32) -> Result<Vec<u8>, Failure> {
        self.0.read(offset, len)
    }
}
