//! A request as the host sends it: the SDK's records over the resources of `wasi:http`.

use crate::{
    Failure,
    bindings::http::wasi::{
        http::{
            outgoing_handler,
            types::{
                ErrorCode, Fields, IncomingBody, IncomingResponse, Method, OutgoingBody,
                OutgoingRequest, Scheme, http_error_code,
            },
        },
        io::streams::StreamError,
    },
    http::{Request, Response, Url, of_code, without_query},
};

/// Bytes read at a time.
const CHUNK_BYTES: u64 = 64 << 10;
/// Bytes that one blocking write may carry.
const WRITE_BYTES: usize = 4_096;

pub(crate) fn send_http(request: &Request, max_bytes: usize) -> Result<Response, Failure> {
    let failed = |code: &ErrorCode| of_code(&request.method, &request.url, code);
    let outgoing = outgoing(request)?;
    let body = match request.body.as_slice() {
        [] => None,
        bytes => Some((outgoing.body().map_err(|()| broken(request))?, bytes)),
    };
    let answer = outgoing_handler::handle(outgoing, None).map_err(|code| failed(&code))?;
    if let Some((body, bytes)) = body {
        // A body that cannot be written was refused; why is told by the answer.
        let _ = write(body, bytes);
    }
    answer.subscribe().block();
    match answer.get() {
        Some(Ok(Ok(response))) => read(request, &response, max_bytes),
        Some(Ok(Err(code))) => Err(failed(&code)),
        _ => Err(broken(request)),
    }
}

fn outgoing(request: &Request) -> Result<OutgoingRequest, Failure> {
    let url = Url::parse(&request.url)?;
    let mut headers: Vec<(String, Vec<u8>)> = request
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
        .collect();
    if !request.body.is_empty() {
        let length = request.body.len().to_string();
        headers.push(("content-length".to_owned(), length.into_bytes()));
    }
    let headers = Fields::from_list(&headers)
        .map_err(|error| Failure::invalid_input(format!("a header cannot be sent: {error:?}")))?;
    let scheme = if url.is_https {
        Scheme::Https
    } else {
        Scheme::Http
    };
    let outgoing = OutgoingRequest::new(headers);
    outgoing
        .set_method(&method(&request.method))
        .and_then(|()| outgoing.set_scheme(Some(&scheme)))
        .and_then(|()| outgoing.set_authority(Some(&url.authority)))
        .and_then(|()| outgoing.set_path_with_query(Some(&url.target)))
        .map_err(|()| {
            let url = without_query(&request.url);
            Failure::invalid_input(format!("`{} {url}` cannot be sent", request.method))
        })?;
    Ok(outgoing)
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn write(body: OutgoingBody, bytes: &[u8]) -> Result<(), ()> {
    {
        let stream = body.write()?;
        for chunk in bytes.chunks(WRITE_BYTES) {
            stream.blocking_write_and_flush(chunk).map_err(|_| ())?;
        }
    }
    OutgoingBody::finish(body, None).map_err(|_| ())
}

fn read(
    request: &Request,
    response: &IncomingResponse,
    max_bytes: usize,
) -> Result<Response, Failure> {
    let headers = response.headers().entries();
    let body = response.consume().map_err(|()| broken(request))?;
    Ok(Response {
        status: response.status(),
        headers: headers
            .into_iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(&value).into_owned();
                (name.to_ascii_lowercase(), value)
            })
            .collect(),
        body: read_body(request, &body, max_bytes)?,
        url: request.url.clone(),
    })
}

fn read_body(request: &Request, body: &IncomingBody, max_bytes: usize) -> Result<Vec<u8>, Failure> {
    let stream = body.stream().map_err(|()| broken(request))?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(CHUNK_BYTES) {
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(match http_error_code(&error) {
                    Some(code) => of_code(&request.method, &request.url, &code),
                    // Wasmtime 48 has a text for these, and no code.
                    None => broken_off(request, &error.to_debug_string()),
                });
            }
        }
        if bytes.len() > max_bytes {
            let url = without_query(&request.url);
            return Err(Failure {
                retryable: false,
                ..Failure::unavailable(format!(
                    "`{} {url}` answered with more than the {max_bytes} bytes that are taken",
                    request.method
                ))
            });
        }
    }
}

/// A body that ended before its end.
fn broken_off(request: &Request, why: &str) -> Failure {
    let (method, url) = (&request.method, without_query(&request.url));
    let why = why.lines().next().unwrap_or_default();
    Failure {
        // What is too large is so the next time too.
        retryable: !why.contains("exceeds limit"),
        ..Failure::unavailable(format!("the answer to `{method} {url}` broke off: {why}"))
    }
}

/// The host did not keep to `wasi:http`.
fn broken(request: &Request) -> Failure {
    let url = without_query(&request.url);
    Failure::internal(format!("`{} {url}` cannot be carried out", request.method))
}
