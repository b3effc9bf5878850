//! From a key to who holds it. What was found is kept for a moment, so that a busy caller costs the
//! database one look a second, and a key that is revoked stops counting within one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use phagen_domain::digest::Digest;
use phagen_store::{ApiKey, Scopes, Standing, Store, StoreError};
use tokio::time::Instant;

use crate::{
    access_key::{is_same, prefix_of},
    config::Operators,
};

/// How long a key counts after it was looked up.
const KEPT: Duration = Duration::from_secs(1);
/// Keys that are kept at once; past it all are looked up anew.
const MAX_KEPT: usize = 1_024;

/// Who holds a key, and what it allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) struct Verified {
    pub(super) name: Arc<str>,
    pub(super) scopes: Scopes,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Known(Verified),
    /// It was a key once.
    Refused(Standing),
    Unknown,
}

pub(in crate::http) struct Verifier {
    operators: Operators,
    /// By the hash of the key: no key itself stays in memory.
    kept: Mutex<HashMap<Digest, (Instant, Verified)>>,
}

impl Verifier {
    pub(in crate::http) fn new(operators: Operators) -> Self {
        Self {
            operators,
            kept: Mutex::default(),
        }
    }

    pub(super) async fn verify(&self, key: &str, store: &dyn Store) -> Result<Verdict, StoreError> {
        if let Some(name) = self.operators.find(key) {
            return Ok(Verdict::Known(Verified {
                name: name.into(),
                scopes: Scopes::all(),
            }));
        }
        let hash = Digest::of(key.as_bytes());
        if let Some(verified) = self.find_kept(&hash) {
            return Ok(Verdict::Known(verified));
        }
        let Some(prefix) = prefix_of(key) else {
            return Ok(Verdict::Unknown);
        };
        let found = store.find_api_keys(prefix).await?;
        // Every one is compared, whichever fits.
        let found = found
            .into_iter()
            .filter(|key| is_same(&key.hash, &hash))
            .fold(None, |_, key| Some(key));
        match found {
            None => Ok(Verdict::Unknown),
            Some(key) if key.standing != Standing::Live => Ok(Verdict::Refused(key.standing)),
            Some(key) => {
                note_use(&key, store).await;
                let verified = Verified {
                    name: key.name.into(),
                    scopes: key.scopes,
                };
                self.keep(hash, verified.clone());
                Ok(Verdict::Known(verified))
            }
        }
    }

    fn find_kept(&self, hash: &Digest) -> Option<Verified> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, verified) = kept.get(hash)?;
        (at.elapsed() < KEPT).then(|| verified.clone())
    }

    fn keep(&self, hash: Digest, verified: Verified) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(hash, (Instant::now(), verified));
    }
}

/// Best effort: whoever holds a good key is let in even where nothing can be written.
async fn note_use(key: &ApiKey, store: &dyn Store) {
    if let Err(error) = store.touch_api_key(&key.name).await {
        tracing::warn!(%error, key = key.name, "the use of a key was not noted: {error}");
    }
}
