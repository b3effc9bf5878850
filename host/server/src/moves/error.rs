//! Why a move is not made, and what to do instead.

use phagen_domain::{
    digest::Digest,
    plugin::{PluginName, SlotName, VersionState, World},
};
use phagen_store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    #[error("slot `{0}` does not exist: `GET /api/plugins` lists those that do")]
    UnknownSlot(SlotName),
    #[error("slot `{0}` exists already: name its generation to change it")]
    SlotExists(SlotName),
    #[error(
        "slot `{slot}` is at generation {found}, not {expected}: read it again, then repeat the change"
    )]
    GenerationMoved {
        slot: SlotName,
        expected: u64,
        found: u64,
    },
    #[error(
        "version `{}` of `{plugin}` is `{}` and still being checked: it may serve once it is `checked`",
        digest.short(), state.as_str()
    )]
    NotChecked {
        plugin: PluginName,
        digest: Digest,
        state: VersionState,
    },
    #[error("version `{}` of `{plugin}` was rejected: {reason}", digest.short())]
    Rejected {
        plugin: PluginName,
        digest: Digest,
        reason: String,
    },
    #[error(
        "version `{}` of `{plugin}` is quarantined: {reason}; {}", digest.short(),
        if *may_force { "force it with a reason, or take another version" } else { "it never passed its gates, so it cannot be forced" }
    )]
    Quarantined {
        plugin: PluginName,
        digest: Digest,
        reason: String,
        may_force: bool,
    },
    #[error("slot `{slot}` does not take version `{}` of `{plugin}`: {reason}", digest.short())]
    Untrusted {
        slot: SlotName,
        plugin: PluginName,
        digest: Digest,
        reason: String,
    },
    #[error("slot `{slot}` is for a {wanted}, and `{plugin}` is a {found}")]
    WrongWorld {
        slot: SlotName,
        wanted: World,
        plugin: PluginName,
        found: World,
    },
    #[error("version `{}` serves in slot `{slot}` already, with the same artifact, configuration and grant", digest.short())]
    ServesAlready { slot: SlotName, digest: Digest },
    #[error("version `{}` is not on trial in slot `{slot}`: {}", digest.short(), tried(found.as_ref()))]
    NotTried {
        slot: SlotName,
        digest: Digest,
        found: Option<Digest>,
    },
    #[error("version `{}` does not serve in slot `{slot}`: `{}` does", digest.short(), found.short())]
    NotServing {
        slot: SlotName,
        digest: Digest,
        found: Digest,
    },
    #[error("nothing served in slot `{0}` before: there is no way back")]
    NoPrevious(SlotName),
    #[error(
        "the trial in slot `{slot}` does not pass: {}; wait for more jobs, or force it with a reason",
        shortfalls.join("; ")
    )]
    TrialShort {
        slot: SlotName,
        shortfalls: Vec<String>,
    },
    #[error("a forced move needs a reason, which the record keeps")]
    NoReason,
    #[error(
        "slot `{slot}` would be left with nothing to serve, and no other holds a {world}: activate another version there first"
    )]
    NothingLeft { slot: SlotName, world: World },
    #[error(
        "slot `{slot}` is the host's own and cannot be taken away: activate another version there instead"
    )]
    HostsOwnSlot { slot: SlotName },
    #[error("slots {} name version `{}`: say in which one to retire it", listed(slots), digest.short())]
    InSlots {
        digest: Digest,
        slots: Vec<SlotName>,
    },
    #[error("version `{}` is `{}`: only one that may serve is retired", digest.short(), state.as_str())]
    NotRetirable { digest: Digest, state: VersionState },
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn tried(found: Option<&Digest>) -> String {
    found.map_or_else(
        || "nothing is".to_owned(),
        |found| format!("`{}` is", found.short()),
    )
}

fn listed(slots: &[SlotName]) -> String {
    let quoted: Vec<String> = slots.iter().map(|slot| format!("`{slot}`")).collect();
    quoted.join(", ")
}
