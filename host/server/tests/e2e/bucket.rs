//! A bucket of a story's own, on the S3 server that `cargo xtask test` started, and a way to it that
//! can be cut.

use reqwest::{Client, StatusCode};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// Of whoever owns the bucket. The server takes any signature.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=ada/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";

/// The settings of a host that shares a bucket.
pub(crate) struct Bucket {
    pub(crate) server: String,
    pub(crate) name: String,
}

impl Bucket {
    /// With a name, and not made yet.
    pub(crate) fn named(name: &str) -> Self {
        let server = std::env::var_os("PHAGEN_TEST_S3")
            .expect("`PHAGEN_TEST_S3` is set: run the tests with `cargo xtask test`, or through `cargo xtask services`");
        Self {
            server: server.into_string().expect("an address"),
            name: format!("{name}-{}", std::process::id()),
        }
    }

    pub(crate) async fn make(&self) {
        phagen_package::oci::install_tls();
        let client = Client::builder().no_proxy().build().expect("a client");
        let url = format!("{}/{}", self.server, self.name);
        let request = client.put(url).header("authorization", AUTHORIZATION);
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
    }

    pub(crate) fn url(&self) -> String {
        format!("s3://{}/phagen", self.name)
    }

    /// By another way than the server's own, such as `127.0.0.1:4711`.
    pub(crate) fn by(&self, address: &str) -> Self {
        Self {
            server: format!("http://{address}"),
            name: self.name.clone(),
        }
    }

    /// As `host:port`.
    pub(crate) fn authority(&self) -> &str {
        let authority = self.server.strip_prefix("http://");
        authority.expect("a plain address")
    }

    pub(crate) fn settings<'a>(&'a self, url: &'a str) -> [(&'a str, &'a str); 4] {
        [
            ("PHAGEN_BLOB__URL", url),
            ("PHAGEN_BLOB__ENDPOINT", &self.server),
            ("AWS_ACCESS_KEY_ID", "ada"),
            ("AWS_SECRET_ACCESS_KEY", "s3cret"),
        ]
    }
}

/// A way to a server, until it is cut.
pub(crate) struct Way {
    to: String,
    pub(crate) address: String,
    open: JoinSet<()>,
}

impl Way {
    pub(crate) async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut way = Self {
            to: server.to_owned(),
            address: listener.local_addr().expect("an address").to_string(),
            open: JoinSet::new(),
        };
        way.relay(listener);
        way
    }

    fn relay(&mut self, listener: TcpListener) {
        let to = self.to.clone();
        self.open.spawn(async move {
            // Dropped with this task, and every connection with it.
            let mut connections = JoinSet::new();
            loop {
                let (mut from, _) = listener.accept().await.expect("a connection");
                let mut to = TcpStream::connect(&to).await.expect("the server");
                connections.spawn(async move { copy_bidirectional(&mut from, &mut to).await });
            }
        });
    }

    pub(crate) async fn cut(&mut self) {
        self.open.shutdown().await;
    }

    pub(crate) async fn mend(&mut self) {
        let listener = TcpListener::bind(&self.address).await.expect("the port");
        self.relay(listener);
    }
}
