//! One request to an address where nothing listens, by the generated code itself: the SDK has no
//! HTTP of its own yet.

#[cfg(target_arch = "wasm32")]
use phagen_sdk::bindings::http::wasi::http::{
    outgoing_handler,
    types::{Fields, OutgoingRequest, Scheme},
};

/// What came of `GET http://127.0.0.1:9/`, in words.
#[cfg(target_arch = "wasm32")]
pub(crate) fn get_nothing() -> String {
    let request = OutgoingRequest::new(Fields::new());
    let addressed = request
        .set_scheme(Some(&Scheme::Http))
        .and_then(|()| request.set_authority(Some("127.0.0.1:9")))
        .and_then(|()| request.set_path_with_query(Some("/")));
    if addressed.is_err() {
        return "request cannot be addressed".to_owned();
    }
    let response = match outgoing_handler::handle(request, None) {
        Ok(response) => response,
        Err(code) => return format!("refused: {code:?}"),
    };
    response.subscribe().block();
    match response.get() {
        Some(Ok(Ok(response))) => format!("answered: {}", response.status()),
        Some(Ok(Err(code))) => format!("failed: {code:?}"),
        other => format!("no answer: {other:?}"),
    }
}

/// The harness reaches nothing.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn get_nothing() -> String {
    "refused: there is no HTTP in a native build".to_owned()
}
