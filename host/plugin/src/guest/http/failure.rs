//! What went wrong on the network, as `wasi:http` has guests told and as metrics count it.

use std::{error::Error as _, io};

use tokio_rustls::rustls;
use wasmtime_wasi_http::Error;

use crate::record::HttpFailure;

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

impl From<&Error> for HttpFailure {
    fn from(error: &Error) -> Self {
        match error {
            Error::HttpRequestDenied => Self::Denied,
            Error::DestinationIpProhibited => Self::AddressProhibited,
            Error::HttpRequestUriInvalid => Self::UriInvalid,
            Error::HttpRequestUriTooLong => Self::UriTooLong,
            &Error::HttpRequestHeaderSectionSize(n_bytes) => Self::RequestHeaders { n_bytes },
            &Error::HttpRequestBodySize(n_bytes) => Self::RequestBody { n_bytes },
            &Error::HttpResponseHeaderSectionSize(n_bytes) => Self::ResponseHeaders { n_bytes },
            &Error::HttpResponseBodySize(n_bytes) => Self::ResponseBody { n_bytes },
            Error::HttpResponseIncomplete => Self::ResponseIncomplete,
            Error::HttpResponseContentCoding(coding) => Self::ResponseCoding {
                coding: coding.clone(),
            },
            Error::DnsTimeout => Self::DnsTimeout,
            Error::DnsError { rcode, info_code } => Self::Dns {
                text: rcode.clone(),
                code: *info_code,
            },
            Error::DestinationUnavailable => Self::Unavailable,
            Error::ConnectionRefused => Self::ConnectionRefused,
            Error::ConnectionTerminated => Self::ConnectionTerminated,
            Error::ConnectionTimeout => Self::ConnectionTimeout,
            Error::ConnectionLimitReached => Self::ConnectionLimit,
            Error::ConnectionReadTimeout => Self::ReadTimeout,
            Error::TlsProtocolError => Self::TlsProtocol,
            Error::TlsCertificateError => Self::TlsCertificate,
            Error::TlsAlertReceived {
                alert_id,
                alert_message,
            } => Self::TlsAlert {
                code: *alert_id,
                text: alert_message.clone(),
            },
            Error::HttpProtocolError => Self::Protocol,
            other => Self::Internal {
                text: other.to_string(),
            },
        }
    }
}

impl From<HttpFailure> for Error {
    fn from(failure: HttpFailure) -> Self {
        match failure {
            HttpFailure::Denied => Self::HttpRequestDenied,
            HttpFailure::AddressProhibited => Self::DestinationIpProhibited,
            HttpFailure::UriInvalid => Self::HttpRequestUriInvalid,
            HttpFailure::UriTooLong => Self::HttpRequestUriTooLong,
            HttpFailure::RequestHeaders { n_bytes } => Self::HttpRequestHeaderSectionSize(n_bytes),
            HttpFailure::RequestBody { n_bytes } => Self::HttpRequestBodySize(n_bytes),
            HttpFailure::ResponseHeaders { n_bytes } => {
                Self::HttpResponseHeaderSectionSize(n_bytes)
            }
            HttpFailure::ResponseBody { n_bytes } => Self::HttpResponseBodySize(n_bytes),
            HttpFailure::ResponseIncomplete => Self::HttpResponseIncomplete,
            HttpFailure::ResponseCoding { coding } => Self::HttpResponseContentCoding(coding),
            HttpFailure::DnsTimeout => Self::DnsTimeout,
            HttpFailure::Dns { text, code } => Self::DnsError {
                rcode: text,
                info_code: code,
            },
            HttpFailure::Unavailable => Self::DestinationUnavailable,
            HttpFailure::ConnectionRefused => Self::ConnectionRefused,
            HttpFailure::ConnectionTerminated => Self::ConnectionTerminated,
            HttpFailure::ConnectionTimeout => Self::ConnectionTimeout,
            HttpFailure::ConnectionLimit => Self::ConnectionLimitReached,
            HttpFailure::ReadTimeout => Self::ConnectionReadTimeout,
            HttpFailure::TlsProtocol => Self::TlsProtocolError,
            HttpFailure::TlsCertificate => Self::TlsCertificateError,
            HttpFailure::TlsAlert { code, text } => Self::TlsAlertReceived {
                alert_id: code,
                alert_message: text,
            },
            HttpFailure::Protocol => Self::HttpProtocolError,
            HttpFailure::Internal { text } => Self::InternalError(Some(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_again_as_it_was() {
        let text = || Some("text".to_owned());
        for error in [
            Error::HttpRequestDenied,
            Error::DestinationIpProhibited,
            Error::HttpRequestUriInvalid,
            Error::HttpRequestUriTooLong,
            Error::HttpRequestHeaderSectionSize(Some(1)),
            Error::HttpRequestBodySize(None),
            Error::HttpResponseHeaderSectionSize(None),
            Error::HttpResponseBodySize(Some(2)),
            Error::HttpResponseIncomplete,
            Error::HttpResponseContentCoding(text()),
            Error::DnsTimeout,
            Error::DnsError {
                rcode: text(),
                info_code: Some(3),
            },
            Error::DestinationUnavailable,
            Error::ConnectionRefused,
            Error::ConnectionTerminated,
            Error::ConnectionTimeout,
            Error::ConnectionLimitReached,
            Error::ConnectionReadTimeout,
            Error::TlsProtocolError,
            Error::TlsCertificateError,
            Error::TlsAlertReceived {
                alert_id: Some(4),
                alert_message: text(),
            },
            Error::HttpProtocolError,
            Error::InternalError(text()),
        ] {
            let json = serde_json::to_string(&HttpFailure::from(&error)).unwrap();
            let failure: HttpFailure = serde_json::from_str(&json).unwrap();
            if let Error::InternalError(_) = error {
                assert!(matches!(failure, HttpFailure::Internal { .. }), "{json}");
            } else {
                let again = Error::from(failure);
                assert_eq!(format!("{again:?}"), format!("{error:?}"), "{json}");
            }
        }
    }
}
