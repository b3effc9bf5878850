//! Where a bucket is, as its operator writes it.

use std::{fmt, net::IpAddr};

use http::{Uri, uri::Scheme};

use crate::BlobError;

/// How a request names the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressStyle {
    /// `https://endpoint/bucket/key`, which servers of one's own understand.
    Path,
    /// `https://bucket.endpoint/key`, which Amazon asks for.
    VirtualHost,
}

/// Where an endpoint may be spoken to without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainHttp {
    /// On this machine alone.
    Loopback,
    /// On a network that its operator answers for. The secret key is not sent in either case, and
    /// what is read is checked against its digest; what is stored can be read on the way.
    Anywhere,
}

/// A bucket and the part of it that is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketAddress {
    bucket: String,
    /// Without a slash at either end; may be empty.
    prefix: String,
    region: String,
    /// Of the bucket itself.
    url: String,
}

impl BucketAddress {
    pub const DEFAULT_REGION: &str = "us-east-1";

    /// Reads `s3://bucket/prefix`. Without an `endpoint` it is Amazon's, of the region; without a
    /// `style` the bucket is in the path of an endpoint that is named, and in the host of Amazon's.
    pub fn parse(
        url: &str,
        endpoint: Option<&str>,
        region: Option<&str>,
        style: Option<AddressStyle>,
        plain: PlainHttp,
    ) -> Result<Self, BlobError> {
        let rest = url
            .strip_prefix("s3://")
            .ok_or_else(|| invalid(url, "expected `s3://bucket` or `s3://bucket/prefix`"))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if !is_bucket(bucket) {
            return Err(invalid(
                url,
                "a bucket has 3 to 63 of `a-z`, `0-9`, `.` and `-`, a letter or a digit first and last",
            ));
        }
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        if !prefix.is_empty() && !prefix.split('/').all(is_segment) {
            return Err(invalid(
                url,
                "each part of a prefix has 1 to 64 of `a-z`, `A-Z`, `0-9`, `.`, `_` and `-`, and is neither `.` nor `..`",
            ));
        }
        let region = region.unwrap_or(Self::DEFAULT_REGION);
        if !is_segment(region) {
            return Err(invalid(region, "a region is like `eu-central-1`"));
        }
        let default_style = match endpoint {
            Some(_) => AddressStyle::Path,
            None => AddressStyle::VirtualHost,
        };
        let endpoint = match endpoint {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => format!("https://s3.{region}.amazonaws.com"),
        };
        Ok(Self {
            url: bucket_url(&endpoint, bucket, style.unwrap_or(default_style), plain)?,
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            region: region.to_owned(),
        })
    }

    pub(super) fn bucket(&self) -> &str {
        &self.bucket
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(super) fn region(&self) -> &str {
        &self.region
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.url.starts_with("https:")
    }
}

/// As the operator wrote it.
impl fmt::Display for BucketAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        write!(f, "s3://{}{slash}{}", self.bucket, self.prefix)
    }
}

fn bucket_url(
    endpoint: &str,
    bucket: &str,
    style: AddressStyle,
    plain: PlainHttp,
) -> Result<String, BlobError> {
    let parsed: Uri = endpoint
        .parse()
        .map_err(|_| invalid(endpoint, "expected `https://host` or `https://host:port`"))?;
    let (Some(scheme), Some(authority)) = (parsed.scheme(), parsed.authority()) else {
        return Err(invalid(
            endpoint,
            "expected `https://host` or `https://host:port`",
        ));
    };
    if authority.as_str().contains('@') {
        return Err(invalid(endpoint, "a key is not part of an endpoint"));
    }
    if parsed.path() != "/" || parsed.query().is_some() {
        return Err(invalid(
            endpoint,
            "an endpoint has no path: the bucket is named in the URL",
        ));
    }
    let is_plain = *scheme == Scheme::HTTP;
    if !is_plain && *scheme != Scheme::HTTPS {
        return Err(invalid(endpoint, "an endpoint begins with `https://`"));
    }
    if is_plain && plain == PlainHttp::Loopback && !is_loopback(authority.host()) {
        return Err(invalid(
            endpoint,
            "without TLS only this machine itself is asked: expected `https://`, or `allow_plain_http` beside it",
        ));
    }
    Ok(match style {
        AddressStyle::Path => format!("{scheme}://{authority}/{bucket}"),
        AddressStyle::VirtualHost => format!("{scheme}://{bucket}.{authority}"),
    })
}

