//! From the analysis, which reports each stage at once, to the row, which is written at leisure.

use phagen_analysis::ProgressSink;
use phagen_domain::job::Progress;
use tokio::sync::watch;

/// Keeps the newest report only: a job of milliseconds writes none of them.
pub(super) struct LatestProgress(watch::Sender<Option<Progress>>);

impl LatestProgress {
    pub(super) fn new() -> (Self, watch::Receiver<Option<Progress>>) {
        let (sender, receiver) = watch::channel(None);
        (Self(sender), receiver)
    }
}

impl ProgressSink for LatestProgress {
    fn stage(&self, progress: Progress) {
        self.0.send_replace(Some(progress));
    }
}
