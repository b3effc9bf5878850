//! What an OpenTelemetry collector is to a process that sends it traces: a real server that takes
//! OTLP over HTTP and keeps what it got.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, http::header, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use prost::Message as _;
use tokio::net::TcpListener;

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Received>>>);

#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// What the sender calls itself.
    pub(crate) service: String,
    /// Its header `authorization`.
    pub(crate) authorization: String,
    pub(crate) span: Span,
}

pub(crate) struct Collector {
    address: SocketAddr,
    kept: Kept,
}

impl Received {
    pub(crate) fn attribute(&self, name: &str) -> String {
        text(&self.span.attributes, name)
    }
}

impl Collector {
    /// Serves until the test's runtime ends.
    #[expect(
        clippy::disallowed_methods,
        reason = "it is to serve for as long as the test runs, whatever the test does"
    )]
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let kept = Kept::default();
        let routes = Router::new()
            .route("/v1/traces", post(take))
            .with_state(kept.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { address, kept }
    }

    /// As the standard variable takes it.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.kept.0.lock().expect("not poisoned").clone()
    }
}

async fn take(
    State(kept): State<Kept>,
    headers: HeaderMap,
    body: Bytes,
) -> ([(header::HeaderName, &'static str); 1], Vec<u8>) {
    assert_eq!(headers[header::CONTENT_TYPE], "application/x-protobuf");
    let authorization = headers.get(header::AUTHORIZATION);
    let authorization = authorization.map_or("", |value| value.to_str().expect("text"));
    let request = ExportTraceServiceRequest::decode(body).expect("OTLP");
    let mut kept = kept.0.lock().expect("not poisoned");
    for resource_spans in request.resource_spans {
        let resource = resource_spans.resource.expect("a resource");
        let service = text(&resource.attributes, "service.name");
        let scopes = resource_spans.scope_spans.into_iter();
        for span in scopes.flat_map(|scope| scope.spans) {
            kept.push(Received {
                service: service.clone(),
                authorization: authorization.to_owned(),
                span,
            });
        }
    }
    (
        [(header::CONTENT_TYPE, "application/x-protobuf")],
        Vec::new(),
    )
}

fn text(attributes: &[KeyValue], name: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == name);
    let value = found.and_then(|attribute| attribute.value.as_ref()?.value.as_ref());
    match value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}
