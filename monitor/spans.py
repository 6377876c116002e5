"""The interface of tracing. This implementation records nothing and costs next to nothing; monitor/otel.py exports."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext


class Spans:
    """Names and labels are from small sets and never a client's own words. `exports`: whether spans are exported."""

    exports = False

    def request(self, method: str, route: str) -> Callable[[int], None]:
        """An HTTP request begins; spans of the same task lie within it. Returns what ends it, with its status."""
        return _nothing

    def child(self, name: str, **labels: str) -> AbstractContextManager[None]:
        """Something that happens within what is under way."""
        return nullcontext()

    def root(self, name: str, **labels: str) -> AbstractContextManager[None]:
        """Something that begins a trace of its own, whatever is under way: a command of a connection that has long been
        open.
        """
        return nullcontext()

    def close(self) -> None:
        """Export what is left, for a short time. Idempotent."""


def _nothing(status: int) -> None:
    """Record nothing."""
