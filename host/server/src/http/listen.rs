//! Takes connections and speaks HTTP/1.1 on each. `axum::serve` does the same without a limit on how
//! many there are or how long a head may take, so that a few clients could hold every file handle.
//! Whoever reads an answer slowly still holds a place: that is for the proxy in front.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, extract::ConnectInfo};
use hyper::{
    Request,
    body::Incoming,
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::HttpLimits;

/// Pause after the system refused to hand a connection over, as when file handles run out.
const PAUSE: Duration = Duration::from_millis(500);

/// Takes connections until `shutdown`; then each ends with the request that it is in, but does not
/// last for longer than `limits.drain_timeout`.
pub(super) async fn answer(
    listener: TcpListener,
    routes: Router,
    limits: &HttpLimits,
    shutdown: &CancellationToken,
) {
    let mut protocol = http1::Builder::new();
    protocol
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_header_size(limits.head_bytes);
    let places = Arc::new(Semaphore::new(limits.n_connections));
    let connections = TaskTracker::new();
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            () = shutdown.cancelled() => break,
        };
        // The semaphore is never closed.
        let (Ok(place), Some((stream, peer))) = (place, pause_after_fault(accepted).await) else {
            continue;
        };
        let connection = Connection {
            protocol: protocol.clone(),
            routes: routes.clone(),
            shutdown: shutdown.clone(),
            drain_timeout: limits.drain_timeout,
            _place: place,
        };
        connections.spawn(connection.answer(stream, peer));
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// A caller that went before it was taken in is no fault; all else may last a while.
async fn pause_after_fault(
    accepted: io::Result<(TcpStream, SocketAddr)>,
) -> Option<(TcpStream, SocketAddr)> {
    let error = match accepted {
        Ok(connection) => return Some(connection),
        Err(error) => error,
    };
    if !matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    ) {
        tracing::error!(%error, "cannot take a connection; tries again: {error}");
        time::sleep(PAUSE).await;
    }
    None
}

struct Connection {
    protocol: http1::Builder,
    routes: Router,
    shutdown: CancellationToken,
    drain_timeout: Duration,
    /// Free again when the connection ends.
    _place: OwnedSemaphorePermit,
}

impl Connection {
    async fn answer(self, stream: TcpStream, peer: SocketAddr) {
        // Answers are written whole: waiting for more to send only delays their end.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps Nagle's delay: {error}");
        }
        let routes = TowerToHyperService::new(self.routes);
        let service = service_fn(move |mut request: Request<Incoming>| {
            // Callers without a key are told apart by their address.
            request.extensions_mut().insert(ConnectInfo(peer));
            routes.call(request)
        });
        let io = TokioIo::new(stream);
        let mut connection = pin!(self.protocol.serve_connection(io, service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                let Ok(ended) = time::timeout(self.drain_timeout, connection).await else {
                    tracing::warn!(%peer, "a request still ran {:?} after the stop; it is cut off", self.drain_timeout);
                    return;
                };
                ended
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, %error, "a connection broke off: {error}");
        }
    }
}
