//! What went wrong on the network, as `wasi:http` has guests told and as metrics count it.

use std::{error::Error as _, io};

use tokio_rustls::rustls;
use wasmtime_wasi_http::Error;

/// A connection that did not come about.
pub(super) fn of_connect(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Error::ConnectionRefused,
        io::ErrorKind::TimedOut => Error::ConnectionTimeout,
        _ => Error::DestinationUnavailable,
    }
}

/// A handshake that failed.
pub(super) fn of_tls(error: &io::Error) -> Error {
    let cause = error
        .get_ref()
        .and_then(|e| e.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(_)) => Error::TlsCertificateError,
        Some(rustls::Error::AlertReceived(alert)) => Error::TlsAlertReceived {
            alert_id: Some(u8::from(*alert)),
            alert_message: Some(format!("{alert:?}")),
        },
        _ => Error::TlsProtocolError,
    }
}

/// A request or response that broke off.
pub(super) fn of_exchange(error: &hyper::Error) -> Error {
    let cause = error
        .source()
        .and_then(|cause| cause.downcast_ref::<io::Error>());
    match cause.map(io::Error::kind) {
        _ if error.is_parse_too_large() => Error::HttpResponseHeaderSectionSize(None),
        _ if error.is_incomplete_message() => Error::HttpResponseIncomplete,
        Some(io::ErrorKind::UnexpectedEof) => Error::HttpResponseIncomplete,
        Some(_) => Error::ConnectionTerminated,
        None => Error::HttpProtocolError,
    }
}

/// How metrics call it.
pub(super) fn label(error: &Error) -> &'static str {
    match error {
        Error::HttpRequestDenied | Error::DestinationIpProhibited => "denied",
        Error::DnsTimeout | Error::DnsError { .. } | Error::DestinationNotFound => "dns",
        Error::ConnectionLimitReached => "busy",
        Error::ConnectionTimeout | Error::ConnectionReadTimeout | Error::HttpResponseTimeout => {
            "timeout"
        }
        Error::TlsAlertReceived { .. } | Error::TlsCertificateError | Error::TlsProtocolError => {
            "tls"
        }
        Error::ConnectionRefused | Error::ConnectionTerminated | Error::DestinationUnavailable => {
            "connection"
        }
        Error::HttpRequestBodySize(_)
        | Error::HttpRequestUriTooLong
        | Error::HttpRequestHeaderSectionSize(_)
        | Error::HttpResponseHeaderSectionSize(_)
        | Error::HttpResponseBodySize(_) => "size",
        _ => "protocol",
    }
}
