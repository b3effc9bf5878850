"""Exports of the world `reranker`, of contract 0.1.0 (three calls) and 0.2.0 (one)."""

from __future__ import annotations

from itertools import chain
from typing import Any

from wit_world.exports import reranking

from .. import border
from .. import reranking as answered
from ..plugin import Reranker
from ..record import Candidate, Query
from . import GuestHost, Lifecycle, plugin, told

__all__ = ["KIND", "Lifecycle", "Reranking", "host"]

KIND = Reranker


def host() -> border.Host:
    return GuestHost()


def _scores(query: Query, candidates: list[Candidate]) -> list[float]:
    rows = answered.features(plugin(), query, candidates)
    return answered.scores(plugin(), query, candidates, rows)


def _rerank(query: Query, candidates: list[Candidate]) -> Any:
    names, features, scores = answered.rerank(plugin(), query, candidates)
    return reranking.Reranked(names, list(chain.from_iterable(features)), scores)


class Reranking:
    def feature_names(self) -> list[str]:
        return plugin().feature_names()

    def features(self, query: Query, candidates: list[Candidate]) -> list[list[float]]:
        return told(answered.features, plugin(), query, candidates)

    def score(self, query: Query, candidates: list[Candidate]) -> list[float]:
        return told(_scores, query, candidates)

    def rerank(self, query: Query, candidates: list[Candidate]) -> Any:
        return told(_rerank, query, candidates)
