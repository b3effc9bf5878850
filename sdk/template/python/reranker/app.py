"""Orders evidence. Replace the features and how they become a score."""

from phagen_sdk import Candidate, Query, Reranker


class MyReranker(Reranker):
    def feature_names(self) -> list[str]:
        return ["title_match", "n_passages"]

    def features(self, query: Query, candidates: list[Candidate]) -> list[list[float]]:
        names = [name.lower() for name in query.molecule.names()]
        return [
            [
                float(any(name in candidate.evidence.title.lower() for name in names)),
                float(len(candidate.evidence.passages)),
            ]
            for candidate in candidates
        ]

    def score(
        self, query: Query, candidates: list[Candidate], features: list[list[float]]
    ) -> list[float]:
        # One finite number per candidate, in their order; higher is better.
        return [title_match + 0.01 * n_passages for title_match, n_passages in features]
