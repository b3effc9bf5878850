"""Lines for the host's log, under the plugin's name; at most 200 a call are kept.

What a plugin prints goes the same way: nothing else leaves a guest.
"""

from __future__ import annotations

from . import border


def error(message: str, **fields: object) -> None:
    border.emit("error", message, fields)


def warn(message: str, **fields: object) -> None:
    border.emit("warn", message, fields)


def info(message: str, **fields: object) -> None:
    border.emit("info", message, fields)


def debug(message: str, **fields: object) -> None:
    border.emit("debug", message, fields)
