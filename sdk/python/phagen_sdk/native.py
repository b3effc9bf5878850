"""The plugin outside of its sandbox: what `phagen plugin bench` compares a guest with.

It asks the golden cases of an order in this Python and prints one line of JSON a case. Timed is the
call alone: its arguments are made anew before each round, since a guest owns them too, the plugin is
new in every round, and the answer is dropped afterwards. Nothing here judges an answer: the first one
is told, and whoever reads it holds it against the guest's.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import platform
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any, Callable
from urllib.parse import urlsplit

from . import border, reranking
from .context import Context
from .failure import CODES, Failure
from .http import Request, Response, without_query
from .plugin import Mapper, Plugin, Reranker, Source, plugin_of
from .record import (
    Attribute,
    Candidate,
    CorpusRequest,
    Document,
    Evidence,
    Molecule,
    Page,
    Passage,
    Query,
    Signal,
)

#: Of each case, where the order names no number.
MAX_ROUNDS = 2_000
BUDGET_MILLISECONDS = 2_000

_PORTS = {"http": ":80", "https": ":443"}


def bench(folder: Path, world: str, order: dict[str, Any], tell: Callable[[str], object]) -> None:
    """Asks the plugin in `folder` every case of the order; `tell` hears a line a case."""
    kind = {"source": Source, "mapper": Mapper, "reranker": Reranker}[world]
    quiet = _Nowhere()
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        app = _imported(folder)
        for case in order["cases"]:
            try:
                told = _asked(app, kind, case, order)
            except NoFigure as why:
                told = {"why": str(why)}
            tell(json.dumps({"case": case["name"], **told}))


class NoFigure(Exception):
    """Why a case has none."""


class _Nowhere(io.TextIOBase):
    """What a plugin prints goes to the host's log in a guest, and nowhere here."""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        return len(text)


def _imported(folder: Path) -> ModuleType:
    sys.path[:0] = [str(folder), str(folder / "vendor")]
    return importlib.import_module("app")


