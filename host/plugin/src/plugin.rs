//! One digest, ready to be called.

use std::{fmt, sync::Arc};

use phagen_domain::{
    digest::Digest,
    evidence::Attribute,
    plugin::{Grant, Manifest, World},
};

use crate::{host::Shared, logs::LogTail, settings::CallLimits, world::Fitted};

/// One digest, validated, compiled and joined with its world. Clones share it.
#[derive(Clone)]
pub struct Plugin(Arc<PluginInner>);

/// All that was found out when it was loaded.
pub(crate) struct PluginInner {
    pub(crate) digest: Digest,
    /// Short digest, as metrics are labelled.
    pub(crate) label: String,
    pub(crate) world: World,
    pub(crate) name: String,
    pub(crate) manifest: Option<Manifest>,
    pub(crate) limits: CallLimits,
    pub(crate) facts: Vec<Attribute>,
    pub(crate) fitted: Fitted,
    pub(crate) log: Arc<LogTail>,
    pub(crate) shared: Arc<Shared>,
}

impl Plugin {
    pub(crate) fn new(inner: PluginInner) -> Self {
        Self(Arc::new(inner))
    }

    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    pub fn world(&self) -> World {
        self.0.world
    }

    /// As it calls itself.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// As its manifest says, for people; empty without one.
    pub fn version(&self) -> &str {
        self.manifest()
            .map(|manifest| manifest.plugin.version.as_str())
            .unwrap_or_default()
    }

    /// What is embedded in the component. Without one it asks for nothing, so nothing is granted.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.0.manifest.as_ref()
    }

    /// What each of its calls gets: the host's defaults, or what its manifest asks for.
    pub fn limits(&self) -> &CallLimits {
        &self.0.limits
    }

    /// What its `describe` answered when it was loaded.
    pub fn facts(&self) -> &[Attribute] {
        &self.0.facts
    }

    /// What its manifest asks to reach.
    pub(crate) fn asked(&self) -> Grant {
        self.manifest()
            .map(|manifest| manifest.grant.clone())
            .unwrap_or_default()
    }

    pub(crate) fn label(&self) -> &str {
        &self.0.label
    }

    pub(crate) fn fitted(&self) -> &Fitted {
        &self.0.fitted
    }

    pub(crate) fn log(&self) -> &Arc<LogTail> {
        &self.0.log
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}` {}", self.0.world, self.0.name, self.0.label)
    }
}
