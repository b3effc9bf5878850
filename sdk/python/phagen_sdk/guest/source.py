"""Exports of the world `source`, and what only a source may ask: the corpus and the network."""

from __future__ import annotations

from wit_world.imports import corpus

from .. import border
from ..http import Request, Response
from ..plugin import Source
from ..record import CorpusRequest, Page, Query
from . import GuestHost, Lifecycle, asked, plugin, told, web

__all__ = ["KIND", "Lifecycle", "Search", "host"]

KIND = Source


class SourceHost(GuestHost):
    def search_corpus(self, request: CorpusRequest) -> Page:
        return asked(
            corpus.search,
            corpus.Request(
                request.names,
                request.text,
                request.kind,
                request.year_from,
                request.year_to,
                request.limit,
                request.cursor,
            ),
        )

    def send(self, request: Request) -> Response:
        return web.send(request)


def host() -> border.Host:
    return SourceHost()


class Search:
    def search(self, query: Query, limit: int, cursor: str | None) -> Page:
        return told(plugin().search, query, limit, cursor)
