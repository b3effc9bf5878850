"""What a plugin is given: its configuration, its artifact and, for sources, the host's corpus."""

from __future__ import annotations

from typing import Protocol

from . import border
from .failure import Failure
from .record import CorpusRequest, Page


class Artifact(Protocol):
    """Weights or tables that an operator paired with the plugin, read-only."""

    def name(self) -> str: ...

    def digest(self) -> str:
        """blake3 of the bytes, 64 hexadecimal digits."""

    def size(self) -> int: ...

    def read(self, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`; fewer at the end."""


class Context:
    """Given to `init`; a source may keep it to search the corpus."""

    #: Bytes asked for at a time, so that no single call nears the host's limit.
    CHUNK_BYTES = 1 << 20

    def __init__(self, config: dict[str, str]) -> None:
        self._config = config

    def config(self, key: str, default: str | None = None) -> str | None:
        """The value that the slot's configuration gives `key`."""
        return self._config.get(key, default)

    def require(self, key: str) -> str:
        """The same; raises `invalid-config` when there is none."""
        value = self._config.get(key)
        if value is None:
            raise Failure.invalid_config(f"the slot's configuration has no `{key}`; set it")
        return value

    def secret(self, name: str) -> str | None:
        """What stands for the secret `name` in a header or in the query of a request.

        The host puts the value into requests that are granted it, and nowhere else; a request to
        another place with it is denied.
        """
        return self._config.get(f"secret.{name}")

    def artifact(self) -> Artifact:
        """The slot's artifact; raises `not-found` or `denied`."""
        return border.open_artifact()

    def read_artifact(self) -> bytes:
        """All bytes of the slot's artifact."""
        artifact = self.artifact()
        size, parts, n_bytes = artifact.size(), [], 0
        while n_bytes < size:
            part = artifact.read(n_bytes, self.CHUNK_BYTES)
            if not part:
                raise Failure("internal", f"the artifact ended at byte {n_bytes} of {size}")
            parts.append(part)
            n_bytes += len(part)
        return b"".join(parts)

    def search_corpus(self, request: CorpusRequest) -> Page:
        """Searches the host's own corpus; raises `denied` where the slot is not granted it."""
        return border.search_corpus(request)
