//! Blobs in an S3-compatible object store, shared by all who name the same bucket and prefix.

mod address;
mod connect;
mod fetch;

use std::{error::Error, fmt, time::Duration};

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::{
    BackoffConfig, GetOptions, ObjectStore as _, ObjectStoreExt as _, PutMode, PutPayload,
    RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    path::Path,
};
use phagen_domain::digest::Digest;

pub use address::{AddressStyle, BucketAddress, PlainHttp};

use crate::{BlobError, MAX_BLOB_BYTES, folder::place_of};
use connect::Connector;

/// Written at every start, so that a bucket that cannot be written to shows itself then.
const MARK: &str = "phagen";
const MARK_TEXT: &str = "PhaGen keeps blobs here, each named by its blake3 digest.\n";

/// How often a request is repeated that failed for a reason that may heal.
const N_RETRIES: usize = 2;
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// An access key and what goes with it.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub access_key: String,
    pub secret_key: String,
    /// Of credentials that were lent for a time.
    pub session_token: Option<String>,
}

/// The key stays out of logs and panics.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

#[derive(Debug, Clone)]
pub struct BucketSettings {
    pub address: BucketAddress,
    pub credentials: Credentials,
    /// Longest that one request may take, its body included.
    pub request_timeout: Duration,
    /// Certificates (DER) that count beside the public ones.
    pub extra_roots: Vec<Vec<u8>>,
}

/// A bucket, or the part of one below a prefix. Nothing is asked of it before it is used.
#[derive(Debug)]
pub struct Bucket {
    store: AmazonS3,
    address: BucketAddress,
}

impl Bucket {
    pub fn new(settings: BucketSettings) -> Result<Self, BlobError> {
        let connector = Connector::new(&settings)?;
        let (address, credentials) = (settings.address, settings.credentials);
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(address.bucket())
            .with_region(address.region())
            // Of the bucket itself, whichever way it is named there.
            .with_virtual_hosted_style_request(true)
            .with_endpoint(address.url())
            .with_access_key_id(credentials.access_key)
            .with_secret_access_key(credentials.secret_key)
            // One by one: not every server knows the other way.
            .with_disable_bulk_delete(true)
            .with_retry(RetryConfig {
                backoff: BackoffConfig {
                    init_backoff: FIRST_WAIT,
                    max_backoff: LONGEST_WAIT,
                    base: 2.0,
                },
                max_retries: N_RETRIES,
                retry_timeout: settings.request_timeout,
            })
            .with_http_connector(connector);
        if let Some(token) = credentials.session_token {
            builder = builder.with_token(token);
        }
        let store = builder
            .build()
            .map_err(|error| BlobError::Client(Box::new(error)))?;
        Ok(Self { store, address })
    }

    pub(crate) fn address(&self) -> &BucketAddress {
        &self.address
    }

    /// Tries whether the bucket is there and takes what is written.
    pub async fn open(&self) -> Result<(), BlobError> {
        let payload = PutPayload::from_static(MARK_TEXT.as_bytes());
        self.store
            .put(&self.path(MARK), payload)
            .await
            .map(drop)
            .map_err(|error| self.failed("write", MARK, &error))
    }

    /// Asks for a sign of life.
    pub async fn ping(&self) -> Result<(), BlobError> {
        match self.store.get(&self.path(MARK)).await {
            Ok(_) => Ok(()),
            // Somebody tidied up; it answers.
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) => Err(self.failed("read", MARK, &error)),
        }
    }

    /// Stores bytes under their digest, unless they are there.
    pub(crate) async fn put(&self, digest: &Digest, bytes: Bytes) -> Result<(), BlobError> {
        let (place, tried) = (place_of(digest), "store");
        let size_bytes = bytes.len() as u64;
        let mode = match self.store.head(&self.path(&place)).await {
            Ok(found) if found.size == size_bytes => return Ok(()),
            // Something else has that name, and whoever asks for the digest would be refused it.
            Ok(_) => PutMode::Overwrite,
            Err(object_store::Error::NotFound { .. }) => PutMode::Create,
            Err(error) => return Err(self.failed(tried, &place, &error)),
        };
        let stored = self
            .store
            .put_opts(&self.path(&place), bytes.into(), mode.into())
            .await;
        match stored {
            // Somebody else was faster with the same bytes.
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(self.failed(tried, &place, &error)),
        }
    }

    /// The bytes of a blob, checked against its digest.
    pub(crate) async fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>, BlobError> {
        let (place, tried) = (place_of(digest), "fetch");
        let path = self.path(&place);
        let found = match self.store.get_opts(&path, GetOptions::default()).await {
            Ok(found) => found,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(self.failed(tried, &place, &error)),
        };
        let corrupt = |found: String| BlobError::Corrupt {
            digest: *digest,
            place: format!("{}/{place}", self.address),
            found,
        };
        let size_bytes = found.meta.size;
        if size_bytes > MAX_BLOB_BYTES {
            return Err(corrupt(format!("{size_bytes} bytes, more than a blob may")));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size_bytes).unwrap_or_default());
        let mut pieces = found.into_stream();
        while let Some(piece) = pieces
            .try_next()
            .await
            .map_err(|error| self.failed(tried, &place, &error))?
        {
            bytes.extend_from_slice(&piece);
            if bytes.len() as u64 > size_bytes {
                return Err(corrupt("more bytes than it says".to_owned()));
            }
        }
        let found = Digest::of(&bytes);
        if found != *digest {
            return Err(corrupt(format!(
                "{} other bytes, with digest `{found}`",
                bytes.len()
            )));
        }
        Ok(Some(bytes))
    }

    /// Deletes a blob; one that is not there is as good as deleted.
    pub(crate) async fn delete(&self, digest: &Digest) -> Result<(), BlobError> {
        let place = place_of(digest);
        match self.store.delete(&self.path(&place)).await {
            Err(error) if !is_absent(&error) => Err(self.failed("delete", &place, &error)),
            _ => Ok(()),
        }
    }

    fn path(&self, place: &str) -> Path {
        let prefix = self.address.prefix();
        Path::from(format!("{prefix}/{place}"))
    }

    fn failed(&self, tried: &'static str, place: &str, error: &object_store::Error) -> BlobError {
        let place = format!("{}/{place}", self.address);
        let cause = whole(error).into();
        match error {
            object_store::Error::NotFound { .. } => BlobError::NoBucket {
                bucket: self.address.bucket().to_owned(),
                endpoint: self.address.url().to_owned(),
            },
            object_store::Error::PermissionDenied { .. }
            | object_store::Error::Unauthenticated { .. } => BlobError::Refused {
                tried,
                place,
                cause,
            },
            _ => BlobError::Unavailable {
                tried,
                place,
                cause,
            },
        }
    }
}

/// The error with its causes, each once: the library repeats some of them.
fn whole(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let deeper = error.to_string();
        if !text.contains(&deeper) {
            text.push_str(": ");
            text.push_str(&deeper);
        }
        cause = error.source();
    }
    text
}

/// Whether an object is not there, in a bucket that is. The library knows the two apart by nothing
/// but what the server wrote.
fn is_absent(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. })
        && !error.to_string().contains("<Code>NoSuchBucket</Code>")
}
