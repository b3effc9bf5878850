//! Ctrl-C and SIGTERM: the first asks to stop, the second insists.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::write;

/// Exit status of a process that a signal ended, as shells count it.
const INTERRUPTED: i32 = 130;

/// Cancels `shutdown` at the first signal and exits at the second.
#[expect(
    clippy::disallowed_methods,
    reason = "dies with the runtime: to wait for it would be to wait for a second signal"
)]
pub(super) fn listen(shutdown: &CancellationToken) -> io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = either(&mut interrupt, &mut terminate) => {}
            () = shutdown.cancelled() => return,
        }
        write::note("stopping; once more to stop at once");
        shutdown.cancel();
        either(&mut interrupt, &mut terminate).await;
        #[expect(
            clippy::exit,
            reason = "the second signal asks for just that; a lease left behind runs out"
        )]
        std::process::exit(INTERRUPTED);
    });
    Ok(())
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// For blocking work: a flag that Ctrl-C sets, looked at between batches.
#[derive(Clone, Default)]
pub(super) struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Set once `shutdown` is cancelled.
    pub(super) fn of(tasks: &TaskTracker, shutdown: &CancellationToken) -> Self {
        let flag = Self::default();
        let (set, shutdown) = (flag.clone(), shutdown.clone());
        tasks.spawn(async move {
            shutdown.cancelled().await;
            set.0.store(true, Ordering::Relaxed);
        });
        flag
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
