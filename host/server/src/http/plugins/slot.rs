//! A slot as the API shows it.

use phagen_domain::{
    digest::Digest,
    evidence::Attribute,
    plugin::{Activation, Candidate, Grant, HttpGrant, Share, Slot, SlotName, TrialMode, World},
};
use serde::Serialize;
use utoipa::ToSchema;

/// A slot and what serves in it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Slot)]
pub(super) struct SlotBody {
    slot: SlotName,
    world: World,
    /// Order within a chain, smallest first: of the rerankers the last one ranks.
    place: u32,
    #[serde(flatten)]
    serving: ActivationBody,
    /// What served before, kept for the way back.
    previous: Option<ActivationBody>,
    /// What is being tried beside what serves.
    candidate: Option<CandidateBody>,
    /// Grows by one with every change of the slot; what `If-Match` names.
    generation: u64,
}

/// A version with the artifact, the configuration and the grant that it serves with.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Activation)]
struct ActivationBody {
    plugin: String,
    #[schema(value_type = String)]
    plugin_digest: Digest,
    #[schema(value_type = Option<String>)]
    artifact_digest: Option<Digest>,
    config: Vec<Attribute>,
    /// The operator's side of what its guest may reach; everything else is denied.
    grants: GrantBody,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Grants)]
struct GrantBody {
    /// Search of the host's corpus.
    corpus: bool,
    /// The slot's artifact.
    artifact: bool,
    /// Places on the network.
    http: Vec<HttpGrant>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Candidate)]
struct CandidateBody {
    #[serde(flatten)]
    activation: ActivationBody,
    mode: TrialMode,
    /// Part of the jobs that it takes.
    share: Share,
}

impl From<Slot> for SlotBody {
    fn from(slot: Slot) -> Self {
        Self {
            slot: slot.name,
            world: slot.world,
            place: slot.place,
            serving: slot.serving.into(),
            previous: slot.previous.map(ActivationBody::from),
            candidate: slot.candidate.map(CandidateBody::from),
            generation: slot.generation,
        }
    }
}

impl From<Activation> for ActivationBody {
    fn from(activation: Activation) -> Self {
        Self {
            plugin: activation.plugin,
            plugin_digest: activation.plugin_digest,
            artifact_digest: activation.artifact_digest,
            config: activation.config,
            grants: activation.grant.into(),
        }
    }
}

impl From<Grant> for GrantBody {
    fn from(grant: Grant) -> Self {
        Self {
            corpus: grant.corpus,
            artifact: grant.artifact,
            http: grant.http,
        }
    }
}

impl From<Candidate> for CandidateBody {
    fn from(candidate: Candidate) -> Self {
        Self {
            activation: candidate.activation.into(),
            mode: candidate.mode,
            share: candidate.share,
        }
    }
}
