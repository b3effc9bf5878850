"""Write a plugin for PhaGen in Python: one subclass of `Source`, `Mapper` or `Reranker`."""

from . import http, log
from .context import Artifact, Context
from .failure import Failure
from .plugin import Mapper, Reranker, Source
from .record import (
    Attribute,
    Candidate,
    CorpusRequest,
    Document,
    Evidence,
    Finding,
    Molecule,
    Page,
    Passage,
    Query,
    Signal,
    Span,
)

__all__ = [
    "Artifact",
    "Attribute",
    "Candidate",
    "Context",
    "CorpusRequest",
    "Document",
    "Evidence",
    "Failure",
    "Finding",
    "Mapper",
    "Molecule",
    "Page",
    "Passage",
    "Query",
    "Reranker",
    "Signal",
    "Source",
    "Span",
    "http",
    "log",
]
