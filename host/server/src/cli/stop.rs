//! Ctrl-C and SIGTERM: the first asks to stop, the second insists.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

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
