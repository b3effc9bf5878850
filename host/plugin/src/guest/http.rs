//! `wasi:http` for sources: linked, since their world has it, and denied, since no grant of this
//! version can name a host to reach.

use http::{Request, Response};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

pub(super) struct DenyAll;

/// How a request or a response ends, as `wasi:http` wants it told.
type Ending = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for DenyAll {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        _options: Option<RequestOptions>,
        _ending: Ending,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Ending), Error>> + Send> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        tracing::debug!(host, "denied a guest's request to `{host}`");
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}
