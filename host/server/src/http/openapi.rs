//! `GET /api/openapi.json`: the document that the routers wrote while they were merged. A route
//! cannot be missing from it, since both come from the same attribute.

use std::sync::Arc;

use axum::{Extension, http::header, response::IntoResponse};
use bytes::Bytes;
use utoipa::{OpenApi, openapi};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::state::App;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "PhaGen",
        description = "A molecule in, ranked and traceable repurposing evidence out.\n\n\
            A job is submitted, runs in a worker, and keeps its result. Every error is a problem \
            body (RFC 9457) whose `type` is stable. Besides the answers listed, any operation may \
            answer 500 (`/problems/internal`) or 503 (`/problems/timeout`, `/problems/unavailable`, \
            `/problems/overloaded`).\n\nWhere keys are required, every operation but the two probes needs one \
            that has the scope it names; elsewhere only those that need `operate` do, and those only once \
            the host has operators.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "jobs", description = "Ask about a molecule, and read the answer"),
        (name = "feedback", description = "Vote on evidence, so that the ranking can learn"),
        (name = "plugins", description = "What serves in which slot"),
        (name = "operations", description = "Probes and this document; metrics have a port of their own")
    )
)]
struct Base;

/// The document before any route.
pub(super) fn base(version: &str) -> openapi::OpenApi {
    let mut document = Base::openapi();
    version.clone_into(&mut document.info.version);
    document
}

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default().routes(routes!(show))
}

/// Hands the finished document to [`show`]; it exists only after all routers are merged.
pub(super) fn document_layer(document: &openapi::OpenApi) -> Extension<Document> {
    let json = serde_json::to_vec(document).expect("a document of maps and strings is JSON");
    Extension(Document(json.into()))
}

#[derive(Clone)]
pub(super) struct Document(Bytes);

/// This document
#[utoipa::path(
    get, path = "/api/openapi.json", operation_id = "show_openapi", tag = "operations",
    responses((status = 200, description = "OpenAPI 3.1", body = Object, content_type = "application/json")))]
async fn show(Extension(document): Extension<Document>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], document.0)
}
