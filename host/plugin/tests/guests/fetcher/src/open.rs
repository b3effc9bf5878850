//! Requests under way at once, by the generated code itself: the SDK has one at a time.

#[cfg(target_arch = "wasm32")]
use phagen_sdk::bindings::http::wasi::http::{
    outgoing_handler,
    types::{Fields, OutgoingRequest, Scheme},
};

/// What came of each of `n` requests for `url`, a `http` address, none of whose answers is read
/// before all have one.
#[cfg(target_arch = "wasm32")]
pub(crate) fn at_once(url: &str, n: u32) -> Vec<String> {
    let address = url.strip_prefix("http://").unwrap_or(url);
    let (authority, path) = address.split_once('/').unwrap_or((address, ""));
    let under_way: Vec<_> = (0..n)
        .map(|_| {
            let request = OutgoingRequest::new(Fields::new());
            let addressed = request
                .set_scheme(Some(&Scheme::Http))
                .and_then(|()| request.set_authority(Some(authority)))
                .and_then(|()| request.set_path_with_query(Some(&format!("/{path}"))));
            assert!(addressed.is_ok(), "`{url}` cannot be addressed");
            outgoing_handler::handle(request, None)
        })
        .collect();
    let mut answers = Vec::new();
    let mut outcomes = Vec::new();
    for future in &under_way {
        let Ok(future) = future else {
            outcomes.push("refused".to_owned());
            continue;
        };
        future.subscribe().block();
        match future.get() {
            Some(Ok(Ok(response))) => {
                outcomes.push(response.status().to_string());
                answers.push(response);
            }
            Some(Ok(Err(code))) => outcomes.push(format!("{code:?}")),
            other => outcomes.push(format!("no answer: {other:?}")),
        }
    }
    outcomes
}

/// The harness has no network.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn at_once(_: &str, _: u32) -> Vec<String> {
    Vec::new()
}
