"""What Python has and a guest has not: a clock, the system's chance, a place to print to.

Without this module a plugin that looks at the clock would trap without a word. Printing goes to the
host's log; the rest raises an exception that names what to use instead. Opening a file, importing
what the build has not seen and `datetime.now` stay traps: they reach the C library by themselves.
"""

from __future__ import annotations

import ast  # noqa: F401, what tracebacks import when they need it, which is too late then
import codecs
import io
import linecache
import os
import sys
import time
import unicodedata  # noqa: F401, as `ast`
from typing import Any, Callable

from .. import border

_is_running = False


def from_now_on() -> None:
    """The build is over: from here on there is a host, and nothing else."""
    global _is_running
    if _is_running:
        return
    _is_running = True
    sys.stdout, sys.stderr = _Lines("info"), _Lines("warn")
    # Of what a traceback quotes, only what the build has read is there.
    linecache.checkcache = lambda filename=None: None
    linecache.updatecache = lambda filename, module_globals=None: []


class _Lines(io.TextIOBase):
    """Text that goes to the host's log, line by line."""

    def __init__(self, level: str) -> None:
        self._level = level
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if line.strip():
                border.emit(self._level, line, {})
        return len(text)


def _only_at_build(module: Any, name: str, instead: str) -> None:
    original: Callable[..., Any] | None = getattr(module, name, None)
    if original is None:
        return

    def guarded(*arguments: Any, **options: Any) -> Any:
        if _is_running:
            raise OSError(f"`{module.__name__}.{name}` is not there in a plugin; {instead}")
        return original(*arguments, **options)

    setattr(module, name, guarded)


for _name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"):
    _only_at_build(time, _name, "today is `query.as_of`")
_only_at_build(time, "sleep", "the host keeps the pace")
_only_at_build(os, "urandom", "use `random`, which begins with the same seed in every call")

# Codecs are modules too, and found when they are first used.
for _name in ("ascii", "latin-1", "cp1252", "utf-16", "utf-8-sig"):
    codecs.lookup(_name)
