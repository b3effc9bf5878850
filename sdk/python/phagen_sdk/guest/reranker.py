"""Exports of the world `reranker`, of contract 0.1.0 (three calls) and 0.2.0 (one)."""

from __future__ import annotations

from itertools import chain
from typing import Any

from wit_world.exports import reranking

from .. import border
from ..plugin import Reranker
from ..record import Candidate, Query
from . import GuestHost, Lifecycle, plugin, told

__all__ = ["KIND", "Lifecycle", "Reranking", "host"]

KIND = Reranker


def host() -> border.Host:
    return GuestHost()


def _features(query: Query, candidates: list[Candidate]) -> list[list[float]]:
    return [_numbers(row) for row in plugin().features(query, candidates)]


def _scores(query: Query, candidates: list[Candidate]) -> list[float]:
    return _numbers(plugin().score(query, candidates, _features(query, candidates)))


def _rerank(query: Query, candidates: list[Candidate]) -> Any:
    features = _features(query, candidates)
    return reranking.Reranked(
        plugin().feature_names(),
        list(chain.from_iterable(features)),
        _numbers(plugin().score(query, candidates, features)),
    )


def _numbers(values: list[float]) -> list[float]:
    """What is no number is told as an exception here; at the border it would be a trap."""
    return [float(value) for value in values]


class Reranking:
    def feature_names(self) -> list[str]:
        return plugin().feature_names()

    def features(self, query: Query, candidates: list[Candidate]) -> list[list[float]]:
        return told(_features, query, candidates)

    def score(self, query: Query, candidates: list[Candidate]) -> list[float]:
        return told(_scores, query, candidates)

    def rerank(self, query: Query, candidates: list[Candidate]) -> Any:
        return told(_rerank, query, candidates)
