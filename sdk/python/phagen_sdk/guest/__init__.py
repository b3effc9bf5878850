"""The guest's side of the border: what the host calls, answered by the author's plugin.

Only a build imports this package, through the entry module that `build.py` writes. Whatever is
imported later than that build is not there any more: a guest has no files.
"""

from __future__ import annotations

import linecache
import traceback
from types import ModuleType
from typing import Any, Callable, TypeVar

from componentize_py_types import Err
from wit_world.imports import artifacts, log, types

from .. import border, record
from ..context import Context
from ..failure import CODES, Failure
from ..plugin import Plugin, plugin_of
from . import absent

T = TypeVar("T")

_LEVELS = {level.name.lower(): level for level in log.Level}
_MAX_MESSAGE_CHARS = 2_000

#: What `build.py` read from `plugin.toml`, for `describe`.
_facts: dict[str, str] = {}
_plugin: Plugin | None = None

# The runtime finds the classes of the contract's records by name when the build ends. Ours have the
# same fields and, besides, defaults and methods.
for _name in ("Attribute", "Molecule", "Query", "Passage", "Evidence", "Signal", "Candidate", "Page"):
    setattr(types, _name, getattr(record, _name))


class GuestHost(border.Host):
    """The host, through the imports that every world has."""

    def emit(self, level: str, message: str, fields: dict[str, object]) -> None:
        log.emit(_LEVELS[level], message, [(key, str(value)) for key, value in fields.items()])

    def open_artifact(self) -> Any:
        return asked(artifacts.open)


def serve(app: ModuleType, facts: dict[str, str], kind: type[Plugin], host: border.Host) -> None:
    """Makes `app`'s one plugin the one that answers. Runs once, at the end of the build."""
    global _plugin
    made = plugin_of(app, kind)()
    # So that a traceback in the host's log quotes the plugin.
    linecache.getlines(app.__file__ or "")
    _facts.update(facts)
    _plugin = made
    border.host = host


def plugin() -> Any:
    return _plugin


def told(work: Callable[..., T], *arguments: Any) -> T:
    """What `work` answers, with every exception put into the contract's words."""
    try:
        return work(*arguments)
    except Failure as failure:
        raise _error(failure) from None
    except BaseException as error:
        # The message goes to whoever reads the job; where it happened only to the log.
        border.emit("error", _where(error), {})
        summary = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise _error(Failure("internal", summary[:_MAX_MESSAGE_CHARS])) from None


def _where(error: BaseException) -> str:
    """The end of the traceback. Telling of an exception must not raise another one."""
    try:
        return "".join(traceback.format_exception(error)[-6:])
    except Exception:
        return repr(error)


def asked(question: Callable[..., T], *arguments: Any) -> T:
    """What the host answers, its failure as an exception that a plugin can catch."""
    try:
        return question(*arguments)
    except Err as error:
        said = error.value
        raise Failure(
            said.code, said.message, retryable=said.retryable, retry_after_ms=said.retry_after_ms
        ) from None


def _error(failure: Failure) -> Err[Any]:
    code = failure.code if failure.code in CODES else "internal"
    return Err(
        types.Failure(code, bool(failure.retryable), failure.retry_after_ms, str(failure.message))
    )


class Lifecycle:
    """Exported by every world."""

    def describe(self) -> list[record.Attribute]:
        return [record.Attribute(key, value) for key, value in _facts.items()]

    def init(self, config: list[record.Attribute]) -> None:
        absent.from_now_on()
        told(plugin().init, Context({fact.key: fact.value for fact in config}))

    def self_test(self) -> None:
        told(plugin().self_test)
