"""The three kinds of plugin. A plugin is one subclass of one of them.

The host makes a fresh instance for every job: what a plugin keeps in `self` is gone afterwards.
What is costly belongs to the top level of `app.py`, which runs when the plugin is built, or into
the artifact; not into `init`.
"""

from __future__ import annotations

from types import ModuleType

from .context import Context
from .record import Candidate, Document, Finding, Molecule, Page, Query


class Plugin:
    """What all three have in common."""

    def init(self, context: Context) -> None:
        """Reads configuration and artifact, once per instance."""

    def self_test(self) -> None:
        """A short check of the plugin by itself: raises where something is wrong."""


def plugin_of(app: ModuleType, kind: type[Plugin]) -> type[Plugin]:
    """The one plugin that a module holds."""
    plugins = [
        value
        for value in vars(app).values()
        if isinstance(value, type) and issubclass(value, kind) and value.__module__ == app.__name__
    ]
    if len(plugins) != 1:
        found = ", ".join(plugin.__name__ for plugin in plugins) or "none"
        raise SystemExit(
            f"`{app.__name__}.py` must hold one subclass of `{kind.__name__}`, but holds {found}"
        )
    return plugins[0]


class Source(Plugin):
    """Finds evidence. The only kind that reaches out, and only to what its slot is granted."""

    def search(self, query: Query, limit: int, cursor: str | None) -> Page:
        """At most `limit` candidates for the query's molecule from `cursor` on, best first."""
        raise NotImplementedError(f"`{type(self).__name__}` has no `search`")


class Mapper(Plugin):
    """Names diseases in passages. Reaches nothing and remembers nothing."""

    def find(self, molecule: Molecule | None, documents: list[Document]) -> list[Finding]:
        """Findings of all documents. Without a molecule every stance is `neither`."""
        raise NotImplementedError(f"`{type(self).__name__}` has no `find`")


class Reranker(Plugin):
    """Orders evidence. Reaches nothing and remembers nothing."""

    def feature_names(self) -> list[str]:
        """Names of the columns of `features`."""
        raise NotImplementedError(f"`{type(self).__name__}` has no `feature_names`")

    def features(self, query: Query, candidates: list[Candidate]) -> list[list[float]]:
        """One row per candidate, in order, one finite value per name."""
        raise NotImplementedError(f"`{type(self).__name__}` has no `features`")

    def score(
        self, query: Query, candidates: list[Candidate], features: list[list[float]]
    ) -> list[float]:
        """One finite score per candidate, in order, higher is better. `features` are theirs."""
        raise NotImplementedError(f"`{type(self).__name__}` has no `score`")
