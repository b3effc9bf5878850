"""The records of the contract, as plugins read and make them.

Their fields stand in the contract's order: a guest's runtime fills them in by position. Native code
and guests share these classes, so that a plugin can be tried out without building it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .failure import Failure


@dataclass
class Attribute:
    """A fact beyond the fixed fields, such as `phase` = `PHASE3` on a trial."""

    key: str
    value: str


class _WithAttributes:
    attributes: list[Attribute]

    def attribute(self, key: str) -> str | None:
        """The value of the first attribute called `key`."""
        return next((a.value for a in self.attributes if a.key == key), None)


@dataclass
class Molecule:
    """The substance that a job asks about."""

    name: str
    synonyms: list[str] = field(default_factory=list)
    smiles: str | None = None
    inchi_key: str | None = None

    def names(self) -> list[str]:
        """Its name and then its synonyms."""
        return [self.name, *self.synonyms]


@dataclass
class Query(_WithAttributes):
    """What a job wants to know. `as_of` is today for the guest: an ISO 8601 date."""

    molecule: Molecule
    as_of: str
    attributes: list[Attribute] = field(default_factory=list)


@dataclass
class Passage:
    """A span of a document. Ordinal 0 is the title; the body counts from 1."""

    ordinal: int
    section: str | None = None
    text: str = ""


@dataclass
class Evidence(_WithAttributes):
    """One citation with the passages found in it.

    `evidence_id` is the normalised citation (`PMID:123`, `NCT01907900`, …), `kind` one of
    `clinical`, `literature`, `patent`, `market` and `regulatory`, `date` as exact as it is known
    (`2019`, `2019-03` or `2019-03-07`). `passages` is the body, in order, without the title.
    """

    evidence_id: str
    kind: str
    title: str
    citation: str = ""
    url: str | None = None
    date: str | None = None
    passages: list[Passage] = field(default_factory=list)
    attributes: list[Attribute] = field(default_factory=list)


@dataclass
class Signal:
    """One number about one candidate, such as `bm25_title` or `source_rank`."""

    name: str
    value: float


@dataclass
class Candidate:
    """Evidence on its way through ranking."""

    evidence: Evidence
    signals: list[Signal] = field(default_factory=list)

    def signal(self, name: str) -> float | None:
        """The value of the first signal called `name`."""
        return next((s.value for s in self.signals if s.name == name), None)


@dataclass
class Page:
    """One page of a source's answer, best first, and where the next one begins."""

    candidates: list[Candidate] = field(default_factory=list)
    cursor: str | None = None


@dataclass
class CorpusRequest:
    """What to look for in the host's own corpus; `limit` is 1 to 200."""

    names: list[str]
    text: str = ""
    kind: str | None = None
    year_from: int | None = None
    year_to: int | None = None
    limit: int = 20
    cursor: str | None = None


@dataclass
class Document:
    """The passages of one piece of evidence, title first."""

    evidence_id: str
    passages: list[Passage]


@dataclass
class Span:
    """A place in a passage, in UTF-8 bytes, end excluded. Make it with `Span.of`."""

    passage: int
    start: int
    end: int

    @classmethod
    def of(cls, passage: Passage, start: int, end: int) -> Span:
        """The place of `passage.text[start:end]`: Python counts characters, the contract bytes."""
        if not 0 <= start <= end <= len(passage.text):
            raise Failure(
                "internal",
                f"no place {start}..{end} in a passage of {len(passage.text)} characters",
            )
        begin = len(passage.text[:start].encode())
        return cls(passage.ordinal, begin, begin + len(passage.text[start:end].encode()))


@dataclass
class Finding:
    """What a mapper says of one place, or, where `ground` is a text, of what it knows elsewhere.

    `stance` is `treats`, `causes` or `neither`; `score` is raw, higher is surer.
    """

    evidence_id: str
    ground: Span | str
    mesh_id: str
    matched_text: str
    negated: bool = False
    stance: str = "neither"
    score: float = 1.0
