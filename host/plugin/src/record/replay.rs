//! Running a recorded call again, without the host's corpus and without the network.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use phagen_domain::{evidence::Page, plugin::Failure, query::CorpusRequest};

use super::{
    CallAnswer, CallInput, CorpusExchange, Difference, HttpAnswer, RecordedCall, RecordedFailure,
    Taped,
};
use crate::{
    PluginError,
    guest::{CorpusSearch, Recorded, Witness},
    slot::{ActiveSlot, Outside},
};

/// Why a replay is no proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    #[error(transparent)]
    Different(#[from] Difference),
    #[error("the call cannot be replayed: {what} is not in the recording, since {why}")]
    NotKept { what: String, why: String },
}

/// Runs a recorded call again in a fresh instance, with the corpus's and the network's answers,
/// the time and the chance of then, and proves that the same bits come out; or tells the first
/// difference. Nothing leaves the host.
///
/// `slot` brings the plugin and the artifact; configuration, grant and day are the recording's.
pub async fn replay(slot: &ActiveSlot, call: &RecordedCall) -> Result<(), ReplayError> {
    same_parts(slot, call)?;
    is_all_kept(call)?;
    let recorded = Recorded::new(call);
    let corpus = Arc::new(RecordedCorpus::new(call.corpus.clone()));
    let mut slot = slot.set_apart(Outside {
        corpus: Some(Arc::<RecordedCorpus>::clone(&corpus)),
        egress: None,
        witness: Witness::Recorded(Arc::clone(&recorded)),
    });
    slot.activation.config.clone_from(&call.config);
    slot.activation.grant.clone_from(&call.grant);
    let answer = ask(&slot, call).await;
    // What the guest asked of the host comes before what it made of it.
    let asked = corpus.difference().or_else(|| recorded.difference());
    if let Some(difference) = asked {
        return Err(difference.into());
    }
    let answer = answer.map_err(|error| RecordedFailure {
        code: error.code().to_owned(),
        message: error.to_string(),
    });
    match (&call.answer, &answer) {
        (Ok(recorded), Ok(replayed)) => match Difference::first("answer", recorded, replayed) {
            None => Ok(()),
            Some(difference) => Err(difference.into()),
        },
        (Err(recorded), Err(replayed)) if recorded.code == replayed.code => Ok(()),
        (recorded, replayed) => {
            Err(Difference::new("answer", told(recorded), told(replayed)).into())
        }
    }
}

/// A difference here is the caller's: it brought other parts than the recording names.
fn same_parts(slot: &ActiveSlot, call: &RecordedCall) -> Result<(), Difference> {
    let plugin_digest = slot.plugin.digest();
    if plugin_digest != call.plugin_digest {
        return Err(Difference::new(
            "plugin_digest",
            call.plugin_digest,
            plugin_digest,
        ));
    }
    let artifact_digest = slot.artifact.as_ref().map(|artifact| artifact.digest);
    if artifact_digest != call.artifact_digest {
        let text = |digest: Option<_>| {
            digest.map_or_else(|| "none".to_owned(), |digest| format!("{digest:?}"))
        };
        let (recorded, replayed) = (text(call.artifact_digest), text(artifact_digest));
        return Err(Difference::new("artifact_digest", recorded, replayed));
    }
    Ok(())
}

fn is_all_kept(call: &RecordedCall) -> Result<(), ReplayError> {
    for (at, exchange) in call.http.iter().enumerate() {
        if let HttpAnswer::NotKept(why) = &exchange.answer {
            return Err(ReplayError::NotKept {
                what: format!("`http[{at}]`, `{}`,", exchange.request),
                why: why.to_string(),
            });
        }
    }
    match call
        .given
        .as_ref()
        .map_or(0, |given| given.n_readings_dropped)
    {
        0 => Ok(()),
        n => Err(ReplayError::NotKept {
            what: "what its clocks said".to_owned(),
            why: format!("the guest read them {n} times more often than is written down"),
        }),
    }
}

/// Asks `slot` what was asked in `call`, with the host and the world as they are now.
pub async fn ask(slot: &ActiveSlot, call: &RecordedCall) -> Result<CallAnswer, PluginError> {
    match &call.input {
        CallInput::Search {
            query,
            limit,
            cursor,
        } => slot
            .search(query, *limit, cursor.as_deref())
            .await
            .map(Taped::taped),
        CallInput::Find {
            molecule,
            documents,
        } => slot
            .find(call.as_of, molecule.as_ref(), documents)
            .await
            .map(Taped::taped),
        CallInput::Rerank { query, candidates } => {
            slot.rerank(query, candidates).await.map(Taped::taped)
        }
    }
}

fn told(answer: &Result<CallAnswer, RecordedFailure>) -> String {
    match answer {
        Ok(answer) => format!("an answer of digest {}", answer.digest().short()),
        Err(failure) => format!("{}: {}", failure.code, failure.message),
    }
}

/// Answers as the host's corpus did then, question by question.
struct RecordedCorpus(Mutex<Inner>);

struct Inner {
    exchanges: Vec<CorpusExchange>,
    n_asked: usize,
    difference: Option<Difference>,
}

impl RecordedCorpus {
    fn new(exchanges: Vec<CorpusExchange>) -> Self {
        Self(Mutex::new(Inner {
            exchanges,
            n_asked: 0,
            difference: None,
        }))
    }

    /// The first question that was another, or was not asked this time.
    fn difference(&self) -> Option<Difference> {
        let inner = self.lock();
        let missing = || {
            let exchange = inner.exchanges.get(inner.n_asked)?;
            let path = format!("corpus[{}].request", inner.n_asked);
            Some(Difference::new(
                path,
                exchange.request.text.clone(),
                "not asked",
            ))
        };
        inner.difference.clone().or_else(missing)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CorpusSearch for RecordedCorpus {
    fn search(&self, request: &CorpusRequest) -> Result<Page, Failure> {
        let mut inner = self.lock();
        let at = inner.n_asked;
        inner.n_asked += 1;
        let path = format!("corpus[{at}].request");
        let difference = match inner.exchanges.get(at) {
            Some(exchange) => match Difference::first(&path, &exchange.request, request) {
                None => return exchange.answer.clone(),
                Some(difference) => difference,
            },
            None => Difference::new(path, "not asked", &request.text),
        };
        let failure = Failure::new("internal", format!("the recording differs: {difference}"));
        inner.difference.get_or_insert(difference);
        Err(failure)
    }
}
