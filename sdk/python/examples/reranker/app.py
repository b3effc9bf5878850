"""Orders evidence by a few features and a line through them."""

import math

from phagen_sdk import Candidate, Context, Failure, Query, Reranker

WEIGHTS = {
    "title_match": 1.0,
    "text_match": 0.5,
    "log_length": 0.05,
    "bm25_title": 0.3,
    "bm25_body": 0.2,
}


class LinearReranker(Reranker):
    def init(self, context: Context) -> None:
        """`weights` such as `title_match=2;bm25_body=0.1` changes single ones."""
        self.weights = dict(WEIGHTS)
        for pair in filter(None, context.config("weights", "").split(";")):
            name, _, value = pair.partition("=")
            if name.strip() not in WEIGHTS:
                raise Failure.invalid_config(f"`weights` names `{name}`, which is no feature")
            try:
                self.weights[name.strip()] = float(value)
            except ValueError:
                raise Failure.invalid_config(f"the weight of `{name}` is no number") from None

    def feature_names(self) -> list[str]:
        return list(WEIGHTS)

    def features(self, query: Query, candidates: list[Candidate]) -> list[list[float]]:
        names = [name.lower() for name in query.molecule.names()]
        return [row(names, candidate) for candidate in candidates]

    def score(
        self, query: Query, candidates: list[Candidate], features: list[list[float]]
    ) -> list[float]:
        weights = list(self.weights.values())
        return [sum(w * x for w, x in zip(weights, values)) for values in features]

    def self_test(self) -> None:
        if not all(map(math.isfinite, self.weights.values())):
            raise Failure.invalid_config("a weight is not a finite number")


def row(names: list[str], candidate: Candidate) -> list[float]:
    title = candidate.evidence.title.lower()
    text = " ".join(passage.text for passage in candidate.evidence.passages).lower()
    return [
        float(any(name in title for name in names)),
        float(any(name in text for name in names)),
        math.log1p(len(text)),
        candidate.signal("bm25_title") or 0.0,
        candidate.signal("bm25_body") or 0.0,
    ]
