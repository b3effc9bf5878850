"""A plugin asked natively: `python3 -m unittest discover -s sdk/python/tests`."""

import json
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent.parent))

from phagen_sdk import border, native

EXAMPLES = Path(__file__).parent.parent / "examples"

#: A plugin that changes what it is given, and prints.
CARELESS = """
from phagen_sdk import Failure, Reranker, http

class Careless(Reranker):
    def init(self, context):
        self.weights = context.read_artifact() if context.config("weights") else b"\\2"

    def feature_names(self):
        return ["n"]

    def features(self, query, candidates):
        print("careless", end="")
        candidates.pop()
        return [[len(candidates)] for _ in candidates]

    def score(self, query, candidates, features):
        if query.molecule.name == "none":
            return ["no number"]
        return [self.weights[0] * n for (n,) in features]
"""


class Native(unittest.TestCase):
    def setUp(self):
        self.addCleanup(setattr, border, "host", border.host)
        self.addCleanup(sys.path.__setitem__, slice(None), list(sys.path))
        self.addCleanup(sys.modules.pop, "app", None)

    def told(self, folder, world, order):
        lines = []
        native.bench(folder, world, {"max_rounds": 5, **order}, lines.append)
        return {line["case"]: line for line in map(json.loads, lines)}

    def test_cases_are_timed_and_answered_as_they_expect(self):
        folder = EXAMPLES / "source"
        cases = json.loads((folder / "golden.json").read_text(encoding="utf-8"))["cases"]
        told = self.told(folder, "source", {"cases": cases})
        fine = told["an answer becomes evidence"]
        self.assertEqual(fine["answer"], {"evidence_ids": ["PMID:1", "PMID:2"]})
        self.assertEqual(fine["n_rounds"], 5)
        self.assertTrue(0 < fine["p50_ns"] <= fine["p99_ns"], fine)
        limited = told["a server that is overloaded"]
        self.assertEqual(limited["answer"], {"error": "rate-limited"})
        self.assertIn("invalid-config", told["no address"]["why"])

    def test_each_round_has_its_own_arguments_and_the_orders_artifact(self):
        query = {"molecule": {"name": "aspirin", "synonyms": []}, "as_of": "2026-11-22"}
        evidence = {"evidence_id": "PMID:1", "kind": "clinical", "title": "t", "passages": []}
        rerank = {"query": query, "candidates": [{"evidence": evidence}] * 3}
        none = {**rerank, "query": {**query, "molecule": {"name": "none"}}}
        cases = [
            {"name": "fine", "config": {"weights": "yes"}, "rerank": rerank},
            {"name": "no number", "rerank": none},
            {"name": "other world", "find": {"documents": []}},
        ]
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "app.py").write_text(CARELESS, encoding="utf-8")
            weights = Path(folder) / "weights"
            weights.write_bytes(b"\3")
            artifact = {"name": "w", "digest": "d", "path": str(weights)}
            order = {"cases": cases, "artifact": artifact}
            told = self.told(Path(folder), "reranker", order)
        self.assertEqual(told["fine"]["answer"], {"scores": [6.0, 6.0]})
        self.assertEqual(told["no number"]["answer"], {"error": "internal"})
        self.assertIn("another world", told["other world"]["why"])

    def test_an_address_is_written_in_one_way(self):
        for url, expected in (
            ("https://API.fda.gov", "https://api.fda.gov/"),
            ("https://api.fda.gov:443/a?b=c", "https://api.fda.gov/a?b=c"),
            ("http://h?b=c", "http://h/?b=c"),
        ):
            self.assertEqual(native.normal(url), expected)


if __name__ == "__main__":
    unittest.main()
