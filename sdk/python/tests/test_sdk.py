"""The SDK without a guest: `python3 -m unittest discover -s sdk/python/tests`."""

import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent.parent))

from phagen_sdk import Context, Failure, Passage, Span, border, http


class Network(border.Host):
    """Answers from a list, and remembers what was asked."""

    def __init__(self, *answers: http.Response) -> None:
        self.answers = list(answers)
        self.asked: list[http.Request] = []

    def send(self, request: http.Request) -> http.Response:
        self.asked.append(request)
        return self.answers.pop(0)


def answer(status: int, body: bytes = b"", **headers: str) -> http.Response:
    return http.Response(status, {k.replace("_", "-"): v for k, v in headers.items()}, body)


class Sdk(unittest.TestCase):
    def network(self, *answers: http.Response) -> Network:
        self.addCleanup(setattr, border, "host", border.host)
        border.host = Network(*answers)
        return border.host

    def failure(self, work, *arguments) -> Failure:
        with self.assertRaises(Failure) as raised:
            work(*arguments)
        return raised.exception

    def test_a_redirect_is_followed_and_keeps_personal_headers_at_home(self):
        network = self.network(
            answer(302, location="/b"), answer(307, location="https://b.org/c"), answer(200, b"[1]")
        )
        found = http.get("https://a.org/a?q=1", {"Authorization": "Bearer x", "accept": "*/*"})
        self.assertEqual((found.json(), found.url), ([1], "https://b.org/c"))
        self.assertEqual(
            [request.url for request in network.asked],
            ["https://a.org/a?q=1", "https://a.org/b", "https://b.org/c"],
        )
        self.assertIn("Authorization", network.asked[1].headers)
        self.assertEqual(network.asked[2].headers, {"accept": "*/*"})

    def test_a_redirected_post_becomes_a_get_without_its_body(self):
        headers = {"content-type": "text/plain"}
        for status, method, body in ((303, "GET", None), (301, "GET", None), (308, "POST", b"x")):
            network = self.network(answer(status, location="/b"), answer(200))
            http.request("POST", "https://a.org/a", headers, b"x")
            self.assertEqual((network.asked[1].method, network.asked[1].body), (method, body))
            self.assertEqual(bool(network.asked[1].headers), method == "POST")

    def test_redirects_have_an_end(self):
        network = self.network(*[answer(302, location="/again")] * 9)
        failure = self.failure(http.get, "https://a.org/?key=s3cret")
        self.assertEqual((failure.code, len(network.asked)), ("unavailable", 6))
        self.assertNotIn("s3cret", failure.message)

    def test_a_status_is_a_failure_that_the_host_understands(self):
        for status, code, retryable in (
            (304, "internal", False),
            (400, "invalid-input", False),
            (401, "denied", False),
            (403, "denied", False),
            (404, "not-found", False),
            (408, "unavailable", True),
            (429, "rate-limited", True),
            (500, "unavailable", True),
        ):
            failure = self.failure(answer(status).ok)
            self.assertEqual((failure.code, failure.retryable), (code, retryable), status)
        limited = self.failure(answer(503, retry_after="2").ok)
        self.assertEqual((limited.code, limited.retry_after_ms), ("rate-limited", 2_000))
        self.assertEqual(self.failure(answer(200, b"<html>").json).code, "unavailable")

    def test_a_span_counts_bytes(self):
        passage = Passage(3, None, "Größe 😀 x")
        self.assertEqual(Span.of(passage, 8, 9), Span(3, 13, 14))
        for start, end in ((-1, 2), (3, 2), (0, 10)):
            self.assertEqual(self.failure(Span.of, passage, start, end).code, "internal")

    def test_a_context_tells_what_is_missing(self):
        context = Context({"a": "1", "secret.key": "stand-in"})
        self.assertEqual((context.require("a"), context.secret("key")), ("1", "stand-in"))
        self.assertEqual(self.failure(context.require, "b").code, "invalid-config")
        self.assertEqual(self.failure(http.get, "https://a.org").code, "denied")


if __name__ == "__main__":
    unittest.main()
