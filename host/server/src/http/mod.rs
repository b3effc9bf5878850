//! The API. Each file is one resource: its router, bodies, handlers and rules; this one merges them.
//!
//! Nothing here runs a plugin or a model, and nothing here meets the worker: the two share rows
//! through the store. Translation between the domain's words and the API's stops here.

mod audit;
mod body;
mod cache;
mod cached;
mod door;
mod entity_tag;
mod feedback;
mod health;
mod idempotency;
mod jobs;
mod listen;
mod observe;
mod openapi;
mod operations;
mod plugins;
mod problem;
mod publisher_keys;
mod query;
mod state;
mod worlds;

use std::sync::Arc;

use axum::{
    Router,
    http::{Method, Uri},
    middleware,
};
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;

pub use health::{CheckStatus, HealthChecks};
pub use operations::{OperationsState, serve_operations};
pub use plugins::{GuestLine, GuestLogs};
pub use state::{AppState, HttpLimits};

use problem::{Kind, Problem};
use state::App;

/// Serves until `state.shutdown` is cancelled, then lets running requests end, but not for longer
/// than `limits.drain_timeout`.
pub async fn serve(listener: TcpListener, state: AppState) {
    let (limits, shutdown) = (state.limits, state.shutdown.clone());
    listen::answer(listener, router(state), &limits, &shutdown).await;
}

/// The whole API, ready to serve.
pub fn router(state: AppState) -> Router {
    let app = Arc::new(App::new(state));
    let (routes, document) = merged(app.version).split_for_parts();
    let document = guarded(document);
    let routes = routes
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .with_state(Arc::clone(&app))
        .layer(openapi::document_layer(&document));
    hardened(routes, &app)
}

/// The document that `/api/openapi.json` serves, without a server.
pub fn openapi() -> utoipa::openapi::OpenApi {
    guarded(merged(env!("CARGO_PKG_VERSION")).into_openapi())
}

/// With what the door asks for at each route.
fn guarded(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    door::guard_document(&mut document);
    document
}

fn merged(version: &str) -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(openapi::base(version))
        .merge(jobs::router())
        .merge(feedback::router())
        .merge(plugins::router())
        .merge(publisher_keys::router())
        .merge(worlds::router())
        .merge(cache::router())
        .merge(audit::router())
        .merge(health::router())
        .merge(openapi::router())
}

/// Wraps routes in what every answer passes through, innermost first: the door, the time limit, the
/// net under panics, then request id, log line, metrics and security headers.
fn hardened(routes: Router, app: &Arc<App>) -> Router {
    routes
        .layer(middleware::from_fn_with_state(Arc::clone(app), door::admit))
        .layer(middleware::from_fn_with_state(
            Arc::clone(app),
            observe::limit_time,
        ))
        .layer(CatchPanicLayer::custom(observe::answer_panic))
        .layer(middleware::from_fn(observe::observe))
}

async fn unknown_route(uri: Uri) -> Problem {
    Problem::new(
        Kind::RouteNotFound,
        format!(
            "nothing is served at `{}`; `/api/openapi.json` lists what is",
            uri.path()
        ),
    )
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    Problem::new(
        Kind::MethodNotAllowed,
        format!(
            "`{}` does not answer {method}; the `Allow` header lists what it does",
            uri.path()
        ),
    )
}
