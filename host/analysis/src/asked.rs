//! What became of one source: its answer, and the report that the result has of it.

use std::{sync::Arc, time::Duration};

use phagen_cache::Cached;
use phagen_domain::result::{PassingFailure, SourceReport, SourceStatus, Stale, StaleReason};
use phagen_plugin::{ActiveSlot, PluginError};
use tracing::warn;

use crate::gather::Answer;

pub(crate) type SourceAnswer = Result<Cached<Answer>, Arc<PluginError>>;

/// One source after it was asked, or not.
pub(crate) struct Asked<'a> {
    pub slot: &'a ActiveSlot,
    pub answer: Option<Arc<Answer>>,
    pub report: SourceReport,
}

impl<'a> Asked<'a> {
    pub(crate) fn not_asked(slot: &'a ActiveSlot) -> Self {
        Self {
            slot,
            answer: None,
            report: report(slot, SourceStatus::NotAsked),
        }
    }

    /// After `took`, from whichever version answered or was the last to fail.
    pub(crate) fn answered(slot: &'a ActiveSlot, answer: SourceAnswer, took: Duration) -> Self {
        let milliseconds = took.as_secs_f64() * 1_000.0;
        match answer {
            Ok(Cached {
                value,
                cached,
                stale,
            }) => {
                let status = if value.n_returned == 0 {
                    SourceStatus::Empty
                } else {
                    SourceStatus::Found
                };
                let report = SourceReport {
                    n_returned: value.n_returned,
                    n_off_topic: value.n_off_topic,
                    milliseconds,
                    cached,
                    stale,
                    error: stale.and_then(|stale| stale_warning(slot, stale)),
                    ..report(slot, status)
                };
                Self {
                    slot,
                    answer: Some(value),
                    report,
                }
            }
            Err(error) => {
                let name = &slot.slot;
                warn!(slot = %name, error = %error, "source `{name}` failed; the job goes on");
                Self {
                    slot,
                    answer: None,
                    report: SourceReport {
                        milliseconds,
                        error: Some(error.to_string()),
                        passing: passing(&error),
                        ..report(slot, SourceStatus::Failed)
                    },
                }
            }
        }
    }
}

fn passing(error: &PluginError) -> Option<PassingFailure> {
    error.is_retryable().then(|| PassingFailure {
        retry_after_milliseconds: error
            .retry_after()
            .map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
    })
}

/// What a reader of the result has to know of an answer that could not be renewed.
fn stale_warning(slot: &ActiveSlot, stale: Stale) -> Option<String> {
    (stale.reason == StaleReason::LoadFailed).then(|| {
        format!(
            "the source `{}` failed when it was asked again, and what it answered at {} stands in",
            slot.slot,
            stale.made_at.format("%Y-%m-%d %H:%M UTC"),
        )
    })
}

fn report(slot: &ActiveSlot, status: SourceStatus) -> SourceReport {
    SourceReport {
        slot: slot.slot.clone(),
        plugin: slot.activation.plugin.clone(),
        plugin_digest: slot.activation.plugin_digest,
        status,
        n_returned: 0,
        n_off_topic: 0,
        n_kept: 0,
        milliseconds: 0.0,
        cached: false,
        stale: None,
        error: None,
        passing: None,
    }
}
