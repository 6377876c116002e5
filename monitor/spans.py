"""The interface of tracing. This implementation records nothing, at almost no cost; monitor/otel.py exports spans."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext


class Spans:
    """Names and labels are from small sets, and never a client's text. `exports`: whether spans are exported."""

    exports = False

    def request(self, method: str, route: str) -> Callable[[int], None]:
        """Begin the span of an HTTP request, the parent of later spans of this task.

        Returns the function that ends it, to be called with the status.
        """
        return _nothing

    def child(self, name: str, **labels: str) -> AbstractContextManager[None]:
        """Return a span whose parent is the current span of this task."""
        return nullcontext()

    def root(self, name: str, **labels: str) -> AbstractContextManager[None]:
        """Return a span that begins a trace of its own.

        For the commands of a connection, whose tasks would inherit the span of the handshake that ended long ago.
        """
        return nullcontext()

    def close(self) -> None:
        """Export the remaining spans, for a few seconds at most. Idempotent."""


def _nothing(status: int) -> None:
    """Record nothing."""
