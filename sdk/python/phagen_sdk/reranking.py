"""How the three questions of a reranker become one answer: in a guest, and natively.

What is no number is told as an exception here; at the border it would be a trap.
"""

from __future__ import annotations

from .plugin import Reranker
from .record import Candidate, Query


def features(plugin: Reranker, query: Query, candidates: list[Candidate]) -> list[list[float]]:
    return [_numbers(row) for row in plugin.features(query, candidates)]


def scores(
    plugin: Reranker, query: Query, candidates: list[Candidate], rows: list[list[float]]
) -> list[float]:
    return _numbers(plugin.score(query, candidates, rows))


def rerank(
    plugin: Reranker, query: Query, candidates: list[Candidate]
) -> tuple[list[str], list[list[float]], list[float]]:
    """Names, a row of features and a score per candidate; the features are computed once."""
    rows = features(plugin, query, candidates)
    return plugin.feature_names(), rows, scores(plugin, query, candidates, rows)


def _numbers(values: list[float]) -> list[float]:
    return [float(value) for value in values]
