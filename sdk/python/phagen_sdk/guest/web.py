"""One request over `wasi:http`, from headers to the last byte of the body."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from componentize_py_types import Err
from wit_world.imports import http_types as wire
from wit_world.imports import outgoing_handler, streams

from ..failure import Failure
from ..http import Request, Response, without_query

_CHUNK_BYTES = 64 << 10
_WRITE_BYTES = 4 << 10

_NOT_TO_SEND = (
    "HttpRequestBodySize",
    "HttpRequestHeaderSectionSize",
    "HttpRequestHeaderSize",
    "HttpRequestUriTooLong",
    "HttpRequestUriInvalid",
    "HttpRequestMethodInvalid",
)
_NOT_TO_TAKE = (
    "HttpResponseBodySize",
    "HttpResponseHeaderSectionSize",
    "HttpResponseContentCoding",
    "TlsCertificateError",
)


def send(request: Request) -> Response:
    try:
        return _read(request, _sent(request))
    except Err as error:
        raise _failure(request, error.value) from None


def _sent(request: Request) -> wire.IncomingResponse:
    outgoing = _outgoing(request)
    # Without one the request goes out whole, with no body to wait for.
    body = outgoing.body() if request.body else None
    future = outgoing_handler.handle(outgoing, None)
    if body is not None:
        _write(body, request.body)
    pollable = future.subscribe()
    with pollable:
        pollable.block()
    with future:
        answer = future.get()
    if answer is None:
        raise Failure("internal", f"`{without_query(request.url)}` gave no answer when it was ready")
    for _ in range(2):  # taken once or not, then arrived or failed
        if isinstance(answer, Err):
            raise answer
        answer = answer.value
    return answer


def _outgoing(request: Request) -> wire.OutgoingRequest:
    url = urlsplit(request.url)
    if url.scheme not in ("http", "https") or not url.netloc or "@" in url.netloc:
        raise Failure(
            "invalid-input", f"`{without_query(request.url)}` is not an `http` or `https` address"
        )
    try:
        headers = wire.Fields.from_list(
            [(name.lower(), value.encode()) for name, value in request.headers.items()]
        )
    except Err as error:
        raise Failure("invalid-input", f"a header may not be sent: {_name(error.value)}") from None
    outgoing = wire.OutgoingRequest(headers)
    method = getattr(wire, f"Method_{request.method.capitalize()}", None)
    outgoing.set_method(method() if method else wire.Method_Other(request.method))
    outgoing.set_scheme(wire.Scheme_Https() if url.scheme == "https" else wire.Scheme_Http())
    outgoing.set_authority(url.netloc)
    outgoing.set_path_with_query((url.path or "/") + (f"?{url.query}" if url.query else ""))
    return outgoing


def _write(body: wire.OutgoingBody, content: bytes) -> None:
    with body.write() as stream:
        for start in range(0, len(content), _WRITE_BYTES):
            stream.blocking_write_and_flush(content[start : start + _WRITE_BYTES])
    wire.OutgoingBody.finish(body, None)


def _read(request: Request, response: wire.IncomingResponse) -> Response:
    with response:
        status, headers = response.status(), _headers(response)
        body = response.consume()
        with body:
            return Response(status, headers, _body(request, body), request.url)


def _headers(response: wire.IncomingResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    with response.headers() as fields:
        for name, value in fields.entries():
            name, text = name.lower(), value.decode("utf-8", "replace")
            headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return headers


def _body(request: Request, body: wire.IncomingBody) -> bytes:
    parts, n_bytes = [], 0
    with body.stream() as stream:
        while True:
            try:
                part = stream.blocking_read(_CHUNK_BYTES)
            except Err as error:
                if isinstance(error.value, streams.StreamError_Closed):
                    return b"".join(parts)
                raise _broken(request, error.value) from None
            n_bytes += len(part)
            if n_bytes > request.max_body_bytes:
                raise Failure(
                    "unavailable",
                    f"`{without_query(request.url)}` answered more than {request.max_body_bytes} bytes",
                )
            parts.append(part)


def _broken(request: Request, error: Any) -> Failure:
    """A body that ends early; the stream's error may carry the reason."""
    code = wire.http_error_code(error.value)
    if code is not None:
        return _failure(request, code)
    said = error.value.to_debug_string()
    return Failure.unavailable(f"the answer of `{without_query(request.url)}` broke off: {said}")


def _failure(request: Request, error: Any) -> Failure:
    name, what = _name(error), f"`{request.method} {without_query(request.url)}`"
    if name == "HttpRequestDenied":
        said = f"{what} is not granted; the host's log says what to add where"
        return Failure("denied", said)
    if name == "DestinationIpProhibited":
        said = f"{what} leads to an address that is not granted; the host's log says more"
        return Failure("denied", said)
    if name in _NOT_TO_SEND:
        return Failure("invalid-input", f"{what} is not a request that the host sends: {name}")
    if name in _NOT_TO_TAKE:
        return Failure("unavailable", f"{what} has an answer that cannot be taken: {name}")
    return Failure.unavailable(f"{what} got no answer: {name}")


def _name(error: Any) -> str:
    """`ConnectionRefused` of `ErrorCode_ConnectionRefused`."""
    return type(error).__name__.partition("_")[2] or type(error).__name__
