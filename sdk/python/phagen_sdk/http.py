"""A small HTTP client for sources.

Every request goes through the host, which lets it pass only where the manifest asks for the place
and the operator grants it; another is a `Failure` with the code `denied`. A redirect is a request
of its own, with the same question asked again.
"""

from __future__ import annotations

import json as _json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

from . import border
from .failure import Failure

#: Bytes of a body that are read, unless a call says otherwise.
MAX_BODY_BYTES = 4 << 20
MAX_REDIRECTS = 5

_REDIRECTS = (301, 302, 303, 307, 308)
#: What is for one server, and is not carried to another by a redirect.
_PERSONAL = ("authorization", "cookie")


@dataclass
class Request:
    """What the host is asked to send."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    max_body_bytes: int = MAX_BODY_BYTES


@dataclass
class Response:
    """What came back. Names of `headers` are in lower case; repeated ones are joined by `, `."""

    status: int
    headers: dict[str, str]
    body: bytes
    url: str = ""

    def text(self) -> str:
        """The body as UTF-8; what is none of it is replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON; raises `unavailable` where it is none, as an error page is not."""
        try:
            return _json.loads(self.body)
        except ValueError as error:
            place = without_query(self.url)
            raise Failure.unavailable(f"`{place}` answered no JSON: {error}") from None

    def ok(self) -> Response:
        """Itself where the status is 200 to 299; raises the failure that fits the status else."""
        if 200 <= self.status <= 299:
            return self
        said = f"`{without_query(self.url)}` answered with status {self.status}"
        wait = self.headers.get("retry-after", "").strip()
        wait_ms = int(wait) * 1000 if wait.isascii() and wait.isdigit() else None
        if self.status == 429 or (self.status == 503 and wait):
            raise Failure.rate_limited(said, wait_ms)
        if self.status in (408, 425) or self.status >= 500:
            raise Failure.unavailable(said)
        codes = {401: "denied", 403: "denied", 404: "not-found", 410: "not-found"}
        other = "invalid-input" if self.status >= 400 else "internal"
        raise Failure(codes.get(self.status, other), said)


def without_query(url: str) -> str:
    """For messages: a query may hold what is nobody's business."""
    return url.partition("?")[0]


def get(
    url: str, headers: dict[str, str] | None = None, *, max_body_bytes: int = MAX_BODY_BYTES
) -> Response:
    """Fetches `url`. Any status is an answer: see `Response.ok`."""
    return request("GET", url, headers, max_body_bytes=max_body_bytes)


def request(
    method: str,
    url: str,
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
    *,
    max_body_bytes: int = MAX_BODY_BYTES,
) -> Response:
    """Sends one request and follows at most `MAX_REDIRECTS` redirects."""
    asked = Request(method, url, dict(headers or {}), body, max_body_bytes)
    for _ in range(MAX_REDIRECTS + 1):
        answer = border.send(asked)
        answer.url = asked.url
        place = answer.headers.get("location")
        if answer.status not in _REDIRECTS or place is None:
            return answer
        asked = _redirected(asked, answer.status, urljoin(asked.url, place))
    raise Failure.unavailable(f"`{without_query(url)}` redirects more than {MAX_REDIRECTS} times")


def _redirected(asked: Request, status: int, url: str) -> Request:
    """The request that a redirect asks for, as browsers make it."""
    becomes_get = status == 303 or (status in (301, 302) and asked.method == "POST")
    becomes_get = becomes_get and asked.method != "HEAD"
    stays = urlsplit(url)[:2] == urlsplit(asked.url)[:2]
    headers = {
        name: value
        for name, value in asked.headers.items()
        if (stays or name.lower() not in _PERSONAL)
        and not (becomes_get and name.lower().startswith("content-"))
    }
    return Request(
        "GET" if becomes_get else asked.method,
        url,
        headers,
        None if becomes_get else asked.body,
        asked.max_body_bytes,
    )
