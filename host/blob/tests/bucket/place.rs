//! A bucket of a test's own, the ways to it, and a folder to cache it in.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use phagen_blob::{
    BlobFolder, Blobs, Bucket, BucketAddress, BucketSettings, Credentials, PlainHttp,
};
use phagen_domain::digest::Digest;
use reqwest::{Client, Method, StatusCode};
use tempfile::TempDir;

/// More than any test puts.
pub(crate) const ROOMY: u64 = 1 << 30;

/// Below it all that a test stores.
pub(crate) const PREFIX: &str = "prod/one";

pub(crate) const ACCESS_KEY: &str = "ada";
pub(crate) const SECRET: &str = "s3cret";

/// Of whoever owns the buckets. The server takes any signature.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=ada/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";

pub(crate) struct Place {
    server: String,
    pub(crate) bucket: String,
    client: Client,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let place = Self::without_bucket();
        assert_eq!(
            place.send(Method::PUT, "", Vec::new()).await,
            StatusCode::OK
        );
        place
    }

    /// With a name for a bucket, and no bucket.
    pub(crate) fn without_bucket() -> Self {
        static N_PLACES: AtomicU32 = AtomicU32::new(0);
        let n = N_PLACES.fetch_add(1, Ordering::Relaxed);
        let server = std::env::var_os("PHAGEN_TEST_S3")
            .expect("`PHAGEN_TEST_S3` is set: run the tests with `cargo xtask test`, or through `cargo xtask services`");
        // Through no TLS, but a client is not made without.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            server: server.into_string().expect("an address"),
            bucket: format!("test-{}-{n}", std::process::id()),
            client: Client::builder().no_proxy().build().expect("a client"),
        }
    }

    /// As `host:port`.
    pub(crate) fn authority(&self) -> &str {
        self.server
            .strip_prefix("http://")
            .expect("a plain address")
    }

    pub(crate) fn bucket(&self) -> Bucket {
        self.bucket_by(&self.server)
    }

    /// Reached by another way than the server's own.
    pub(crate) fn bucket_by(&self, endpoint: &str) -> Bucket {
        bucket_at(endpoint, &self.bucket, SECRET)
    }

    /// A machine with an empty disk.
    pub(crate) fn machine(&self) -> Machine {
        Machine::of(self.bucket(), ROOMY)
    }

    /// Puts an object past every check.
    pub(crate) async fn plant(&self, digest: &Digest, bytes: impl Into<Vec<u8>>) {
        let status = self.send(Method::PUT, &key(digest), bytes.into()).await;
        assert_eq!(status, StatusCode::OK);
    }

    /// The object as it lies there.
    pub(crate) async fn object(&self, digest: &Digest) -> Option<Vec<u8>> {
        let url = format!("{}/{}/{}", self.server, self.bucket, key(digest));
        let request = self.client.get(url).header("authorization", AUTHORIZATION);
        let answer = request.send().await.expect("an answer");
        if answer.status() == StatusCode::NOT_FOUND {
            return None;
        }
        assert_eq!(answer.status(), StatusCode::OK);
        Some(answer.bytes().await.expect("a body").to_vec())
    }

    async fn send(&self, method: Method, key: &str, body: Vec<u8>) -> StatusCode {
        let url = format!("{}/{}/{key}", self.server, self.bucket);
        let request = self.client.request(method, url).body(body);
        let request = request.header("authorization", AUTHORIZATION);
        request.send().await.expect("an answer").status()
    }
}

/// The bucket as whoever holds this key sees it.
pub(crate) fn bucket_at(endpoint: &str, bucket: &str, secret_key: &str) -> Bucket {
    let settings = settings_at(endpoint, bucket, secret_key);
    Bucket::new(settings).expect("a bucket")
}

pub(crate) fn settings_at(endpoint: &str, bucket: &str, secret_key: &str) -> BucketSettings {
    let url = format!("s3://{bucket}/{PREFIX}");
    BucketSettings {
        address: BucketAddress::parse(&url, Some(endpoint), None, None, PlainHttp::Loopback)
            .expect("an address"),
        credentials: Credentials {
            access_key: ACCESS_KEY.to_owned(),
            secret_key: secret_key.to_owned(),
            session_token: None,
        },
        request_timeout: Duration::from_secs(20),
        extra_roots: Vec::new(),
    }
}

fn key(digest: &Digest) -> String {
    let name = digest.to_string();
    format!("{PREFIX}/{}/{}/{name}", &name[..2], &name[2..4])
}

/// A disk, and the door to blobs over it.
pub(crate) struct Machine {
    pub(crate) blobs: Blobs,
    pub(crate) folder: BlobFolder,
    _dir: TempDir,
}

impl Machine {
    pub(crate) fn of(bucket: Bucket, cache_bytes: u64) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let folder = BlobFolder::open(dir.path().join("blob")).expect("a folder of blobs");
        Self {
            blobs: Blobs::shared(folder.clone(), bucket, cache_bytes),
            folder,
            _dir: dir,
        }
    }

    pub(crate) fn has(&self, digest: &Digest) -> bool {
        self.folder.contains(digest).expect("a look")
    }
}
