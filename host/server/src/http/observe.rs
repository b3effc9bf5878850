//! What every request passes through: an id, a span, a log line, metrics, a time limit and a net
//! under panics. Bodies and query strings never reach the log.

use std::{any::Any, future::Future, sync::Arc, time::Instant};

use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Response as HttpResponse, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::time::timeout;
use tracing::{Instrument, Span, field};
use uuid::Uuid;

use super::{
    problem::{Kind, Problem},
    state::App,
};
use crate::telemetry::{REQUEST_DURATION, REQUESTS_IN_FLIGHT, TraceParent};

const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id that is taken over from the caller.
const MAX_REQUEST_ID_CHARS: usize = 128;
/// The route of what matched none.
const UNMATCHED: &str = "unmatched";
/// Routes that machines ask all the time; they are logged only when asked to be, and never traced.
const PROBES: [&str; 2] = ["/health", "/ready"];

/// What a task knows of the request that it answers.
struct Current {
    id: String,
    trace_parent: Option<TraceParent>,
}

tokio::task_local! {
    static CURRENT: Current;
}

/// The id of the request that this task answers; none outside of one.
pub(super) fn current_request_id() -> Option<String> {
    CURRENT.try_with(|current| current.id.clone()).ok()
}

/// What the work that this request asks for is to be a part of, as the job's row keeps it; none where
/// neither the caller nor this process traces it.
pub(super) fn current_trace_parent() -> Option<String> {
    let told = |current: &Current| current.trace_parent.as_ref().map(ToString::to_string);
    CURRENT.try_with(told).ok().flatten()
}

/// Gives the request its id, then measures and logs its answer.
pub(super) async fn observe(request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let method = method_name(request.method());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| UNMATCHED.to_owned(), |path| path.as_str().to_owned());
    let span = span_of(&id, method, &route);
    let asked = trace_parent(request.headers());
    let current = Current {
        id: id.clone(),
        trace_parent: TraceParent::join(&span, asked),
    };
    let begun = Instant::now();
    let in_flight = InFlight::begin();
    let answer = CURRENT
        .scope(current, next.run(request))
        .instrument(span.clone());
    let mut response = answer.await;
    drop(in_flight);
    let elapsed = begun.elapsed();
    let status = response.status().as_u16();
    metrics::histogram!(
        REQUEST_DURATION,
        "method" => method,
        "route" => route.clone(),
        "status" => status.to_string()
    )
    .record(elapsed.as_secs_f64());
    let milliseconds = elapsed.as_secs_f64() * 1_000.0;
    span.record("http.response.status_code", status);
    if response.status().is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    span.in_scope(|| {
        if PROBES.contains(&route.as_str()) {
            tracing::debug!(status, milliseconds, "{method} {route} answered {status}");
        } else {
            tracing::info!(status, milliseconds, "{method} {route} answered {status}");
        }
    });
    dress(response.headers_mut(), &id);
    response
}

/// What a request is logged under, and what it is in a trace.
fn span_of(id: &str, method: &'static str, route: &str) -> Span {
    if PROBES.contains(&route) {
        return tracing::debug_span!("request", request_id = %id, method, route);
    }
    tracing::info_span!(
        "request",
        request_id = %id,
        method,
        route,
        trace_id = field::Empty,
        http.response.status_code = field::Empty,
        otel.name = %format_args!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = field::Empty,
    )
}

/// The caller's trace, if it sent one that can be read.
fn trace_parent(headers: &HeaderMap) -> Option<TraceParent> {
    headers.get(&TRACE_PARENT)?.to_str().ok()?.parse().ok()
}

/// Gives up on a handler that takes too long. A stream counts until it begins.
pub(super) async fn limit_time(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    let limit = app.limits.request_timeout;
    within(limit, next.run(request)).await.unwrap_or_else(|| {
        tracing::error!(
            limit_seconds = limit.as_secs_f64(),
            "request ran into its time limit"
        );
        Problem::new(
            Kind::Timeout,
            format!(
                "no answer within {} seconds; try again soon",
                limit.as_secs_f32()
            ),
        )
        .into_response()
    })
}

async fn within<T>(limit: std::time::Duration, work: impl Future<Output = T>) -> Option<T> {
    timeout(limit, work).await.ok()
}

/// Turns a panic of a handler into an answer.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the layer hands the panic over"
)]
pub(super) fn answer_panic(panic: Box<dyn Any + Send + 'static>) -> HttpResponse<Body> {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&'static str>().copied())
        .unwrap_or("not in words");
    tracing::error!(panic = message, "handler panicked");
    Problem::new(
        Kind::Internal,
        "the server failed; its log names the cause under this request id",
    )
    .into_response()
}

/// The caller's own id when it is harmless in a log, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    headers
        .get(&REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| {
            let harmless = |b: u8| b.is_ascii_alphanumeric() || b"-_.:/+=".contains(&b);
            (1..=MAX_REQUEST_ID_CHARS).contains(&id.len()) && id.bytes().all(harmless)
        })
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

/// A caller can make up methods; a metric's label must not.
fn method_name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "OTHER",
    }
}

fn dress(headers: &mut HeaderMap, id: &str) {
    // Both sources of ids make valid header values.
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
}

/// Counts a request while it lives, also when its client hangs up and the future is dropped.
struct InFlight;

impl InFlight {
    fn begin() -> Self {
        metrics::gauge!(REQUESTS_IN_FLIGHT).increment(1.0);
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        metrics::gauge!(REQUESTS_IN_FLIGHT).decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_taken_over_only_when_harmless() {
        let taken = |id: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(id).unwrap());
            request_id(&headers) == id
        };
        assert!(taken("trace-1.2:3"));
        assert!(taken(&"x".repeat(128)));
        for id in ["", "a b", "\"quoted\"", "{x}", &"x".repeat(129)] {
            assert!(!taken(id), "{id}");
        }
    }
}
