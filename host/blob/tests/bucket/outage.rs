//! A bucket that cannot be reached for a while.

use phagen_blob::BlobError;
use phagen_domain::digest::Digest;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use crate::place::{Machine, Place, ROOMY};

/// The way to the server, which a test can cut and open again.
struct Way {
    to: String,
    address: String,
    open: Option<JoinHandle<()>>,
}

impl Way {
    async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut way = Self {
            to: server.to_owned(),
            address: listener.local_addr().expect("an address").to_string(),
            open: None,
        };
        way.relay(listener);
        way
    }

    fn relay(&mut self, listener: TcpListener) {
        let to = self.to.clone();
        let relay = async move {
            // Dropped with this task, and every connection with it.
            let mut connections = JoinSet::new();
            loop {
                let (mut from, _) = listener.accept().await.expect("a connection");
                let mut to = TcpStream::connect(&to).await.expect("the server");
                connections.spawn(async move { copy_bidirectional(&mut from, &mut to).await });
            }
        };
        #[expect(clippy::disallowed_methods, reason = "a test cuts it itself")]
        let relay = tokio::spawn(relay);
        self.open = Some(relay);
    }

    async fn cut(&mut self) {
        let relay = self.open.take().expect("an open way");
        relay.abort();
        assert!(relay.await.is_err_and(|error| error.is_cancelled()));
    }

    async fn mend(&mut self) {
        let listener = TcpListener::bind(&self.address).await.expect("the port");
        self.relay(listener);
    }
}

#[tokio::test]
async fn an_outage_stops_writes_and_leaves_reads_of_what_is_here() {
    let place = Place::new().await;
    let mut way = Way::to(place.authority()).await;
    let bucket = place.bucket_by(&format!("http://{}", way.address));
    let machine = Machine::of(bucket, ROOMY);
    machine.blobs.open().await.unwrap();
    let here = machine.blobs.put(&b"here"[..]).await.unwrap();
    let elsewhere = place.machine().blobs.put(&b"elsewhere"[..]).await.unwrap();
    machine.blobs.ping().await.unwrap().unwrap();

    way.cut().await;
    let bytes = machine.blobs.get(&here).await.unwrap().unwrap();
    assert_eq!(bytes, b"here");
    for error in [
        machine.blobs.put(&b"new"[..]).await.unwrap_err(),
        machine.blobs.get(&elsewhere).await.unwrap_err(),
        machine.blobs.ping().await.unwrap().unwrap_err(),
        machine.blobs.open().await.unwrap_err(),
    ] {
        assert!(matches!(error, BlobError::Unavailable { .. }), "{error:?}");
        assert!(error.is_retriable());
        let told = error.to_string();
        assert!(told.contains("try again soon"), "{told}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
    // Not told to anyone, and so not kept either.
    assert!(!machine.has(&Digest::of(b"new")));

    way.mend().await;
    machine.blobs.ping().await.unwrap().unwrap();
    let bytes = machine.blobs.get(&elsewhere).await.unwrap().unwrap();
    assert_eq!(bytes, b"elsewhere");
    machine.blobs.put(&b"new"[..]).await.unwrap();
}

#[tokio::test]
async fn what_was_kept_here_alone_reaches_the_bucket_at_the_next_start() {
    let place = Place::new().await;
    let machine = place.machine();
    machine.blobs.open().await.unwrap();
    let digest = machine.blobs.put_here(&b"built in"[..]).await.unwrap();
    assert!(machine.has(&digest));
    assert_eq!(place.object(&digest).await, None);
    machine.blobs.open().await.unwrap();
    assert_eq!(place.object(&digest).await.unwrap(), b"built in");
}
