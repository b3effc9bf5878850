"""The border between plugin and host: all that a plugin may ask, behind one name.

In a guest `guest.serve` puts the real host here, in a native test `testing.Harness` its own. Nothing
else of the SDK knows which of the two it speaks to.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from .failure import Failure

if TYPE_CHECKING:
    from .http import Request, Response
    from .record import CorpusRequest, Page


class Host:
    """Nobody: what a plugin meets when it runs outside of a guest and of a test."""

    def emit(self, level: str, message: str, fields: dict[str, object]) -> None:
        print(f"{level}: {message}", *(f"{k}={v}" for k, v in fields.items()), file=sys.stderr)

    def open_artifact(self) -> Any:
        raise Failure("not-found", "there is no artifact outside of a slot")

    def search_corpus(self, request: CorpusRequest) -> Page:
        raise Failure("denied", "there is no corpus here; only sources may search it")

    def send(self, request: Request) -> Response:
        raise Failure("denied", "there is no network here; only sources may use `phagen_sdk.http`")


host: Host = Host()


def emit(level: str, message: str, fields: dict[str, object]) -> None:
    host.emit(level, message, fields)


def open_artifact() -> Any:
    return host.open_artifact()


def search_corpus(request: CorpusRequest) -> Page:
    return host.search_corpus(request)


def send(request: Request) -> Response:
    return host.send(request)
