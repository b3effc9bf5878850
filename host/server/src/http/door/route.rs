//! Which scope each route needs. One table: the door goes by it, and the document tells it.

use axum::http::Method;
use phagen_store::Scope;
use utoipa::openapi::{
    Content, OpenApi, Ref, RefOr, Response, ResponseBuilder,
    path::Operation,
    security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
};

/// Routes that anyone may ask: machines that watch this one have no key.
const OPEN: [&str; 2] = ["/health", "/ready"];
/// What only operators read.
const OPERATORS_READ: [&str; 1] = ["/api/audit"];
const SCHEME: &str = "api_key";

/// What a request needs; none where no key is asked for. What is not named here and may change
/// something needs the most, so that a new route is shut until it is opened.
pub(super) fn scope_of(method: &Method, route: Option<&str>) -> Option<Scope> {
    // Nothing is served there; that much only callers learn.
    let Some(route) = route else {
        return Some(Scope::Read);
    };
    if OPEN.contains(&route) {
        return None;
    }
    if [Method::GET, Method::HEAD].contains(method) {
        let operators_only = OPERATORS_READ.contains(&route);
        return Some(if operators_only {
            Scope::Operate
        } else {
            Scope::Read
        });
    }
    Some(match route {
        route if route == "/api/jobs" || route.starts_with("/api/jobs/") => Scope::Submit,
        "/api/feedback" => Scope::Feedback,
        _ => Scope::Operate,
    })
}

/// Writes into the document what the door asks for.
pub(in crate::http) fn guard_document(document: &mut OpenApi) {
    let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    document
        .components
        .get_or_insert_default()
        .security_schemes
        .insert(SCHEME.to_owned(), RefOr::T(scheme));
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in [
            (Method::GET, &mut item.get),
            (Method::PUT, &mut item.put),
            (Method::POST, &mut item.post),
            (Method::DELETE, &mut item.delete),
            (Method::PATCH, &mut item.patch),
        ] {
            if let Some(operation) = operation {
                guard(operation, scope_of(&method, Some(path)));
            }
        }
    }
}

fn guard(operation: &mut Operation, scope: Option<Scope>) {
    let Some(scope) = scope else {
        operation.security = Some(Vec::new());
        return;
    };
    operation.security = Some(vec![SecurityRequirement::new(SCHEME, [scope.as_str()])]);
    for (status, description) in [
        (
            "401",
            "A key is needed, or this one is not let in".to_owned(),
        ),
        ("403", format!("The key lacks the scope `{scope}`")),
        (
            "429",
            "This caller asks too often; `Retry-After` says when to ask again".to_owned(),
        ),
    ] {
        operation
            .responses
            .responses
            .entry(status.to_owned())
            .or_insert_with(|| RefOr::T(problem(description)));
    }
}

fn problem(description: String) -> Response {
    let body = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", body)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_that_nobody_named_is_shut_to_changes() {
        let scope = |method: Method, route| scope_of(&method, Some(route));
        assert_eq!(scope(Method::POST, "/api/new"), Some(Scope::Operate));
        assert_eq!(scope(Method::GET, "/api/new"), Some(Scope::Read));
        assert_eq!(scope(Method::GET, "/api/audit"), Some(Scope::Operate));
        assert_eq!(scope(Method::POST, "/health"), None);
        assert_eq!(scope_of(&Method::POST, None), Some(Scope::Read));
    }
}