fn is_loopback(host: &str) -> bool {
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || literal.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn is_bucket(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name.bytes().all(|b| is_plain(b) || b".-".contains(&b))
        && !name.contains("..")
        && name.bytes().next().is_some_and(is_plain)
        && name.bytes().last().is_some_and(is_plain)
}

fn is_segment(part: &str) -> bool {
    (1..=64).contains(&part.len())
        && ![".", ".."].contains(&part)
        && part
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

fn invalid(given: &str, expected: &'static str) -> BlobError {
    // What stands before an `@` is a key.
    let told = if given.contains('@') {
        "…@…"
    } else {
        given
    };
    BlobError::InvalidAddress {
        given: told.to_owned(),
        expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the bucket `phagen` is.
    fn found(endpoint: Option<&str>, style: Option<AddressStyle>) -> String {
        let address =
            BucketAddress::parse("s3://phagen", endpoint, None, style, PlainHttp::Loopback)
                .unwrap();
        address.url().to_owned()
    }

    #[test]
    fn plain_http_reaches_another_machine_only_where_it_is_allowed() {
        let parse = |plain| {
            let endpoint = Some("http://object-store:9000");
            BucketAddress::parse("s3://phagen", endpoint, None, None, plain)
        };
        let address = parse(PlainHttp::Anywhere).unwrap();
        assert_eq!(address.url(), "http://object-store:9000/phagen");
        assert!(!address.is_encrypted());
        let error = parse(PlainHttp::Loopback).unwrap_err().to_string();
        assert!(error.contains("allow_plain_http"), "{error}");
    }

    #[test]
    fn a_bucket_is_found_where_it_is_named() {
        use AddressStyle::{Path, VirtualHost};
        let amazons = "https://phagen.s3.us-east-1.amazonaws.com";
        assert_eq!(found(None, None), amazons);
        assert_eq!(found(None, Some(VirtualHost)), amazons);
        let in_path = "https://s3.us-east-1.amazonaws.com/phagen";
        assert_eq!(found(None, Some(Path)), in_path);
        let minio = Some("https://minio.example:9000/");
        let in_host = "https://phagen.minio.example:9000";
        assert_eq!(found(minio, None), "https://minio.example:9000/phagen");
        assert_eq!(found(minio, Some(VirtualHost)), in_host);
        for endpoint in ["http://127.0.0.1:9", "http://[::1]:9", "http://localhost"] {
            assert_eq!(found(Some(endpoint), None), format!("{endpoint}/phagen"));
        }
        let region = Some("eu-central-1");
        let address =
            BucketAddress::parse("s3://phagen", None, region, None, PlainHttp::Loopback).unwrap();
        assert_eq!(
            address.url(),
            "https://phagen.s3.eu-central-1.amazonaws.com"
        );
        assert_eq!(address.region(), "eu-central-1");
    }

    #[test]
    fn a_prefix_is_what_lies_between_bucket_and_blobs() {
        for (url, prefix, shown) in [
            ("s3://phagen", "", "s3://phagen"),
            ("s3://phagen/", "", "s3://phagen"),
            ("s3://phagen/prod/a/", "prod/a", "s3://phagen/prod/a"),
        ] {
            let address = BucketAddress::parse(url, None, None, None, PlainHttp::Loopback).unwrap();
            assert_eq!(address.prefix(), prefix);
            assert_eq!(address.to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_bucket_is_refused_with_what_was_expected() {
        for (url, endpoint, told) in [
            ("gs://phagen", None, "s3://bucket"),
            ("phagen", None, "s3://bucket"),
            ("s3://", None, "3 to 63"),
            ("s3://ph", None, "3 to 63"),
            ("s3://Phagen", None, "3 to 63"),
            ("s3://-phagen", None, "3 to 63"),
            ("s3://pha..gen", None, "3 to 63"),
            ("s3://phagen//a", None, "prefix"),
            ("s3://phagen/../a", None, "prefix"),
            ("s3://phagen/a b", None, "prefix"),
            ("s3://phagen/a?b", None, "prefix"),
            ("s3://phagen", Some("minio.example"), "https://host"),
            (
                "s3://phagen",
                Some("https://minio.example/phagen"),
                "no path",
            ),
            ("s3://phagen", Some("ftp://minio.example"), "https://"),
            ("s3://phagen", Some("http://minio.example"), "without TLS"),
            ("s3://phagen", Some("http://10.0.0.1:9000"), "without TLS"),
            (
                "s3://phagen",
                Some("http://127.0.0.1.example"),
                "without TLS",
            ),
        ] {
            let error =
                BucketAddress::parse(url, endpoint, None, None, PlainHttp::Loopback).unwrap_err();
            let error = error.to_string();
            assert!(error.contains(told), "{url} {endpoint:?}: {error}");
        }
    }

    #[test]
    fn a_key_in_an_address_is_refused_and_not_told() {
        let with_key = "https://ada:s3cret@minio.example";
        for (url, endpoint) in [
            ("s3://phagen", Some(with_key)),
            ("s3://ada:s3cret@phagen", None),
            (with_key, None),
        ] {
            let error =
                BucketAddress::parse(url, endpoint, None, None, PlainHttp::Loopback).unwrap_err();
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }
}
