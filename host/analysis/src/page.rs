//! One page of a source's answer. A failure that may heal is given another chance at once, since a
//! job that waits for the queue's own retry would ask every other source again too.

use std::time::Duration;

use phagen_domain::{evidence::Page, query::Query};
use phagen_plugin::{ActiveSlot, PluginError};
use tokio::time::Instant;

use crate::turn::Turns;

/// Further attempts at one page whose failure says that it may heal.
const MAX_RETRIES: u32 = 2;

/// Wait before the first of them, unless the guest asks for another; doubles for the second.
const RETRY_BASE: Duration = Duration::from_millis(100);

/// Whom pages are asked of, when, and until when.
pub(crate) struct Asking<'a> {
    pub source: &'a ActiveSlot,
    pub turns: &'a Turns,
    pub until: Instant,
}

/// One page, asked for again when the failure may heal in time. Each call waits for its turn: the
/// first as long as a source is waited for, each further one as long as its deadline allows, since
/// what was read before would be lost with it.
pub(crate) async fn read(
    query: &Query,
    asking: &Asking<'_>,
    limit: u32,
    cursor: Option<&str>,
) -> Result<Page, PluginError> {
    let source = asking.source;
    let mut n_retries = 0;
    let mut failed = None;
    loop {
        let patience = if cursor.is_none() && n_retries == 0 {
            asking.turns.patience()
        } else {
            asking.until.saturating_duration_since(Instant::now())
        };
        let turn = match asking.turns.take(&source.slot, patience).await {
            Ok(turn) => turn,
            // What went wrong says more than that it could not be tried again.
            Err(no_turn) => return Err(failed.unwrap_or(no_turn)),
        };
        let error = match source.search(query, limit, cursor).await {
            Ok(page) => return Ok(page),
            Err(error) => error,
        };
        drop(turn);
        let Some(wait) = wait_before_retry(&error, n_retries) else {
            return Err(error);
        };
        if Instant::now() + wait >= asking.until {
            // It says more than a deadline would, and how long it wants to be left alone.
            return Err(error);
        }
        tokio::time::sleep(wait).await;
        n_retries += 1;
        failed = Some(error);
    }
}

/// As long as the guest asks for, else doubling; none when another attempt is pointless.
fn wait_before_retry(error: &PluginError, n_retries: u32) -> Option<Duration> {
    // Waiting for a broken version to be probed is not this job's to do; what stands behind it is.
    let is_broken = matches!(error, PluginError::BreakerOpen { .. });
    let worthwhile = error.is_retryable() && !is_broken && n_retries < MAX_RETRIES;
    worthwhile.then(|| {
        error
            .retry_after()
            .unwrap_or_else(|| RETRY_BASE * 2_u32.pow(n_retries))
    })
}
