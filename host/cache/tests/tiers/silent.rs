//! A way to Redis that stops answering: connections stay open, and nothing comes back on them.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// Passes on what Redis answers, until it is told to keep it.
pub(crate) struct Way {
    address: SocketAddr,
    is_silent: Arc<AtomicBool>,
}

impl Way {
    /// `to`: `redis://host:port`. Ends with the test's runtime.
    #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
    pub(crate) async fn open(to: &str) -> Self {
        let to = to.trim_start_matches("redis://").to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let is_silent = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_silent);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (to, told) = (to.clone(), Arc::clone(&told));
                tokio::spawn(pass(client, to, told));
            }
        });
        Self { address, is_silent }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    pub(crate) fn fall_silent(&self) {
        self.is_silent.store(true, Ordering::SeqCst);
    }
}

async fn pass(client: TcpStream, to: String, is_silent: Arc<AtomicBool>) {
    let Ok(server) = TcpStream::connect(to).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let asking = tokio::io::copy(&mut from_client, &mut to_server);
    let answering = async {
        let mut bytes = [0; 8 * 1024];
        while let Ok(n @ 1..) = from_server.read(&mut bytes).await {
            if !is_silent.load(Ordering::SeqCst) && to_client.write_all(&bytes[..n]).await.is_err()
            {
                return;
            }
        }
    };
    // Both ends stay open as long as the client's is.
    let _ = tokio::join!(asking, answering);
}
