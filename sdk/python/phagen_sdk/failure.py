"""Why a call failed, in the contract's words."""

from __future__ import annotations

CODES = (
    "invalid-input",
    "invalid-config",
    "artifact-mismatch",
    "not-found",
    "denied",
    "unavailable",
    "rate-limited",
    "internal",
)


class Failure(Exception):
    """Raise it to end a call with a code that the host understands.

    Any other exception ends the call too, as `internal`. The host tries again only where
    `retryable` is set, so set it only where another attempt may go better.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool = False,
        retry_after_ms: int | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retryable = retryable
        self.retry_after_ms = retry_after_ms

    @classmethod
    def unavailable(cls, message: str, retry_after_ms: int | None = None) -> Failure:
        """The other side does not answer now, and may later."""
        return cls("unavailable", message, retryable=True, retry_after_ms=retry_after_ms)

    @classmethod
    def rate_limited(cls, message: str, retry_after_ms: int | None = None) -> Failure:
        """The other side asks for patience."""
        return cls("rate-limited", message, retryable=True, retry_after_ms=retry_after_ms)

    @classmethod
    def invalid_config(cls, message: str) -> Failure:
        """The slot's configuration cannot be used; say which key, and what it should hold."""
        return cls("invalid-config", message)
