//! Versions, slots and moves for the stories, as rich as real ones.

use phagen_domain::{
    digest::Digest,
    evidence::Attribute,
    plugin::{
        Activation, Candidate, Cause, Grant, HttpGrant, InstancePolicy, Keep, LimitRequest,
        Manifest, PluginFacts, PluginName, SelfTest, Share, Slot, TrialMode, Verb, VersionState,
        World,
    },
};

use super::specimen::slot_name;
use crate::{EventFilter, IdempotencyKey, Moved, NewVersion, SlotMove, Store, VersionMove};

pub fn digest(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

fn plugin_name(name: &str) -> PluginName {
    name.parse().expect("a plugin name")
}

/// A grant that names everything there is to grant.
fn grant() -> Grant {
    Grant {
        corpus: true,
        artifact: false,
        http: vec![HttpGrant {
            origin: "https://api.example.org:8443".parse().expect("an origin"),
            methods: vec!["GET".to_owned(), "POST".to_owned()],
            path: "/v1/".to_owned(),
            secrets: vec!["api-key".to_owned()],
            private_addresses: true,
        }],
    }
}

fn manifest(name: &str) -> Manifest {
    Manifest {
        plugin: PluginFacts {
            name: plugin_name(name),
            version: "1.2.3".to_owned(),
            world: World::Reranker,
            license: Some("Apache-2.0".to_owned()),
            description: Some("orders \"evidence\"".to_owned()),
            repository: None,
        },
        grant: grant(),
        limits: LimitRequest {
            memory_bytes: Some(64 << 20),
            ..LimitRequest::default()
        },
        instance: InstancePolicy {
            keep: Some(Keep::default()),
        },
        self_test: SelfTest {
            cases: Some("cases.json".to_owned()),
            reads_order: true,
        },
    }
}

/// Just uploaded, with a signature and a manifest.
pub fn uploaded(name: &str) -> NewVersion {
    NewVersion {
        digest: digest(name),
        name: plugin_name(name),
        version: Some("1.2.3".to_owned()),
        world: World::Reranker,
        size_bytes: 123_456,
        minisig: Some("untrusted comment: by ada\nRUQf6LRCGA9i\n".to_owned()),
        manifest: Some(manifest(name)),
        built_in: false,
        state: VersionState::Uploaded,
    }
}

/// Came with the host: it may serve.
pub fn built_in(name: &str) -> NewVersion {
    NewVersion {
        version: None,
        minisig: None,
        manifest: None,
        built_in: true,
        state: VersionState::Checked,
        ..uploaded(name)
    }
}

pub fn cause(verb: Verb) -> Cause {
    Cause {
        verb,
        actor: "ada".to_owned(),
        reason: Some(format!("ada says {}", verb.as_str())),
    }
}

pub fn version_move(name: &str, from: VersionState, to: VersionState, verb: Verb) -> VersionMove {
    VersionMove {
        digest: digest(name),
        from,
        to,
        gate: None,
        signature: None,
        cause: cause(verb),
    }
}

pub fn activation(plugin: &str) -> Activation {
    Activation {
        plugin: plugin.to_owned(),
        plugin_digest: digest(plugin),
        artifact_digest: Some(digest("weights")),
        config: vec![Attribute {
            key: "kind".to_owned(),
            value: "β-blocker".to_owned(),
        }],
        grant: grant(),
    }
}

pub fn candidate(plugin: &str, mode: TrialMode) -> Candidate {
    Candidate {
        activation: activation(plugin),
        mode,
        share: Share::new(0.25).expect("a share"),
    }
}

/// A slot as it is made: generation 1, place 0, nothing tried.
pub fn slot(name: &str, world: World, plugin: &str) -> Slot {
    Slot {
        name: slot_name(name),
        world,
        place: 0,
        serving: activation(plugin),
        previous: None,
        candidate: None,
        generation: 1,
    }
}

pub fn reranker(plugin: &str) -> Slot {
    slot("reranker", World::Reranker, plugin)
}

/// From the generation that `to` carries.
pub fn slot_move(to: &Slot, about: &str, verb: Verb) -> SlotMove {
    SlotMove {
        expected: Some(to.generation),
        to: to.clone(),
        digest: digest(about),
        cause: cause(verb),
        key: None,
        admits_quarantined: false,
    }
}

fn key(key: &str, request: &str) -> IdempotencyKey {
    IdempotencyKey {
        key: key.to_owned(),
        request_digest: digest(request),
    }
}

/// With a key that stands for `request`.
pub fn keyed(change: SlotMove, name: &str, request: &str) -> SlotMove {
    SlotMove {
        key: Some(key(name, request)),
        ..change
    }
}

/// Every event so far.
pub fn all_events() -> EventFilter {
    EventFilter {
        limit: 1_000,
        ..EventFilter::default()
    }
}

pub async fn recorded(store: &dyn Store, version: &NewVersion) {
    let (_, is_new) = store
        .record_version(version, &cause(Verb::Upload))
        .await
        .expect("a version is recorded");
    assert!(is_new);
}

pub async fn seeded(store: &dyn Store, slots: &[Slot]) {
    let n_made = store.seed_slots(slots).await.expect("slots are seeded");
    assert_eq!(n_made, slots.len() as u64);
}

/// Makes a move that must succeed.
pub async fn moved(store: &dyn Store, change: &SlotMove) -> Moved {
    store.move_slot(change).await.expect("a slot is moved")
}

pub async fn state_of(store: &dyn Store, name: &str) -> VersionState {
    let found = store.find_version(digest(name)).await.expect("a read");
    found.expect("the version").state
}