def _asked(
    app: ModuleType, kind: type[Plugin], case: dict[str, Any], order: dict[str, Any]
) -> dict[str, Any]:
    # Once, so that nothing is measured that happens once.
    _, answer = _round(app, kind, case, order)
    budget_ns = order.get("budget_milliseconds", BUDGET_MILLISECONDS) * 1_000_000
    max_rounds = order.get("max_rounds", MAX_ROUNDS)
    began, times = time.perf_counter_ns(), []
    while len(times) < max_rounds and (not times or time.perf_counter_ns() - began < budget_ns):
        times.append(_round(app, kind, case, order)[0])
    times.sort()
    last = len(times) - 1
    return {
        "runtime": f"{platform.python_implementation()} {platform.python_version()}",
        "n_rounds": len(times),
        "p50_ns": times[last * 50 // 100],
        "p99_ns": times[last * 99 // 100],
        "answer": answer,
    }


def _round(
    app: ModuleType, kind: type[Plugin], case: dict[str, Any], order: dict[str, Any]
) -> tuple[int, dict[str, Any]]:
    """One call of a new plugin: how long it took in nanoseconds, and what it answered."""
    border.host = CaseHost(case, order.get("artifact"))
    plugin = plugin_of(app, kind)()
    try:
        plugin.init(Context(dict(case.get("config", {}))))
    except Exception as error:
        raise NoFigure(f"`init` failed natively: {error}") from error
    call, told = _question(plugin, case)
    began = time.perf_counter_ns()
    try:
        answer = call()
        took = time.perf_counter_ns() - began
        return took, told(answer)
    except Exception as error:
        return time.perf_counter_ns() - began, {"error": _code(error)}


def _code(error: Exception) -> str:
    known = isinstance(error, Failure) and error.code in CODES
    return error.code if known else "internal"


def _question(
    plugin: Any, case: dict[str, Any]
) -> tuple[Callable[[], Any], Callable[[Any], dict[str, Any]]]:
    """The call with its arguments, and what to tell of its answer."""
    if isinstance(plugin, Source) and "search" in case:
        asked = case["search"]
        query, limit, cursor = _query(asked["query"]), asked["limit"], asked.get("cursor")
        return lambda: plugin.search(query, limit, cursor), _evidence_ids
    if isinstance(plugin, Mapper) and "find" in case:
        asked = case["find"]
        molecule = _molecule(asked["molecule"]) if asked.get("molecule") else None
        documents = [_document(document) for document in asked["documents"]]
        return lambda: plugin.find(molecule, documents), _findings
    if isinstance(plugin, Reranker) and "rerank" in case:
        asked = case["rerank"]
        query, candidates = _query(asked["query"]), _candidates(asked["candidates"])
        return lambda: reranking.rerank(plugin, query, candidates), _scores
    raise NoFigure("the case asks another world than the plugin's")


def _evidence_ids(page: Page) -> dict[str, Any]:
    return {"evidence_ids": [candidate.evidence.evidence_id for candidate in page.candidates]}


def _findings(findings: list[Any]) -> dict[str, Any]:
    return {"findings": [[it.evidence_id, it.mesh_id, it.matched_text] for it in findings]}


def _scores(answer: tuple[list[str], list[list[float]], list[float]]) -> dict[str, Any]:
    # JSON has no number that is not finite.
    finite = [score if abs(score) < float("inf") else None for score in answer[2]]
    return {"scores": finite}


class CaseHost(border.Host):
    """The host as a case has it: its artifact, its corpus and its network; nothing else answers."""

    def __init__(self, case: dict[str, Any], artifact: dict[str, str] | None) -> None:
        self._artifact = artifact
        self._corpus = _candidates(case.get("corpus", []))
        self._network: dict[tuple[str, str], Response] = {}
        for exchange in case.get("http", []):
            place = exchange.get("method", "GET"), normal(exchange["url"])
            headers = {name.lower(): value for name, value in exchange.get("headers", {}).items()}
            body = exchange.get("body", "").encode()
            # Of two answers to one request the first counts, as in the host.
            self._network.setdefault(place, Response(exchange.get("status", 200), headers, body))

    def emit(self, level: str, message: str, fields: dict[str, object]) -> None:
        pass

    def open_artifact(self) -> Any:
        if self._artifact is None:
            return super().open_artifact()
        return _FileArtifact(self._artifact)

    def search_corpus(self, request: CorpusRequest) -> Page:
        return Page(self._corpus[: request.limit])

    def send(self, request: Request) -> Response:
        place, what = (request.method, normal(request.url)), without_query(request.url)
        if place not in self._network:
            # As a place that refuses the connection, which it is in the host.
            raise Failure.unavailable(f"the golden case has no answer to `{request.method} {what}`")
        answer = self._network[place]
        if len(answer.body) > request.max_body_bytes:
            said = f"`{what}` answered more than {request.max_body_bytes} bytes"
            raise Failure("unavailable", said)
        return answer


class _FileArtifact:
    def __init__(self, artifact: dict[str, str]) -> None:
        self._facts = artifact
        self._bytes = Path(artifact["path"]).read_bytes()

    def name(self) -> str:
        return self._facts.get("name", "")

    def digest(self) -> str:
        return self._facts.get("digest", "")

    def size(self) -> int:
        return len(self._bytes)

    def read(self, offset: int, length: int) -> bytes:
        return self._bytes[offset : offset + length]


def normal(url: str) -> str:
    """One way to write an address: an author may leave out the port or the slash."""
    parts = urlsplit(url)
    place = parts.netloc.lower().removesuffix(_PORTS.get(parts.scheme, ":"))
    return parts._replace(netloc=place, path=parts.path or "/", fragment="").geturl()


def _query(json: dict[str, Any]) -> Query:
    return Query(_molecule(json["molecule"]), json["as_of"], _attributes(json))


def _molecule(json: dict[str, Any]) -> Molecule:
    synonyms = list(json.get("synonyms", []))
    return Molecule(json["name"], synonyms, json.get("smiles"), json.get("inchi_key"))


def _document(json: dict[str, Any]) -> Document:
    return Document(json["evidence_id"], _passages(json))


def _candidates(json: list[dict[str, Any]]) -> list[Candidate]:
    return [
        Candidate(
            _evidence(candidate["evidence"]),
            [Signal(signal["name"], signal["value"]) for signal in candidate.get("signals", [])],
        )
        for candidate in json
    ]


def _evidence(json: dict[str, Any]) -> Evidence:
    return Evidence(
        evidence_id=json["evidence_id"],
        kind=json["kind"],
        title=json["title"],
        citation=json.get("citation", ""),
        url=json.get("url"),
        date=json.get("date"),
        passages=_passages(json),
        attributes=_attributes(json),
    )


def _passages(json: dict[str, Any]) -> list[Passage]:
    return [Passage(it["ordinal"], it.get("section"), it["text"]) for it in json["passages"]]


def _attributes(json: dict[str, Any]) -> list[Attribute]:
    return [Attribute(it["key"], it["value"]) for it in json.get("attributes", [])]
