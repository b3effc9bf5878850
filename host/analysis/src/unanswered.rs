//! Whether a result is worth waiting for a better one: no source answered, and all of them may later.

use std::time::Duration;

use phagen_domain::result::{JobResult, PassingFailure, SourceStatus};

/// Nobody answered, for reasons that may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    /// What each source said.
    pub message: String,
    /// The shortest time for which one of them asks to be left alone.
    pub retry_after: Option<Duration>,
}

/// None where any source answered, or failed for good: what there is then is all there will be.
pub fn unanswered(result: &JobResult) -> Option<Unanswered> {
    let asked = || {
        let sources = result.sources.iter();
        sources.filter(|source| source.status != SourceStatus::NotAsked)
    };
    let failures: Option<Vec<PassingFailure>> = asked().map(|source| source.passing).collect();
    let failures = failures.filter(|failures| !failures.is_empty())?;
    let told: Vec<String> = asked()
        .map(|source| {
            let why = source.error.as_deref().unwrap_or("it does not say why");
            format!("`{}`: {why}", source.slot)
        })
        .collect();
    let waits = failures
        .iter()
        .filter_map(|failure| failure.retry_after_milliseconds);
    Some(Unanswered {
        message: format!("no source answered: {}", told.join("; ")),
        retry_after: waits.min().map(Duration::from_millis),
    })
}
