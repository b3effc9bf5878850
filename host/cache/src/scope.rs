//! Which answers are forgotten together, and the counters that make it one step: a counter is part
//! of every key below it, so moving it on leaves what was kept to its lifetime, unreachable.
//!
//! There are as many counters as buckets and no more, whatever is forgotten: names share them. So
//! forgetting one molecule forgets a few others with it, which costs a load and no answer.

use std::sync::{PoisonError, RwLock};

use phagen_domain::digest::Digest;
use phagen_store::Generations;
use uuid::Uuid;

use crate::{CacheKey, class::Ask};

const ALL: u16 = 0;
const N_SOURCE_BUCKETS: u16 = 255;
const N_MOLECULE_BUCKETS: u16 = 3840;
const N_BUCKETS: u16 = 1 + N_SOURCE_BUCKETS + N_MOLECULE_BUCKETS;

/// What to forget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    All,
    /// What one slot answered, whatever it was asked.
    Source(String),
    /// What was answered about one molecule, whoever answered.
    Molecule(String),
}

impl Scope {
    pub(crate) fn bucket(&self) -> u16 {
        match self {
            Self::All => ALL,
            Self::Source(name) => of_source(name),
            Self::Molecule(name) => of_molecule(&folded(name)),
        }
    }
}

fn folded(molecule: &str) -> String {
    molecule.trim().to_lowercase()
}

fn of_source(name: &str) -> u16 {
    1 + spread(name, N_SOURCE_BUCKETS)
}

fn of_molecule(folded: &str) -> u16 {
    1 + N_SOURCE_BUCKETS + spread(folded, N_MOLECULE_BUCKETS)
}

fn spread(name: &str, n: u16) -> u16 {
    let digest = Digest::of(name.as_bytes());
    let [low, high, ..] = *digest.as_bytes();
    u16::from_le_bytes([low, high]) % n
}

/// The counters as this process knows them.
pub(crate) struct Counters(RwLock<Table>);

struct Table {
    version: String,
    base: Uuid,
    buckets: Vec<u64>,
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self(RwLock::new(Table {
            version: String::new(),
            base: Uuid::nil(),
            buckets: vec![0; usize::from(N_BUCKETS)],
        }))
    }

    /// The key below which the answer is kept now.
    pub(crate) fn scoped(&self, ask: &Ask<'_>, producer: &str) -> Digest {
        let molecule = folded(ask.molecule);
        let buckets = [ALL, of_source(ask.source), of_molecule(&molecule)];
        let key = CacheKey::new(ask.class.as_str())
            .text(producer)
            .text(ask.source)
            .text(&molecule);
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let key = key.text(table.base.as_bytes());
        buckets
            .iter()
            .fold(key, |key, bucket| {
                key.generation(table.buckets[usize::from(*bucket)])
            })
            .digest(&ask.key)
            .finish()
    }

    pub(crate) fn version(&self) -> String {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        table.version.clone()
    }

    /// Takes over what the tier says, whatever stood here.
    pub(crate) fn follow(&self, generations: Generations) {
        let mut buckets = vec![0; usize::from(N_BUCKETS)];
        for (bucket, generation) in generations.buckets {
            if let Some(counter) = buckets.get_mut(usize::from(bucket)) {
                *counter = generation;
            }
        }
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Table {
            version: generations.version,
            base: generations.base,
            buckets,
        };
    }

    /// Moves a counter of a cache that has no second tier.
    pub(crate) fn bump(&self, bucket: u16) {
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        table.buckets[usize::from(bucket)] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CacheClass;

    fn key(counters: &Counters, source: &str, molecule: &str) -> Digest {
        let ask = Ask {
            class: CacheClass::Retrieval,
            source,
            molecule,
            key: Digest::of(b"request"),
        };
        counters.scoped(&ask, "phagen 1")
    }

    #[test]
    fn a_counter_moves_the_keys_of_its_scope_and_no_others() {
        for (scope, source_moves, molecule_moves) in [
            (Scope::All, true, true),
            (Scope::Source("clinical".to_owned()), true, false),
            (Scope::Molecule(" Aspirin".to_owned()), false, true),
        ] {
            let counters = Counters::new();
            let keys = |counters: &Counters| {
                [("clinical", "Metformin"), ("patent", "aspirin")]
                    .map(|(source, molecule)| key(counters, source, molecule))
            };
            let before = keys(&counters);
            counters.bump(scope.bucket());
            let after = keys(&counters);
            let moved = [before[0] != after[0], before[1] != after[1]];
            assert_eq!(moved, [source_moves, molecule_moves], "{scope:?}");
        }
    }

    #[test]
    fn every_name_has_a_counter_of_its_kind() {
        for n in 0..10_000 {
            let source = Scope::Source(n.to_string()).bucket();
            let molecule = Scope::Molecule(n.to_string()).bucket();
            assert!((1..=N_SOURCE_BUCKETS).contains(&source));
            assert!((1 + N_SOURCE_BUCKETS..N_BUCKETS).contains(&molecule));
        }
    }

    #[test]
    fn counters_that_were_lost_do_not_bring_back_what_was_forgotten() {
        let counters = Counters::new();
        let with = |base: u128, buckets| Generations {
            version: "1".to_owned(),
            base: Uuid::from_u128(base),
            buckets,
        };
        counters.follow(with(1, vec![]));
        let before = key(&counters, "clinical", "aspirin");
        counters.follow(with(1, vec![(0, 1), (u16::MAX, 7)]));
        assert_ne!(key(&counters, "clinical", "aspirin"), before);
        counters.follow(with(2, vec![]));
        assert_ne!(key(&counters, "clinical", "aspirin"), before);
        counters.follow(with(1, vec![]));
        assert_eq!(key(&counters, "clinical", "aspirin"), before);
    }
}
