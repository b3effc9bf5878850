//! What a failed request means to the host: a code, and whether to try again.

use super::{Response, url};
use crate::Failure;
#[cfg(any(test, target_arch = "wasm32"))]
use crate::bindings::http::wasi::http::types::ErrorCode;

/// A status that is not a success.
pub(super) fn of_status(response: &Response) -> Failure {
    let url = url::without_query(&response.url);
    let status = response.status;
    let message = format!("`{url}` answered with status {status}");
    match status {
        429 => Failure::rate_limited(retry_after_ms(response), message),
        // A server that says when to come back is overloaded, not broken.
        503 if response.header("retry-after").is_some() => {
            Failure::rate_limited(retry_after_ms(response), message)
        }
        408 | 425 | 500..=599 => Failure::unavailable(message),
        401 | 403 => Failure::denied(format!(
            "{message}: the server wants other credentials than it was given"
        )),
        404 | 410 => Failure::not_found(message),
        400..=499 => Failure::invalid_input(message),
        _ => Failure::internal(format!("{message}, which is no answer")),
    }
}

/// Seconds, as servers mostly say it; a date is not read, since a guest's clock may stand still.
fn retry_after_ms(response: &Response) -> Option<u64> {
    let seconds: u64 = response.header("retry-after")?.trim().parse().ok()?;
    seconds.checked_mul(1_000)
}

/// A request that got no response.
#[cfg(any(test, target_arch = "wasm32"))]
pub(crate) fn of_code(method: &str, url: &str, code: &ErrorCode) -> Failure {
    let url = url::without_query(url);
    let what = format!("`{method} {url}`");
    match code {
        ErrorCode::HttpRequestDenied => Failure::denied(format!(
            "{what} is not granted; the host's log says what to add where"
        )),
        ErrorCode::DestinationIpProhibited => Failure::denied(format!(
            "{what} leads to an address that is not granted; the host's log says more"
        )),
        ErrorCode::HttpRequestBodySize(_)
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_)
        | ErrorCode::HttpRequestUriTooLong => {
            Failure::invalid_input(format!("{what} is larger than the host sends: {code:?}"))
        }
        ErrorCode::HttpRequestUriInvalid | ErrorCode::HttpRequestMethodInvalid => {
            Failure::invalid_input(format!(
                "{what} is not a request that can be sent: {code:?}"
            ))
        }
        ErrorCode::HttpResponseBodySize(_)
        | ErrorCode::HttpResponseHeaderSectionSize(_)
        | ErrorCode::HttpResponseContentCoding(_)
        | ErrorCode::TlsCertificateError => Failure {
            retryable: false,
            ..Failure::unavailable(format!(
                "{what} has an answer that cannot be taken: {code:?}"
            ))
        },
        code => Failure::unavailable(format!("{what} got no answer: {code:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_failure_that_the_host_understands() {
        let failure = |response: Response| response.ok().unwrap_err();
        for (status, code, retryable) in [
            (400, "invalid-input", false),
            (401, "denied", false),
            (403, "denied", false),
            (404, "not-found", false),
            (408, "unavailable", true),
            (429, "rate-limited", true),
            (500, "unavailable", true),
            (503, "unavailable", true),
            (304, "internal", false),
        ] {
            let failure = failure(Response::new(status, ""));
            assert_eq!(
                (failure.code.as_str(), failure.retryable),
                (code, retryable),
                "{status}"
            );
        }
        for status in [429, 503] {
            let limited = failure(Response::new(status, "").with_header("Retry-After", "2"));
            assert_eq!(limited.code, "rate-limited");
            assert_eq!(limited.retry_after_ms, Some(2_000));
        }
        let dated =
            Response::new(429, "").with_header("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT");
        assert_eq!(failure(dated).retry_after_ms, None);
    }

    #[test]
    fn a_code_is_a_failure_without_the_query() {
        let of = |code| of_code("GET", "https://h/a?key=secret", &code);
        for (code, expected, retryable) in [
            (ErrorCode::HttpRequestDenied, "denied", false),
            (ErrorCode::DestinationIpProhibited, "denied", false),
            (ErrorCode::HttpRequestBodySize(None), "invalid-input", false),
            (ErrorCode::HttpResponseBodySize(None), "unavailable", false),
            (ErrorCode::TlsCertificateError, "unavailable", false),
            (ErrorCode::ConnectionRefused, "unavailable", true),
            (ErrorCode::ConnectionReadTimeout, "unavailable", true),
        ] {
            let failure = of(code);
            assert_eq!(
                (failure.code.as_str(), failure.retryable),
                (expected, retryable)
            );
            assert!(!failure.message.contains("secret"), "{}", failure.message);
        }
    }
}
