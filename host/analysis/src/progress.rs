//! How an analysis tells where it is.

use phagen_domain::job::{Progress, Stage};

/// Hears of every stage as it begins, and of what came of it.
pub trait ProgressSink: Send + Sync {
    fn stage(&self, progress: Progress);
}

/// Hears nothing.
pub struct NoProgress;

impl ProgressSink for NoProgress {
    fn stage(&self, _: Progress) {}
}

pub(crate) fn report(sink: &dyn ProgressSink, stage: Stage, detail: impl Into<String>) {
    sink.stage(Progress {
        stage,
        detail: detail.into(),
    });
}
